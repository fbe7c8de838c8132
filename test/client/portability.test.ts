/** The client that writes what every implementation reads, at the exact bounds. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { AlgorithmSuite } from "effect-encryption-sdk"
import { clientOf, encryptFailure, fieldsOf } from "../support/client.ts"
import { recordingKeyring } from "../support/keyrings.ts"
import { unsigned } from "../support/suites.ts"

const because = "with the portability AllImplementations"
const context = (description: string, key?: string) => ({
  _tag: "InvalidEncryptionContext",
  description: `${description} ${because}`,
  ...key === undefined ? {} : { key }
})

/** A context of this serialised length: 2 bytes of count, and 4 of lengths for each of two pairs. */
const ofLength = (length: number) => ({ a: "x".repeat(16_000), b: "y".repeat(length - 2 - 2 * 5 - 16_000) })

describe("portability", () => {
  const keyring = recordingKeyring()
  const portable = clientOf(keyring.keyring, { portability: "AllImplementations" })
  const usual = clientOf(keyring.keyring)

  const refused: ReadonlyArray<readonly [string, object, object]> = [
    ["an empty key", { encryptionContext: { "": "1" } }, context("key is empty, must not be", "")],
    ["an empty value", { encryptionContext: { a: "" } }, context("value is empty, must not be", "a")],
    [
      "a long value",
      { encryptionContext: { a: "x".repeat(32_767) } },
      context("value is 32767 bytes, must be at most 32766", "a")
    ],
    [
      "a long key, counted in bytes",
      { encryptionContext: { ["é".repeat(16_384)]: "1" } },
      context("key is 32768 bytes, must be at most 32766")
    ],
    [
      "a long context",
      { encryptionContext: ofLength(32_767) },
      context("serialised length is 32767 bytes, must be at most 32766")
    ],
    ["long frames", { frameLength: 2 ** 30 + 1 }, {
      _tag: "InvalidOption",
      field: "frameLength",
      description: `must be at most 1073741824 ${because}`
    }]
  ]
  it.effect.each(refused)(
    "refuses %s before it asks for a data key; a client without it does not",
    ([, options, expected]) =>
      Effect.gen(function*() {
        const sdk = yield* portable
        const before = keyring.encryptions.length
        const streamed = sdk.encryptStream(Stream.make(Uint8Array.of(1)), { algorithmSuite: unsigned, ...options })
        for (
          const reason of [
            yield* encryptFailure(sdk.encrypt("a", { algorithmSuite: unsigned, ...options })),
            yield* encryptFailure(Stream.runDrain(streamed))
          ]
        ) {
          assert.deepStrictEqual(fieldsOf(reason), expected)
        }
        assert.strictEqual(keyring.encryptions.length, before)
        const { message } = yield* (yield* usual).encrypt("a", { algorithmSuite: unsigned, ...options })
        assert.strictEqual((yield* sdk.decrypt(message)).plaintext.length, 1, "decryption is the same")
      })
  )

  it.effect("takes what is exactly at the bounds", () =>
    Effect.gen(function*() {
      const sdk = yield* portable
      for (const encryptionContext of [{}, ofLength(32_766), { a: "x".repeat(32_766 - 2 - 5) }]) {
        const { message } = yield* sdk.encrypt("a", {
          algorithmSuite: unsigned,
          encryptionContext,
          frameLength: 2 ** 30
        })
        assert.strictEqual((yield* sdk.decrypt(message)).plaintext.length, 1)
      }
    }))

  it.effect("counts the public key that a manager adds", () =>
    Effect.gen(function*() {
      const sdk = yield* portable
      const signed = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
      const reason = yield* encryptFailure(
        sdk.encrypt("a", { algorithmSuite: signed, encryptionContext: ofLength(32_766) })
      )
      assert.strictEqual(reason._tag, "InvalidEncryptionContext")
      assert.include(reason.message, "must be at most 32766")
    }))
})
