/** Requests, in the order of their admission. */
import type { CachingEvent } from "effect-encryption-sdk/caching"
import * as ReferenceModel from "../ReferenceModel.ts"
import type { Made, Moment, Observation } from "../run/Run.ts"
import { compareEvictions } from "./evictions.ts"
import { cacheable, count, fail, learnKey, must, type Refresh, type Replay, show } from "./Replay.ts"

type Admitted = Extract<CachingEvent, { _tag: "Admitted" }>
type Admission<Tag extends ReferenceModel.Admission["_tag"]> = Extract<ReferenceModel.Admission, { _tag: Tag }>

export const admitted = (replay: Replay, request: number, event: Admitted, at: Moment): void => {
  const { closed, expected, model, run, started } = replay
  const classified = cacheable(replay, request)
  const { manager } = run.made[request]!
  learnKey(replay, event.key, classified.key)
  must(replay, !expected.has(request), () => `request ${request} is admitted twice`)
  must(replay, !closed.has(manager), () => `request ${request} is admitted by a closed manager`)
  const { admission, evictions } = ReferenceModel.admit(model, manager, request, classified, at)
  must(
    replay,
    event.outcome === admission._tag.toLowerCase(),
    () => `request ${request} is a ${event.outcome}, not a ${admission._tag.toLowerCase()}`
  )
  compareEvictions(replay, evictions, at)
  const start = started.get(request)
  must(
    replay,
    (start !== undefined) === (admission._tag === "Miss"),
    () => `request ${request} started a fetch, or none`
  )
  started.delete(request)
  count(replay, admission._tag)
  switch (admission._tag) {
    case "Hit":
      return hit(replay, request, classified, admission, at)
    case "Joined":
      return joined(replay, request, admission, at)
    case "Miss": {
      const { closed: closedFlight, flight } = admission
      replay.flights.set(start!, flight)
      replay.unasked = flight
      waits(replay, request, flight, at)
      if (closedFlight !== undefined) count(replay, "closed flights")
    }
  }
}

const waits = (
  { expected, lastJoined }: Replay,
  request: number,
  flight: ReferenceModel.Flight,
  { scheduled }: Moment
): void => {
  expected.set(request, { _tag: "Waiting", flight, since: scheduled })
  lastJoined.set(flight, Math.max(scheduled, lastJoined.get(flight) ?? scheduled))
}

const joined = (
  replay: Replay,
  request: number,
  { entry, flight, usage }: Admission<"Joined">,
  at: Moment
): void => {
  if (entry === undefined) {
    waits(replay, request, flight, at)
  } else {
    const receipt = { _tag: "Served", call: entry.call, receipt: "Joined", usage, age: 0 } as const
    replay.expected.set(request, { ...receipt, refreshStarted: undefined })
  }
  if (flight.trigger === "refresh") count(replay, "joined a refresh")
  if (entry !== undefined) count(replay, "joined what was on its way into the cache")
}

const hit = (
  replay: Replay,
  request: number,
  classified: ReferenceModel.CacheableRequest,
  admission: Admission<"Hit">,
  at: Moment
): void => {
  const { expected, inOrder, program, refreshes, run } = replay
  const { manager, outcome } = run.made[request]!
  const { age, entry, usage } = admission
  const id = `${manager}.${classified.key}`
  const refresh = refreshes.get(id)
  const refreshStarted = startsRefresh(replay, manager, classified.key, admission, refresh, at)
  if (entry.limits.maxAge !== program.managers[manager].maxAge) count(replay, "hits on another manager's entry")
  expected.set(request, { _tag: "Served", call: entry.call, receipt: "Hit", usage, age, refreshStarted })
  const begun: Refresh = {
    request: classified,
    entry,
    retryAt: at.scheduled,
    uncertain: !inOrder,
    successor: undefined
  }
  if (refreshStarted === undefined && outcome._tag !== "Served") {
    if (refresh !== undefined) refresh.successor = begun
  } else if (refreshStarted === true || (refreshStarted === undefined && saysRefreshStarted(outcome))) {
    refreshes.set(id, begun)
    if (inOrder) {
      must(replay, isRefreshStart(run.log[replay.index + 1]), () => `request ${request} starts no refresh`)
    }
  }
}

/** Whether a hit starts a refresh; undefined where the model leaves it open. */
const startsRefresh = (
  { model }: Replay,
  manager: 0 | 1,
  key: string,
  { due }: Admission<"Hit">,
  refresh: Refresh | undefined,
  at: Moment
): boolean | undefined => {
  if (!due) return false
  const flight = ReferenceModel.findOpen(model, manager, key)
  // Until its put has ended, of which there is not always a sign.
  if (flight !== undefined) return flight.entry === undefined ? false : undefined
  if (refresh === undefined) return true
  // When an attempt is due it may have found that it is not wanted any more, which shows in nothing.
  const over = refresh.retryAt !== undefined && (refresh.uncertain || at.scheduled >= refresh.retryAt)
  return over ? undefined : false
}

const isRefreshStart = (observation: Observation | undefined): boolean =>
  observation?._tag === "Event" && observation.event._tag === "FetchStarted" && observation.event.trigger === "refresh"

/** Where the model leaves it open, the receipt says whether a refresh started. */
const saysRefreshStarted = (outcome: Made["outcome"]): boolean =>
  outcome._tag === "Served" && outcome.receipt._tag === "Hit" && outcome.receipt.refreshStarted

export const bypassed = (
  replay: Replay,
  { fiber, request }: Observation,
  { reason }: Extract<CachingEvent, { _tag: "Bypassed" }>
): void => {
  const { classified, expected, owed } = replay
  if (request === undefined) {
    must(replay, owed.delete(fiber!) && reason === "MaterialsNotCacheable", () => "nobody goes straight through")
    return count(replay, `bypassed: ${reason}`)
  }
  // Those who must fetch for themselves were admitted, and found out later.
  const known = expected.get(request)
  const reasons = known?._tag === "Bypassed" ? known.reasons : classified[request]!
  if ("key" in reasons) return fail(replay, `request ${request} goes straight through: ${reason}`)
  must(replay, reasons.includes(reason), () => `bypassed as ${reason}, not ${show(reasons)}`)
  count(replay, `bypassed: ${reason}`)
  if (known === undefined) expected.set(request, { _tag: "Bypassed", reasons, call: undefined })
}
