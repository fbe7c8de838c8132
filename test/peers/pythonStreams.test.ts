/**
 * Streams of this library and `stream` of the AWS Encryption SDK for Python read each other's messages.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { AlgorithmSuite } from "effect-encryption-sdk"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import { chunksOf, collect, pattern } from "../support/streams.ts"
import { clientFor, encryptionContext } from "./support/crossing.ts"
import * as Python from "./support/python.ts"

const key = pattern(32)
const keys = [{ type: "aes", namespace: "raw", name: "streams", key } as const]
const keyring = RawAesKeyring.make({ keyNamespace: "raw", keyName: "streams", wrappingKey: Redacted.make(key) })

layer(Layer.merge(Python.layer, NodePrimitives.layer))("Python: streams", (it) => {
  for (const suite of AlgorithmSuite.all) {
    for (
      const [frameLength, length, size] of [[128, 0, 10], [128, 1280, 7], [128, 1000, 1], [4096, 50_000, 1000]] as const
    ) {
      const title = `${suite.name}, ${length} bytes in frames of ${frameLength}, pieces of ${size}`

      it.effect(`Python's stream encrypts, our decryptStream: ${title}`, () =>
        Effect.gen(function*() {
          const python = yield* Python.Python
          const sdk = yield* clientFor(suite, yield* keyring)
          const plaintext = pattern(length)
          for (const knownLength of [true, false]) {
            const message = yield* python.encryptStream({
              suite: suite.id,
              plaintext,
              keys,
              encryptionContext,
              frameLength,
              size,
              knownLength
            })
            const options = { expectedEncryptionContext: encryptionContext }
            const read = yield* collect(sdk.decryptStream(chunksOf(message, size), options))
            assert.isTrue(Buffer.from(plaintext).equals(read))
          }
        }))

      it.effect(`our encryptStream, Python's stream decrypts: ${title}`, () =>
        Effect.gen(function*() {
          const python = yield* Python.Python
          const sdk = yield* clientFor(suite, yield* keyring)
          const plaintext = pattern(length)
          const options = { algorithmSuite: suite, encryptionContext, frameLength }
          const message = yield* collect(sdk.encryptStream(chunksOf(plaintext, size), options))
          const read = yield* python.decryptStream({ message, keys, size })
          assert.isTrue(Buffer.from(plaintext).equals(read))
        }))
    }
  }
})
