/** Messages of the AWS Encryption SDK for Python, framed and not: Python opens them after rotation. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { AlgorithmSuite } from "effect-encryption-sdk"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import { toHex } from "../support/bytes.ts"
import { managerOf } from "../support/client.ts"
import { bodyOf, requiring } from "../support/rotation.ts"
import { chunksOf, collect, pattern } from "../support/streams.ts"
import { unsigned, unsignedSuites } from "../support/suites.ts"
import { clientFor } from "./support/crossing.ts"
import * as Python from "./support/python.ts"

const Peers = Layer.merge(Python.layer, NodePrimitives.layer)

const aes = (name: string) => {
  const key = pattern(32).map((byte) => byte ^ name.length)
  return {
    keyring: RawAesKeyring.make({ keyNamespace: "raw", keyName: name, wrappingKey: Redacted.make(key) }),
    keys: [{ type: "aes", namespace: "raw", name, key } as const],
    mpl: { type: "mpl", kind: "raw-aes", namespace: "raw", name, key } as const
  }
}

const old = aes("before")
const current = aes("now")
const plaintext = pattern(1000)
const encryptionContext = { tenant: "a", "ключ": "значение" }

layer(Peers)("Python: rotation", (it) => {
  for (const frameLength of [256, 0]) {
    it.effect.each(AlgorithmSuite.all)(
      `encrypted again, frame length ${frameLength}: $name`,
      (suite) =>
        Effect.gen(function*() {
          const peer = yield* Python.Python
          const { message } = yield* peer.encrypt({
            suite: suite.id,
            plaintext,
            keys: old.keys,
            encryptionContext,
            frameLength
          })
          const reader = yield* clientFor(suite, yield* old.keyring)
          const materialsManager = yield* managerOf(yield* current.keyring)
          const sourceMaterialsManager = yield* managerOf(yield* old.keyring)
          const options = { algorithmSuite: suite, materialsManager, sourceMaterialsManager }
          const whole = yield* reader.rewrap(message, options)
          const streamed = yield* collect(reader.rewrapStream(chunksOf(message, 100), options))
          for (const rewrapped of [whole.message, streamed]) {
            const read = yield* peer.decrypt({ message: rewrapped, keys: current.keys })
            assert.deepStrictEqual(read.plaintext, plaintext)
          }
        }).pipe(Effect.scoped)
    )

    it.effect.each(unsignedSuites)(
      `the body is kept, frame length ${frameLength}: $name`,
      (suite) =>
        Effect.gen(function*() {
          const peer = yield* Python.Python
          const { message } = yield* peer.encrypt({
            suite: suite.id,
            plaintext,
            keys: old.keys,
            encryptionContext,
            frameLength
          })
          const reader = yield* clientFor(suite, yield* old.keyring)
          const keepBody = { keyring: yield* current.keyring }
          const whole = yield* reader.rewrap(message, { keepBody })
          assert.strictEqual(whole.body, "Kept")
          const streamed = yield* collect(reader.rewrapStream(chunksOf(message, 100), { keepBody }))
          for (const rewrapped of [whole.message, streamed]) {
            assert.strictEqual(toHex(bodyOf(rewrapped)), toHex(bodyOf(message)))
            const read = yield* peer.decrypt({ message: rewrapped, keys: current.keys })
            assert.deepStrictEqual(read.plaintext, plaintext)
          }
        }).pipe(Effect.scoped)
    )
  }

  it.effect("pairs that are not stored stay so, and Python needs them", () =>
    Effect.gen(function*() {
      const peer = yield* Python.Python
      const keyring = yield* old.keyring
      const sdk = yield* clientFor(unsigned, keyring)
      const { message } = yield* sdk.encrypt(plaintext, {
        algorithmSuite: unsigned,
        encryptionContext,
        materialsManager: yield* requiring(keyring, "tenant")
      })
      const given = { tenant: "a" }
      const { message: rewrapped } = yield* sdk.rewrap(message, {
        keepBody: { keyring: yield* current.keyring },
        expectedEncryptionContext: given
      })
      const read = yield* peer.decrypt({ message: rewrapped, keys: [current.mpl], encryptionContext: given })
      assert.deepStrictEqual(read.plaintext, plaintext)
      yield* Effect.flip(peer.decrypt({ message: rewrapped, keys: [current.mpl], encryptionContext: { tenant: "b" } }))
    }).pipe(Effect.scoped))
})
