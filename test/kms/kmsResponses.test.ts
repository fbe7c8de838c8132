/** Responses of a `Kms` of the user's own, which are not what AwsKms makes of those of AWS KMS. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Result } from "effect"
import { BrokenContract, DataKey } from "effect-encryption-sdk"
import { Kms, KmsEcdhKeyring, KmsKeyring } from "effect-encryption-sdk/kms"
import { isZero } from "../support/bytes.ts"
import { failureOf } from "../support/client.ts"
import * as ecdh from "../support/ecdh.ts"
import { arnOf, ecdhKms } from "../support/ecdhKms.ts"
import { keyBytes, unwrapped } from "../support/keyringContract.ts"
import { edk } from "../support/kmsKeyring.ts"
import { decryptionMaterials, encryptionMaterials } from "../support/materials.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const arn = arnOf("a")
const pair = await ecdh.generate("P-256")
const wrapped = [edk("aws-kms", arn)]

const kmsKeyring = (response: () => object) => {
  const respond = (() => Effect.sync(response)) as never
  return Effect.provide(KmsKeyring.make({ generatorKeyId: arn }), [
    TestPrimitives.layer,
    Layer.succeed(Kms.Kms, { generateDataKey: respond, encrypt: respond, decrypt: respond })
  ])
}

/** One operation of a keyring for each response that holds a secret. */
const operations = {
  generateDataKey: (response: () => object) =>
    Effect.flatMap(kmsKeyring(response), (keyring) => Effect.asVoid(keyring.onEncrypt(encryptionMaterials()))),
  decrypt: (response: () => object) =>
    Effect.flatMap(kmsKeyring(response), (keyring) => Effect.asVoid(keyring.onDecrypt(decryptionMaterials(), wrapped))),
  deriveSharedSecret: (response: () => object) =>
    Effect.provide(
      KmsEcdhKeyring.make({
        curve: "P-256",
        keyAgreement: {
          _tag: "KmsPrivateKeyToStaticPublicKey",
          senderKeyId: arn,
          recipientPublicKey: pair.spki
        }
      }),
      [
        TestPrimitives.layer,
        ecdhKms({ [arn]: pair }, { deriveSharedSecret: () => Effect.sync(response as never) }).layer
      ]
    ).pipe(Effect.flatMap((keyring) => Effect.asVoid(keyring.onEncrypt(encryptionMaterials()))))
}

const names = ["generateDataKey", "decrypt", "deriveSharedSecret"] as const

describe("a response of a Kms of the user's own", () => {
  it.effect.each(names)("%s: the secret in one that lacks a field is zeroed", (operation) =>
    Effect.gen(function*() {
      const thrown = {
        get keyId(): string {
          throw new Error("cannot be read")
        }
      }
      for (const keyId of [{}, { keyId: 1 }, thrown]) {
        const [plaintext, sharedSecret] = [keyBytes(32), keyBytes(32)]
        const secrets = { plaintext: DataKey.make(plaintext), sharedSecret: Redacted.make(sharedSecret) }
        const response = Object.defineProperties({ ...secrets, ciphertextBlob: keyBytes(9) }, {
          ...Object.getOwnPropertyDescriptors(keyId)
        })
        const { reason } = yield* failureOf(operations[operation](() => response))
        const description = "returned a response without keyId, the ARN of the key"
        assert.deepStrictEqual(reason, new BrokenContract({ part: `Kms.${operation}`, description }))
        assert.isTrue(isZero(operation === "deriveSharedSecret" ? sharedSecret : plaintext))
      }
    }))

  it.effect("may be an instance of a class, and each field is read once", () =>
    Effect.gen(function*() {
      const secret = keyBytes(32)
      const reads: Array<string> = []
      const read = <A>(name: string, value: A) => {
        reads.push(name)
        return value
      }
      class Response {
        get keyId() {
          return read("keyId", arn)
        }
        get plaintext() {
          return read("plaintext", DataKey.make(secret))
        }
      }
      const keyring = yield* kmsKeyring(() => new Response())
      yield* Effect.scoped(Effect.gen(function*() {
        const result = yield* Effect.result(keyring.onDecrypt(decryptionMaterials(), wrapped))
        if (Result.isFailure(result)) return assert.fail(result.failure.message)
        assert.strictEqual(DataKey.value(unwrapped(result.success).plaintextDataKey), secret)
      }))
      assert.isTrue(isZero(secret))
      assert.deepStrictEqual(reads, ["keyId", "plaintext"])
    }))

  it.effect("that is no object broke its contract", () =>
    Effect.gen(function*() {
      for (const response of [null, undefined, 1]) {
        const { reason } = yield* failureOf(operations.decrypt(() => response as never))
        const description = "returned a response that is no object"
        assert.deepStrictEqual(reason, new BrokenContract({ part: "Kms.decrypt", description }))
      }
    }))
})
