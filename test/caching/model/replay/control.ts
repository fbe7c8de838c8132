/** Invalidations and clears. */
import * as ReferenceModel from "../ReferenceModel.ts"
import type { Observation } from "../run/Run.ts"
import { compareEvictions } from "./evictions.ts"
import { count, must, type Replay } from "./Replay.ts"

const everything: ReferenceModel.Selector = { context: undefined, wrappingKey: undefined }

export const begins = (
  replay: Replay,
  observation: Extract<Observation, { _tag: "Invalidating" | "Clearing" }>
): void => {
  const { closedByControl, model } = replay
  const [selector, cause] = observation._tag === "Clearing"
    ? [everything, "cleared"]
    : [observation.selector, "invalidated"]
  const open = model.flights.filter((flight) => flight.open)
  const evictions = ReferenceModel.closeFlights(model, observation.manager, selector, cause)
  replay.selected = { selector, cause, counts: new Map(), evictions }
  for (const flight of open) {
    if (flight.open) continue
    closedByControl.add(flight)
    count(replay, "closed by an invalidation")
  }
}

export const deleted = (
  replay: Replay,
  { at, cache, manager }: Extract<Observation, { _tag: "Deleted" }>
): void => {
  const { cause, counts, evictions, selector } = replay.selected!
  const { partition } = replay.program.managers[manager]
  const predicted = ReferenceModel.deleteWhere(replay.model, cache, partition, selector, cause)
  counts.set(cache, predicted.length)
  compareEvictions(replay, [...evictions.splice(0), ...predicted], at)
}

export const ends = (replay: Replay, observation: Extract<Observation, { _tag: "Invalidated" | "Cleared" }>): void => {
  const { closed, program } = replay
  const { counts } = replay.selected!
  const caches = program.decryptCapacity === undefined ? 1 : 2
  must(replay, closed.has(observation.manager) || counts.size === caches, () => "a cache is forgotten")
  if (observation._tag === "Cleared") return
  const total = [...counts.values()].reduce((sum, each) => sum + each, 0)
  must(replay, observation.count === total, () => `${observation.count} invalidated, not ${total}`)
}

export const cacheCleared = (
  replay: Replay,
  { at, cache }: Extract<Observation, { _tag: "CacheCleared" }>
): void =>
  compareEvictions(replay, ReferenceModel.deleteWhere(replay.model, cache, undefined, everything, "cleared"), at)
