/**
 * Messages of version 2 that the implementations for C, Java, JavaScript and Python wrote, with their data keys, over the
 * primitives of Node and of WebCrypto.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import type { Primitives } from "effect-encryption-sdk/crypto"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { WebPrimitives } from "effect-encryption-sdk/web"
import { fromBase64, isZero as isAllZero } from "../support/bytes.ts"
import { clientOf, decryptFailure, fieldsOf } from "../support/client.ts"
import { staticKeyring } from "../support/keyrings.ts"
import { readVectors, titleOf } from "../support/publishedVectors.ts"

interface Vectors {
  readonly messages: ReadonlyArray<{
    readonly comment: string
    readonly dataKey: string
    readonly encryptionContext: Readonly<Record<string, string>>
    readonly expect: "decrypts" | "rejects"
    readonly messageBase64: string
    readonly plaintext: { readonly base64: string } | null
    readonly publishedCommitment: string
  }>
}

const vectors = readVectors("commitment.json") as Vectors | undefined

const layers: ReadonlyArray<readonly [string, Layer.Layer<Primitives.Primitives>]> = [
  ["node:crypto", NodePrimitives.layer],
  ["WebCrypto", WebPrimitives.layer]
]

describe.skipIf(vectors === undefined)(titleOf("published messages with key commitment", vectors), () => {
  it("there are 46, of every implementation", () => {
    assert.strictEqual(vectors?.messages.length, 46)
    for (const writer of ["JS encrypt", "[C ESDK]", "[Python ESDK]", "[Java ESDK]", "Key = example"]) {
      assert.isTrue(vectors?.messages.some(({ comment }) => comment.includes(writer)), writer)
    }
  })

  for (const message of vectors?.messages ?? []) {
    const key = fromBase64(message.dataKey)
    const isZero = isAllZero(key)
    const outcome = isZero
      ? "its data key of zeroes is rejected"
      : message.plaintext === null
      ? "its commitment is rejected"
      : "decrypts"

    for (const [name, layer] of layers) {
      it.effect(`${message.comment}, ${name}: ${outcome}`, () =>
        Effect.gen(function*() {
          const sdk = yield* clientOf(staticKeyring(key), {}, layer)
          const bytes = fromBase64(message.messageBase64)
          assert.strictEqual(message.expect, message.plaintext === null ? "rejects" : "decrypts")
          if (message.plaintext === null || isZero) {
            assert.deepStrictEqual(
              fieldsOf(yield* decryptFailure(sdk.decrypt(bytes))),
              isZero
                ? { _tag: "InvalidMaterials", field: "plaintextDataKey", description: "is all zero" }
                : { _tag: "AuthenticationFailed", check: "commitment" }
            )
          } else {
            const { encryptionContext, header, plaintext } = yield* sdk.decrypt(bytes)
            assert.deepStrictEqual(header.suiteData, fromBase64(message.publishedCommitment))
            assert.deepStrictEqual(plaintext, fromBase64(message.plaintext.base64))
            for (const [pair, value] of Object.entries(message.encryptionContext)) {
              assert.strictEqual(encryptionContext[pair], value)
            }
          }
        }))
    }
  }
})
