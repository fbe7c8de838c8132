/** The keyrings of key pairs over the embedded KMS, whose key pairs are real. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { DataKey, type Keyring } from "effect-encryption-sdk"
import { Kms, KmsEcdhKeyring, KmsRsaKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { failureOf } from "../support/client.ts"
import { unwrapped } from "../support/keyringContract.ts"
import { decryptionMaterials, encryptionMaterials } from "../support/materials.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const one = "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"
const replica = one.replace("us-east-1", "eu-central-1")
const two = "arn:aws:kms:us-east-1:111122223333:key/2345bcde-12ab-34cd-56ef-1234567890ab"

const over = (keySpec: EmbeddedKms.KeyOptions["keySpec"]) =>
  Layer.provideMerge(
    ScriptedKms.layer({ keys: [{ arn: one, keySpec, replicaRegions: ["eu-central-1"] }, { arn: two, keySpec }] }),
    TestPrimitives.layer
  )

const publicKeyOf = (keyId: string) =>
  Effect.flatMap(Kms.KmsKeyAgreement, (kms) => kms.getPublicKey({ keyId, grantTokens: [] }))

/** Wraps with one keyring, unwraps with each of the others, and zeroes everything at the end. */
const crosses = Effect.fnUntraced(function*(writer: Keyring.Keyring, readers: ReadonlyArray<Keyring.Keyring>) {
  yield* Effect.scoped(Effect.gen(function*() {
    const { encryptedDataKeys, plaintextDataKey } = yield* writer.onEncrypt(encryptionMaterials())
    for (const reader of readers) {
      const result = unwrapped(yield* reader.onDecrypt(decryptionMaterials(), encryptedDataKeys))
      assert.deepStrictEqual(DataKey.value(result.plaintextDataKey), DataKey.value(plaintextDataKey!))
      const elsewhere = decryptionMaterials({ encryptionContext: { purpose: "another" } })
      const { reason } = yield* failureOf(reader.onDecrypt(elsewhere, encryptedDataKeys))
      assert.strictEqual(reason._tag, "DataKeyNotUnwrapped")
    }
  }))
  yield* ScriptedKms.assertAllReleased
})

describe("KmsRsaKeyring over the embedded KMS", () => {
  for (const keySpec of ["RSA_2048", "RSA_3072"] as const) {
    for (const encryptionAlgorithm of ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"] as const) {
      it.effect(`${keySpec}, ${encryptionAlgorithm}: AWS KMS unwraps in any Region`, () =>
        Effect.gen(function*() {
          const { publicKey } = yield* publicKeyOf(one)
          const writer = yield* KmsRsaKeyring.makeEncryptOnly({ keyId: one, encryptionAlgorithm, publicKey })
          const readers = yield* Effect.forEach(
            [one, replica],
            (keyId) => KmsRsaKeyring.make({ keyId, encryptionAlgorithm })
          )
          yield* crosses(writer, readers)
          yield* ScriptedKms.assertCalls({ GetPublicKey: 1, Decrypt: 4 })
        }).pipe(Effect.provide(over(keySpec))))
    }
  }

  it.effect("a disabled key is a row with the code of AWS KMS", () =>
    Effect.gen(function*() {
      const { publicKey } = yield* publicKeyOf(one)
      const keyring = yield* KmsRsaKeyring.make({ keyId: one, encryptionAlgorithm: "RSAES_OAEP_SHA_256", publicKey })
      const { encryptedDataKeys } = yield* keyring.onEncrypt(encryptionMaterials())
      yield* Effect.flatMap(EmbeddedKms.EmbeddedKms, (control) => control.setKeyState(one, "Disabled"))
      const { reason } = yield* failureOf(keyring.onDecrypt(decryptionMaterials(), encryptedDataKeys))
      if (reason._tag !== "DataKeyNotUnwrapped") return assert.fail(reason._tag)
      assert.deepInclude(reason.encryptedDataKeys[0], { failure: "KeyUnavailable", code: "DisabledException" })
    }).pipe(Effect.provide(over("RSA_2048"))))
})

describe("KmsEcdhKeyring over the embedded KMS", () => {
  for (
    const [curve, keySpec] of [
      ["P-256", "ECC_NIST_P256"],
      ["P-384", "ECC_NIST_P384"],
      ["P-521", "ECC_NIST_P521"]
    ] as const
  ) {
    it.effect(`${curve}: either side reads, and so does one that knows its own key alone`, () =>
      Effect.gen(function*() {
        const [mine, theirs] = [yield* publicKeyOf(one), yield* publicKeyOf(two)]
        const make = (keyAgreement: KmsEcdhKeyring.Options["keyAgreement"]) =>
          KmsEcdhKeyring.make({ curve, keyAgreement })
        const writer = yield* make({
          _tag: "KmsPrivateKeyToStaticPublicKey",
          senderKeyId: one,
          recipientPublicKey: theirs.publicKey
        })
        yield* crosses(writer, [
          writer,
          yield* make({
            _tag: "KmsPrivateKeyToStaticPublicKey",
            senderKeyId: two,
            recipientPublicKey: mine.publicKey
          }),
          yield* make({ _tag: "KmsPublicKeyDiscovery", recipientKeyId: two })
        ])
      }).pipe(Effect.provide(over(keySpec))))
  }
})
