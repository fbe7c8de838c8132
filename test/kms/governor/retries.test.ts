import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Metric, Random } from "effect"
import type { KmsError } from "effect-encryption-sdk/kms"
import { KmsGovernorMetrics } from "effect-encryption-sdk/kms/governor"
import { failureOf } from "../../support/client.ts"
import { arn, governed, keyIn, kmsError } from "../../support/governedKms.ts"
import { TestClock } from "../../support/TestClock.ts"

const failing = (failure: KmsError["failure"], times = Infinity) => (number: number) =>
  number <= times ? Effect.fail(kmsError(failure)) : Effect.void

const fork = <A, E>(call: Effect.Effect<A, E>) => Effect.forkChild(call, { startImmediately: true })

describe("retries", () => {
  it.effect("the delay is drawn between nothing and a bound that doubles, from the random service", () =>
    Effect.gen(function*() {
      const { decrypt, times } = yield* governed({
        rate: 1000,
        deadline: "1 minute",
        retries: { maxAttempts: 6, baseDelay: "1 second", maxDelay: "3 seconds" }
      }, failing("Unreachable"))
      const drawn = yield* Random.withSeed(Effect.all([1, 2, 3, 4, 5].map(() => Random.next)), "delays")
      const call = yield* fork(Random.withSeed(failureOf(decrypt()), "delays"))
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual((yield* Fiber.join(call)).code, "UnreachableCode")
      const bounds = [1000, 2000, 3000, 3000, 3000]
      const delays = times().slice(1).map((at, index) => at - times()[index]!)
      assert.lengthOf(delays, 5)
      for (const [index, delay] of delays.entries()) assert.closeTo(delay, drawn[index]! * bounds[index]!, 2)
      assert.isAbove(new Set(delays).size, 3)
    }))

  it.effect("only what may succeed later is tried again, and the error is the one of KMS", () =>
    Effect.gen(function*() {
      for (const failure of ["AccessDenied", "KeyNotFound", "InvalidCiphertext", "Rejected"] as const) {
        const { decrypt, sent } = yield* governed({ rate: 100 }, failing(failure))
        assert.deepStrictEqual(yield* failureOf(decrypt()), kmsError(failure))
        assert.lengthOf(sent, 1, failure)
      }
    }))

  it.effect("are a share of the calls, and a few in reserve, in each Region", () =>
    Effect.gen(function*() {
      const { decrypt, sent } = yield* governed(
        { rate: 10_000, retries: { share: 0.1, burst: 4, maxAttempts: 10, baseDelay: "1 millis" } },
        failing("Unreachable")
      )
      for (let call = 0; call < 100; call++) {
        yield* fork(failureOf(decrypt()))
        yield* TestClock.adjust("50 millis")
      }
      // The share of the first call finds the reserve full.
      assert.lengthOf(sent, 100 + 4 + 9)
      yield* fork(failureOf(decrypt(keyIn("eu-west-1"))))
      yield* TestClock.adjust("1 second")
      assert.lengthOf(sent, 113 + 1 + 4)
      const { count } = yield* Metric.value(KmsGovernorMetrics.budgetExhausted({ region: "us-east-1" }))
      assert.isAbove(count, 80)
    }))

  it.effect("one that would begin at the deadline or later is not waited for", () =>
    Effect.gen(function*() {
      const { decrypt, sent } = yield* governed(
        { rate: 100, deadline: "100 millis", retries: { baseDelay: "10 minutes", maxDelay: "10 minutes" } },
        failing("Unreachable")
      )
      const error = yield* Random.withSeed(failureOf(decrypt()), "later")
      assert.deepStrictEqual([error.code, sent.length], ["UnreachableCode", 1])
    }))

  it.effect("one that has no turn in time fails with the error before it", () =>
    Effect.gen(function*() {
      const { decrypt, sent } = yield* governed(
        { rate: 0.1, deadline: "5 seconds", retries: { baseDelay: "1 millis" } },
        failing("Unreachable")
      )
      const call = yield* fork(failureOf(decrypt()))
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual([(yield* Fiber.join(call)).code, sent.length], ["UnreachableCode", 1])
    }))

  it.effect("a throttled call is tried again at the lower rate", () =>
    Effect.gen(function*() {
      const { decrypt, times } = yield* governed(
        { rate: 10, adaptation: { decrease: 0.1 }, retries: { baseDelay: "1 millis" } },
        failing("Throttled", 1)
      )
      const call = yield* fork(decrypt(arn))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(call)
      assert.deepStrictEqual(times().map(Math.floor), [0, 1000])
    }))
})
