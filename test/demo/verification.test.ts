import { assert, describe, it } from "@effect/vitest"
import { verify } from "../../docs/examples/demo/verification.ts"

const record = (text: string, tenant: string) => ({
  plaintext: new TextEncoder().encode(text),
  encryptionContext: { tenant }
})

const source = [record("one", "a"), record("two", "b"), record("", "a")]

describe("verification", () => {
  it("finds every record again", () => {
    assert.deepStrictEqual(verify(source, source), { verified: 3, different: [] })
    assert.deepStrictEqual(verify([], []), { verified: 0, different: [] })
  })

  it("does not mind the pairs that the library adds to a context", () => {
    const added = source.map(({ encryptionContext, plaintext }) => ({
      plaintext,
      encryptionContext: { "aws-crypto-public-key": "AAAA", ...encryptionContext }
    }))
    assert.deepStrictEqual(verify(source, added), { verified: 3, different: [] })
  })

  for (
    const [title, decrypted, expected] of [
      ["one byte differs", [source[0]!, record("tvo", "b"), source[2]!], { verified: 2, different: [2] }],
      ["a byte is missing", [record("on", "a"), source[1]!, source[2]!], { verified: 2, different: [1] }],
      ["a byte too many", [source[0]!, source[1]!, record("x", "a")], { verified: 2, different: [3] }],
      ["another context", [source[0]!, record("two", "a"), source[2]!], { verified: 2, different: [2] }],
      ["no context", [source[0]!, { ...source[1]!, encryptionContext: {} }, source[2]!], {
        verified: 2,
        different: [2]
      }],
      ["a pair too many", [source[0]!, { ...source[1]!, encryptionContext: { tenant: "b", b: "" } }, source[2]!], {
        verified: 2,
        different: [2]
      }],
      ["another order", [source[1]!, source[0]!, source[2]!], { verified: 1, different: [1, 2] }],
      ["a record is missing", source.slice(0, 2), { verified: 2, different: [3] }],
      ["a record too many", [...source, source[0]!], { verified: 3, different: [4] }],
      ["nothing came back", [], { verified: 0, different: [1, 2, 3] }]
    ] as const
  ) {
    it(title, () => assert.deepStrictEqual(verify(source, decrypted), expected))
  }
})
