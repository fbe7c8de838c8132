/** Evictions, and the deletions and sweeps that make them. */
import { Duration } from "effect"
import * as ReferenceModel from "../ReferenceModel.ts"
import type { Moment, Observation } from "../run/Run.ts"
import { byText, count, keyOf, must, type Replay, show } from "./Replay.ts"

/** Compares what was evicted since the last time with what the model predicts. */
export const compareEvictions = (
  replay: Replay,
  predicted: ReadonlyArray<ReferenceModel.Eviction>,
  now: Moment
): void => {
  const { evicted } = replay
  const real = evicted.map(({ event: { age, cause, metadata, usage } }) =>
    show([keyOf(replay, metadata.key), cause, usage.messages, Number(usage.bytes), Duration.toMillis(age)])
  )
  const expected = predicted.map(({ cause, entry, usage }) =>
    show([entry.key, cause, usage.messages, usage.bytes, Math.max(0, ReferenceModel.ageOf(entry, now))])
  )
  const [left, right] = [show(real.toSorted(byText)), show(expected.toSorted(byText))]
  must(replay, left === right, () => `evicted ${left}, not ${right}`)
  for (const { event } of evicted) count(replay, `evicted: ${event.cause}`)
  replay.evicted = []
}

/** A sweep evicts what is too old or spent. What control evicts on its way into the cache has another cause. */
const isSweep = (observation: Observation | undefined): boolean =>
  observation?._tag === "Evicted" && !observation.within && observation.request === undefined &&
  (observation.event.cause === "age" || observation.event.cause === "messages")

/** Sweeps are seen by what they evict: all that is expired, at once. */
export const evicted = (replay: Replay, observation: Extract<Observation, { _tag: "Evicted" }>): void => {
  const { at, cache } = observation
  replay.evicted.push(observation)
  if (!isSweep(observation)) return
  const next = replay.run.log[replay.index + 1]
  if (
    isSweep(next) && next?._tag === "Evicted" && next.cache === cache && next.at.monotonic === at.monotonic
  ) {
    return
  }
  compareEvictions(replay, ReferenceModel.sweep(replay.model, cache, at), at)
  count(replay, "sweeps")
}

export const put = (replay: Replay, { at, call, usage }: Extract<Observation, { _tag: "Put" }>): void => {
  const { kept, model, puts, succeededAs } = replay
  const flight = succeededAs.get(call)
  const entry = flight && kept.get(flight)
  must(replay, entry !== undefined, () => `what call ${call} made was not to be cached`)
  kept.delete(flight!)
  puts.add(flight!)
  const { messages, bytes } = entry!.usage
  must(
    replay,
    usage.messages === messages && usage.bytes === bytes,
    () => `an entry starts with ${show(usage)}, not ${show(entry!.usage)}`
  )
  compareEvictions(replay, ReferenceModel.put(model, flight!, entry!), at)
}
