import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Metric } from "effect"
import type { KmsError } from "effect-encryption-sdk/kms"
import { type KmsGovernor, KmsGovernorMetrics } from "effect-encryption-sdk/kms/governor"
import { failureOf } from "../../support/client.ts"
import { type Before, governed, keyIn, kmsError } from "../../support/governedKms.ts"
import { TestClock } from "../../support/TestClock.ts"

const options: KmsGovernor.Options = {
  rate: 1000,
  deadline: "2 seconds",
  retries: { maxAttempts: 1 },
  circuit: { failures: 3, openFor: "5 seconds" }
}

/** Codes of the errors of some calls, one after the other. */
const codesOf = (count: number, call: () => Effect.Effect<unknown, KmsError>) =>
  Effect.map(
    Effect.all(Array.from({ length: count }, () => failureOf(call()))),
    (errors) => errors.map(({ code }) => code)
  )

const gauge = (region: string) => Effect.map(Metric.value(KmsGovernorMetrics.circuit({ region })), ({ value }) => value)

describe("the circuit of a Region", () => {
  it.effect("opens after calls in a row without a response; then calls fail at once, and other Regions go on", () =>
    Effect.gen(function*() {
      const before: Before = (_, { keyId }) => keyId === "east" ? Effect.void : Effect.fail(kmsError("Unreachable"))
      const { decrypt, sent } = yield* governed(options, before)
      assert.deepStrictEqual(yield* codesOf(5, () => decrypt(keyIn("us-west-2"))), [
        "UnreachableCode",
        "UnreachableCode",
        "UnreachableCode",
        "GovernorCircuitOpen",
        "GovernorCircuitOpen"
      ])
      assert.lengthOf(sent, 3)
      yield* decrypt("east")
      const { failure, isRetryable, operation } = yield* failureOf(decrypt(keyIn("us-west-2")))
      assert.deepStrictEqual([failure, isRetryable, operation], ["Unreachable", true, "Decrypt"])
      yield* TestClock.adjust(0)
      assert.strictEqual(yield* gauge("us-west-2"), 1)
    }))

  for (const failure of ["Throttled", "AccessDenied", "KeyNotFound", "KeyUnavailable", "Rejected"] as const) {
    it.effect(`stays closed: ${failure}`, () =>
      Effect.gen(function*() {
        const { decrypt, sent } = yield* governed(options, () => Effect.fail(kmsError(failure)))
        yield* codesOf(10, () => decrypt())
        assert.lengthOf(sent, 10)
      }))
  }

  it.effect("a response in between ends the row, an error of the key included", () =>
    Effect.gen(function*() {
      const { decrypt, sent } = yield* governed(
        options,
        (number) => Effect.fail(kmsError(number % 3 === 0 ? "AccessDenied" : "Unreachable"))
      )
      yield* codesOf(12, () => decrypt())
      assert.lengthOf(sent, 12)
    }))

  it.effect("calls that hang until the deadline open it, those that had waited for long do not", () =>
    Effect.gen(function*() {
      for (const [concurrency, sentCalls] of [[10, 3], [1, 4]] as const) {
        const { decrypt, sent } = yield* governed(
          { ...options, concurrency },
          (number) => concurrency === 1 && number % 2 === 1 ? Effect.sleep("1500 millis") : Effect.never
        )
        for (let pair = 0; pair < 3; pair++) {
          const calls = yield* Effect.forEach(
            concurrency === 1 ? [1, 2] : [1],
            () => Effect.forkChild(Effect.result(decrypt()), { startImmediately: true })
          )
          yield* TestClock.adjust("2 seconds")
          yield* Fiber.joinAll(calls)
        }
        const last = yield* Effect.forkChild(Effect.result(decrypt()), { startImmediately: true })
        assert.lengthOf(sent, concurrency === 1 ? 7 : sentCalls)
        yield* Fiber.interrupt(last)
      }
    }))

  it.effect("one call probes it after a while, and the others fail until it has a response", () =>
    Effect.gen(function*() {
      const { decrypt, sent } = yield* governed(
        options,
        (number) => number <= 3 ? Effect.fail(kmsError("Unreachable")) : Effect.sleep("1 second")
      )
      yield* codesOf(3, () => decrypt())
      yield* TestClock.adjust("4999 millis")
      assert.deepStrictEqual(yield* codesOf(1, () => decrypt()), ["GovernorCircuitOpen"])
      yield* TestClock.adjust("1 millis")
      const probe = yield* Effect.forkChild(decrypt(), { startImmediately: true })
      assert.deepStrictEqual(yield* codesOf(2, () => decrypt()), ["GovernorCircuitOpen", "GovernorCircuitOpen"])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(probe)
      const after = yield* Effect.forkChild(decrypt(), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(after)
      assert.lengthOf(sent, 5)
      assert.strictEqual(yield* gauge("us-east-1"), 0)
    }))

  it.effect("a retry that it does not let through fails with the error before it", () =>
    Effect.gen(function*() {
      const { decrypt, sent } = yield* governed(
        { ...options, retries: { maxAttempts: 10, baseDelay: "1 millis" } },
        () => Effect.fail(kmsError("Unreachable"))
      )
      const call = yield* Effect.forkChild(codesOf(1, () => decrypt()), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(call), ["UnreachableCode"])
      assert.lengthOf(sent, 3)
    }))

  it.effect("there is none without the option", () =>
    Effect.gen(function*() {
      const { decrypt, sent } = yield* governed(
        { rate: 1000, retries: { maxAttempts: 1 } },
        () => Effect.fail(kmsError("Unreachable"))
      )
      yield* codesOf(50, () => decrypt())
      assert.lengthOf(sent, 50)
    }))
})
