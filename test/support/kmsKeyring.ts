/** Three keys of a scripted KMS, and requests to the keyrings over them. */
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { EncryptedDataKey, Keyring, KeyringError } from "effect-encryption-sdk"
import { DataKey } from "effect-encryption-sdk"
import { type Kms, KmsKeyring } from "effect-encryption-sdk/kms"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { failureOf } from "./client.ts"
import { decryptionMaterials, encryptionMaterials } from "./materials.ts"
import { TestPrimitives } from "./TestPrimitives.ts"

export const keyId = "1234abcd-12ab-34cd-56ef-1234567890ab"
export const one = `arn:aws:kms:us-east-1:111122223333:key/${keyId}`
export const two = "arn:aws:kms:us-east-1:111122223333:key/mrk-22222222222222222222222222222222"
export const three = "arn:aws:kms:eu-central-1:111122223333:key/33333333-3333-3333-3333-333333333333"
export const alias = "alias/orders"
export const aliasArn = "arn:aws:kms:us-east-1:111122223333:alias/orders"

export const TestKms = ScriptedKms.layer({ keys: [{ arn: one, aliases: [alias] }, { arn: two }, { arn: three }] }).pipe(
  Layer.provide(TestPrimitives.layer)
)

export const encryptionContext = { tenant: "a", purpose: "test" }

export const toEncrypt = (fields: Parameters<typeof encryptionMaterials>[0] = {}) =>
  encryptionMaterials({ encryptionContext, ...fields })
export const toDecrypt = (fields: Parameters<typeof decryptionMaterials>[0] = {}) =>
  decryptionMaterials({ encryptionContext, ...fields })

export const edk = (
  keyProviderId: string,
  keyProviderInfo: string | Uint8Array,
  ciphertext: Uint8Array = Uint8Array.of(1, 2, 3)
): EncryptedDataKey.EncryptedDataKey => ({
  keyProviderId,
  keyProviderInfo: typeof keyProviderInfo === "string" ? new TextEncoder().encode(keyProviderInfo) : keyProviderInfo,
  ciphertext
})

export const infos = (encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>) =>
  encryptedDataKeys.map(({ keyProviderId, keyProviderInfo }) =>
    `${keyProviderId} ${new TextDecoder().decode(keyProviderInfo)}`
  )

/** Encrypted data keys of a keyring over these keys, and a copy of the data key. */
export const wrapped = (options: KmsKeyring.Options, materials = toEncrypt()) =>
  Effect.gen(function*() {
    const keyring = yield* KmsKeyring.make(options)
    const { encryptedDataKeys, plaintextDataKey } = yield* keyring.onEncrypt(materials)
    return { encryptedDataKeys, bytes: DataKey.value(plaintextDataKey!).slice() }
  }).pipe(Effect.scoped)

export const reasonOf = <A, R>(effect: Effect.Effect<A, KeyringError.KeyringError, R>, keyring = "KmsKeyring") =>
  Effect.map(failureOf(effect), (error) => {
    assert.strictEqual(error.keyring, keyring)
    return error
  })

/** The rows of a decrypt that unwraps none. */
export const rowsOf = <A, R>(effect: Effect.Effect<A, KeyringError.KeyringError, R>, keyring: string) =>
  Effect.map(reasonOf(effect, keyring), ({ operation, reason }) => {
    assert.strictEqual(operation, "onDecrypt")
    if (reason._tag !== "DataKeyNotUnwrapped") return assert.fail(`reason is ${reason._tag}`)
    return reason.encryptedDataKeys
  })

/** The calls of a scripted KMS, by operation and key. */
export const callsOf = Effect.gen(function*() {
  const script = yield* ScriptedKms.ScriptedKms
  return (yield* script.calls).map(({ keyId, operation }) => `${operation} ${keyId}`)
})

/** Encrypted data keys that name AWS KMS with something other than a key ARN. */
export const malformed: ReadonlyArray<readonly [string, EncryptedDataKey.EncryptedDataKey]> = [
  ["an alias ARN", edk("aws-kms", aliasArn)],
  ["an alias name", edk("aws-kms", alias)],
  ["a key id", edk("aws-kms", keyId)],
  ["nothing", edk("aws-kms", "")],
  ["another service's ARN", edk("aws-kms", "arn:aws:s3:us-east-1:111122223333:key/a")],
  ["an ARN without partition", edk("aws-kms", one.replace(":aws:", "::"))],
  ["an ARN without Region", edk("aws-kms", one.replace("us-east-1", ""))],
  ["an ARN without account", edk("aws-kms", one.replace("111122223333", ""))],
  ["an ARN without key id", edk("aws-kms", one.replace(keyId, ""))],
  ["an ARN with more parts", edk("aws-kms", `${one}:1`)],
  ["no UTF-8", edk("aws-kms", Uint8Array.of(0xff, 0xfe))]
]

/** A malformed key ARN among good ones makes `onDecrypt` fail before any call. */
export const failsOnMalformed = (
  keyring: string,
  section: string,
  make: Effect.Effect<Keyring.Keyring, KeyringError.KeyringError, Kms.Kms | Kms.KmsDecrypt>
) =>
  it.effect.each(malformed)(
    `${section}: %s instead of a key ARN fails onDecrypt, and nothing is called`,
    ([, bad]) =>
      Effect.gen(function*() {
        const script = yield* ScriptedKms.ScriptedKms
        const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: one })
        yield* script.clearLog
        const made = yield* make
        const rows = yield* rowsOf(made.onDecrypt(toDecrypt(), [...encryptedDataKeys, bad]), keyring)
        assert.deepInclude(rows[0], {
          _tag: "Skipped",
          index: 0,
          description: "another encrypted data key of AWS KMS names no key ARN, so none is tried"
        })
        assert.deepInclude(rows[1], {
          _tag: "Attempted",
          keyring,
          index: 1,
          failure: "InvalidCiphertext",
          code: "KeyProviderInfoNotAKeyArn",
          isRetryable: false
        })
        assert.deepStrictEqual(yield* callsOf, [])
        // The same text of another key provider is no name of a KMS key.
        const foreign = { ...bad, keyProviderId: "AWS-KMS" }
        assert.strictEqual((yield* made.onDecrypt(toDecrypt(), [foreign, ...encryptedDataKeys]))._tag, "Unwrapped")
      }).pipe(Effect.provide(TestKms))
  )
