/** What a replay knows at one point of the log, and how it fails. */
import type { Receipt } from "../../../../src/model/Receipt.ts"
import type { Coverage } from "../coverage.ts"
import type * as Program from "../Program.ts"
import * as ReferenceModel from "../ReferenceModel.ts"
import type { Observation, Run } from "../run/Run.ts"

/** The real managers and the model do not agree. */
export class Disagreement extends Error {}

export type Expected =
  | {
    readonly _tag: "Served"
    readonly call: number
    readonly receipt: Receipt["_tag"]
    readonly usage: ReferenceModel.Usage
    readonly age: number
    readonly refreshStarted: boolean | undefined
  }
  /** Asks for itself: the response's call is one that the request's own fiber made. */
  | { readonly _tag: "Bypassed"; readonly reasons: ReadonlyArray<string>; readonly call: number | undefined }
  /** `since`: the time that sleeps go by. */
  | { readonly _tag: "Waiting"; readonly flight: ReferenceModel.Flight; readonly since: number }
  /** With the very error of all that wait for the flight, or at a deadline of its own. */
  | { readonly _tag: "Failed"; readonly flight: ReferenceModel.Flight | undefined; readonly message: RegExp }
  | { readonly _tag: "Interrupted" }

export interface Refresh {
  readonly request: ReferenceModel.CacheableRequest
  readonly entry: ReferenceModel.Entry
  /** When the next attempt is due, by the time that sleeps go by; none while one is in flight. */
  retryAt: number | undefined
  /** Whether that moment has passed: the attempt may have found that it is not wanted any more. */
  uncertain: boolean
  /** A request that was interrupted may have started another one: its receipt cannot tell. */
  successor: Refresh | undefined
}

/** What is being invalidated or cleared. */
interface Selected {
  readonly selector: ReferenceModel.Selector
  readonly cause: string
  /** How many were deleted, by cache. */
  readonly counts: Map<number, number>
  /** Evictions of flights' own entries, until they have been compared. */
  readonly evictions: Array<ReferenceModel.Eviction>
}

export interface Replay {
  readonly program: Program.Program
  readonly run: Run
  readonly coverage: Coverage
  readonly inOrder: boolean
  readonly model: ReferenceModel.Model
  /** By the number of the request. */
  readonly classified: ReadonlyArray<ReturnType<typeof ReferenceModel.classify>>
  readonly expected: Map<number, Expected>
  /** By the manager and its number of the fetch. */
  readonly flights: Map<string, ReferenceModel.Flight>
  /** The model's keys by the entry keys, and the other way round. */
  readonly keys: Map<string, string>
  readonly hashes: Map<string, string>
  /** The calls by the fibers that fetched, and by the requests that asked for themselves. */
  readonly askedIn: Map<number, number>
  readonly askedFor: Map<number, number>
  readonly drawnIn: Map<number, number>
  readonly succeededAs: Map<number, ReferenceModel.Flight>
  readonly refreshes: Map<string, Refresh>
  readonly kept: Map<ReferenceModel.Flight, ReferenceModel.Entry>
  readonly puts: Set<ReferenceModel.Flight>
  readonly closed: Set<number>
  readonly started: Map<number, string>
  readonly settledRefreshes: Set<Refresh>
  readonly closedByControl: Set<ReferenceModel.Flight>
  /** Flights that no request waits for any more, until they are abandoned. */
  readonly unwanted: Set<ReferenceModel.Flight>
  readonly givenUp: Array<ReferenceModel.Flight>
  /** When the last request began to wait for a flight. */
  readonly lastJoined: Map<ReferenceModel.Flight, number>
  readonly callOf: Map<ReferenceModel.Flight, number>
  /** Fetches that must still say that their materials may not be cached. */
  readonly owed: Set<number>
  /** The errors of flights that failed. */
  readonly failures: Map<ReferenceModel.Flight, ReadonlyArray<unknown>>
  unasked: ReferenceModel.Flight | undefined
  selected: Selected | undefined
  stored: number
  waiting: number
  evicted: Array<Extract<Observation, { _tag: "Evicted" }>>
  /** The observation that is replayed. */
  index: number
}

export const make = (
  program: Program.Program,
  run: Run,
  { coverage, inOrder }: { readonly coverage: Coverage; readonly inOrder: boolean }
): Replay => ({
  program,
  run,
  coverage,
  inOrder,
  model: ReferenceModel.make(program),
  classified: classifyAll(program, run),
  expected: new Map(),
  flights: new Map(),
  keys: new Map(),
  hashes: new Map(),
  askedIn: new Map(),
  askedFor: new Map(),
  drawnIn: new Map(),
  succeededAs: new Map(),
  refreshes: new Map(),
  kept: new Map(),
  puts: new Set(),
  closed: new Set(),
  started: new Map(),
  settledRefreshes: new Set(),
  closedByControl: new Set(),
  unwanted: new Set(),
  givenUp: [],
  lastJoined: new Map(),
  callOf: new Map(),
  owed: new Set(),
  failures: new Map(),
  unasked: undefined,
  selected: undefined,
  stored: 0,
  waiting: 0,
  evicted: [],
  index: 0
})

/** All requests of a run, as the model classifies them. Warming is charged nothing. */
export const classifyAll = (program: Program.Program, { made }: Run): Replay["classified"] =>
  made.map(({ manager, shape, warm }) => {
    const classified = ReferenceModel.classify(program, manager, shape)
    return warm && "key" in classified ? { ...classified, charge: { messages: 0, bytes: 0 } } : classified
  })

export const byText = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

export const show = (value: unknown): string =>
  JSON.stringify(value, (_, field: unknown) => typeof field === "bigint" ? Number(field) : field)

export const sum = ({ bytes, messages }: ReferenceModel.Usage): string => `${messages} messages, ${bytes} bytes`

export const count = ({ coverage }: Replay, what: string, times = 1): void => {
  if (times > 0) coverage.set(what, (coverage.get(what) ?? 0) + times)
}

export const fail = ({ index, run }: Replay, message: string): never => {
  const seen = run.log.slice(0, index + 1).map((observation, i) => `${i}: ${describe(observation)}`).slice(-60)
  throw new Disagreement(`${message}\nafter:\n${seen.join("\n")}`)
}

export const must = (replay: Replay, condition: boolean, message: () => string): void => {
  if (!condition) fail(replay, message())
}

export const keyOf = (replay: Replay, hash: string): string =>
  replay.keys.get(hash) ?? fail(replay, `a stored key that no request has: ${hash}`)

export const learnKey = (replay: Replay, hash: string, key: string): void => {
  const { hashes, keys } = replay
  must(
    replay,
    (keys.get(hash) ?? key) === key && (hashes.get(key) ?? hash) === hash,
    () => `two requests share a stored key, or one has two: ${key}`
  )
  keys.set(hash, key)
  hashes.set(key, hash)
}

export const cacheable = (replay: Replay, request: number): ReferenceModel.CacheableRequest => {
  const classified = replay.classified[request]!
  return "key" in classified
    ? classified
    : fail(replay, `request ${request} was not to go through the cache: ${show(classified)}`)
}

const describe = (observation: Observation): string => {
  const { at, fiber, request, ...rest } = observation
  const { wall, monotonic } = at
  const text = rest._tag === "Event"
    ? show(rest.event)
    : rest._tag === "Evicted"
    ? `Evicted ${rest.event.cause} ${rest.event.metadata.key.slice(0, 8)} ${rest.within ? "within" : ""}`
    : show(rest)
  const manager = "manager" in rest ? ` manager ${rest.manager}` : ""
  return `${wall}/${monotonic}${manager} request ${request} fiber ${fiber} ${
    text.replaceAll(/"key":"([0-9a-f]{6})[^"]*"/g, "\"key\":\"$1\"")
  }`
}
