import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer } from "effect"
import { AlgorithmSuite, DataKey, EncryptionSdk } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import type { KmsError } from "effect-encryption-sdk/kms"
import { Kms, KmsKeyring } from "effect-encryption-sdk/kms"
import { AssertionFailed, ScriptedKms } from "effect-encryption-sdk/testing"
import { TestClock } from "../support/TestClock.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { createKey } from "../support/embeddedKms.ts"
import { inspect } from "../support/inspect.ts"
import { kmsContract } from "../support/kmsContract.ts"

const arn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
const other = "arn:aws:kms:eu-central-1:111122223333:key/4321abcd-12ab-34cd-56ef-1234567890ab"
const layer = ScriptedKms.layer({ keys: [{ arn, aliases: ["alias/orders"] }, { arn: other }] }).pipe(
  Layer.provide(TestPrimitives.layer)
)

const request = (keyId = arn) => ({ keyId, encryptionContext: { tenant: "a" }, grantTokens: ["grant"] })
const generate = (keyId?: string) =>
  Effect.flatMap(Kms.Kms, (kms) => kms.generateDataKey({ ...request(keyId), numberOfBytes: 32 }))
const failureOf = <A, R>(effect: Effect.Effect<A, KmsError, R>) =>
  Effect.map(Effect.result(effect), (result) => result._tag === "Failure" ? result.failure.failure : "succeeded")

kmsContract({
  title: "ScriptedKms without a script",
  layer: ScriptedKms.layer().pipe(Layer.provide(TestPrimitives.layer)),
  createKey,
  incorrectKey: ["IncorrectKeyException", "InvalidCiphertext"]
})

describe("ScriptedKms", () => {
  it.effect("counts by operation, and logs what was asked, when, and what became of it", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const script = yield* ScriptedKms.ScriptedKms
      yield* TestClock.adjust("1 second")
      const { ciphertextBlob, plaintext } = yield* generate()
      yield* TestClock.adjust("1 second")
      yield* kms.encrypt({ ...request(other), plaintext })
      yield* Effect.flip(kms.decrypt({ ...request(), encryptionContext: {}, ciphertextBlob }))
      yield* script.when({ operation: "Decrypt" }, ScriptedKms.delay("5 seconds"))
      const slow = yield* Effect.forkChild(kms.decrypt({ ...request(), ciphertextBlob }), { startImmediately: true })
      yield* TestClock.adjust(0)
      const logged = { grantTokens: ["grant"], encryptionContextKeys: ["tenant"] }
      const pending: ScriptedKms.Call = {
        ...logged,
        number: 4,
        operation: "Decrypt",
        keyId: arn,
        startedAt: 2000,
        outcome: { _tag: "Pending" }
      }
      assert.deepStrictEqual(yield* script.calls, [
        {
          ...logged,
          number: 1,
          operation: "GenerateDataKey",
          keyId: arn,
          startedAt: 1000,
          outcome: { _tag: "Answered", at: 1000 }
        },
        {
          ...logged,
          number: 2,
          operation: "Encrypt",
          keyId: other,
          startedAt: 2000,
          outcome: { _tag: "Answered", at: 2000 }
        },
        {
          ...logged,
          number: 3,
          operation: "Decrypt",
          keyId: arn,
          encryptionContextKeys: [],
          startedAt: 2000,
          outcome: { _tag: "Failed", at: 2000, failure: "InvalidCiphertext" }
        },
        pending
      ])
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(slow)
      assert.deepStrictEqual((yield* script.calls)[3], { ...pending, outcome: { _tag: "Answered", at: 7000 } })
      assert.strictEqual(yield* script.count(), 4)
      assert.strictEqual(yield* script.count("GenerateDataKey"), 1)
      assert.strictEqual(yield* script.count("Encrypt"), 1)
      assert.strictEqual(yield* script.count("Decrypt"), 2)
    }).pipe(Effect.provide(layer)))

  it.effect("an interrupted call and one that died are in the log", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({ nth: 1 }, ScriptedKms.hang)
      const fiber = yield* Effect.forkChild(generate(), { startImmediately: true })
      yield* TestClock.adjust("1 hour")
      yield* Fiber.interrupt(fiber)
      yield* script.when({}, ScriptedKms.die("a bug"))
      const exit = yield* Effect.exit(generate())
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.deepStrictEqual((yield* script.calls).map(({ outcome }) => outcome), [
        { _tag: "Interrupted", at: 3_600_000 },
        { _tag: "Died", at: 3_600_000 }
      ])
      assert.deepStrictEqual(yield* script.handedOut, [])
    }).pipe(Effect.provide(layer)))

  it.effect("a rule applies by operation, key, number, times and predicate, and to nothing else", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const script = yield* ScriptedKms.ScriptedKms
      const { plaintext } = yield* generate()
      const encrypt = (keyId: string) => failureOf(kms.encrypt({ ...request(keyId), plaintext }))

      yield* script.when({ operation: "Encrypt" }, ScriptedKms.fail("AccessDenied"))
      assert.strictEqual(yield* encrypt(arn), "AccessDenied")
      assert.strictEqual(yield* failureOf(generate()), "succeeded")
      yield* script.clearRules
      assert.strictEqual(yield* encrypt(arn), "succeeded")

      yield* script.when({ keyId: other }, ScriptedKms.fail("KeyUnavailable"))
      assert.deepStrictEqual(yield* Effect.all([encrypt(arn), encrypt(other), failureOf(generate(other))]), [
        "succeeded",
        "KeyUnavailable",
        "KeyUnavailable"
      ])
      yield* script.clearRules

      yield* script.when({ operation: "Encrypt", nth: [2, 4] }, ScriptedKms.fail("Throttled"))
      yield* script.when({ operation: "GenerateDataKey", nth: 2 }, ScriptedKms.fail("Unreachable"))
      yield* script.when({ keyId: other, times: 2 }, ScriptedKms.fail("Rejected"))
      assert.deepStrictEqual(
        yield* Effect.all([
          encrypt(arn),
          failureOf(generate()),
          encrypt(arn),
          encrypt(arn),
          failureOf(generate()),
          encrypt(arn),
          encrypt(arn),
          failureOf(generate()),
          encrypt(other),
          failureOf(generate(other)),
          encrypt(other)
        ]),
        [
          "succeeded",
          "succeeded",
          "Throttled",
          "succeeded",
          "Unreachable",
          "Throttled",
          "succeeded",
          "succeeded",
          "Rejected",
          "Rejected",
          "succeeded"
        ]
      )
      yield* script.clearRules

      yield* script.when(
        { predicate: (call, { encryptionContext }) => call.number > 0 && encryptionContext?.["tenant"] === "b" },
        ScriptedKms.fail("InvalidCiphertext")
      )
      assert.strictEqual(yield* encrypt(arn), "succeeded")
      assert.strictEqual(
        yield* failureOf(kms.encrypt({ ...request(), encryptionContext: { tenant: "b" }, plaintext })),
        "InvalidCiphertext"
      )
    }).pipe(Effect.provide(layer)))

  it.effect.each(
    [
      ["AccessDenied", "AccessDeniedException", false],
      ["KeyUnavailable", "DisabledException", false],
      ["KeyNotFound", "NotFoundException", false],
      ["InvalidCiphertext", "InvalidCiphertextException", false],
      ["Throttled", "ThrottlingException", true],
      ["Unreachable", "TimeoutError", true],
      ["InvalidAnswer", "IncompleteAnswer", false],
      ["Rejected", "ValidationException", false]
    ] as const
  )("a failure that is %s has the code %s, retryable %s", ([failure, code, isRetryable]) =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({}, ScriptedKms.fail(failure))
      assert.deepInclude(yield* Effect.flip(generate()), {
        operation: "GenerateDataKey",
        keyId: arn,
        failure,
        code,
        isRetryable,
        description: "scripted"
      })
      yield* script.when(
        {},
        ScriptedKms.fail(failure, { code: "Own", description: "words", isRetryable: !isRetryable })
      )
      assert.deepInclude(yield* Effect.flip(generate()), {
        failure,
        code: "Own",
        description: "words",
        isRetryable: !isRetryable
      })
    }).pipe(Effect.provide(layer)))

  it.effect("a call passes through every rule that applies, the earlier first", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({}, ScriptedKms.fail("Throttled"))
      yield* script.when({}, ScriptedKms.delay("1 second"))
      yield* script.when({}, ScriptedKms.delay("2 seconds"))
      const fiber = yield* Effect.forkChild(failureOf(generate()), { startImmediately: true })
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(fiber), "Throttled")
    }).pipe(Effect.provide(layer)))

  it.effect("a call waits until the test lets it go on", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const gate = yield* Deferred.make<void>()
      yield* script.when({}, ScriptedKms.after(Deferred.await(gate)))
      const fiber = yield* Effect.forkChild(generate(), { startImmediately: true })
      yield* TestClock.adjust("1 hour")
      assert.isUndefined(fiber.pollUnsafe())
      assert.lengthOf(yield* script.handedOut, 0)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(fiber)
      assert.lengthOf(yield* script.handedOut, 1)
    }).pipe(Effect.provide(layer)))

  it.effect("the latency option delays every call on the Clock", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.all([generate(), generate()]), { startImmediately: true })
      yield* TestClock.adjust("50 millis")
      yield* TestClock.adjust("49 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(fiber)
    }).pipe(Effect.provide(
      ScriptedKms.layer({ keys: [{ arn }], latency: "50 millis" }).pipe(Layer.provide(TestPrimitives.layer))
    )))

  it.effect("keeps the very arrays that it handed out, and tells which are not zeroed", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const script = yield* ScriptedKms.ScriptedKms
      const generated = yield* generate()
      const decrypted = yield* kms.decrypt({ ...request(), ciphertextBlob: generated.ciphertextBlob })
      yield* kms.encrypt({ ...request(), plaintext: generated.plaintext })
      const [first, second, ...rest] = yield* script.handedOut
      assert.lengthOf(rest, 0)
      assert.strictEqual(first!.bytes, DataKey.value(generated.plaintext))
      assert.strictEqual(second!.bytes, DataKey.value(decrypted.plaintext))
      assert.deepInclude(first, { call: 1, operation: "GenerateDataKey" })
      assert.deepInclude(second, { call: 2, operation: "Decrypt" })
      assert.strictEqual(yield* script.unreleased, 2)
      DataKey.zero(generated.plaintext)
      assert.strictEqual(yield* script.unreleased, 1)
      DataKey.zero(decrypted.plaintext)
      assert.strictEqual(yield* script.unreleased, 0)
    }).pipe(Effect.provide(layer)))

  it.effect("an answer can be tampered with; a plaintext that is replaced is zeroed and not counted", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const mine = DataKey.make(Uint8Array.of(1, 2, 3))
      let replaced: Uint8Array | undefined
      yield* script.when(
        {},
        ScriptedKms.tamper((answer) => {
          replaced = DataKey.value(answer.plaintext!)
          return { keyId: other, plaintext: mine }
        })
      )
      const { ciphertextBlob, keyId, plaintext } = yield* generate()
      assert.strictEqual(keyId, other)
      assert.strictEqual(plaintext, mine)
      assert.isAbove(ciphertextBlob.length, 32)
      assert.deepStrictEqual(replaced, new Uint8Array(32))
      assert.deepStrictEqual((yield* script.handedOut).map(({ bytes }) => bytes), [Uint8Array.of(1, 2, 3)])
    }).pipe(Effect.provide(layer)))

  it.effect("clearing the log starts anew, also for calls that still run", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({ times: 1 }, ScriptedKms.delay("1 second"))
      const fiber = yield* Effect.forkChild(generate(), { startImmediately: true })
      yield* script.clearLog
      assert.strictEqual(yield* script.count(), 0)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* script.count(), 0)
      assert.lengthOf(yield* script.handedOut, 0)
      yield* generate()
      assert.deepInclude((yield* script.calls)[0], { number: 1 })
    }).pipe(Effect.provide(layer)))

  it.effect("the log prints no key material and no context values", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const script = yield* ScriptedKms.ScriptedKms
      const encryptionContext = { key: "classified" }
      const { plaintext } = yield* kms.generateDataKey({ ...request(), encryptionContext, numberOfBytes: 32 })
      const secret = [...DataKey.value(plaintext)].join(",")
      const texts = [yield* script.calls, script, kms].map((value) =>
        `${JSON.stringify(value)}${inspect(value, { depth: 10, showHidden: true })}`.replaceAll(/\s/g, "")
      )
      for (const text of texts) {
        assert.notInclude(text, "classified")
        assert.notInclude(text, secret)
      }
    }).pipe(Effect.provide(layer)))

  it.effect("what has ended can be taken out of the log; what still runs stays, and numbers go on", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({ nth: 1 }, ScriptedKms.delay("1 second"))
      yield* script.when({ nth: 2 }, ScriptedKms.fail("Throttled"))
      const slow = yield* Effect.forkChild(generate(), { startImmediately: true })
      yield* Effect.flip(generate())
      const { plaintext } = yield* generate()
      const first = yield* script.takeEnded
      assert.deepStrictEqual(first.calls.map(({ number, outcome }) => [number, outcome._tag]), [[2, "Failed"], [
        3,
        "Answered"
      ]])
      assert.deepStrictEqual(first.handedOut.map(({ bytes, call }) => [call, bytes]), [[3, DataKey.value(plaintext)]])
      assert.deepStrictEqual((yield* script.calls).map(({ number }) => number), [1])
      assert.deepStrictEqual(yield* script.handedOut, [])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(slow)
      yield* generate()
      const second = yield* script.takeEnded
      assert.deepStrictEqual(second.calls.map(({ number }) => number), [1, 4])
      assert.deepStrictEqual(second.handedOut.map(({ call }) => call), [1, 4])
      assert.deepStrictEqual(yield* script.takeEnded, { calls: [], handedOut: [] })
    }).pipe(Effect.provide(layer)))
})

/** The error of which an assertion dies; none where it holds. */
const assertionError = <R>(assertion: Effect.Effect<void, never, R>) =>
  Effect.map(Effect.exit(assertion), (exit) => {
    if (Exit.isSuccess(exit)) return undefined
    const error = Cause.squash(exit.cause)
    return error instanceof AssertionFailed && Cause.hasDies(exit.cause) ? error : assert.fail(String(error))
  })

describe("assertCalls", () => {
  it.effect("holds where exactly these calls were made", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      yield* ScriptedKms.assertCalls({})
      const { ciphertextBlob, plaintext } = yield* generate()
      yield* ScriptedKms.assertCalls({ GenerateDataKey: 1 })
      yield* kms.encrypt({ ...request(), plaintext })
      yield* kms.decrypt({ ...request(), ciphertextBlob })
      yield* Effect.flip(kms.decrypt({ ...request(), encryptionContext: {}, ciphertextBlob }))
      yield* ScriptedKms.assertCalls({ GenerateDataKey: 1, Encrypt: 1, Decrypt: 2 })
    }).pipe(Effect.provide(layer)))

  it.effect("fails where there are more, fewer, or others, and lists the calls", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({ nth: 2 }, ScriptedKms.fail("Throttled"))
      yield* script.when({ nth: 3 }, ScriptedKms.hang)
      yield* generate()
      yield* TestClock.adjust("1 second")
      yield* Effect.flip(generate())
      yield* Effect.forkChild(generate(other), { startImmediately: true })
      const error = yield* assertionError(ScriptedKms.assertCalls({ GenerateDataKey: 1 }))
      assert.strictEqual(
        error?.message,
        `expected exactly 1 GenerateDataKey, but KMS got 3 GenerateDataKey
  #1 GenerateDataKey with ${arn}, context keys ["tenant"], at 0 ms: Answered at 0 ms
  #2 GenerateDataKey with ${arn}, context keys ["tenant"], at 1000 ms: Failed Throttled at 1000 ms
  #3 GenerateDataKey with ${other}, context keys ["tenant"], at 1000 ms: still running`
      )
      assert.strictEqual(error?.name, "AssertionError")
      assert.deepStrictEqual(error?.expected, { GenerateDataKey: 1, Encrypt: 0, Decrypt: 0 })
      assert.deepStrictEqual(error?.actual, { GenerateDataKey: 3, Encrypt: 0, Decrypt: 0 })
      for (
        const [expected, message] of [
          [{ GenerateDataKey: 4 }, "expected exactly 4 GenerateDataKey, but KMS got 3 GenerateDataKey"],
          [
            { GenerateDataKey: 3, Decrypt: 1 },
            "expected exactly 3 GenerateDataKey, 1 Decrypt, but KMS got 3 GenerateDataKey"
          ],
          [{}, "expected exactly no call, but KMS got 3 GenerateDataKey"]
        ] as const
      ) {
        const error = yield* assertionError(ScriptedKms.assertCalls(expected))
        assert.strictEqual(error?.message.split("\n")[0], message)
      }
      yield* script.clearLog
      const none = yield* assertionError(ScriptedKms.assertCalls({ Decrypt: 1 }))
      assert.strictEqual(none?.message, "expected exactly 1 Decrypt, but KMS got no call")
    }).pipe(Effect.provide(layer)))

  it.effect("lists no more calls than anybody reads", () =>
    Effect.gen(function*() {
      for (let i = 0; i < 50; i++) yield* generate()
      const error = yield* assertionError(ScriptedKms.assertCalls({ GenerateDataKey: 1 }))
      const lines = error?.message.split("\n") ?? []
      assert.lengthOf(lines, 22)
      assert.strictEqual(lines.at(-1), "  … and 30 more")
    }).pipe(Effect.provide(layer)))

  it.effect("reads: exactly 1 GenerateDataKey for 3,000 encrypts", () =>
    Effect.gen(function*() {
      const sdk = yield* EncryptionSdk.EncryptionSdk
      const algorithmSuite = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
      yield* Effect.forEach(Array.from({ length: 3000 }), () => sdk.encrypt("record", { algorithmSuite }), {
        concurrency: "unbounded"
      })
      yield* ScriptedKms.assertCalls({ GenerateDataKey: 1 })
      yield* ScriptedKms.assertAllReleased
    }).pipe(Effect.provide(
      EncryptionSdk.layer().pipe(
        Layer.provide(CachingCmm.layer({ policy: { maxAge: "1 minute" } })),
        Layer.provide([LocalCache.layer({ capacity: 1 }), KmsKeyring.layer({ generatorKeyId: arn })]),
        Layer.provideMerge(layer),
        Layer.provide(TestPrimitives.layer)
      )
    )))
})

describe("assertAllReleased", () => {
  it.effect("fails while a plaintext is not zeroed, and names the calls", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      yield* ScriptedKms.assertAllReleased
      const generated = yield* generate()
      const decrypted = yield* kms.decrypt({ ...request(), ciphertextBlob: generated.ciphertextBlob })
      const both = yield* assertionError(ScriptedKms.assertAllReleased)
      assert.strictEqual(
        both?.message,
        "2 of 2 plaintexts that KMS handed out are not zeroed\n  #1 GenerateDataKey: 32 bytes\n  #2 Decrypt: 32 bytes"
      )
      DataKey.zero(generated.plaintext)
      const one = yield* assertionError(ScriptedKms.assertAllReleased)
      assert.strictEqual(
        one?.message,
        "1 of 2 plaintexts that KMS handed out are not zeroed\n  #2 Decrypt: 32 bytes"
      )
      DataKey.zero(decrypted.plaintext)
      yield* ScriptedKms.assertAllReleased
    }).pipe(Effect.provide(layer)))
})
