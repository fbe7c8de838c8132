/** Faults that were found by attacks on the governor: options that lie, stores that come back, and others. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Metric } from "effect"
import { InvalidOption } from "effect-encryption-sdk"
import { KmsGovernor, KmsGovernorMetrics } from "effect-encryption-sdk/kms/governor"
import * as RateLimiter from "effect/persistence/RateLimiter"
import { failureOf } from "../../support/client.ts"
import { callsOf, directedKms } from "../../support/governedKms.ts"
import { TestClock } from "../../support/TestClock.ts"

describe("rates of Regions", () => {
  const invalid = new InvalidOption({
    field: "regions",
    description: "must be an object of Regions and their rates, which are numbers from 0.01 to 1000000"
  })

  for (
    const [title, regions] of [
      ["a Map, which has none that can be seen", new Map([["us-east-1", 1]])],
      ["a list", [1]],
      ["an empty list", []],
      ["a Set", new Set([1])],
      ["those that throw", {
        get "us-east-1"(): number {
          throw new Error("of the test")
        }
      }]
    ] as ReadonlyArray<readonly [string, any]>
  ) {
    it.effect(`are rejected: ${title}`, () =>
      Effect.gen(function*() {
        const error = yield* failureOf(Effect.scoped(KmsGovernor.make({ rate: 1, regions })))
        assert.deepStrictEqual(error, invalid)
      }))
  }

  it.effect("are read once", () =>
    Effect.gen(function*() {
      let reads = 0
      const regions = {
        get "us-east-1"() {
          return ++reads === 1 ? 5 : NaN
        }
      }
      const { operations } = directedKms()
      const governor = yield* KmsGovernor.make({ rate: 1, regions })
      yield* callsOf(governor.govern(operations)).decrypt()
      const rate = yield* Metric.value(KmsGovernorMetrics.rate({ region: "us-east-1", quota: "symmetric" }))
      assert.strictEqual(rate.value, 5)
      assert.strictEqual(reads, 1)
    }))
})

describe("a store that was lost", () => {
  it.effect("is tried again after a while by calls that need not wait", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const layer = Layer.effect(
        RateLimiter.RateLimiterStore,
        Effect.map(RateLimiter.RateLimiterStore, (store) =>
          RateLimiter.RateLimiterStore.of({
            ...store,
            tokenBucket: (options) => asked.push(options.key) === 1 ? Effect.die("gone") : store.tokenBucket(options)
          }))
      ).pipe(Layer.provide(Layer.fresh(RateLimiter.layerStoreMemory)))
      const governor = yield* Effect.provide(KmsGovernor.makeShared({ rate: 100 }), layer)
      const { decrypt } = callsOf(governor.govern(directedKms().operations))
      yield* decrypt()
      yield* TestClock.adjust("4 seconds")
      yield* decrypt()
      assert.lengthOf(asked, 1)
      yield* TestClock.adjust("1 second")
      yield* decrypt()
      assert.lengthOf(asked, 2)
      yield* TestClock.adjust("2 seconds")
      yield* decrypt()
      assert.lengthOf(asked, 3)
    }))

  it.effect("is in the log as one short line, whatever its error says", () =>
    Effect.gen(function*() {
      const messages: Array<unknown> = []
      const logger = Logger.make(({ message }) => void messages.push(message))
      const message = `gone\n\u001b[2J${"x".repeat(10_000)}`
      const reason = new RateLimiter.RateLimitStoreError({ message })
      const store = Effect.map(RateLimiter.RateLimiterStore, (store) =>
        RateLimiter.RateLimiterStore.of({
          ...store,
          tokenBucket: () => Effect.fail(new RateLimiter.RateLimiterError({ reason }))
        }))
      const layer = Layer.effect(RateLimiter.RateLimiterStore, store).pipe(
        Layer.provide(Layer.fresh(RateLimiter.layerStoreMemory))
      )
      const governor = yield* Effect.provide(KmsGovernor.makeShared({ rate: 100 }), [layer, Logger.layer([logger])])
      yield* callsOf(governor.govern(directedKms().operations)).decrypt()
      const [, description] = messages[0] as ReadonlyArray<string>
      assert.lengthOf(description!, 1024)
      assert.isTrue(description!.startsWith("gone\\u{a}\\u{1b}[2Jxxx"), description!.slice(0, 30))
    }))
})
