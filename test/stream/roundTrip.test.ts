/**
 * Streams in any chunks: the same message, the same plaintext, and the same as the one-shot client.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Result } from "effect"
import { AlgorithmSuite } from "effect-encryption-sdk"
import { MessageBody, MessageHeader } from "effect-encryption-sdk/message"
import { Arbitraries } from "effect-encryption-sdk/testing"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { arbitraryBytes, arbitraryInt } from "../support/arbitraryBytes.ts"
import { toHex } from "../support/bytes.ts"
import { clientOf, policyFor } from "../support/client.ts"
import { recordingKeyring } from "../support/keyrings.ts"
import { arbitraryCuts, chunked, chunksOf, collect, pattern, unverifiedOf } from "../support/streams.ts"
import { unsigned } from "../support/suites.ts"

describe("a stream that is encrypted and decrypted again", () => {
  for (const algorithmSuite of AlgorithmSuite.all) {
    const client = () => clientOf(recordingKeyring().keyring, { commitmentPolicy: policyFor(algorithmSuite) })

    describe(algorithmSuite.name, () => {
      it.effect.prop("in any chunks, it is what the one-shot client reads and writes", [
        Arbitrary.all({
          plaintext: arbitraryBytes(0, 300),
          encryptionContext: Arbitraries.encryptionContext({ maxPairs: 3 }),
          frameLength: arbitraryInt(1, 120),
          plaintextCuts: arbitraryCuts(300),
          messageCuts: arbitraryCuts(2000)
        })
      ], ([{ encryptionContext, frameLength, messageCuts, plaintext, plaintextCuts }]) =>
        Effect.gen(function*() {
          const sdk = yield* client()
          const options = { algorithmSuite, encryptionContext, frameLength }
          const message = yield* collect(
            sdk.encryptStream(chunked(plaintext, plaintextCuts.cuts, plaintextCuts.perPull), options)
          )
          const oneShot = yield* sdk.encrypt(plaintext, options)
          assert.strictEqual(message.length, oneShot.message.length)
          assert.strictEqual(toHex((yield* sdk.decrypt(message)).plaintext), toHex(plaintext))
          for (const whole of [message, oneShot.message]) {
            const source = chunked(whole, messageCuts.cuts, messageCuts.perPull)
            assert.strictEqual(toHex(yield* collect(sdk.decryptStream(source))), toHex(plaintext))
            const unverified = unverifiedOf(sdk.decryptStreamUnverified(source))
            assert.strictEqual(toHex(yield* collect(unverified)), toHex(plaintext))
          }
        }), {
        arbitrary: { seed: `streams-${algorithmSuite.id}`, runs: algorithmSuite.signature === undefined ? 60 : 12 }
      })

      it.effect("has every size around its frame length, a byte at a time and all at once", () =>
        Effect.gen(function*() {
          const sdk = yield* client()
          for (const frameLength of [1, 16, 100]) {
            for (const size of new Set([0, 1, frameLength - 1, frameLength, frameLength + 1, 3 * frameLength])) {
              const plaintext = pattern(size)
              for (const chunk of [1, frameLength, 10_000]) {
                const name = `${size} bytes in frames of ${frameLength}, chunks of ${chunk}`
                const message = yield* collect(
                  sdk.encryptStream(chunksOf(plaintext, chunk), { algorithmSuite, frameLength })
                )
                assert.strictEqual(toHex((yield* sdk.decrypt(message)).plaintext), toHex(plaintext), name)
                const read = yield* collect(sdk.decryptStream(chunksOf(message, chunk)))
                assert.strictEqual(toHex(read), toHex(plaintext), name)
              }
            }
          }
        }))

      it.effect("is a description: run twice, it makes two messages", () =>
        Effect.gen(function*() {
          const sdk = yield* client()
          const plaintext = pattern(50)
          const encrypted = sdk.encryptStream(chunksOf(plaintext, 7), { algorithmSuite, frameLength: 20 })
          const [first, second] = yield* Effect.all([collect(encrypted), collect(encrypted)], { concurrency: 2 })
          assert.notStrictEqual(toHex(first), toHex(second))
          for (const message of [first, second]) {
            const decrypted = sdk.decryptStream(chunksOf(message, 11))
            for (let run = 0; run < 2; run++) assert.strictEqual(toHex(yield* collect(decrypted)), toHex(plaintext))
          }
        }))
    })
  }

  it.effect("has another IV for each of its frames, the frame's own number, in whatever batches they are written", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      for (const chunk of [7, 25, 10_000]) {
        const message = yield* collect(
          sdk.encryptStream(chunksOf(pattern(95), chunk), { algorithmSuite: unsigned, frameLength: 10 })
        )
        const { header, length } = Result.getOrThrow(MessageHeader.decode(message))
        const layout = Result.getOrThrow(MessageBody.decode(header, message, length))
        assert.deepStrictEqual(
          [...MessageBody.frames(header, message, layout)].map(({ iv }) => toHex(iv)),
          Array.from({ length: 10 }, (_, index) => toHex(MessageBody.iv(unsigned, index + 1)))
        )
      }
    }))

  it.effect("may have frames of 64 KiB in chunks of 64 KiB, and of a megabyte", () =>
    Effect.gen(function*() {
      const algorithmSuite = unsigned
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const plaintext = pattern(3_000_000)
      for (const [frameLength, chunk] of [[65_536, 65_536], [65_536, 1_000_003], [1 << 20, 65_536], [4096, 10_000]]) {
        const encrypted = sdk.encryptStream(chunksOf(plaintext, chunk!), { algorithmSuite, frameLength: frameLength! })
        const read = yield* collect(sdk.decryptStream(encrypted))
        assert.isTrue(
          TestPrimitives.make.timingSafeEqual(plaintext, read),
          `frames of ${frameLength}, chunks of ${chunk}`
        )
        // Straight from one to the other, and cut anew in between.
        const message = yield* collect(encrypted)
        assert.isTrue(
          TestPrimitives.make.timingSafeEqual(plaintext, yield* collect(sdk.decryptStream(chunksOf(message, 7_777))))
        )
        assert.isTrue(TestPrimitives.make.timingSafeEqual(plaintext, (yield* sdk.decrypt(message)).plaintext))
      }
    }))
})
