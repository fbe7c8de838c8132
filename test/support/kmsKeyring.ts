/** Three keys of a scripted KMS, and requests to the keyrings over them. */
import { assert } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { EncryptedDataKey, KeyringError } from "effect-encryption-sdk"
import { DataKey } from "effect-encryption-sdk"
import { KmsKeyring } from "effect-encryption-sdk/kms"
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

export const reasonOf = <A, R>(effect: Effect.Effect<A, KeyringError.KeyringError, R>) =>
  Effect.map(failureOf(effect), (error) => {
    assert.strictEqual(error.keyring, "KmsKeyring")
    return error
  })
