/** The AWS SDK for JavaScript as a client of the KMS server: what holds for every Kms holds for the two together. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, References } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { Kms } from "effect-encryption-sdk/kms"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { KmsServer } from "effect-encryption-sdk/kms/development-only/server"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { createKey } from "../support/embeddedKms.ts"
import { failureOf, kmsContract, request } from "../support/kmsContract.ts"

const quiet = Layer.succeed(References.MinimumLogLevel, "Error")

/** The control is that of the server; the ports are those of the AWS SDK alone. */
const layer = Layer.unwrap(
  Effect.map(KmsServer.make(), ({ control, url }) =>
    Layer.merge(
      AwsKms.layer({
        endpoint: url,
        region: "us-east-1",
        credentials: { accessKeyId: "test", secretAccessKey: "test" },
        maxAttempts: 1
      }),
      Layer.succeed(EmbeddedKms.EmbeddedKms, control)
    ))
).pipe(Layer.provide(NodePrimitives.layer), Layer.provide(quiet), Layer.orDie)

kmsContract<EmbeddedKms.EmbeddedKms>({
  title: "AwsKms over the KMS server",
  layer,
  createKey,
  incorrectKey: ["IncorrectKeyException", "InvalidCiphertext"],
  live: true
})

describe("AwsKms over the KMS server, with key pairs", () => {
  it.live("RSA, both algorithms", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const arn = yield* (yield* EmbeddedKms.EmbeddedKms).createKey({ keySpec: "RSA_2048" })
      const plaintext = DataKey.make(Uint8Array.from({ length: 32 }, (_, index) => index))
      for (const encryptionAlgorithm of ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"] as const) {
        const { ciphertextBlob } = yield* kms.encrypt({ ...request(arn, {}), plaintext, encryptionAlgorithm })
        const decrypted = yield* kms.decrypt({ ...request(arn, {}), ciphertextBlob, encryptionAlgorithm })
        assert.deepStrictEqual(DataKey.value(decrypted.plaintext), DataKey.value(plaintext))
        assert.strictEqual(decrypted.keyId, arn)
      }
      assert.deepInclude(yield* failureOf(kms.encrypt({ ...request(arn, {}), plaintext })), {
        code: "InvalidKeyUsageException",
        failure: "Rejected"
      })
    }).pipe(Effect.provide(layer)))

  it.live("key agreement, in two Regions", () =>
    Effect.gen(function*() {
      const { deriveSharedSecret, getPublicKey } = yield* Kms.KmsKeyAgreement
      const control = yield* EmbeddedKms.EmbeddedKms
      const keySpec = "ECC_NIST_P384"
      const one = yield* control.createKey({ keySpec })
      const two = yield* control.createKey({ keySpec, region: "eu-central-1" })
      const secrets = yield* Effect.forEach([[one, two], [two, one]] as const, ([own, peer]) =>
        Effect.gen(function*() {
          const { publicKey, ...response } = yield* getPublicKey(request(peer))
          assert.deepStrictEqual(response, { keyId: peer, keySpec, keyUsage: "KEY_AGREEMENT" })
          const derived = yield* deriveSharedSecret({ ...request(own), publicKey })
          assert.strictEqual(derived.keyId, own)
          return Redacted.value(derived.sharedSecret)
        }))
      assert.lengthOf(secrets[0], 48)
      assert.deepStrictEqual(secrets[0], secrets[1])
    }).pipe(Effect.provide(layer)))
})
