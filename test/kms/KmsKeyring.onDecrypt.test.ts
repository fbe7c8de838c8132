import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import type { EncryptedDataKey } from "effect-encryption-sdk"
import { DataKey } from "effect-encryption-sdk"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { skipped, unwrapped } from "../support/keyringContract.ts"
import {
  alias,
  aliasArn,
  edk,
  keyId,
  one,
  reasonOf,
  TestKms,
  three,
  toDecrypt,
  two,
  wrapped
} from "../support/kmsKeyring.ts"

describe("KmsKeyring.onDecrypt", () => {
  it.effect("tries only the encrypted data keys whose key ARN is configured, in order, under that ARN", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const { bytes, encryptedDataKeys } = yield* wrapped({ generatorKeyId: one, keyIds: [two, three] })
      const keyring = yield* KmsKeyring.make({ generatorKeyId: three, keyIds: [two], grantTokens: ["token"] })
      yield* script.clearLog
      const answer = unwrapped(yield* keyring.onDecrypt(toDecrypt(), [edk("raw", "name"), ...encryptedDataKeys]))
      assert.strictEqual(answer.encryptedDataKey, encryptedDataKeys[1])
      assert.deepStrictEqual(DataKey.value(answer.plaintextDataKey), bytes)
      assert.deepStrictEqual(
        (yield* script.calls).map(({ encryptionContextKeys, grantTokens, keyId, operation }) => [
          operation,
          keyId,
          encryptionContextKeys,
          grantTokens
        ]),
        [["Decrypt", two, ["tenant", "purpose"], ["token"]]]
      )
    }).pipe(Effect.provide(TestKms)))

  it.effect("goes on to the next where one fails, and zeroes what it does not hand out", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const { bytes, encryptedDataKeys } = yield* wrapped({ generatorKeyId: one, keyIds: [two, three] })
      const keyring = yield* KmsKeyring.make({ keyIds: [one, two, three] })
      yield* script.when({ operation: "Decrypt", keyId: one }, ScriptedKms.fail("Throttled"))
      yield* script.when({ operation: "Decrypt", keyId: two }, ScriptedKms.tamper(() => ({ keyId: one })))
      const scope = yield* Scope.make()
      const answer = unwrapped(yield* Scope.provide(keyring.onDecrypt(toDecrypt(), encryptedDataKeys), scope))
      assert.strictEqual(answer.encryptedDataKey, encryptedDataKeys[2])
      assert.deepStrictEqual(DataKey.value(answer.plaintextDataKey), bytes)
      assert.strictEqual(yield* script.unreleased, 1)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* script.unreleased, 0)
    }).pipe(Effect.provide(TestKms)))

  it.effect("where none unwraps, reports a row for each", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: one, keyIds: [two, three] })
      const keyring = yield* KmsKeyring.make({ keyIds: [one, two] })
      yield* script.when({ operation: "Decrypt", keyId: one }, ScriptedKms.fail("Throttled"))
      const error = yield* reasonOf(
        Effect.scoped(
          keyring.onDecrypt(toDecrypt({ encryptionContext: {} }), [edk("raw", "name"), ...encryptedDataKeys])
        )
      )
      assert.strictEqual(error.operation, "onDecrypt")
      assert.isTrue(error.isRetryable)
      const { reason } = error
      assert.strictEqual(reason._tag, "DataKeyNotUnwrapped")
      if (reason._tag !== "DataKeyNotUnwrapped") return
      const row = { keyring: "KmsKeyring", keyProviderId: "aws-kms" }
      assert.deepStrictEqual([...reason.encryptedDataKeys], [
        {
          _tag: "Skipped",
          ...row,
          index: 0,
          keyProviderId: "raw",
          keyProviderInfo: "name",
          description: "its key provider is not aws-kms"
        },
        {
          _tag: "Attempted",
          ...row,
          index: 1,
          keyProviderInfo: one,
          failure: "Throttled",
          code: "ThrottlingException",
          description: "scripted",
          isRetryable: true
        },
        {
          _tag: "Attempted",
          ...row,
          index: 2,
          keyProviderInfo: two,
          failure: "InvalidCiphertext",
          code: "InvalidCiphertextException",
          isRetryable: false
        },
        {
          _tag: "Skipped",
          ...row,
          index: 3,
          keyProviderInfo: three,
          description: "its key ARN is not configured"
        }
      ])
    }).pipe(Effect.provide(TestKms)))

  it.effect.each<[string, Partial<ScriptedKms.Response>]>([
    ["KeyIdMismatch", { keyId: two }],
    ["KeyIdMismatch", { keyId: aliasArn }],
    ["KeyIdMismatch", { keyId: "" }],
    ["PlaintextLengthMismatch", { plaintext: DataKey.make(new Uint8Array(16).fill(1)) }],
    ["PlaintextLengthMismatch", { plaintext: DataKey.make(new Uint8Array(0)) }],
    ["PlaintextAllZero", { plaintext: DataKey.make(new Uint8Array(32)) }]
  ])(
    "%s in an answer is a failed attempt, and the plaintext is zeroed at once",
    ([code, answer]) =>
      Effect.gen(function*() {
        const script = yield* ScriptedKms.ScriptedKms
        const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: one })
        const keyring = yield* KmsKeyring.make({ generatorKeyId: one })
        yield* script.clearLog
        yield* script.when({}, ScriptedKms.tamper(() => answer))
        const error = yield* reasonOf(keyring.onDecrypt(toDecrypt(), encryptedDataKeys))
        assert.isFalse(error.isRetryable)
        assert.strictEqual(error.reason._tag, "DataKeyNotUnwrapped")
        if (error.reason._tag !== "DataKeyNotUnwrapped") return
        assert.deepInclude(error.reason.encryptedDataKeys[0], { failure: "InvalidAnswer", code, isRetryable: false })
        assert.lengthOf(yield* script.handedOut, 1)
        assert.strictEqual(yield* script.unreleased, 0)
      }).pipe(Effect.provide(TestKms))
  )

  it.effect("what is not its own is not tried, and each has its reason", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const keyring = yield* KmsKeyring.make({ generatorKeyId: one })
      const noArn = "its key provider information is no key ARN"
      const cases: ReadonlyArray<readonly [EncryptedDataKey.EncryptedDataKey, string]> = [
        [edk("AWS-KMS", one), "its key provider is not aws-kms"],
        [edk("", one), "its key provider is not aws-kms"],
        [edk("aws-kms", aliasArn), noArn],
        [edk("aws-kms", keyId), noArn],
        [edk("aws-kms", ""), noArn],
        [edk("aws-kms", "arn:aws:s3:::bucket"), noArn],
        [edk("aws-kms", Uint8Array.of(0xff, 0xfe)), noArn],
        [edk("aws-kms", two), "its key ARN is not configured"],
        [
          edk("aws-kms", one.toUpperCase().replace("ARN:AWS:KMS", "arn:aws:kms").replace(":KEY/", ":key/")),
          "its key ARN is not configured"
        ],
        [edk("aws-kms", one.replace("us-east-1", "us-east-2")), "its key ARN is not configured"]
      ]
      const rows = skipped(yield* keyring.onDecrypt(toDecrypt(), cases.map(([edk]) => edk)))
      assert.deepStrictEqual(
        rows.map(({ description, index }) => [index, description]),
        cases.map(([, description], index) => [
          index,
          description
        ])
      )
      assert.deepStrictEqual(skipped(yield* keyring.onDecrypt(toDecrypt(), [])), [])
      assert.strictEqual(yield* script.count(), 0)
    }).pipe(Effect.provide(TestKms)))

  const exact = "its key ARN is not configured, and names are compared exactly: "
  const configure = `. If this is the key that is meant, configure its key ARN ${one}`
  it.effect.each<[KmsKeyring.Options, string]>([
    [{ generatorKeyId: alias }, `${exact}${alias} is an alias, which encrypts but does not decrypt${configure}`],
    [{ keyIds: [aliasArn] }, `${exact}${aliasArn} is an alias, which encrypts but does not decrypt${configure}`],
    [{ generatorKeyId: keyId }, `${exact}${keyId} is the key id of that ARN alone${configure}`],
    [
      { generatorKeyId: two, keyIds: [alias, keyId] },
      `${exact}${alias} is an alias, which encrypts but does not decrypt, ${keyId} is the key id of that ARN alone${configure}`
    ],
    [{ keyIds: [two, aliasArn.replace("us-east-1", "us-west-2")] }, "its key ARN is not configured"],
    [{ keyIds: [aliasArn.replace("111122223333", "444455556666")] }, "its key ARN is not configured"],
    [{ keyIds: [aliasArn.replace(":aws:", ":aws-cn:")] }, "its key ARN is not configured"],
    [{ keyIds: ["mrk-22222222222222222222222222222222"] }, "its key ARN is not configured"]
  ])(
    "a name that is no key ARN does not decrypt, and is named: %j",
    ([options, description]) =>
      Effect.gen(function*() {
        const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: alias })
        const script = yield* ScriptedKms.ScriptedKms
        const keyring = yield* KmsKeyring.make(options)
        const rows = skipped(yield* keyring.onDecrypt(toDecrypt(), encryptedDataKeys))
        assert.deepStrictEqual(rows, [{
          _tag: "Skipped",
          keyring: "KmsKeyring",
          index: 0,
          keyProviderId: "aws-kms",
          keyProviderInfo: one,
          description
        }])
        assert.strictEqual(yield* script.count("Decrypt"), 0)
        const advised = yield* KmsKeyring.make({ generatorKeyId: one })
        assert.strictEqual((yield* advised.onDecrypt(toDecrypt(), encryptedDataKeys))._tag, "Unwrapped")
      }).pipe(Effect.provide(TestKms))
  )

  it.effect.each<[string, string, boolean]>([
    ["another Region", two.replace("us-east-1", "eu-central-1"), true],
    ["another account", two.replace("us-east-1:111122223333", "eu-central-1:444455556666"), false],
    ["another partition", two.replace(":aws:", ":aws-cn:"), false],
    ["another id", two.replace("mrk-2", "mrk-3"), false]
  ])(
    "a multi-Region key of %s is not configured; of a replica, the keyring that takes it is named",
    ([, configured, isReplica]) =>
      Effect.gen(function*() {
        const keyring = yield* KmsKeyring.make({ generatorKeyId: configured })
        const rows = skipped(yield* keyring.onDecrypt(toDecrypt(), [edk("aws-kms", two)]))
        assert.deepStrictEqual(rows.map(({ description }) => description), [
          isReplica
            ? `${exact}${configured} is another replica of that multi-Region key, with which KmsMrkKeyring unwraps it` +
              `. If this is the key that is meant, configure its key ARN ${two}`
            : "its key ARN is not configured"
        ])
      }).pipe(Effect.provide(TestKms))
  )
})
