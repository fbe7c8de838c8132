/** Refreshes of entries that serve requests, each with its retries. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type { CacheableRequest } from "./cacheable.ts"
import type { CompleteMaterials, Entry } from "./entry.ts"
import * as fetching from "./fetching.ts"
import { nowUnsafe } from "../../internal/instant.ts"
import { afterStep, step } from "./steps.ts"
import { unreferenced } from "./unreferenced.ts"

/** The part of a manager that refreshes ahead. */
export interface Refreshing extends fetching.Fetching {
  /** Schedule of retries of a failed refresh; undefined where nothing is refreshed ahead. */
  readonly refreshRetry: Schedule.Schedule<unknown> | undefined
  /** The keys that are being refreshed, delays of retries included. */
  readonly refreshing: Set<string>
}

/** Starts a refresh of an entry that served a request, if it is due and none is in flight. Returns whether it did. */
export const refreshIfDue = (
  manager: Refreshing,
  entry: Entry,
  request: CacheableRequest<CompleteMaterials, unknown>,
  ageMillis: number
): boolean => {
  const { background, clock, flights, refreshRetry, refreshing } = manager
  const { key, limits } = request
  if (refreshRetry === undefined || background.closed || !entry.isDueForRefresh(ageMillis)) return false
  if (flights.open.has(key) || refreshing.has(key)) return false
  refreshing.add(key)
  // A retry is worth its call only while the entry is within its limits, and no other has taken its place.
  const { maxAgeMillis } = entry.limitsWith(limits)
  const isWanted = () => !entry.evicted && entry.ageMillis(nowUnsafe(clock)) < maxAgeMillis
  const begin = (): fetching.Flight => {
    const flight = fetching.openFlight(manager, request, "refresh", [], nowUnsafe(clock))
    fetching.startFetch(manager, flight)
    return flight
  }
  // The first flight is open in the step of the request that started it.
  let begun: fetching.Flight | undefined = begin()
  const attempt = Effect.suspend(() => {
    if (begun === undefined && (background.closed || flights.open.has(key) || !isWanted())) return Effect.void
    const flight = begun ?? step(begin)
    begun = undefined
    return Deferred.await(flight.ended)
  })
  const refresh = attempt.pipe(
    Effect.retry({ schedule: refreshRetry, while: isWanted }),
    Effect.ignore,
    Effect.ensuring(Effect.sync(() => refreshing.delete(key))),
    // A process that has nothing else to do needs no retry.
    Effect.provideService(Clock.Clock, unreferenced(clock))
  )
  afterStep(() => background.fork(refresh))
  return true
}
