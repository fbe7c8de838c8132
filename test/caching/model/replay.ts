/**
 * Compares a run with the model: replays the log's requests one after another, in the order of their admission, and fails at
 * the first thing that is not as promised.
 */
import type { Coverage } from "./coverage.ts"
import type * as Program from "./Program.ts"
import * as ReferenceModel from "./ReferenceModel.ts"
import * as admissions from "./replay/admissions.ts"
import * as control from "./replay/control.ts"
import { compareCalls, compareEnd } from "./replay/end.ts"
import * as evictions from "./replay/evictions.ts"
import * as fetches from "./replay/fetches.ts"
import { compareOutcomes } from "./replay/outcomes.ts"
import { fail, keyOf, make, must, type Replay, show } from "./replay/Replay.ts"
import type { Observation, Run } from "./run/Run.ts"

/**
 * `inOrder`: fibers run until they suspend, so that what one step starts has started when the step ends. Otherwise the
 * scheduler may put anything in between, and some steps are known only once they are seen.
 */
export const replay = (
  program: Program.Program,
  run: Run,
  options: { readonly coverage: Coverage; readonly inOrder: boolean }
): void => {
  const state = make(program, run, options)
  for (const observation of run.log) {
    if (state.inOrder && state.unwanted.size > 0) {
      must(state, isAbandonment(observation), () => "a flight that nobody waits for is not given up")
    }
    step(state, observation)
    state.index++
  }
  state.index--
  compareEnd(state)
  compareOutcomes(state)
  compareCalls(state)
}

const isAbandonment = (observation: Observation): boolean =>
  observation._tag === "Event" && observation.event._tag === "Fetched" && observation.event.outcome === "abandoned"

const step = (state: Replay, observation: Observation): void => {
  const { at, fiber } = observation
  switch (observation._tag) {
    case "Evicted":
      return evictions.evicted(state, observation)
    case "Put":
      return evictions.put(state, observation)
    case "Asked":
      return fetches.asked(state, observation)
    case "Drawn":
      state.drawnIn.set(fiber!, observation.draw)
      return
    case "Invalidating":
    case "Clearing":
      return control.begins(state, observation)
    case "Deleted":
      return control.deleted(state, observation)
    case "Invalidated":
    case "Cleared":
      return control.ends(state, observation)
    case "CacheCleared":
      return control.cacheCleared(state, observation)
    case "Closing":
      state.closed.add(observation.manager)
      return
    case "Time":
      for (const refresh of state.refreshes.values()) {
        if (refresh.retryAt !== undefined && at.scheduled >= refresh.retryAt) refresh.uncertain = true
      }
      return
    case "Event":
      return event(state, observation)
  }
}

const event = (state: Replay, observation: Extract<Observation, { _tag: "Event" }>): void => {
  const { at, event, manager, request } = observation
  switch (event._tag) {
    case "Bypassed":
      return admissions.bypassed(state, observation, event)
    case "Admitted":
      return admissions.admitted(state, request ?? fail(state, "nobody is admitted"), event, at)
    case "FetchStarted":
      return fetches.fetchStarted(state, manager, event, observation)
    case "Fetched":
      return fetches.fetched(state, manager, event, observation)
    case "Waiting":
      state.waiting += event.change
      if (event.change === -1) fetches.left(state, request!, at)
      return
    case "Stored": {
      state.stored++
      const flight = ReferenceModel.findOpen(state.model, manager, keyOf(state, event.key))
      // One that was evicted on its way counts as stored too, for a moment.
      if (flight !== undefined && (state.puts.has(flight) || flight.entry?.evicted === true)) flight.open = false
      return
    }
    case "Evicted":
      return fail(state, "evictions are kept apart")
    case "CacheFault":
      // What is on its way when the manager closes is interrupted.
      if (!state.closed.has(manager)) fail(state, `a fault of the local cache: ${show(event)}`)
  }
}
