/** NIST SP 800-108, section 4.1, counter mode: the data that other implementations of the specification are proved against. */
import { assert, describe, it } from "@effect/vitest"
import { counterModeKdf, expand } from "../../src/crypto/counterModeKdf.ts"
import { hex, toHex } from "../support/bytes.ts"
import { readVectors, titleOf } from "../support/publishedVectors.ts"

interface Vector {
  readonly name: string
  readonly hash: "sha256" | "sha384"
  readonly ikm: string
  readonly info: string
  readonly purpose: string
  readonly length: number
  readonly okm: string
}

interface Vectors {
  /** The whole fixed input is `info`. */
  readonly raw: ReadonlyArray<Omit<Vector, "purpose">>
  /** The label is `purpose`, and the context `info`. */
  readonly vectors: ReadonlyArray<Vector>
}

const published = readVectors("counter-mode-kdf.json") as Vectors | undefined

const hashOf = { sha256: "SHA-256", sha384: "SHA-384" } as const

describe.skipIf(published === undefined)(titleOf("published derivations in counter mode", published), () => {
  it("there are 10 of whole inputs and 53 of labels and contexts", () => {
    assert.deepStrictEqual([published?.raw.length, published?.vectors.length], [10, 53])
  })

  for (const { hash, ikm, info, length, name, okm } of published?.raw ?? []) {
    it(`whole input, ${name}, ${hash}`, () => {
      assert.strictEqual(toHex(expand(hashOf[hash], hex(ikm), hex(info), length)), okm)
    })
  }

  for (const { hash, ikm, info, length, name, okm, purpose } of published?.vectors ?? []) {
    it(`label and context, ${name}, ${hash}`, () => {
      const parameters = { hash: hashOf[hash], label: hex(purpose), context: hex(info), length }
      assert.strictEqual(toHex(counterModeKdf(hex(ikm), parameters)), okm)
    })
  }
})
