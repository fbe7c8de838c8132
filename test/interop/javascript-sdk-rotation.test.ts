/** Messages of the AWS Encryption SDK for JavaScript, and non-framed ones: the same SDK opens them after rotation. */
import { assert, layer } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { AlgorithmSuite } from "effect-encryption-sdk"
import { toHex } from "../support/bytes.ts"
import { managerOf, policyFor } from "../support/client.ts"
import * as javascriptSdk from "../support/javascriptSdk.ts"
import { partsOf } from "../support/messages.ts"
import { bodyOf } from "../support/rotation.ts"
import { chunksOf, collect, pattern } from "../support/streams.ts"
import { unsignedSuites } from "../support/suites.ts"

const { clientOf, kms, kmsKeys, rawAes, rawRsa, Services } = javascriptSdk
const { formatId } = AlgorithmSuite

const encryptionContext = { purpose: "interop", "Stra\u00dfe": "\u{1f600}" }
const plaintext = pattern(300)
const old = rawAes(256)

const sources = {
  "a message of theirs": (algorithmSuite: AlgorithmSuite.AlgorithmSuite) =>
    Effect.flatMap(
      old.theirs,
      (keyring) => javascriptSdk.encrypt(keyring, plaintext, { algorithmSuite, encryptionContext, frameLength: 100 })
    ),
  "a message without frames": (algorithmSuite: AlgorithmSuite.AlgorithmSuite) =>
    Effect.sync(() => javascriptSdk.nonFramed(algorithmSuite, plaintext, encryptionContext))
}

layer(Services)("interop rotation", (it) => {
  for (const [name, makeMessage] of Object.entries(sources)) {
    for (const pair of [rawAes(128), rawRsa("OAEP-SHA256"), kms(kmsKeys[0])]) {
      for (const algorithmSuite of AlgorithmSuite.all) {
        it.effect(`${name}, encrypted again under ${pair.name}: ${formatId(algorithmSuite.id)}`, () =>
          Effect.gen(function*() {
            const message = yield* makeMessage(algorithmSuite)
            const sdk = yield* clientOf(pair, policyFor(algorithmSuite))
            const options = { algorithmSuite, sourceMaterialsManager: yield* managerOf(yield* old.ours) }
            const whole = yield* sdk.rewrap(message, options)
            assert.strictEqual(whole.header.frameLength, partsOf(message).header.frameLength || 4096)
            const streamed = yield* collect(sdk.rewrapStream(chunksOf(message, 64), options))
            for (const rewrapped of [whole.message, streamed]) {
              const read = yield* javascriptSdk.decrypt(yield* pair.theirs, rewrapped, algorithmSuite)
              assert.deepStrictEqual(read.plaintext, plaintext)
              assert.deepInclude(read.encryptionContext, encryptionContext)
            }
          }))
      }

      for (const algorithmSuite of unsignedSuites) {
        it.effect(`${name}, whose body is kept, under ${pair.name}: ${formatId(algorithmSuite.id)}`, () =>
          Effect.gen(function*() {
            const message = yield* makeMessage(algorithmSuite)
            const sdk = yield* clientOf(old, policyFor(algorithmSuite))
            const keyring = yield* pair.ours
            const whole = yield* sdk.rewrap(message, { keepBody: { keyring } })
            assert.strictEqual(whole.body, "Kept")
            const streamed = yield* collect(sdk.rewrapStream(chunksOf(message, 64), { keepBody: { keyring } }))
            for (const rewrapped of [whole.message, streamed]) {
              assert.strictEqual(toHex(bodyOf(rewrapped)), toHex(bodyOf(message)))
              const read = yield* javascriptSdk.decrypt(yield* pair.theirs, rewrapped, algorithmSuite)
              assert.deepStrictEqual(read.plaintext, plaintext)
              assert.deepStrictEqual(read.encryptionContext, encryptionContext)
            }
          }))
      }
    }
  }

  it.effect("a body that is kept opens in a stream of theirs", () =>
    Effect.gen(function*() {
      for (const algorithmSuite of unsignedSuites) {
        const message = yield* sources["a message of theirs"](algorithmSuite)
        const sdk = yield* clientOf(old, policyFor(algorithmSuite))
        const keyring = yield* rawAes(128).ours
        const rewrapped = yield* collect(sdk.rewrapStream(Stream.make(message), { keepBody: { keyring } }))
        const read = yield* javascriptSdk.decryptStream(yield* rawAes(128).theirs, [rewrapped], algorithmSuite)
        assert.deepStrictEqual(read, plaintext)
      }
    }))
})
