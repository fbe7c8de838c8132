/**
 * Streams of this library and of the AWS Encryption SDK for JavaScript read each other's messages.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { AlgorithmSuite } from "effect-encryption-sdk"
import { policyFor } from "../support/client.ts"
import * as javascriptSdk from "../support/javascriptSdk.ts"
import { chunksOf, collect, pattern, piecesOf, unverifiedOf } from "../support/streams.ts"

const { clientOf, rawAes, Services } = javascriptSdk
const { formatId } = AlgorithmSuite

const encryptionContext = { purpose: "streams", "Stra\u00dfe": "\u{1f600}" }

layer(Services)((it) => {
  for (const algorithmSuite of AlgorithmSuite.all) {
    for (
      const [frameLength, length, chunk] of [[100, 0, 10], [100, 1000, 1], [100, 1001, 64], [4096, 50_000, 1000], [
        65_536,
        200_000,
        65_536
      ]] as const
    ) {
      const title = `${formatId(algorithmSuite.id)}, ${length} bytes in frames of ${frameLength}, chunks of ${chunk}`
      const options = { algorithmSuite, encryptionContext, frameLength }

      it.effect(`interop JavaScript SDK's encryptStream, our decryptStream: ${title}`, () =>
        Effect.gen(function*() {
          const plaintext = pattern(length)
          const sdk = yield* clientOf(rawAes(256), policyFor(algorithmSuite))
          const message = yield* javascriptSdk.encryptStream(
            yield* rawAes(256).theirs,
            piecesOf(plaintext, chunk),
            options
          )
          const source = chunksOf(message, chunk)
          const read = yield* collect(sdk.decryptStream(source, { expectedEncryptionContext: encryptionContext }))
          assert.isTrue(Buffer.from(plaintext).equals(read))
          const unverified = unverifiedOf(sdk.decryptStreamUnverified(source))
          assert.isTrue(Buffer.from(plaintext).equals(yield* collect(unverified)))
          if (algorithmSuite.signature === undefined) {
            const random = {
              length: message.length,
              read: (offset: number, length: number) => Effect.succeed(message.slice(offset, offset + length))
            }
            const range = sdk.decryptRange(random, { offset: Math.floor(length / 3) })
            assert.isTrue(Buffer.from(plaintext.subarray(Math.floor(length / 3))).equals(yield* collect(range)))
          }
        }))

      it.effect(`interop our encryptStream, JavaScript SDK's decryptStream: ${title}`, () =>
        Effect.gen(function*() {
          const plaintext = pattern(length)
          const sdk = yield* clientOf(rawAes(256), policyFor(algorithmSuite))
          const message = yield* collect(sdk.encryptStream(chunksOf(plaintext, chunk), options))
          const read = yield* javascriptSdk.decryptStream(
            yield* rawAes(256).theirs,
            piecesOf(message, chunk),
            algorithmSuite
          )
          assert.isTrue(Buffer.from(plaintext).equals(read))
        }))
    }

    it.effect(`interop non-framed messages as streams: ${formatId(algorithmSuite.id)}`, () =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(rawAes(256), policyFor(algorithmSuite))
        for (const length of [0, 1, 5000]) {
          const plaintext = pattern(length)
          const message = javascriptSdk.nonFramed(algorithmSuite, plaintext, encryptionContext)
          for (const chunk of [1, 100, 10_000]) {
            const read = yield* collect(sdk.decryptStream(chunksOf(message, chunk), { maxWithheldBytes: length }))
            assert.isTrue(Buffer.from(plaintext).equals(read))
            if (length === 0) continue
            const limited = sdk.decryptStream(chunksOf(message, chunk), { maxWithheldBytes: length - 1 })
            const error = yield* Effect.flip(Stream.runDrain(limited))
            assert.strictEqual(error.reason._tag, "WithheldPlaintextTooLong")
          }
        }
      }))
  }
})
