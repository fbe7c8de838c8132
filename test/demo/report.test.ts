import { assert, describe, it } from "@effect/vitest"
import { none } from "../../docs/examples/demo/counting-kms.ts"
import type { PhaseReport } from "../../docs/examples/demo/phase.ts"
import { expectations, type Outcome, render } from "../../docs/examples/demo/report.ts"

const phase = (calls: Partial<PhaseReport["calls"]>, elapsed = 1000): PhaseReport => ({
  records: 100,
  calls: { ...none, ...calls },
  hits: 95,
  misses: 5,
  joined: 0,
  bypassed: 0,
  renewed: 0,
  evictions: {},
  elapsed
})

const good: Outcome = {
  encryption: phase({ GenerateDataKey: 5 }),
  decryption: phase({ Decrypt: 6 }),
  required: { encryption: { exactly: 5, atLeast: 4 }, decryption: { exactly: 6, atLeast: 4 } },
  maxAge: 60_000,
  refreshAhead: false,
  verification: { verified: 100, different: [] }
}

const lastLine = (text: string) => text.split("\n").at(-1)

describe("the verdict", () => {
  it("is good where every record came back and the calls are those that are required", () => {
    const { succeeded, text } = render(good)
    assert.isTrue(succeeded)
    assert.strictEqual(lastLine(text), "verified 100/100 records")
    assert.notInclude(text, "WRONG")
    assert.notInclude(text, "at least")
    assert.include(text, "encryption made exactly the 5 KMS calls that the thresholds require")
    assert.include(text, "decryption made exactly the 6 KMS calls that the thresholds require")
  })

  it("asks for no more than the lower bound where data keys were renewed ahead", () => {
    const renewed = { ...good, refreshAhead: true, encryption: phase({ GenerateDataKey: 9 }) }
    const { succeeded, text } = render(renewed)
    assert.isTrue(succeeded)
    assert.include(text, "Data keys were renewed ahead: only a lower bound of the calls is required.")
    assert.notInclude(text, "exactly")
  })

  for (
    const [title, outcome, message, last] of [
      ["a call too many to encrypt", { encryption: phase({ GenerateDataKey: 6 }) }, "encryption made 6 KMS calls"],
      ["a call too few to encrypt", { encryption: phase({ GenerateDataKey: 4 }) }, "encryption made 4 KMS calls"],
      [
        "a call of another kind",
        { encryption: phase({ GenerateDataKey: 5, Encrypt: 1 }) },
        "encryption made 6 KMS calls, the thresholds require 5"
      ],
      ["a call too many to decrypt", { decryption: phase({ Decrypt: 7 }) }, "decryption made 7 KMS calls"],
      ["a call too few to decrypt", { decryption: phase({ Decrypt: 5 }) }, "the thresholds require 6"],
      [
        "fewer calls than any run can do with, though data keys expired",
        { encryption: phase({ GenerateDataKey: 3 }, 60_000) },
        "encryption made 3 KMS calls, the thresholds require at least 4"
      ],
      [
        "a record that differs",
        { verification: { verified: 99, different: [17] } },
        "these records differ: 17",
        "verified 99/100 records"
      ],
      [
        "a record too many, which nobody sees in the number of those that were verified",
        { verification: { verified: 100, different: [101] } },
        "these records differ: 101"
      ],
      [
        "many that differ",
        { verification: { verified: 88, different: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] } },
        "these records differ: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more",
        "verified 88/100 records"
      ]
    ] as ReadonlyArray<readonly [string, Partial<Outcome>, string, string?]>
  ) {
    it(`is bad for ${title}`, () => {
      const { succeeded, text } = render({ ...good, ...outcome })
      assert.isFalse(succeeded)
      assert.include(text.split("\n").filter((line) => line.startsWith("WRONG: ")).join("\n"), message)
      assert.strictEqual(lastLine(text), last ?? "verified 100/100 records")
    })
  }
})

describe("what is expected of a run that outlasts the maximum age", () => {
  const many = { encryption: phase({ GenerateDataKey: 50 }), decryption: phase({ Decrypt: 60 }) }

  it("one millisecond makes the difference", () => {
    const just = { ...good, encryption: phase({ GenerateDataKey: 50 }, 59_999.9) }
    assert.deepStrictEqual(expectations(just).encryption, { calls: 5, orMore: false, met: false })
    const late = { ...good, encryption: phase({ GenerateDataKey: 50 }, 60_000) }
    assert.deepStrictEqual(expectations(late).encryption, { calls: 4, orMore: true, met: true })
  })

  it("a long encryption leaves more data keys to decrypt than the input requires", () => {
    const outcome = { ...good, ...many, encryption: phase({ GenerateDataKey: 50 }, 60_000) }
    assert.deepStrictEqual(expectations(outcome).decryption, { calls: 4, orMore: true, met: true })
    const { succeeded, text } = render(outcome)
    assert.isTrue(succeeded)
    assert.include(text, "The run took longer than --max-age")
  })

  it("a long decryption has no influence on the encryption before it", () => {
    const outcome = { ...good, decryption: phase({ Decrypt: 60 }, 60_000) }
    assert.deepStrictEqual(expectations(outcome), {
      encryption: { calls: 5, orMore: false, met: true },
      decryption: { calls: 4, orMore: true, met: true }
    })
  })
})
