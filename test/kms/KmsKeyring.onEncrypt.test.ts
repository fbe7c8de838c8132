import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { unwrapped } from "../support/keyringContract.ts"
import {
  alias,
  aliasArn,
  edk,
  infos,
  keyId,
  one,
  reasonOf,
  TestKms,
  three,
  toDecrypt,
  toEncrypt,
  two,
  wrapped
} from "../support/kmsKeyring.ts"
import { TestClock } from "../support/TestClock.ts"

/** Base64 of 32 bytes, as a key would be: no name of one. */
const secretText = Buffer.alloc(32, 7).toString("base64")

describe("KmsKeyring.onEncrypt", () => {
  it.effect("calls with the names, the context and the grant tokens that it was given, and lists key ARNs", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const materials = toEncrypt()
      const { encryptedDataKeys } = yield* wrapped(
        { generatorKeyId: alias, keyIds: [two, three], grantTokens: ["token-1", "token-2"] },
        materials
      )
      assert.deepStrictEqual(infos(encryptedDataKeys), [`aws-kms ${one}`, `aws-kms ${two}`, `aws-kms ${three}`])
      assert.deepStrictEqual(
        (yield* script.calls).map(({ encryptionContextKeys, grantTokens, keyId, operation }) => [
          operation,
          keyId,
          encryptionContextKeys,
          grantTokens
        ]),
        [
          ["GenerateDataKey", alias, ["tenant", "purpose"], ["token-1", "token-2"]],
          ["Encrypt", two, ["tenant", "purpose"], ["token-1", "token-2"]],
          ["Encrypt", three, ["tenant", "purpose"], ["token-1", "token-2"]]
        ]
      )
      assert.deepStrictEqual(materials, toEncrypt())
    }).pipe(Effect.provide(TestKms)))

  it.effect("each key alone unwraps what it wrapped", () =>
    Effect.gen(function*() {
      const { bytes, encryptedDataKeys } = yield* wrapped({ generatorKeyId: one, keyIds: [two, three] })
      for (const [index, key] of [one, two, three].entries()) {
        const keyring = yield* KmsKeyring.make({ keyIds: [key] })
        const answer = unwrapped(yield* keyring.onDecrypt(toDecrypt(), encryptedDataKeys))
        assert.deepStrictEqual(DataKey.value(answer.plaintextDataKey), bytes)
        assert.strictEqual(answer.encryptedDataKey, encryptedDataKeys[index])
      }
    }).pipe(Effect.provide(TestKms)))

  it.effect("wraps under the additional keys in parallel, and keeps their order", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({ operation: "Encrypt", keyId: two }, ScriptedKms.delay("300 millis"))
      yield* script.when({ operation: "Encrypt", keyId: three }, ScriptedKms.delay("200 millis"))
      yield* script.when({ operation: "Encrypt", keyId: aliasArn }, ScriptedKms.delay("100 millis"))
      const fiber = yield* Effect.forkChild(wrapped({ generatorKeyId: one, keyIds: [two, three, aliasArn] }))
      // In steps, so that each answer is there in its own time also where cryptography is asynchronous.
      for (let step = 0; step < 3; step++) yield* TestClock.adjust("100 millis")
      const { encryptedDataKeys } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(infos(encryptedDataKeys), [one, two, three, one].map((arn) => `aws-kms ${arn}`))
      assert.deepStrictEqual((yield* script.calls).map(({ outcome, startedAt }) => [startedAt, outcome]), [
        [0, { _tag: "Answered", at: 0 }],
        [0, { _tag: "Answered", at: 300 }],
        [0, { _tag: "Answered", at: 200 }],
        [0, { _tag: "Answered", at: 100 }]
      ])
    }).pipe(Effect.provide(TestKms)))

  it.effect("wraps a data key that is there already under all keys, the generator's first, and leaves it as it is", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const bytes = Uint8Array.from({ length: 32 }, (_, index) => index)
      const plaintextDataKey = DataKey.make(bytes)
      const before = edk("other", "info")
      for (
        const [options, expected] of [
          [{ generatorKeyId: one, keyIds: [two] }, [one, two]],
          [{ keyIds: [three, one] }, [three, one]]
        ] as const
      ) {
        yield* script.clearLog
        const keyring = yield* KmsKeyring.make(options)
        const materials = toEncrypt({ plaintextDataKey, encryptedDataKeys: [before] })
        const result = yield* Effect.scoped(keyring.onEncrypt(materials))
        assert.strictEqual(result.plaintextDataKey, plaintextDataKey)
        assert.deepStrictEqual(bytes, Uint8Array.from({ length: 32 }, (_, index) => index))
        assert.strictEqual(result.encryptedDataKeys[0], before)
        assert.deepStrictEqual(infos(result.encryptedDataKeys.slice(1)), expected.map((arn) => `aws-kms ${arn}`))
        assert.deepStrictEqual(
          { ...result, encryptedDataKeys: [] },
          { ...materials, encryptedDataKeys: [] }
        )
        assert.strictEqual(yield* script.count("GenerateDataKey"), 0)
        assert.strictEqual(yield* script.count("Encrypt"), 2)
        const answer = unwrapped(yield* keyring.onDecrypt(toDecrypt(), result.encryptedDataKeys))
        assert.deepStrictEqual(DataKey.value(answer.plaintextDataKey), bytes)
      }
    }).pipe(Effect.provide(TestKms)))

  it.effect("without generator key and without data key there is nothing to wrap", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const keyring = yield* KmsKeyring.make({ keyIds: [one] })
      const error = yield* reasonOf(Effect.scoped(keyring.onEncrypt(toEncrypt())))
      assert.strictEqual(error.operation, "onEncrypt")
      assert.deepInclude(error.reason, { _tag: "KeyringMisconfigured", field: "generatorKeyId" })
      assert.strictEqual(yield* script.count(), 0)
    }).pipe(Effect.provide(TestKms)))

  it.effect.each(
    [
      ["GenerateDataKey", "AccessDenied", false],
      ["GenerateDataKey", "Throttled", true],
      ["Encrypt", "KeyUnavailable", false],
      ["Encrypt", "Unreachable", true]
    ] as const
  )(
    "%s that fails with %s fails the whole, isRetryable: %s",
    ([operation, failure, isRetryable]) =>
      Effect.gen(function*() {
        const script = yield* ScriptedKms.ScriptedKms
        yield* script.when({ operation, nth: 1 }, ScriptedKms.fail(failure, { code: "Code" }))
        const error = yield* reasonOf(wrapped({ generatorKeyId: one, keyIds: [two, three] }))
        assert.strictEqual(error.operation, "onEncrypt")
        assert.strictEqual(error.isRetryable, isRetryable)
        assert.deepInclude(error.reason, {
          _tag: "DataKeyNotWrapped",
          keyName: operation === "Encrypt" ? two : one,
          failure,
          code: "Code",
          isRetryable
        })
        assert.strictEqual(yield* script.unreleased, 0)
      }).pipe(Effect.provide(TestKms))
  )

  it.effect.each<[ScriptedKms.Operation, Partial<ScriptedKms.Response>, string]>([
    ["GenerateDataKey", { keyId: aliasArn }, "KeyIdNotAKeyArn"],
    ["GenerateDataKey", { keyId }, "KeyIdNotAKeyArn"],
    ["GenerateDataKey", { keyId: "" }, "KeyIdNotAKeyArn"],
    ["GenerateDataKey", { keyId: secretText }, "KeyIdNotAKeyArn"],
    ["GenerateDataKey", { plaintext: DataKey.make(new Uint8Array(31).fill(1)) }, "PlaintextLengthMismatch"],
    ["GenerateDataKey", { plaintext: DataKey.make(new Uint8Array(33).fill(1)) }, "PlaintextLengthMismatch"],
    ["GenerateDataKey", { plaintext: DataKey.make(new Uint8Array(0)) }, "PlaintextLengthMismatch"],
    ["GenerateDataKey", { plaintext: DataKey.make(new Uint8Array(32)) }, "PlaintextAllZero"],
    ["GenerateDataKey", { ciphertextBlob: new Uint8Array(0) }, "CiphertextBlobEmpty"],
    ["Encrypt", { keyId: alias }, "KeyIdNotAKeyArn"],
    ["Encrypt", { ciphertextBlob: new Uint8Array(0) }, "CiphertextBlobEmpty"]
  ])("%s that answers %j is refused", ([operation, answer, code]) =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({ operation }, ScriptedKms.tamper(() => answer))
      const error = yield* reasonOf(wrapped({ generatorKeyId: one, keyIds: [two] }))
      assert.deepInclude(error.reason, {
        _tag: "DataKeyNotWrapped",
        keyName: operation === "Encrypt" ? two : one,
        failure: "InvalidAnswer",
        code,
        isRetryable: false
      })
      if (code === "KeyIdNotAKeyArn") {
        const named = answer.keyId === secretText ? "a text of 44 characters" : `"${answer.keyId}"`
        assert.include(error.message, `must be a key ARN, got ${named}`)
      }
      assert.strictEqual(yield* script.unreleased, 0)
      assert.isTrue((yield* script.handedOut).length > 0)
    }).pipe(Effect.provide(TestKms)))
})
