/**
 * Compares a run with the model: replays the log's requests one after another, in the order of their admission, and fails at
 * the first thing that is not as promised.
 */
import { Duration } from "effect"
import type { CachingEvent } from "effect-encryption-sdk/caching"
import type { Receipt, Usage } from "../../../src/model/Receipt.ts"
import type { Coverage } from "./coverage.ts"
import * as Program from "./Program.ts"
import * as ReferenceModel from "./ReferenceModel.ts"
import { type Made, type Moment, type Observation, type Run, wrappingKeyOf } from "./runProgram.ts"

/** The real managers and the model do not agree. */
export class Disagreement extends Error {}

type Expected =
  | {
    readonly _tag: "Served"
    readonly call: number
    readonly receipt: Receipt["_tag"]
    readonly usage: ReferenceModel.Usage
    readonly age: number
    readonly refreshStarted: boolean | undefined
  }
  /** Asks for itself: the answer's call is one that the request's own fiber made. */
  | { readonly _tag: "Bypassed"; readonly reasons: ReadonlyArray<string>; readonly call: number | undefined }
  | { readonly _tag: "Waiting"; readonly flight: ReferenceModel.Flight }
  | { readonly _tag: "Failed"; readonly flight: ReferenceModel.Flight; readonly message: RegExp }
  | { readonly _tag: "Interrupted" }

interface Refresh {
  readonly request: ReferenceModel.CacheableRequest
  readonly entry: ReferenceModel.Entry
  /** When the next attempt is due, by the time that sleeps go by; none while one is in flight. */
  retryAt: number | undefined
  /** Whether that moment has passed: the attempt may have found that it is not wanted any more. */
  uncertain: boolean
  /** A request that was interrupted may have started another one: its receipt cannot tell. */
  successor: Refresh | undefined
}

const byText = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

const show = (value: unknown): string =>
  JSON.stringify(value, (_, field: unknown) => typeof field === "bigint" ? Number(field) : field)

const sum = ({ bytes, messages }: ReferenceModel.Usage): string => `${messages} messages, ${bytes} bytes`

/**
 * `inOrder`: fibers run until they suspend, so that what one step starts has started when the step ends. Otherwise the
 * scheduler may put anything in between, and some steps are known only once they are seen.
 */
export const replay = (
  program: Program.Program,
  run: Run,
  { coverage, inOrder }: { readonly coverage: Coverage; readonly inOrder: boolean }
): void => {
  const { log, made } = run
  const model = ReferenceModel.make(program)
  const plans = made.map(({ manager, shape, warm }) => {
    const plan = ReferenceModel.plan(program, manager, shape)
    return warm && "key" in plan ? { ...plan, charge: { messages: 0, bytes: 0 } } : plan
  })
  const expected = new Map<number, Expected>()
  const flights = new Map<string, ReferenceModel.Flight>()
  const keys = new Map<string, string>()
  const hashes = new Map<string, string>()
  const askedIn = new Map<number, number>()
  const askedFor = new Map<number, number>()
  const drawnIn = new Map<number, number>()
  const landedAs = new Map<number, ReferenceModel.Flight>()
  const refreshes = new Map<string, Refresh>()
  const kept = new Map<ReferenceModel.Flight, ReferenceModel.Entry>()
  const puts = new Set<ReferenceModel.Flight>()
  const closed = new Set<number>()
  const started = new Map<number, string>()
  const landedOrFailed = new Set<Refresh>()
  const closedByControl = new Set<ReferenceModel.Flight>()
  /** Flights that nobody waits for any more, until they are given up. */
  const unwanted = new Set<ReferenceModel.Flight>()
  const givenUp: Array<ReferenceModel.Flight> = []
  const callOf = new Map<ReferenceModel.Flight, number>()
  let unasked: ReferenceModel.Flight | undefined
  /** Fetches that must still say that their materials may not be cached. */
  const owed = new Set<number>()
  let stored = 0
  let waiting = 0
  let evicted: Array<Extract<Observation, { _tag: "Evicted" }>> = []
  let index = 0

  const count = (what: string, times = 1): void => {
    if (times > 0) coverage.set(what, (coverage.get(what) ?? 0) + times)
  }
  const fail = (message: string): never => {
    const seen = log.slice(0, index + 1).map((observation, i) => `${i}: ${describe(observation)}`).slice(-60)
    throw new Disagreement(`${message}\nafter:\n${seen.join("\n")}`)
  }
  const must = (condition: boolean, message: () => string): void => {
    if (!condition) fail(message())
  }

  const keyOf = (hash: string): string => keys.get(hash) ?? fail(`a stored key that no request has: ${hash}`)
  const learnKey = (hash: string, key: string): void => {
    must(
      (keys.get(hash) ?? key) === key && (hashes.get(key) ?? hash) === hash,
      () => `two requests share a stored key, or one has two: ${key}`
    )
    keys.set(hash, key)
    hashes.set(key, hash)
  }

  /** Whether exactly this was evicted. */
  const evictions = (predicted: ReadonlyArray<ReferenceModel.Eviction>, now: Moment): void => {
    const rows = (real: boolean) =>
      (real
        ? evicted.map(({ event: { age, cause, metadata, usage } }) => [
          keyOf(metadata.key),
          cause,
          usage.messages,
          Number(usage.bytes),
          Duration.toMillis(age)
        ])
        : predicted.map(({ cause, entry, usage }) => [
          entry.key,
          cause,
          usage.messages,
          usage.bytes,
          Math.max(0, ReferenceModel.ageOf(entry, now))
        ])).map(show).toSorted(byText)
    must(show(rows(true)) === show(rows(false)), () => `evicted ${show(rows(true))}, not ${show(rows(false))}`)
    for (const { event } of evicted) count(`evicted: ${event.cause}`)
    evicted = []
  }

  const flightOf = (manager: number, event: Extract<CachingEvent, { _tag: "Fetched" }>): ReferenceModel.Flight =>
    flights.get(`${manager}.${event.fetch}`) ?? fail(`fetch ${event.fetch} never started`)

  const cacheable = (request: number): ReferenceModel.CacheableRequest => {
    const plan = plans[request]!
    if (!("key" in plan)) return fail(`request ${request} was not to go through the cache: ${show(plan)}`)
    return plan
  }

  const admitted = (request: number, event: Extract<CachingEvent, { _tag: "Admitted" }>, at: Moment): void => {
    const plan = cacheable(request)
    const { manager } = made[request]!
    learnKey(event.key, plan.key)
    must(!expected.has(request), () => `request ${request} is admitted twice`)
    must(!closed.has(manager), () => `request ${request} is admitted by a closed manager`)
    const { admission, evictions: predicted } = ReferenceModel.admit(model, manager, request, plan, at)
    must(
      event.outcome === admission._tag.toLowerCase(),
      () => `request ${request} is a ${event.outcome}, not a ${admission._tag.toLowerCase()}`
    )
    evictions(predicted, at)
    const start = started.get(request)
    must((start !== undefined) === (admission._tag === "Miss"), () => `request ${request} started a fetch, or none`)
    started.delete(request)
    count(admission._tag)
    switch (admission._tag) {
      case "Hit": {
        const { age, due, entry, usage } = admission
        const id = `${manager}.${plan.key}`
        const refresh = refreshes.get(id)
        const flight = ReferenceModel.openFlight(model, manager, plan.key)
        // When an attempt is due it may have found that it is not wanted any more, which shows in nothing.
        const over = refresh?.retryAt !== undefined && (refresh.uncertain || at.scheduled >= refresh.retryAt)
        const refreshStarted = !due
          ? false
          : flight !== undefined
          // Until its put has ended, of which there is not always a sign.
          ? flight.landed === undefined ? false : undefined
          : refresh === undefined
          ? true
          : over
          ? undefined
          : false
        if (entry.limits.maxAge !== program.managers[manager].maxAge) count("hits on another manager's entry")
        expected.set(request, { _tag: "Served", call: entry.call, receipt: "Hit", usage, age, refreshStarted })
        const begun: Refresh = {
          request: plan,
          entry,
          retryAt: at.scheduled,
          uncertain: !inOrder,
          successor: undefined
        }
        const { outcome } = made[request]!
        if (refreshStarted === undefined && outcome._tag !== "Served") {
          if (refresh !== undefined) refresh.successor = begun
        } else if (refreshStarted === true || (refreshStarted === undefined && startedRefresh(outcome))) {
          refreshes.set(id, begun)
          if (inOrder) {
            const next = log[index + 1]
            must(
              next?._tag === "Event" && next.event._tag === "FetchStarted" && next.event.trigger === "refresh",
              () => `request ${request} starts no refresh`
            )
          }
        }
        return
      }
      case "Joined": {
        const { flight, landed, usage } = admission
        expected.set(
          request,
          landed === undefined
            ? { _tag: "Waiting", flight }
            : { _tag: "Served", call: landed.call, receipt: "Joined", usage, age: 0, refreshStarted: undefined }
        )
        if (flight.trigger === "refresh") count("joined a refresh")
        if (landed !== undefined) count("joined what was on its way into the cache")
        return
      }
      case "Miss": {
        const { closed: closedFlight, flight } = admission
        flights.set(start!, flight)
        unasked = flight
        expected.set(request, { _tag: "Waiting", flight })
        if (closedFlight !== undefined) count("closed flights")
      }
    }
  }

  const refreshStarts = (
    manager: 0 | 1,
    event: Extract<CachingEvent, { _tag: "FetchStarted" }>,
    at: Moment
  ): void => {
    const key = keyOf(event.key)
    const id = `${manager}.${key}`
    const known = refreshes.get(id) ?? fail(`nobody asked to refresh ${key}`)
    const refresh = known.successor ?? known
    refreshes.set(id, refresh)
    must(!closed.has(manager), () => "a closed manager refreshes")
    must(ReferenceModel.openFlight(model, manager, key) === undefined, () => "a refresh starts beside an open flight")
    const { entry, request, retryAt } = refresh
    if (retryAt === undefined) return fail("a refresh starts while one is in flight")
    must(at.scheduled >= retryAt, () => "a refresh is tried again too early")
    const retried = landedOrFailed.has(refresh)
    must(
      !retried || (!entry.evicted && ReferenceModel.ageOf(entry, at) < request.limits.maxAge),
      () => "a refresh is tried again though the old entry met a hard limit"
    )
    if (retried) count("refreshes tried again")
    count("refreshes")
    refresh.retryAt = undefined
    refresh.uncertain = false
    const flight = ReferenceModel.start(model, manager, request, "refresh", at)
    flights.set(`${manager}.${event.fetch}`, flight)
    unasked = flight
  }

  const settled = (
    flight: ReferenceModel.Flight,
    outcome: "succeeded" | "failed" | "deadline" | "abandoned",
    at: Moment
  ): void => {
    const failed = outcome === "failed" || outcome === "deadline"
    if (flight.trigger !== "refresh") return
    const id = `${flight.manager}.${flight.key}`
    const refresh = refreshes.get(id)!
    landedOrFailed.add(refresh)
    // A defect is nobody's failure: it is not tried again.
    const call = callOf.get(flight)
    const died = call !== undefined && run.callSpec(call).outcome === "dies" && outcome === "failed"
    const wanted = failed && !died && !closed.has(flight.manager) && !refresh.entry.evicted &&
      ReferenceModel.ageOf(refresh.entry, at) < refresh.request.limits.maxAge
    if (!wanted && inOrder) {
      refreshes.delete(id)
    } else {
      refresh.retryAt = at.scheduled + Program.retryDelay
      refresh.uncertain = !inOrder
    }
  }

  const fetched = (
    manager: 0 | 1,
    event: Extract<CachingEvent, { _tag: "Fetched" }>,
    { at, fiber }: Observation
  ): void => {
    const flight = flightOf(manager, event)
    must(
      keyOf(event.key) === flight.key && event.trigger === flight.trigger,
      () => "a fetch has another key or trigger"
    )
    must(!flight.settled, () => `fetch ${event.fetch} ends twice`)
    const elapsed = Math.max(at.wall - flight.startedAt.wall, at.monotonic - flight.startedAt.monotonic)
    must(Duration.toMillis(event.latency) === Math.max(0, elapsed), () => "a fetch has another latency")
    count(`fetches: ${event.outcome}`)
    const { scheduled } = flight.startedAt as Moment
    must(at.scheduled <= scheduled + Program.fetchDeadline, () => "a flight outlives its deadline")
    switch (event.outcome) {
      case "succeeded": {
        const call = fiber === undefined ? undefined : askedIn.get(fiber)
        if (call === undefined) return fail(`fetch ${event.fetch} lands without a call`)
        const { outcome } = run.callSpec(call)
        must(outcome !== "fails" && outcome !== "dies", () => `call ${call} failed, and landed`)
        must(!landedAs.has(call), () => `call ${call} lands twice`)
        landedAs.set(call, flight)
        const encrypts = flight.request.operation === "encrypt"
        const wrappingKey = wrappingKeyOf(encrypts ? call : unwrapped(run, call))
        const landing = ReferenceModel.land(
          model,
          flight,
          call,
          wrappingKey,
          outcome === "answers",
          drawnIn.get(fiber!) ?? 0,
          at
        )
        if (!landing.cacheable && landing.served.length > 0) owed.add(fiber!)
        for (const { usage, waiter } of landing.served) {
          expected.set(
            waiter.request,
            landing.cacheable
              ? {
                _tag: "Served",
                call,
                receipt: waiter.leader ? "Miss" : "Joined",
                usage,
                age: 0,
                refreshStarted: undefined
              }
              : { _tag: "Bypassed", reasons: ["MaterialsNotCacheable"], call }
          )
        }
        for (const { request } of landing.alone) {
          count("fetched for itself")
          expected.set(request, { _tag: "Bypassed", reasons: ["MaterialsNotCacheable"], call: undefined })
        }
        if (landing.kept !== undefined) kept.set(flight, landing.kept)
        else if (landing.cacheable) count("succeeded, and nothing of it is cached")
        if (landing.cacheable && flight.trigger === "refresh") count("refreshes succeeded")
        if (closedByControl.has(flight)) {
          count("succeeded after an invalidation")
          if (flight.trigger === "refresh") count("refreshes succeeded after an invalidation")
        }
        settled(flight, event.outcome, at)
        return
      }
      case "failed":
      case "deadline": {
        if (event.outcome === "deadline") {
          must(at.scheduled === scheduled + Program.fetchDeadline, () => "a flight fails before its deadline")
        }
        if (event.outcome === "deadline") givenUp.push(flight)
        const message = event.outcome === "deadline" ? /no answer within 4s/ : /fault of call \d+/
        ReferenceModel.fail(flight)
        for (const { request } of flight.waiting) expected.set(request, { _tag: "Failed", flight, message })
        if (flight.waiting.length > 1) count("failed for several waiters")
        settled(flight, event.outcome, at)
        return
      }
      case "abandoned":
        must(
          closed.has(manager) || (flight.waiting.length === 0 && flight.trigger === "request"),
          () => `fetch ${event.fetch} is given up, though somebody wants it`
        )
        ReferenceModel.fail(flight)
        unwanted.delete(flight)
        givenUp.push(flight)
        for (const { request } of flight.waiting) expected.set(request, { _tag: "Interrupted" })
        settled(flight, event.outcome, at)
    }
  }

  const left = (request: number): void => {
    const waits = expected.get(request)
    if (waits?._tag !== "Waiting" || waits.flight.settled) return
    const { flight } = waits
    must(made[request]!.interrupted, () => `request ${request} stops waiting, though nobody interrupted it`)
    const waiter = flight.waiting.find((waiter) => waiter.request === request)!
    ReferenceModel.leave(flight, request)
    expected.set(request, { _tag: "Interrupted" })
    if (flight.waiting.length > 0) count(waiter.leader ? "interrupted leaders" : "interrupted waiters")
    if (flight.waiting.length === 0 && flight.trigger === "request") {
      count("all interrupted")
      unwanted.add(flight)
    }
  }

  const control = (manager: 0 | 1, selector: ReferenceModel.Selector): void => {
    const open = model.flights.filter((flight) => flight.open)
    ReferenceModel.closeFlights(model, manager, selector)
    for (const flight of open) {
      if (flight.open) continue
      closedByControl.add(flight)
      count("closed by an invalidation")
    }
  }
  let selected: {
    readonly selector: ReferenceModel.Selector
    readonly cause: string
    /** How many were deleted, by cache. */
    readonly counts: Map<number, number>
  } | undefined
  const everything: ReferenceModel.Selector = { context: undefined, wrappingKey: undefined }

  const step = (observation: Observation): void => {
    const { at, fiber, request } = observation
    // Sweeps are seen by what they evict: all that is expired, at once.
    const isSweep = (other: Observation | undefined) =>
      other?._tag === "Evicted" && !other.within && other.request === undefined
    if (observation._tag === "Evicted") {
      evicted.push(observation)
      if (!isSweep(observation)) return
      const next = log[index + 1]
      if (
        isSweep(next) && next?._tag === "Evicted" && next.cache === observation.cache &&
        next.at.monotonic === at.monotonic
      ) {
        return
      }
      evictions(ReferenceModel.sweep(model, observation.cache, at), at)
      return count("sweeps")
    }
    switch (observation._tag) {
      case "Asked": {
        const { call } = observation
        if (request === undefined) {
          must(!askedIn.has(fiber!), () => "a fetch makes two calls")
          askedIn.set(fiber!, call)
          if (inOrder) {
            must(unasked !== undefined, () => `call ${call} is made for nobody`)
            callOf.set(unasked!, call)
            unasked = undefined
          }
        } else {
          must(!askedFor.has(request), () => `request ${request} makes two calls`)
          askedFor.set(request, call)
        }
        return
      }
      case "Drawn":
        drawnIn.set(fiber!, observation.draw)
        return
      case "Put": {
        const flight = landedAs.get(observation.call)
        const entry = flight && kept.get(flight)
        if (entry === undefined) return fail(`what call ${observation.call} made was not to be cached`)
        kept.delete(flight!)
        puts.add(flight!)
        must(
          sum(observation.usage) === sum(entry.usage),
          () => `an entry starts with ${sum(observation.usage)}, not ${sum(entry.usage)}`
        )
        return evictions(ReferenceModel.put(model, flight!, entry), at)
      }
      case "Invalidating":
        selected = { selector: observation.selector, cause: "invalidated", counts: new Map() }
        return control(observation.manager, observation.selector)
      case "Clearing":
        selected = { selector: everything, cause: "cleared", counts: new Map() }
        return control(observation.manager, everything)
      case "Deleted": {
        const { cause, selector } = selected!
        const { partition } = program.managers[observation.manager]
        const predicted = ReferenceModel.deleteWhere(model, observation.cache, partition, selector, cause)
        selected!.counts.set(observation.cache, predicted.length)
        return evictions(predicted, at)
      }
      case "Invalidated":
      case "Cleared": {
        const { counts } = selected!
        const caches = program.decryptCapacity === undefined ? 1 : 2
        must(closed.has(observation.manager) || counts.size === caches, () => "a cache is forgotten")
        if (observation._tag === "Cleared") return
        const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
        must(observation.count === total, () => `${observation.count} invalidated, not ${total}`)
        return
      }
      case "CacheCleared":
        return evictions(ReferenceModel.deleteWhere(model, observation.cache, undefined, everything, "cleared"), at)
      case "Closing":
        closed.add(observation.manager)
        return
      case "Time":
        for (const refresh of refreshes.values()) {
          if (refresh.retryAt !== undefined && at.scheduled >= refresh.retryAt) refresh.uncertain = true
        }
        return
      case "Event": {
        const { event, manager } = observation
        switch (event._tag) {
          case "Bypassed": {
            if (request === undefined) {
              must(
                owed.delete(fiber!) && event.reason === "MaterialsNotCacheable",
                () => "nobody goes straight through"
              )
              return count(`bypassed: ${event.reason}`)
            }
            // Those who must fetch for themselves were admitted, and found out later.
            const known = expected.get(request)
            const reasons = known?._tag === "Bypassed" ? known.reasons : plans[request]!
            if ("key" in reasons) return fail(`request ${request} goes straight through: ${event.reason}`)
            must(reasons.includes(event.reason), () => `bypassed as ${event.reason}, not ${show(reasons)}`)
            count(`bypassed: ${event.reason}`)
            if (known === undefined) expected.set(request, { _tag: "Bypassed", reasons, call: undefined })
            return
          }
          case "Admitted":
            return admitted(request ?? fail("nobody is admitted"), event, at)
          case "FetchStarted":
            if (event.trigger === "refresh") return refreshStarts(manager, event, at)
            if (request === undefined) return fail("a fetch starts for nobody")
            learnKey(event.key, cacheable(request).key)
            started.set(request, `${manager}.${event.fetch}`)
            return
          case "Fetched":
            return fetched(manager, event, observation)
          case "Waiting":
            waiting += event.change
            if (event.change === -1) left(request!)
            return
          case "Stored": {
            stored++
            const key = keyOf(event.key)
            const flight = ReferenceModel.openFlight(model, manager, key)
            // One that was evicted on its way counts as stored too, for a moment.
            if (flight !== undefined && (puts.has(flight) || flight.landed?.evicted === true)) flight.open = false
            return
          }
          case "Evicted":
            return fail("evictions are kept apart")
          case "CacheFault":
            // What is on its way when the manager closes is interrupted.
            if (closed.has(manager)) return
            return fail(`a fault of the local cache: ${show(event)}`)
        }
      }
    }
  }

  for (; index < log.length; index++) {
    const observation = log[index]!
    if (inOrder && unwanted.size > 0) {
      must(
        observation._tag === "Event" && observation.event._tag === "Fetched" &&
          observation.event.outcome === "abandoned",
        () => "a flight that nobody waits for is not given up"
      )
    }
    step(observation)
  }
  index = log.length - 1

  // What is left when all have their answers.
  for (const flight of model.flights) {
    must(flight.settled, () => `a fetch for ${flight.key} never ended`)
    must(!flight.open || closed.has(flight.manager), () => `a flight for ${flight.key} is still open`)
  }
  must(owed.size === 0, () => "materials may not be cached, and nobody is told")
  must(waiting === 0, () => `${waiting} still wait`)
  const unput = [...kept].filter(([{ manager }, { evicted }]) => !closed.has(manager) && !evicted)
  must(unput.length === 0, () => `what landed was not put into the cache: ${show(unput)}`)
  for (const [cache, { entries }] of model.caches.entries()) {
    must(run.sizes[cache] === entries.length, () => `${run.sizes[cache]} entries, not ${entries.length}`)
  }
  const real = [...run.entries].map(([call, usage]) => `${call}: ${sum(usage)}`).toSorted(byText)
  const predicted = model.caches.flatMap(({ entries }) => entries.map(({ call, usage }) => `${call}: ${sum(usage)}`))
  must(show(real) === show(predicted.toSorted(byText)), () => `the caches hold ${show(real)}, not ${show(predicted)}`)
  const evictedRow = (key: string, { age, cause, usage }: { age: Duration.Duration; cause: string; usage: Usage }) =>
    show([key, cause, Duration.toMillis(age), usage])
  const told = run.told.map((event) => evictedRow(event.key, event)).toSorted(byText)
  const happened = log.flatMap((observation) =>
    observation._tag === "Evicted" ? [evictedRow(observation.event.metadata.key, observation.event)] : []
  )
  must(
    inOrder ? show(told) === show(happened.toSorted(byText)) : happened.every((row) => told.includes(row)),
    () => `the managers tell of the evictions ${show(told)}, not ${show(happened)}`
  )
  must(
    stored - told.length === run.sizes.reduce((total, size) => total + size, 0),
    () => `${stored} stored and ${told.length} evicted, but ${show(run.sizes)} are there`
  )

  for (const [request, { interrupted, outcome, warm }] of made.entries()) {
    const because = (text: string) => () => `request ${request}: ${text}; ${show(outcome)}`
    const expectation = expected.get(request)
    if (outcome._tag === "Interrupted" && interrupted) continue
    if (outcome._tag === "Pending") {
      must(interrupted && expectation === undefined, because("is never answered"))
      continue
    }
    if (expectation === undefined) {
      if (warm && "length" in plans[request]!) {
        must(outcome._tag === "Warmed", because("there was nothing to do"))
      } else {
        must(
          closed.has(made[request]!.manager) && outcome._tag === "Failed" &&
            /its scope is closed/.test(outcome.message),
          because("was never admitted")
        )
        count("refused by a closed manager")
      }
      continue
    }
    compareOutcome(run, request, expectation, askedFor.get(request), fail)
  }
  for (const flight of givenUp) {
    const call = callOf.get(flight)
    if (call === undefined || run.callSpec(call).latency === "hangs, uninterruptibly") continue
    const { outcome } = run.calls[call - 1]!
    must(outcome === "interrupted", () => `call ${call}, which nobody waits for, was ${outcome}`)
  }
  checkCalls(run, model, { askedIn, askedFor, must, inOrder })
}

const failures = new WeakMap<ReferenceModel.Flight, ReadonlyArray<unknown>>()

/** What a request was answered, and what it should have been. `ownCall`: the call that its own fiber made. */
const compareOutcome = (
  run: Run,
  request: number,
  expectation: Expected,
  ownCall: number | undefined,
  fail: (message: string) => never
): void => {
  const { outcome, warm } = run.made[request]!
  const must = (condition: boolean, text: string): void => {
    if (!condition) fail(`request ${request}: ${text}; ${show(outcome)}`)
  }
  switch (expectation._tag) {
    case "Served": {
      const { age, call, receipt, refreshStarted, usage } = expectation
      if (warm) {
        must(outcome._tag === "Warmed", "is served")
        break
      }
      must(outcome._tag === "Served" && outcome.call === call, `gets the key of call ${call}`)
      if (outcome._tag !== "Served") break
      const told = outcome.receipt
      must(told._tag === receipt, `is told ${receipt}`)
      if (!("usage" in told)) break
      must(
        told.usage.messages === usage.messages && Number(told.usage.bytes) === usage.bytes,
        `is told ${sum(usage)}`
      )
      if (told._tag !== "Hit") break
      must(Duration.toMillis(told.age) === age, `is told an age of ${age}`)
      must(
        refreshStarted === undefined || told.refreshStarted === refreshStarted,
        `refresh: ${refreshStarted}`
      )
      break
    }
    case "Bypassed": {
      if (warm) break
      const call = expectation.call ?? ownCall
      must(call !== undefined, "makes a call of its own")
      const spec = run.callSpec(call!)
      if (
        expectation.call === undefined && spec.outcome !== "answers" &&
        spec.outcome !== "answers what may not be cached"
      ) {
        must(
          outcome._tag === "Failed" && outcome.message.includes(`fault of call ${call}`),
          "fails with its call"
        )
        break
      }
      must(
        outcome._tag === "Served" && outcome.call === call && outcome.receipt._tag === "Bypassed" &&
          expectation.reasons.includes(outcome.receipt.reason),
        `is bypassed, with the key of call ${call}`
      )
      break
    }
    case "Failed": {
      must(outcome._tag === "Failed" && expectation.message.test(outcome.message), "fails")
      if (outcome._tag !== "Failed") break
      const { flight } = expectation
      // A waiter may be interrupted besides.
      const errors = outcome.cause.reasons.flatMap((reason) => reason._tag === "Interrupt" ? [] : [errorOf(reason)])
      const first = failures.get(flight) ?? errors
      failures.set(flight, first)
      must(
        first.length === 1 && errors.length === 1 && first[0] === errors[0],
        "fails with the very error of the others"
      )
      break
    }
    case "Interrupted":
      must(outcome._tag === "Interrupted", "is interrupted")
      break
    case "Waiting":
      must(false, "waits for ever")
  }
}

/** Where the model leaves it open, the receipt says whether a refresh started. */
const startedRefresh = (outcome: Made["outcome"]): boolean =>
  outcome._tag === "Served" && outcome.receipt._tag === "Hit" && outcome.receipt.refreshStarted

const errorOf = (reason: unknown): unknown => {
  const { defect, error } = reason as { readonly error?: unknown; readonly defect?: unknown }
  return error ?? defect
}

/** Every call was made for a flight, or by a request for itself; and is asked as promise 2 or promise 4 wants it. */
const checkCalls = (
  run: Run,
  model: ReferenceModel.Model,
  { askedFor, askedIn, inOrder, must }: {
    readonly askedIn: ReadonlyMap<number, number>
    readonly askedFor: ReadonlyMap<number, number>
    readonly must: (condition: boolean, message: () => string) => void
    readonly inOrder: boolean
  }
): void => {
  const seen = new Set([...askedIn.values(), ...askedFor.values()])
  for (const [index, { outcome }] of run.calls.entries()) {
    // Between a call and its being observed only an interruption can fall, and only if fibers yield there.
    must(
      seen.has(index + 1) || (!inOrder && (outcome === "interrupted" || outcome === "pending")),
      () => `call ${index + 1} is made for nobody`
    )
  }
  must(
    inOrder ? askedIn.size === model.flights.length : askedIn.size <= model.flights.length,
    () => `${askedIn.size} calls for ${model.flights.length} flights`
  )
  for (const [request, call] of askedFor) {
    const { shape } = run.made[request]!
    const { request: asked } = run.calls[call - 1]!
    must(
      !("maxPlaintextLength" in asked) || asked.maxPlaintextLength === shape.length,
      () => `call ${call} is not passed on unchanged`
    )
  }
  for (const call of askedIn.values()) {
    const { request: asked } = run.calls[call - 1]!
    must(
      !("maxPlaintextLength" in asked) || asked.maxPlaintextLength === undefined,
      () => `call ${call} learns something of the plaintext`
    )
  }
}

const unwrapped = (run: Run, call: number): number => {
  const { request } = run.calls[call - 1]!
  if (!("encryptedDataKeys" in request)) return call
  const [edk] = request.encryptedDataKeys
  return new DataView(edk!.ciphertext.buffer).getUint32(0)
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
