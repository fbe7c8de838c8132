import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Result } from "effect"
import { KmsError } from "effect-encryption-sdk/kms"
import { failureOf, fieldsOf } from "../../support/client.ts"
import { arn, governed, keyIn, mostWithin } from "../../support/governedKms.ts"
import { TestClock } from "../../support/TestClock.ts"

const forkAll = <A extends object, E>(calls: ReadonlyArray<Effect.Effect<A, E>>) =>
  Effect.forEach(calls, (call) => Effect.forkChild(call, { startImmediately: true }))

describe("the rate", () => {
  it.effect("lets the burst through at once, and the others at the rate, in order", () =>
    Effect.gen(function*() {
      const { decrypt, keys, times } = yield* governed({ rate: 20 })
      const names = Array.from({ length: 8 }, (_, index) => keyIn("us-east-1").replace(/.$/, String(index)))
      const fibers = yield* forkAll(names.map((name) => decrypt(name)))
      assert.deepStrictEqual(times(), [0, 0])
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(times(), [0, 0, 50, 100, 150, 200, 250, 300])
      assert.deepStrictEqual(keys(), names)
    }))

  it.effect("is never exceeded in a second by more than the burst, at any load", () =>
    Effect.gen(function*() {
      const { decrypt, times } = yield* governed({ rate: 50, burst: "200 millis", deadline: "1 minute" })
      for (let second = 0; second < 5; second++) {
        yield* forkAll(Array.from({ length: 60 }, () => decrypt()))
        yield* TestClock.adjust(second === 2 ? "3 seconds" : "700 millis")
      }
      yield* TestClock.adjust("10 seconds")
      assert.lengthOf(times(), 300)
      assert.strictEqual(mostWithin(times(), 1000), 59)
    }))

  it.effect("is one for each Region, by its own number where it has one", () =>
    Effect.gen(function*() {
      const { decrypt, sent } = yield* governed({
        rate: 10,
        burst: "1 second",
        regions: { "eu-west-1": 3, default: 2 }
      })
      const in3 = [arn, keyIn("eu-west-1"), "alias/orders"]
      yield* forkAll(Array.from({ length: 12 }, () => in3.map((key) => decrypt(key))).flat())
      const count = (key: string) => sent.filter(({ request }) => request.keyId === key).length
      assert.deepStrictEqual(in3.map(count), [10, 3, 2])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(in3.map(count), [12, 6, 4])
    }))

  it.effect("is shared by the symmetric operations, and public keys and RSA have a tenth of their own", () =>
    Effect.gen(function*() {
      const { calls, decrypt, generate, publicKey, sent } = yield* governed({ rate: 20, burst: "1 second" })
      const rsa = () =>
        calls.decrypt({
          keyId: arn,
          grantTokens: [],
          encryptionContext: {},
          ciphertextBlob: Uint8Array.of(1),
          encryptionAlgorithm: "RSAES_OAEP_SHA_256"
        })
      yield* forkAll<object, KmsError>(
        Array.from({ length: 15 }, () => [decrypt(), generate(), publicKey(), rsa()]).flat()
      )
      const count = (name: string) => sent.filter((call) => call.name === name).length
      assert.deepStrictEqual([count("Decrypt") + count("GenerateDataKey"), count("GetPublicKey")], [22, 2])
    }))

  it.effect("of an operation of its own leaves the shared one to the others", () =>
    Effect.gen(function*() {
      const { decrypt, generate, sent } = yield* governed({ rate: 10, burst: "1 second", rates: { Decrypt: 4 } })
      yield* forkAll(Array.from({ length: 12 }, () => [decrypt(), generate()]).flat())
      const count = (name: string) => sent.filter((call) => call.name === name).length
      assert.deepStrictEqual([count("Decrypt"), count("GenerateDataKey")], [4, 10])
    }))

  it.effect("Regions that a message invents share one rate", () =>
    Effect.gen(function*() {
      const { decrypt, times } = yield* governed({ rate: 10, burst: "100 millis" })
      const regions = Array.from({ length: 100 }, (_, index) =>
        keyIn(`xx-${"abcdefghij"[index % 10]!}${"klmnopqrst"[Math.floor(index / 10)]!}-1`))
      yield* forkAll(regions.map((key) =>
        decrypt(key)
      ))
      assert.lengthOf(times(), 65)
      yield* forkAll([keyIn("Not a Region".replaceAll(" ", "_")), keyIn("x".repeat(1000))].map((key) => decrypt(key)))
      assert.lengthOf(times(), 65)
    }))
})

describe("the bound of calls in flight", () => {
  it.effect("is that of a Region, whatever the quotas are", () =>
    Effect.gen(function*() {
      const { counts, decrypt, publicKey, times } = yield* governed(
        { rate: 1000, concurrency: 3 },
        () => Effect.sleep("1 second")
      )
      const all = yield* forkAll<object, KmsError>([decrypt(), publicKey(), decrypt(), publicKey(), decrypt()])
      const elsewhere = yield* forkAll([decrypt(keyIn("eu-west-1"))])
      assert.deepStrictEqual([counts.inFlight, times().length], [4, 4])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(counts.inFlight, 2)
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll([...all, ...elsewhere])
      assert.strictEqual(counts.most, 4)
    }))
})

describe("the deadline", () => {
  it.effect("a call that cannot have its turn in time fails at once", () =>
    Effect.gen(function*() {
      const { decrypt, times } = yield* governed({ rate: 10, burst: "100 millis", deadline: "1 second" })
      const waiting = yield* forkAll(Array.from({ length: 10 }, () => decrypt()))
      const late = yield* Effect.forkChild(failureOf(decrypt()), { startImmediately: true })
      assert.isDefined(late.pollUnsafe(), "it waits")
      assert.deepStrictEqual(fieldsOf(yield* Fiber.join(late)), {
        _tag: "KmsError",
        operation: "Decrypt",
        keyId: arn,
        failure: "Throttled",
        code: "GovernorRateExceeded",
        description: "cannot have a turn within 1s",
        isRetryable: true
      })
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll(waiting)
      assert.lengthOf(times(), 10)
    }))

  it.effect("counts waiting for a place, and ends it", () =>
    Effect.gen(function*() {
      const { counts, decrypt } = yield* governed(
        { rate: 10, concurrency: 1, deadline: "2 seconds" },
        () => Effect.sleep("1900 millis")
      )
      const [first] = yield* forkAll([decrypt()])
      yield* TestClock.adjust("1 second")
      const [second, third] = yield* forkAll([Effect.result(decrypt()), Effect.result(decrypt())])
      yield* TestClock.adjust("900 millis")
      yield* Fiber.join(first!)
      yield* TestClock.adjust("1100 millis")
      const outcomes = [yield* Fiber.join(second!), yield* Fiber.join(third!)].map((result) =>
        Result.isFailure(result) && result.failure instanceof KmsError
          ? [result.failure.code, result.failure.failure, result.failure.description]
          : []
      )
      assert.deepStrictEqual(outcomes, [
        ["GovernorDeadlineExceeded", "Unreachable", "no response within 2s"],
        ["GovernorDeadlineExceeded", "Throttled", "had no turn within 2s"]
      ])
      assert.deepStrictEqual([counts.interrupted, counts.inFlight], [1, 0])
    }))
})
