/** Key pairs of the embedded KMS against node:crypto, both ways. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { Kms } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { NodePrimitives } from "effect-encryption-sdk/node"
import * as crypto from "node:crypto"
import { failureOf, request } from "../support/kmsContract.ts"

const layer = EmbeddedKms.layer().pipe(Layer.provide(NodePrimitives.layer))

const publicKeyOf = (der: Uint8Array) => crypto.createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" })

/** The private key in an export. */
const privateKeyOf = (keyStore: Redacted.Redacted) => {
  const { keys } = JSON.parse(Redacted.value(keyStore)) as { readonly keys: ReadonlyArray<{ material: string }> }
  return crypto.createPrivateKey({ key: Buffer.from(keys[0]!.material, "base64"), format: "der", type: "pkcs8" })
}

const oaep = (key: crypto.KeyObject, oaepHash: string) => ({
  key,
  padding: crypto.constants.RSA_PKCS1_OAEP_PADDING,
  oaepHash
})

const hashes = [["RSAES_OAEP_SHA_1", "sha1", 20], ["RSAES_OAEP_SHA_256", "sha256", 32]] as const

describe("EmbeddedKms and node:crypto", () => {
  it.effect.each([["RSA_2048", 2048], ["RSA_3072", 3072], ["RSA_4096", 4096]] as const)(
    "%s: decrypts what node:crypto encrypts with its public key, and the reverse",
    ([keySpec, bits]) =>
      Effect.gen(function*() {
        const kms = yield* Kms.Kms
        const control = yield* EmbeddedKms.EmbeddedKms
        const arn = yield* control.createKey({ keySpec })
        const response = yield* (yield* Kms.KmsKeyAgreement).getPublicKey(request(arn))
        const publicKey = publicKeyOf(response.publicKey)
        const privateKey = privateKeyOf(yield* control.exportKeys)
        assert.deepInclude(publicKey.asymmetricKeyDetails, { modulusLength: bits, publicExponent: 65537n })
        assert.deepStrictEqual(publicKey.export({ format: "der", type: "spki" }), Buffer.from(response.publicKey))
        for (const [encryptionAlgorithm, hash, hashLength] of hashes) {
          for (const length of [32, bits / 8 - 2 * hashLength - 2]) {
            const plaintext = crypto.randomBytes(length)
            const decrypted = yield* kms.decrypt({
              ...request(arn, {}),
              ciphertextBlob: new Uint8Array(crypto.publicEncrypt(oaep(publicKey, hash), plaintext)),
              encryptionAlgorithm
            })
            assert.deepStrictEqual(Buffer.from(DataKey.value(decrypted.plaintext)), plaintext)
            const { ciphertextBlob } = yield* kms.encrypt({
              ...request(arn, {}),
              plaintext: DataKey.make(new Uint8Array(plaintext)),
              encryptionAlgorithm
            })
            assert.deepStrictEqual(crypto.privateDecrypt(oaep(privateKey, hash), ciphertextBlob), plaintext)
          }
          const tooLong = DataKey.make(new Uint8Array(bits / 8 - 2 * hashLength - 1).fill(1))
          assert.deepInclude(
            yield* failureOf(kms.encrypt({ ...request(arn, {}), plaintext: tooLong, encryptionAlgorithm })),
            { code: "ValidationException" }
          )
        }
      }).pipe(Effect.provide(layer))
  )

  it.effect.each(
    [
      ["ECC_NIST_P256", "prime256v1", 32],
      ["ECC_NIST_P384", "secp384r1", 48],
      ["ECC_NIST_P521", "secp521r1", 66]
    ] as const
  )("%s: derives the secret that node:crypto derives", ([keySpec, namedCurve, length]) =>
    Effect.gen(function*() {
      const agreement = yield* Kms.KmsKeyAgreement
      const arn = yield* (yield* EmbeddedKms.EmbeddedKms).createKey({ keySpec })
      const publicKey = publicKeyOf((yield* agreement.getPublicKey(request(arn))).publicKey)
      assert.strictEqual(publicKey.asymmetricKeyDetails!.namedCurve, namedCurve)
      for (let i = 0; i < 8; i++) {
        const peer = crypto.generateKeyPairSync("ec", { namedCurve })
        const derived = yield* agreement.deriveSharedSecret({
          ...request(arn),
          publicKey: new Uint8Array(peer.publicKey.export({ format: "der", type: "spki" }))
        })
        const secret = Redacted.value(derived.sharedSecret)
        assert.lengthOf(secret, length)
        assert.deepStrictEqual(Buffer.from(secret), crypto.diffieHellman({ privateKey: peer.privateKey, publicKey }))
      }
    }).pipe(Effect.provide(layer)))

  it.effect.each(["secp384r1", "secp256k1", "x25519"])(
    "a public key on %s is a ValidationException",
    (curve) =>
      Effect.gen(function*() {
        const agreement = yield* Kms.KmsKeyAgreement
        const arn = yield* (yield* EmbeddedKms.EmbeddedKms).createKey({ keySpec: "ECC_NIST_P256" })
        const { publicKey } = curve === "x25519"
          ? crypto.generateKeyPairSync("x25519")
          : crypto.generateKeyPairSync("ec", { namedCurve: curve })
        const call = agreement.deriveSharedSecret({
          ...request(arn),
          publicKey: new Uint8Array(publicKey.export({ format: "der", type: "spki" }))
        })
        assert.deepInclude(yield* failureOf(call), { code: "ValidationException", failure: "Rejected" })
      }).pipe(Effect.provide(layer))
  )
})
