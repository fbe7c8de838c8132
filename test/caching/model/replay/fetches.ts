/** Fetches, of requests and of refreshes, and those who leave them. */
import { Duration } from "effect"
import type { CachingEvent } from "effect-encryption-sdk/caching"
import * as Program from "../Program.ts"
import * as ReferenceModel from "../ReferenceModel.ts"
import { type Moment, type Observation, type Run, wrappingKeyOf } from "../run/Run.ts"
import { cacheable, count, fail, keyOf, learnKey, must, type Replay } from "./Replay.ts"

type FetchStarted = Extract<CachingEvent, { _tag: "FetchStarted" }>
type Fetched = Extract<CachingEvent, { _tag: "Fetched" }>

export const fetchStarted = (
  replay: Replay,
  manager: 0 | 1,
  event: FetchStarted,
  { at, request }: Observation
): void => {
  if (event.trigger === "refresh") return refreshStarted(replay, manager, event, at)
  if (request === undefined) return fail(replay, "a fetch starts for nobody")
  learnKey(replay, event.key, cacheable(replay, request).key)
  replay.started.set(request, `${manager}.${event.fetch}`)
}

const refreshStarted = (replay: Replay, manager: 0 | 1, event: FetchStarted, at: Moment): void => {
  const { closed, flights, model, refreshes, settledRefreshes } = replay
  const key = keyOf(replay, event.key)
  const id = `${manager}.${key}`
  const known = refreshes.get(id) ?? fail(replay, `nobody asked to refresh ${key}`)
  const refresh = known.successor ?? known
  refreshes.set(id, refresh)
  must(replay, !closed.has(manager), () => "a closed manager refreshes")
  must(
    replay,
    ReferenceModel.findOpen(model, manager, key) === undefined,
    () => "a refresh starts beside an open flight"
  )
  const { entry, request, retryAt } = refresh
  if (retryAt === undefined) return fail(replay, "a refresh starts while one is in flight")
  must(replay, at.scheduled >= retryAt, () => "a refresh is tried again too early")
  const retried = settledRefreshes.has(refresh)
  must(
    replay,
    !retried || (!entry.evicted && ReferenceModel.ageOf(entry, at) < request.limits.maxAge),
    () => "a refresh is tried again though the old entry met a hard limit"
  )
  if (retried) count(replay, "refreshes tried again")
  count(replay, "refreshes")
  refresh.retryAt = undefined
  refresh.uncertain = false
  const flight = ReferenceModel.openFlight(model, manager, request, "refresh", at)
  flights.set(`${manager}.${event.fetch}`, flight)
  replay.unasked = flight
}

export const asked = (replay: Replay, { call, fiber, request }: Extract<Observation, { _tag: "Asked" }>): void => {
  const { askedFor, askedIn, callOf, inOrder, unasked } = replay
  if (request !== undefined) {
    must(replay, !askedFor.has(request), () => `request ${request} makes two calls`)
    askedFor.set(request, call)
    return
  }
  must(replay, !askedIn.has(fiber!), () => "a fetch makes two calls")
  askedIn.set(fiber!, call)
  if (!inOrder) return
  must(replay, unasked !== undefined, () => `call ${call} is made for nobody`)
  callOf.set(unasked!, call)
  replay.unasked = undefined
}

export const fetched = (replay: Replay, manager: 0 | 1, event: Fetched, observation: Observation): void => {
  const { at } = observation
  const flight = replay.flights.get(`${manager}.${event.fetch}`) ?? fail(replay, `fetch ${event.fetch} never started`)
  must(
    replay,
    keyOf(replay, event.key) === flight.key && event.trigger === flight.trigger,
    () => "a fetch has another key or trigger"
  )
  must(replay, !flight.settled, () => `fetch ${event.fetch} ends twice`)
  const elapsed = Math.max(at.wall - flight.startedAt.wall, at.monotonic - flight.startedAt.monotonic)
  must(replay, Duration.toMillis(event.latency) === Math.max(0, elapsed), () => "a fetch has another latency")
  count(replay, `fetches: ${event.outcome}`)
  const { scheduled } = flight.startedAt as Moment
  const last = Math.max(scheduled, replay.lastJoined.get(flight) ?? scheduled)
  must(replay, at.scheduled <= last + Program.fetchDeadline, () => "a flight outlives all deadlines")
  switch (event.outcome) {
    case "succeeded":
      succeeded(replay, flight, event, observation)
      break
    case "failed":
      failed(replay, flight)
      break
    case "deadline":
      overdue(replay, flight, at)
      break
    case "abandoned":
      abandoned(replay, manager, flight, event)
  }
  settled(replay, flight, event.outcome, at)
}

const succeeded = (
  replay: Replay,
  flight: ReferenceModel.Flight,
  { fetch }: Fetched,
  { at, fiber }: Observation
): void => {
  const { askedIn, closedByControl, drawnIn, kept, model, owed, run, succeededAs } = replay
  const call = fiber === undefined ? undefined : askedIn.get(fiber)
  if (call === undefined) return fail(replay, `fetch ${fetch} succeeds without a call`)
  const { outcome } = run.callSpec(call)
  must(replay, outcome !== "fails" && outcome !== "dies", () => `call ${call} failed, and its fetch succeeded`)
  must(replay, !succeededAs.has(call), () => `call ${call} succeeds twice`)
  succeededAs.set(call, flight)
  const encrypts = flight.request.operation === "encrypt"
  const success = ReferenceModel.succeed(
    model,
    flight,
    call,
    wrappingKeyOf(encrypts ? call : unwrapped(run, call)),
    outcome === "answers",
    drawnIn.get(fiber!) ?? 0,
    at
  )
  if (!success.cacheable && success.served.length > 0) owed.add(fiber!)
  expectServed(replay, success, call)
  if (success.kept !== undefined) kept.set(flight, success.kept)
  else if (success.cacheable) count(replay, "succeeded, and nothing of it is cached")
  if (success.cacheable && flight.trigger === "refresh") count(replay, "refreshes succeeded")
  if (closedByControl.has(flight)) {
    count(replay, "succeeded after an invalidation")
    if (flight.trigger === "refresh") count(replay, "refreshes succeeded after an invalidation")
  }
}

const expectServed = (
  replay: Replay,
  { alone, cacheable, kept, served }: ReferenceModel.Success,
  call: number
): void => {
  for (const { usage, waiter } of served) {
    replay.expected.set(
      waiter.request,
      cacheable
        ? {
          _tag: "Served",
          call,
          receipt: !waiter.leader ? "Joined" : kept === undefined ? "Unoffered" : "Miss",
          usage,
          age: 0,
          refreshStarted: undefined
        }
        : { _tag: "Bypassed", reasons: ["MaterialsNotCacheable"], call }
    )
  }
  for (const { request } of alone) {
    count(replay, "fetched for itself")
    replay.expected.set(request, { _tag: "Bypassed", reasons: ["MaterialsNotCacheable"], call: undefined })
  }
}

const failed = (replay: Replay, flight: ReferenceModel.Flight): void => {
  const message = /fault of call \d+/
  ReferenceModel.fail(flight)
  for (const { request } of flight.waiters) replay.expected.set(request, { _tag: "Failed", flight, message })
  if (flight.waiters.length > 1) count(replay, "failed for several waiters")
}

/** A flight ends at the deadline of the last request that waits for it; a refresh also at its own, where none does. */
const overdue = (replay: Replay, flight: ReferenceModel.Flight, at: Moment): void => {
  const { expected, givenUp, lastJoined } = replay
  const { scheduled } = flight.startedAt as Moment
  const [last, ...others] = flight.waiters
  must(replay, others.length === 0, () => "a flight meets its deadline though others wait for it")
  if (last === undefined) {
    must(replay, flight.trigger === "refresh", () => "a flight meets its deadline, and no request waited for it")
    const isDue = at.scheduled === scheduled + Program.fetchDeadline
    must(replay, isDue || lastJoined.has(flight), () => "a refresh fails before its deadline")
  } else {
    must(replay, meetsDeadline(replay, last.request, at), () => "a flight fails before the deadline of its last waiter")
    expected.set(last.request, noAnswer)
  }
  givenUp.push(flight)
  ReferenceModel.fail(flight)
}

const noAnswer = { _tag: "Failed", flight: undefined, message: /no answer within 4s/ } as const

/** Whether a request has waited as long as its deadline. */
const meetsDeadline = ({ expected }: Replay, request: number, { scheduled }: Moment): boolean => {
  const waits = expected.get(request)
  return waits?._tag === "Waiting" && scheduled === waits.since + Program.fetchDeadline
}

const abandoned = (replay: Replay, manager: 0 | 1, flight: ReferenceModel.Flight, { fetch }: Fetched): void => {
  must(
    replay,
    replay.closed.has(manager) || (flight.waiters.length === 0 && flight.trigger === "request"),
    () => `fetch ${fetch} is given up, though somebody wants it`
  )
  ReferenceModel.fail(flight)
  replay.unwanted.delete(flight)
  replay.givenUp.push(flight)
  for (const { request } of flight.waiters) replay.expected.set(request, { _tag: "Interrupted" })
}

/** What becomes of a refresh whose fetch has ended. */
const settled = (
  { callOf, closed, inOrder, refreshes, run, settledRefreshes }: Replay,
  flight: ReferenceModel.Flight,
  outcome: Fetched["outcome"],
  at: Moment
): void => {
  if (flight.trigger !== "refresh") return
  const id = `${flight.manager}.${flight.key}`
  const refresh = refreshes.get(id)!
  settledRefreshes.add(refresh)
  // A defect is no failure: it is not tried again.
  const call = callOf.get(flight)
  const died = call !== undefined && run.callSpec(call).outcome === "dies" && outcome === "failed"
  const wanted = (outcome === "failed" || outcome === "deadline") && !died && !closed.has(flight.manager) &&
    !refresh.entry.evicted && ReferenceModel.ageOf(refresh.entry, at) < refresh.request.limits.maxAge
  if (!wanted && inOrder) {
    refreshes.delete(id)
  } else {
    refresh.retryAt = at.scheduled + Program.retryDelay
    refresh.uncertain = !inOrder
  }
}

/** A request waits no longer: it is served, has met its deadline, or was interrupted. */
export const left = (replay: Replay, request: number, at: Moment): void => {
  const { expected, run, unwanted } = replay
  const waits = expected.get(request)
  if (waits?._tag !== "Waiting" || waits.flight.settled) return
  const { flight } = waits
  if (meetsDeadline(replay, request, at) && run.made[request]!.outcome._tag === "Failed") {
    count(replay, "failed at a deadline of their own")
    ReferenceModel.leave(flight, request)
    expected.set(request, noAnswer)
    return
  }
  must(
    replay,
    run.made[request]!.interrupted,
    () => `request ${request} stops waiting, though nobody interrupted it`
  )
  const waiter = flight.waiters.find((waiter) => waiter.request === request)!
  ReferenceModel.leave(flight, request)
  expected.set(request, { _tag: "Interrupted" })
  if (flight.waiters.length > 0) count(replay, waiter.leader ? "interrupted leaders" : "interrupted waiters")
  if (flight.waiters.length === 0 && flight.trigger === "request") {
    count(replay, "all interrupted")
    unwanted.add(flight)
  }
}

const unwrapped = (run: Run, call: number): number => {
  const { request } = run.calls[call - 1]!
  if (!("encryptedDataKeys" in request)) return call
  const [edk] = request.encryptedDataKeys
  return new DataView(edk!.ciphertext.buffer).getUint32(0)
}
