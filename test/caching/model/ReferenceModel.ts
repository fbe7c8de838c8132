/**
 * The promises of caching managers (8 to 13, and what they stand on), as plain data and one step after another: no fibers,
 * no clock, no keys. Written from the promises alone, in the words of the implementation.
 */
import { AlgorithmSuite } from "effect-encryption-sdk"
import type { BypassReason } from "../../../src/model/Receipt.ts"
import * as Program from "./Program.ts"

/** In milliseconds. */
export interface Instant {
  readonly wall: number
  readonly monotonic: number
}

export interface Usage {
  readonly messages: number
  readonly bytes: number
}

export interface Limits {
  readonly maxAge: number
  readonly maxMessages: number
  readonly maxBytes: number
}

export interface Entry {
  readonly key: string
  readonly partition: string
  readonly context: Readonly<Record<string, string>>
  readonly wrappingKey: string
  /** The number of the call that made the data key. */
  readonly call: number
  /** Its number among all entries. */
  readonly number: number
  readonly born: Instant
  /** The thresholds of the manager that made it. */
  readonly limits: Limits
  /** Past which age or usage it is refreshed ahead. */
  readonly refreshPoint: { readonly age: number } & Usage | undefined
  usage: Usage
  evicted: boolean
}

export interface Cache {
  readonly capacity: number
  /** The least recently used one first. */
  entries: Array<Entry>
}

export interface Waiter {
  readonly request: number
  readonly charge: Usage
  readonly leader: boolean
}

export interface Flight {
  readonly manager: number
  readonly key: string
  readonly trigger: "request" | "refresh"
  readonly request: CacheableRequest
  readonly startedAt: Instant
  waiters: Array<Waiter>
  /** Accepts newcomers. */
  open: boolean
  /** Answered, failed or given up. */
  settled: boolean
  /** Set when the fetch has succeeded and its entry is on the way into the cache. */
  entry: Entry | undefined
}

export interface Model {
  readonly program: Program.Program
  readonly caches: ReadonlyArray<Cache>
  readonly flights: Array<Flight>
  /** What managers have invalidated, and the number of entries that had been made by then. */
  readonly invalidations: Array<{
    readonly manager: number
    readonly selector: Selector
    readonly cause: string
    readonly made: number
  }>
  made: number
}

/** A request that goes through the cache. */
export interface CacheableRequest {
  readonly operation: "encrypt" | "decrypt"
  readonly key: string
  readonly partition: string
  readonly cache: number
  readonly context: Readonly<Record<string, string>>
  readonly charge: Usage
  readonly limits: Limits
}

export interface Eviction {
  readonly entry: Entry
  readonly cause: string
  readonly usage: Usage
}

const nothing: Usage = { messages: 0, bytes: 0 }

const plus = (a: Usage, b: Usage): Usage => ({ messages: a.messages + b.messages, bytes: a.bytes + b.bytes })

export const reserved = (flight: Flight): Usage =>
  flight.waiters.reduce((sum, { charge }) => plus(sum, charge), nothing)

export const make = (program: Program.Program): Model => ({
  program,
  caches: [program.capacity, program.decryptCapacity ?? 0].map((capacity) => ({ capacity, entries: [] })),
  flights: [],
  invalidations: [],
  made: 0
})

/** Promise 7: the larger of wall and monotonic time elapsed. */
export const elapsed = (from: Instant, to: Instant): number =>
  Math.max(to.wall - from.wall, to.monotonic - from.monotonic)

export const ageOf = (entry: Entry, now: Instant): number => elapsed(entry.born, now)

export const managerLimits = (spec: Program.ManagerSpec): Limits => ({
  maxAge: spec.maxAge,
  maxMessages: spec.maxMessages ?? 2 ** 32,
  maxBytes: spec.maxBytes ?? Number.MAX_SAFE_INTEGER
})

/** Promises 1 to 3: why a request bypasses the cache, or how it is served from it. */
export const classify = (
  { decryptCapacity, ...program }: Program.Program,
  manager: 0 | 1,
  shape: Program.RequestShape
): ReadonlyArray<BypassReason> | CacheableRequest => {
  const spec = program.managers[manager]
  const encrypts = shape.operation === "encrypt"
  const context = { ...Program.contexts[shape.context], ...(encrypts ? {} : Program.expectedOf(shape)) }
  const cache = !encrypts && decryptCapacity !== undefined ? 1 : 0
  const own = managerLimits(spec)
  const isStrict = spec.rule === "strict" && shape.context === 1
  const limits = isStrict
    ? {
      maxAge: Math.min(own.maxAge, Program.strict.maxAge),
      maxMessages: Math.min(own.maxMessages, Program.strict.maxMessages),
      maxBytes: Math.min(own.maxBytes, Program.strict.maxBytes)
    }
    : own
  const reasons: Array<BypassReason> = []
  if ((cache === 1 ? decryptCapacity : program.capacity) === 0) reasons.push("CachingOff")
  if (shape.suite === "without key derivation") reasons.push("SuiteWithoutKeyDerivation")
  if (encrypts && shape.length === undefined) reasons.push("UnknownPlaintextLength")
  if (
    (spec.rule === "bypass" && shape.context === 2) ||
    (spec.rule === "throws" && encrypts && shape.length === 3)
  ) {
    reasons.push("Rule")
  }
  if (encrypts && shape.length !== undefined && shape.length > limits.maxBytes) {
    reasons.push("LargerThanMaxBytesEncrypted")
  }
  if (reasons.length > 0) return reasons
  return {
    operation: shape.operation,
    key: JSON.stringify([
      spec.partition,
      shape.operation,
      shape.context,
      shape.policy,
      encrypts ? shape.suite : AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY.name,
      encrypts ? shape.bound !== "nothing" : shape.bound,
      encrypts ? [] : shape.edks.toSorted((a, b) => a - b)
    ]),
    partition: spec.partition,
    cache,
    context,
    charge: encrypts ? { messages: 1, bytes: shape.length! } : nothing,
    limits: encrypts ? limits : { ...limits, maxMessages: Infinity, maxBytes: Infinity }
  }
}

/** Which threshold forbids to charge an entry, or what is reserved on a flight, with a request. */
const exceeded = (
  used: Usage,
  { charge, limits }: Pick<CacheableRequest, "charge" | "limits">
): "messages" | "bytes" | undefined => {
  const { bytes, messages } = plus(used, charge)
  return messages > limits.maxMessages ? "messages" : bytes > limits.maxBytes ? "bytes" : undefined
}

/** Whether a request may join a flight whose fetch has not succeeded. Promise 9: none that is as old as its deadline. */
export const fits = (flight: Flight, request: CacheableRequest, now: Instant): boolean =>
  elapsed(flight.startedAt, now) < Program.fetchDeadline && exceeded(reserved(flight), request) === undefined

/** The limits of the manager that made the entry hold with those of the request, the stricter of each. */
const forbids = (entry: Entry, { charge, limits: asked }: CacheableRequest, now: Instant) => {
  const limits: Limits = {
    maxAge: Math.min(asked.maxAge, entry.limits.maxAge),
    maxMessages: Math.min(asked.maxMessages, entry.limits.maxMessages),
    maxBytes: Math.min(asked.maxBytes, entry.limits.maxBytes)
  }
  return ageOf(entry, now) >= limits.maxAge ? "age" : exceeded(entry.usage, { charge, limits })
}

/** A manager serves nothing that it has invalidated, whatever the cache holds. */
const refusal = ({ invalidations }: Model, by: number, entry: Entry): string | undefined =>
  invalidations.find(({ made, manager, selector }) =>
    manager === by && entry.number <= made && matches(selector, entry)
  )
    ?.cause

const isSpent = (entry: Entry): boolean => entry.usage.messages >= entry.limits.maxMessages

const evict = (model: Model, entry: Entry, cause: string): Array<Eviction> => {
  entry.evicted = true
  const cache = model.caches.find(({ entries }) => entries.includes(entry))
  // What is still on its way into a cache leaves none.
  if (cache === undefined) return []
  cache.entries = cache.entries.filter((other) => other !== entry)
  return [{ entry, cause, usage: entry.usage }]
}

export const findOpen = (model: Model, manager: number, key: string): Flight | undefined =>
  model.flights.find((flight) => flight.manager === manager && flight.key === key && flight.open)

export type Admission =
  | { readonly _tag: "Hit"; readonly entry: Entry; readonly usage: Usage; readonly age: number; readonly due: boolean }
  | { readonly _tag: "Joined"; readonly flight: Flight; readonly entry: Entry | undefined; readonly usage: Usage }
  | { readonly _tag: "Miss"; readonly flight: Flight; readonly closed: Flight | undefined }

/** Promises 5, 6, 8 and 12: one request, in its turn. */
export const admit = (
  model: Model,
  manager: 0 | 1,
  number: number,
  request: CacheableRequest,
  now: Instant
): { readonly admission: Admission; readonly evictions: Array<Eviction> } => {
  const cache = model.caches[request.cache]!
  const evictions: Array<Eviction> = []

  const charge = (entry: Entry): void => {
    entry.usage = plus(entry.usage, request.charge)
    if (isSpent(entry)) evictions.push(...evict(model, entry, "messages"))
  }

  const entry = cache.entries.find(({ key }) => key === request.key)
  if (entry !== undefined) {
    cache.entries = [...cache.entries.filter((other) => other !== entry), entry]
    const threshold = refusal(model, manager, entry) ?? forbids(entry, request, now)
    if (threshold === undefined) {
      charge(entry)
      return {
        admission: {
          _tag: "Hit",
          entry,
          usage: entry.usage,
          age: Math.max(0, ageOf(entry, now)),
          due: isDue(model.program.managers[manager], entry, now)
        },
        evictions
      }
    }
    evictions.push(...evict(model, entry, threshold))
  }

  const flight = findOpen(model, manager, request.key)
  if (flight !== undefined && flight.entry === undefined && fits(flight, request, now)) {
    flight.waiters.push({ request: number, charge: request.charge, leader: false })
    return { admission: { _tag: "Joined", flight, entry: undefined, usage: nothing }, evictions }
  }
  const stored = flight?.entry
  if (flight !== undefined && stored !== undefined && !stored.evicted) {
    if ((refusal(model, manager, stored) ?? forbids(stored, request, now)) === undefined) {
      charge(stored)
      return { admission: { _tag: "Joined", flight, entry: stored, usage: stored.usage }, evictions }
    }
    stored.evicted = true
  }
  if (flight !== undefined) flight.open = false
  const opened = openFlight(model, manager, request, "request", now)
  opened.waiters.push({ request: number, charge: request.charge, leader: true })
  return { admission: { _tag: "Miss", flight: opened, closed: flight }, evictions }
}

const isDue = (spec: Program.ManagerSpec, entry: Entry, now: Instant): boolean =>
  spec.refreshes && entry.refreshPoint !== undefined && (
    ageOf(entry, now) >= entry.refreshPoint.age ||
    entry.usage.messages >= entry.refreshPoint.messages ||
    (entry.usage.bytes > 0 && entry.usage.bytes >= entry.refreshPoint.bytes)
  )

/** One fetch: by a miss, or ahead. At most one of a stored key and manager is open. */
export const openFlight = (
  model: Model,
  manager: number,
  request: CacheableRequest,
  trigger: Flight["trigger"],
  startedAt: Instant
): Flight => {
  const flight: Flight = {
    manager,
    key: request.key,
    trigger,
    request,
    startedAt,
    waiters: [],
    open: true,
    settled: false,
    entry: undefined
  }
  model.flights.push(flight)
  return flight
}

/** Promise 8: an interrupted waiter's reservation returns. Promise 10: a flight that nobody waits for accepts nobody. */
export const leave = (flight: Flight, request: number): void => {
  flight.waiters = flight.waiters.filter((waiter) => waiter.request !== request)
  if (flight.waiters.length === 0 && flight.trigger === "request") flight.open = false
}

export interface Success {
  /** Whom the data key serves, and what it has been charged by then. */
  readonly served: ReadonlyArray<{ readonly waiter: Waiter; readonly usage: Usage }>
  /** Who must fetch for itself. */
  readonly alone: ReadonlyArray<Waiter>
  readonly cacheable: boolean
  /** What is put into the cache. */
  readonly kept: Entry | undefined
}

/** Promises 1, 7 and 8: an answer arrives. `draw` is the jitter of the entry, from 0 to less than 1. */
export const succeed = (
  model: Model,
  flight: Flight,
  call: number,
  wrappingKey: string,
  cacheable: boolean,
  draw: number,
  now: Instant
): Success => {
  flight.settled = true
  if (!cacheable) {
    flight.open = false
    return {
      cacheable,
      served: flight.waiters.filter(({ leader }) => leader).map((waiter) => ({ waiter, usage: nothing })),
      alone: flight.waiters.filter(({ leader }) => !leader),
      kept: undefined
    }
  }
  let usage = nothing
  const served = flight.waiters.map((waiter) => {
    usage = plus(usage, waiter.charge)
    return { waiter, usage }
  })
  const spec = model.program.managers[flight.manager]!
  const limits = managerLimits(spec)
  const share = Program.budgetShare + (1 - Program.budgetShare) / 2 * draw
  const entry: Entry = {
    key: flight.key,
    partition: flight.request.partition,
    context: flight.request.context,
    wrappingKey,
    call,
    number: ++model.made,
    born: now,
    limits: flight.request.operation === "encrypt" ? limits : { ...limits, maxMessages: Infinity },
    refreshPoint: spec.refreshes
      ? {
        age: limits.maxAge - Program.gracePeriod + Program.gracePeriod / 2 * draw,
        messages: limits.maxMessages * share,
        bytes: limits.maxBytes * share
      }
      : undefined,
    usage,
    evicted: false
  }
  const kept = flight.open && !isSpent(entry) ? entry : undefined
  if (kept === undefined) flight.open = false
  else flight.entry = entry
  return { cacheable, served, alone: [], kept }
}

/** Promise 9: a failed flight caches nothing, and accepts nobody. */
export const fail = (flight: Flight): void => {
  flight.settled = true
  flight.open = false
}

/** The cache's part: a put replaces, and the least recently used entry makes room. */
export const put = (model: Model, flight: Flight, entry: Entry): Array<Eviction> => {
  if (entry.evicted) return []
  const cache = model.caches[flight.request.cache]!
  const replaced = cache.entries.find(({ key }) => key === entry.key)
  const evictions = replaced === undefined ? [] : evict(model, replaced, "replaced")
  cache.entries.push(entry)
  const [oldest] = cache.entries
  if (cache.entries.length > cache.capacity) evictions.push(...evict(model, oldest!, "capacity"))
  return evictions
}

export interface Selector {
  readonly context: Readonly<Record<string, string>> | undefined
  readonly wrappingKey: string | undefined
}

const matches = (
  { context, wrappingKey }: Selector,
  metadata: { readonly context: Readonly<Record<string, string>>; readonly wrappingKey: string | undefined }
): boolean =>
  Object.entries(context ?? {}).every(([name, value]) => metadata.context[name] === value) &&
  (wrappingKey === undefined || metadata.wrappingKey === undefined || metadata.wrappingKey === wrappingKey)

/**
 * Promise 17: closes the flights of this manager that fit, or whose wrapping key is not known yet. An entry of theirs is
 * evicted, and is seen to be where its cache has stored it before the put has ended.
 */
export const closeFlights = (model: Model, manager: number, selector: Selector, cause: string): Array<Eviction> => {
  model.invalidations.push({ manager, selector, cause, made: model.made })
  const closed = model.flights.filter((flight) =>
    flight.manager === manager && flight.open &&
    matches(selector, flight.entry ?? { context: flight.request.context, wrappingKey: undefined })
  )
  return closed.flatMap((flight) => {
    flight.open = false
    return flight.entry === undefined ? [] : evict(model, flight.entry, cause)
  })
}

export const deleteWhere = (
  model: Model,
  cache: number,
  partition: string | undefined,
  selector: Selector,
  cause: string
): Array<Eviction> =>
  model.caches[cache]!.entries
    .filter((entry) => (partition === undefined || entry.partition === partition) && matches(selector, entry))
    .flatMap((entry) => evict(model, entry, cause))

/** All that is expired goes at once. (What is spent has gone already.) */
export const sweep = (model: Model, cache: number, now: Instant): Array<Eviction> =>
  model.caches[cache]!.entries
    .filter((entry) => ageOf(entry, now) >= entry.limits.maxAge)
    .flatMap((entry) => evict(model, entry, "age"))
