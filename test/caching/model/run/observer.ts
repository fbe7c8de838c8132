/** The log of a run, and its clock, whose wall time can be skewed. */
import { Context, Effect, Fiber } from "effect"
import type { CachingEvent } from "effect-encryption-sdk/caching"
import { TestClock } from "effect/testing"
import type { Moment, Observation } from "./Run.ts"

/** The number of the request that a fiber works for. */
export const CurrentRequest = Context.Reference<number | undefined>("test/CurrentRequest", {
  defaultValue: () => undefined
})

type Distribute<T> = T extends unknown ? Omit<T, "at" | "fiber" | "request"> : never

export interface Observer {
  readonly testClock: TestClock.TestClock
  /** The clock that managers and caches are made with. */
  readonly clock: TestClock.TestClock
  readonly log: Array<Observation>
  /** The evictions that the managers told of. */
  readonly told: Array<Extract<CachingEvent, { _tag: "Evicted" }>>
  readonly observe: (observation: Distribute<Observation>) => void
  readonly listener: (manager: 0 | 1) => (event: CachingEvent) => void
  readonly skew: (millis: number) => void
  readonly stop: () => void
}

export const makeObserver: Effect.Effect<Observer> = Effect.gen(function*() {
  const testClock = yield* TestClock.testClockWith(Effect.succeed)
  let skew = 0
  let observing = true
  const wallMillis = () => testClock.currentTimeMillisUnsafe() + skew
  const log: Observer["log"] = []
  const told: Observer["told"] = []

  const observe: Observer["observe"] = (observation) => {
    if (!observing) return
    const fiber = Fiber.getCurrent()
    const at: Moment = {
      wall: wallMillis(),
      monotonic: Number(testClock.monotonicTimeNanosUnsafe()) / 1e6,
      scheduled: testClock.currentTimeMillisUnsafe()
    }
    log.push({ ...observation, at, fiber: fiber?.id, request: fiber?.getRef(CurrentRequest) })
  }

  return {
    testClock,
    clock: {
      ...testClock,
      currentTimeMillisUnsafe: wallMillis,
      currentTimeNanosUnsafe: () => BigInt(wallMillis()) * 1_000_000n,
      currentTimeMillis: Effect.sync(wallMillis),
      currentTimeNanos: Effect.sync(() => BigInt(wallMillis()) * 1_000_000n)
    },
    log,
    told,
    observe,
    listener: (manager) => (event) => {
      if (event._tag !== "Evicted") observe({ _tag: "Event", manager, event })
      else if (observing) told.push(event)
    },
    skew: (millis) => {
      skew += millis
    },
    stop: () => {
      observing = false
    }
  }
})
