import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { CryptographicMaterialsManager, DataKey } from "effect-encryption-sdk"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { flip, isZero } from "../support/bytes.ts"
import { clientOf, decryptFailure, fieldsOf, managerOf } from "../support/client.ts"
import { recordingKeyring, staticKeyring } from "../support/keyrings.ts"
import { recordingPrimitives } from "../support/recordingPrimitives.ts"
import { signed, unsigned } from "../support/suites.ts"

const dataKey = new Uint8Array(32).fill(0x42)

describe("EncryptionSdk", () => {
  describe("keys and plaintext in memory", () => {
    it.effect("are zeroed when an operation ends, and the caller's own array is not", () =>
      Effect.gen(function*() {
        const primitives = recordingPrimitives()
        const { handedOut, keyring } = recordingKeyring()
        const sdk = yield* clientOf(keyring, {}, primitives.layer)
        const plaintext = new Uint8Array(10).fill(7)
        const { message } = yield* sdk.encrypt(plaintext)
        yield* sdk.decrypt(message)
        assert.strictEqual(handedOut.length, 2)
        assert.isTrue(handedOut.every(isZero))
        assert.strictEqual(primitives.arrays("deriveKeys").length, 2)
        assert.isTrue(primitives.arrays("deriveKeys").every(isZero))
        assert.isAbove(primitives.arrays("seal").length, 1)
        assert.isTrue(primitives.arrays("seal").every(isZero), "copies of the plaintext")
        assert.deepStrictEqual(plaintext, new Uint8Array(10).fill(7))
      }))

    it.effect("copies that are long are given back too, and nothing that the caller has", () =>
      Effect.gen(function*() {
        const primitives = recordingPrimitives()
        const sdk = yield* clientOf(recordingKeyring().keyring, {}, primitives.layer)
        const plaintext = new Uint8Array(10_000).fill(7)
        const { header, message } = yield* sdk.encrypt(plaintext, { frameLength: 20_000 })
        const before = new Uint8Array(message)
        const decrypted = yield* sdk.decrypt(message)
        assert.deepStrictEqual(plaintext, new Uint8Array(10_000).fill(7))
        assert.deepStrictEqual(message, before)
        assert.deepStrictEqual(decrypted.plaintext, plaintext)
        assert.deepStrictEqual(decrypted.header, header)
        // The header had none; the copy of 10,000 bytes is gone.
        assert.deepStrictEqual(primitives.arrays("seal").map((array) => array.length), [0, 0])
      }))

    it.effect("are zeroed when an operation fails, what was decrypted of a forged message included", () =>
      Effect.gen(function*() {
        const primitives = recordingPrimitives()
        const { handedOut, keyring } = recordingKeyring()
        const sdk = yield* clientOf(keyring, {}, primitives.layer)
        const { message } = yield* sdk.encrypt("some secret")
        const forged = flip(message, message.length - 1)
        assert.deepStrictEqual(fieldsOf(yield* decryptFailure(sdk.decrypt(forged))), {
          _tag: "AuthenticationFailed",
          check: "signature"
        })
        assert.isTrue(handedOut.every(isZero))
        assert.isAbove(primitives.arrays("open").length, 0)
        assert.isTrue(primitives.arrays("open").every(isZero))
      }))

    it.effect("are zeroed when the last of many frames is forged, those of the frames before it too", () =>
      Effect.gen(function*() {
        const primitives = recordingPrimitives()
        const sdk = yield* clientOf(recordingKeyring().keyring, {}, primitives.layer)
        const { message } = yield* sdk.encrypt(new Uint8Array(35).fill(7), {
          algorithmSuite: unsigned,
          frameLength: 10
        })
        assert.deepStrictEqual(
          fieldsOf(yield* decryptFailure(sdk.decrypt(flip(message, message.length - 1)))),
          { _tag: "AuthenticationFailed", check: "body" }
        )
        // The header's job has an output of no bytes; it is done once more, to tell which tag was wrong.
        assert.deepStrictEqual(primitives.arrays("open").map(({ length }) => length), [0, 10, 10, 10, 5, 0])
        assert.isTrue(primitives.arrays("open").every(isZero))
      }))

    const operations = [
      { operation: "encrypt", until: "signs", output: "seal" },
      { operation: "decrypt", until: "verifies", output: "open" }
    ] as const
    for (const { operation, output, until } of operations) {
      it.effect(`are zeroed when ${operation} is interrupted while it ${until}`, () =>
        Effect.gen(function*() {
          const reached = yield* Deferred.make<void>()
          let isArmed = false
          const stop = <A, E>(effect: Effect.Effect<A, E>) =>
            Effect.suspend(() => isArmed ? Effect.andThen(Deferred.succeed(reached, undefined), Effect.never) : effect)
          const { sign, verify } = TestPrimitives.make
          const primitives = recordingPrimitives({
            sign: (...args) => stop(sign(...args)),
            verify: (...args) => stop(verify(...args))
          })
          const { handedOut, keyring } = recordingKeyring()
          const sdk = yield* clientOf(keyring, {}, primitives.layer)
          const { message } = yield* sdk.encrypt("some secret", { algorithmSuite: signed })
          isArmed = true
          const again: Effect.Effect<unknown, unknown> = operation === "encrypt"
            ? sdk.encrypt("some secret", { algorithmSuite: signed })
            : sdk.decrypt(message)
          const fiber = yield* Effect.forkChild(again)
          yield* Deferred.await(reached)
          assert.isFalse(isZero(handedOut[1]!))
          yield* Fiber.interrupt(fiber)
          assert.isTrue(handedOut.every(isZero))
          assert.isTrue(primitives.arrays(output).every(isZero))
        }))
    }

    it.effect("of a manager that registers nothing with the scope are zeroed all the same", () =>
      Effect.gen(function*() {
        const inner = yield* managerOf(staticKeyring(dataKey))
        const handedOut: Array<Uint8Array> = []
        const careless = <Materials extends { readonly plaintextDataKey: DataKey.DataKey }>(
          { materials, receipt }: CryptographicMaterialsManager.MaterialsResponse<Materials>
        ) => {
          const plaintextDataKey = DataKey.copy(materials.plaintextDataKey)
          handedOut.push(DataKey.value(plaintextDataKey))
          return { materials: { ...materials, plaintextDataKey }, receipt }
        }
        const materialsManager = CryptographicMaterialsManager.make({
          getEncryptionMaterials: (request) => Effect.map(inner.getEncryptionMaterials(request), careless),
          decryptMaterials: (request) => Effect.map(inner.decryptMaterials(request), careless)
        })
        const sdk = yield* clientOf(recordingKeyring().keyring)
        const { message } = yield* sdk.encrypt("a", { materialsManager })
        yield* sdk.decrypt(message, { materialsManager })
        assert.strictEqual(handedOut.length, 2)
        assert.isTrue(handedOut.every(isZero))
      }))
  })
})
