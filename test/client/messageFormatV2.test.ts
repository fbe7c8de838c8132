/**
 * Messages of version 2 that the implementations for C, Java, JavaScript and Python wrote, with their data keys.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { fromBase64, isZero as isAllZero, text } from "../support/bytes.ts"
import { clientOf, decryptFailure, fieldsOf } from "../support/client.ts"
import { staticKeyring } from "../support/keyrings.ts"
import vectors from "../fixtures/message-format-v2.json" with { type: "json" }

describe(vectors.title, () => {
  for (const { commitment, dataKey, encryptionContext, message, number, plaintext, writer } of vectors.vectors) {
    const key = fromBase64(dataKey)
    const isZero = isAllZero(key)
    const outcome = isZero
      ? "a data key of zeroes is refused"
      : plaintext === null
      ? "its commitment is refused"
      : "decrypts"

    it.effect(`${number}, ${writer}: ${outcome}`, () =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(staticKeyring(key))
        const header = yield* sdk.inspect(fromBase64(message))
        assert.deepStrictEqual({ ...header.encryptionContext }, encryptionContext)
        if (plaintext === null || isZero) {
          assert.deepStrictEqual(
            fieldsOf(yield* decryptFailure(sdk.decrypt(fromBase64(message)))),
            isZero
              ? { _tag: "InvalidMaterials", field: "plaintextDataKey", description: "is all zero" }
              : { _tag: "AuthenticationFailed", check: "commitment" }
          )
        } else {
          assert.deepStrictEqual(header.suiteData, fromBase64(commitment))
          const decrypted = yield* sdk.decrypt(fromBase64(message))
          assert.strictEqual(text(decrypted.plaintext), plaintext)
          assert.deepStrictEqual({ ...decrypted.encryptionContext }, encryptionContext)
        }
      }))
  }

  it("has vectors of every implementation", () => {
    assert.strictEqual(vectors.vectors.length, 45)
    assert.deepStrictEqual([...new Set(vectors.vectors.map(({ writer }) => writer))].toSorted(), [
      "C",
      "Java",
      "JavaScript",
      "Python",
      "handmade"
    ])
  })
})
