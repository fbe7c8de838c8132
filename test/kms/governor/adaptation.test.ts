import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Clock, Effect } from "effect"
import { AdaptiveRate } from "../../../src/kms/governor/internal/adaptiveRate.ts"
import { arbitraryInt } from "../../support/arbitraryBytes.ts"
import { governed, kmsError, mostWithin } from "../../support/governedKms.ts"
import { TestClock } from "../../support/TestClock.ts"

const adaptation = { decrease: 0.5, increase: 0.1, floor: 0.05, windowMillis: 1000 }

describe("the adaptive rate", () => {
  it("falls by the factor at a throttle, once in a window, and never below the floor", () => {
    const rate = new AdaptiveRate(100, adaptation, 0)
    for (const at of [10, 20, 30, 1009]) rate.throttled(at - 1, at)
    assert.strictEqual(rate.current, 50)
    rate.throttled(1500, 1510)
    assert.strictEqual(rate.current, 25)
    for (let second = 3; second < 10; second++) rate.throttled(second * 1000, second * 1000 + 1)
    assert.strictEqual(rate.current, 5)
  })

  it("does not fall for what was sent before it fell, however late that ends", () => {
    const rate = new AdaptiveRate(100, adaptation, 0)
    rate.throttled(100, 200)
    rate.throttled(200, 5000)
    assert.strictEqual(rate.current, 50)
    rate.throttled(201, 5000)
    assert.strictEqual(rate.current, 25)
  })

  it("rises by the share in a second of successful calls, their number does not matter, up to the rate", () => {
    const rate = new AdaptiveRate(100, adaptation, 0)
    rate.throttled(0, 1)
    for (let call = 1; call <= 100; call++) rate.succeeded(1 + call * 10)
    assert.closeTo(rate.current, 60, 1e-6)
    rate.succeeded(1_000_000)
    assert.closeTo(rate.current, 70, 1e-6)
    for (let second = 1; second < 10; second++) rate.succeeded(1_000_000 + second * 1000)
    assert.strictEqual(rate.current, 100)
  })

  it.prop(
    "is between the floor and the rate, falls at throttles alone, and is whole again after enough successes",
    {
      steps: Arbitrary.array(
        Arbitrary.all({ wait: arbitraryInt(0, 3000), age: arbitraryInt(0, 5000), kind: arbitraryInt(0, 1) }),
        {
          maxLength: 60
        }
      )
    },
    ({ steps }) => {
      const rate = new AdaptiveRate(100, adaptation, 0)
      let now = 0
      for (const { age, kind, wait } of steps) {
        now += wait
        const before = rate.current
        if (kind === 0) {
          rate.throttled(now - age, now)
          assert.isAtMost(rate.current, before)
        } else {
          rate.succeeded(now)
          assert.isAtLeast(rate.current, before)
        }
        assert.isTrue(rate.current >= 5 && rate.current <= 100)
      }
      for (let second = 0; second < 11; second++) rate.succeeded(now += 1000)
      assert.strictEqual(rate.current, 100)
    },
    { arbitrary: { seed: "adaptive rate", runs: 500 } }
  )
})

/** A KMS that throttles what is beyond its capacity in each second of the clock. */
const limited = (capacity: () => number) => {
  const used = new Map<number, number>()
  const counts = { throttled: 0, done: 0 }
  const before = () =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const second = Math.floor(now / 1000)
      used.set(second, (used.get(second) ?? 0) + 1)
      if (used.get(second)! <= capacity()) {
        counts.done++
        return Effect.void
      }
      counts.throttled++
      return Effect.fail(kmsError("Throttled"))
    })
  return { before, counts }
}

describe("under a KMS of a capacity that it does not know", () => {
  it.effect(
    "goes on near the capacity with few throttles, and comes back to its own rate",
    () =>
      Effect.gen(function*() {
        let capacity = 40
        const { before, counts } = limited(() => capacity)
        const { decrypt, times } = yield* governed({
          rate: 100,
          burst: "10 millis",
          deadline: "2 seconds",
          retries: { maxAttempts: 1 }
        }, before)
        const run = (seconds: number) =>
          Effect.gen(function*() {
            for (let tick = 0; tick < seconds * 20; tick++) {
              yield* Effect.forEach(Array.from({ length: 6 }), () => Effect.forkChild(Effect.result(decrypt())), {
                discard: true
              })
              yield* TestClock.adjust("50 millis")
            }
          })
        yield* run(20)
        Object.assign(counts, { throttled: 0, done: 0 })
        yield* run(30)
        assert.isAtLeast(counts.done, 30 * 40 * 0.75, "of the capacity")
        assert.isAtMost(counts.throttled, 30 * 40 * 0.25, "throttles")
        capacity = 1000
        yield* run(25)
        const last = times().filter((at) => at > 70_000)
        assert.isAtLeast(mostWithin(last, 1000), 99)
      }),
    60_000
  )

  it.effect(
    "two processes that know nothing of each other share it, and neither starves",
    () =>
      Effect.gen(function*() {
        const { before, counts } = limited(() => 60)
        const options = { rate: 100, burst: "10 millis", deadline: "2 seconds", retries: { maxAttempts: 1 } } as const
        const processes = [yield* governed(options, before), yield* governed(options, before)]
        for (let tick = 0; tick < 50 * 20; tick++) {
          for (const { decrypt } of processes) {
            for (let call = 0; call < 5; call++) yield* Effect.forkChild(Effect.result(decrypt()))
          }
          yield* TestClock.adjust("50 millis")
          if (tick === 20 * 20) Object.assign(counts, { throttled: 0, done: 0 })
        }
        assert.isAtLeast(counts.done, 29 * 60 * 0.7, "of the capacity")
        assert.isAtMost(counts.throttled, counts.done * 0.35, "throttles")
        for (const { times } of processes) {
          assert.isAtLeast(times().filter((at) => at > 20_000).length, 29 * 60 * 0.2, "of one process")
        }
      }),
    60_000
  )
})
