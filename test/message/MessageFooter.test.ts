import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { AlgorithmSuite } from "effect-encryption-sdk"
import { MalformedMessage, MessageFooter } from "effect-encryption-sdk/message"
import { arbitraryBytes } from "../support/arbitraryBytes.ts"
import { assertFails } from "../support/assertFails.ts"
import { concat, hex, toHex } from "../support/bytes.ts"
import * as examples from "../support/specificationExamples.ts"
import { signed, unsigned } from "../support/suites.ts"

const assertRefused = (
  suite: AlgorithmSuite.AlgorithmSuite,
  message: Uint8Array,
  field: string,
  offset: number,
  description: string
) => assertFails(MessageFooter.decode(suite, message, 2), MalformedMessage, { field, offset, description })

describe("MessageFooter", () => {
  it("reads and writes the specification's example", () => {
    const signature = Result.getOrThrow(MessageFooter.decode(signed, examples.footer, 0))!
    assert.strictEqual(signature.length, 103)
    assert.strictEqual(toHex(signature), toHex(examples.footer).slice(4))
    assert.strictEqual(toHex(MessageFooter.encode(signature)), toHex(examples.footer))
    assert.strictEqual(MessageFooter.length(signed), examples.footer.length)
  })

  it("has a length for each suite", () => {
    assert.deepStrictEqual(
      AlgorithmSuite.all.map((suite) => [suite.id, MessageFooter.length(suite)]),
      [
        [0x0014, 0],
        [0x0046, 0],
        [0x0078, 0],
        [0x0114, 0],
        [0x0146, 0],
        [0x0178, 0],
        [0x0214, 73],
        [0x0346, 105],
        [0x0378, 105],
        [0x0478, 0],
        [0x0578, 105]
      ]
    )
  })

  it.prop("reads what it writes, whatever the length", [arbitraryBytes(0, 300)], ([signature]) => {
    const decoded = Result.getOrThrow(
      MessageFooter.decode(signed, concat(hex("ffff"), MessageFooter.encode(signature)), 2)
    )
    assert.strictEqual(toHex(decoded!), toHex(signature))
  }, { arbitrary: { seed: "footer", runs: 100 } })

  it("reads nothing where the suite does not sign", () => {
    assert.isUndefined(Result.getOrThrow(MessageFooter.decode(unsigned, hex("ffff"), 2)))
  })

  it("refuses a footer that is missing or cut short", () => {
    assertRefused(signed, hex("ffff"), "Signature Length", 2, "takes 2 bytes, the message has 0 left")
    assertRefused(signed, hex("ffff 00"), "Signature Length", 2, "takes 2 bytes, the message has 1 left")
    assertRefused(signed, hex("ffff 0003 0102"), "Signature", 4, "takes 3 bytes, the message has 2 left")
  })

  it("refuses trailing bytes", () => {
    assertRefused(signed, hex("ffff 0001 01 02 03"), "Trailing Bytes", 5, "the message ends here, not 2 later")
    assertRefused(unsigned, hex("ffff 01"), "Trailing Bytes", 2, "the message ends here, not 1 later")
  })
})
