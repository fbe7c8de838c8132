import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Result, Schema } from "effect"
import { AlgorithmSuite, EncryptionContext } from "effect-encryption-sdk"
import { MessageBody, MessageHeader } from "effect-encryption-sdk/message"
import { Arbitraries } from "effect-encryption-sdk/testing"
import { arbitraryBytes, arbitraryInt } from "../support/arbitraryBytes.ts"
import { toHex } from "../support/bytes.ts"
import { clientOf, policyFor } from "../support/client.ts"
import { recordingKeyring } from "../support/keyrings.ts"
import { pattern } from "../support/streams.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

describe("a message that is encrypted and decrypted again", () => {
  for (const algorithmSuite of AlgorithmSuite.all) {
    const client = (keyring = recordingKeyring()) =>
      clientOf(keyring.keyring, { commitmentPolicy: policyFor(algorithmSuite) })

    describe(algorithmSuite.name, () => {
      it.effect("has every size around its frame length", () =>
        Effect.gen(function*() {
          const sdk = yield* client()
          for (const frameLength of [1, 2, 16, 100]) {
            for (
              const size of [0, 1, frameLength - 1, frameLength, frameLength + 1, 3 * frameLength, 3 * frameLength + 1]
            ) {
              const plaintext = pattern(size)
              const encrypted = yield* sdk.encrypt(plaintext, { algorithmSuite, frameLength })
              const decrypted = yield* sdk.decrypt(encrypted.message)
              assert.strictEqual(toHex(decrypted.plaintext), toHex(plaintext), `${size} in frames of ${frameLength}`)
              assert.strictEqual(decrypted.algorithmSuite, algorithmSuite)
              assert.deepStrictEqual(decrypted.header, encrypted.header)

              const { length } = Result.getOrThrow(MessageHeader.decode(encrypted.message))
              const layout = Result.getOrThrow(MessageBody.decode(encrypted.header, encrypted.message, length))
              assert.strictEqual(layout.frameCount, Math.max(1, Math.ceil(size / frameLength)))
            }
          }
        }))

      it.effect.prop("is the same for any plaintext, context and frame length", [
        Arbitrary.all({
          plaintext: arbitraryBytes(0, 300),
          encryptionContext: Arbitraries.encryptionContext({ maxPairs: 5 }),
          frameLength: arbitraryInt(1, 120),
          expectHalf: Arbitrary.schema(Schema.Boolean)
        })
      ], ([{ encryptionContext, expectHalf, frameLength, plaintext }]) =>
        Effect.gen(function*() {
          const sdk = yield* client()
          const encrypted = yield* sdk.encrypt(plaintext, { algorithmSuite, encryptionContext, frameLength })
          const keys = Object.keys(encryptionContext)
          const expectedEncryptionContext = EncryptionContext.pick(
            encryptionContext,
            expectHalf ? keys.slice(keys.length / 2) : keys
          )
          const decrypted = yield* sdk.decrypt(encrypted.message, { expectedEncryptionContext })
          assert.strictEqual(toHex(decrypted.plaintext), toHex(plaintext))
          assert.deepStrictEqual(
            { ...EncryptionContext.omit(decrypted.encryptionContext, [EncryptionContext.publicKeyKey]) },
            { ...encryptionContext }
          )
          assert.strictEqual(
            Object.hasOwn(decrypted.encryptionContext, EncryptionContext.publicKeyKey),
            algorithmSuite.signature !== undefined
          )
        }), {
        arbitrary: { seed: `round-trip-${algorithmSuite.id}`, runs: algorithmSuite.signature === undefined ? 60 : 15 }
      })

      it.effect("is different every time", () =>
        Effect.gen(function*() {
          const sdk = yield* client()
          const first = yield* sdk.encrypt("same", { algorithmSuite })
          const second = yield* sdk.encrypt("same", { algorithmSuite })
          assert.notStrictEqual(toHex(first.header.messageId), toHex(second.header.messageId))
          assert.notStrictEqual(toHex(first.message.slice(-20)), toHex(second.message.slice(-20)))
        }))

      it.effect("may have more than one encrypted data key, any of which opens it", () =>
        Effect.gen(function*() {
          const keyring = recordingKeyring({ encryptedDataKeys: 3 })
          const sdk = yield* client(keyring)
          const { header, message } = yield* sdk.encrypt("three", { algorithmSuite })
          assert.strictEqual(header.encryptedDataKeys.length, 3)
          assert.strictEqual(Buffer.from((yield* sdk.decrypt(message)).plaintext).toString(), "three")
        }))
    })
  }

  it.effect("may have a megabyte, in frames of 4096 bytes by default", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const plaintext = pattern(1_000_000)
      const { header, message } = yield* sdk.encrypt(plaintext)
      assert.strictEqual(header.frameLength, 4096)
      const decrypted = yield* sdk.decrypt(message)
      assert.isTrue(TestPrimitives.make.timingSafeEqual(decrypted.plaintext, plaintext))
    }))

  it.effect("may have a frame length far greater than the plaintext", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const { header, message } = yield* sdk.encrypt("small", { frameLength: 0xffff_ffff })
      assert.strictEqual(header.frameLength, 0xffff_ffff)
      assert.isBelow(message.length, 700)
      assert.strictEqual(Buffer.from((yield* sdk.decrypt(message)).plaintext).toString(), "small")
    }))
})
