/** framework/raw-ecdh-keyring.md#key-provider-information and framework/key-agreement-schemas.md#key-derivation */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Result } from "effect"
import { decodeInfo, encodeInfo, fixedInfo } from "../../src/materials/ecdhEncoding.ts"
import { arbitraryBytes, arbitraryInt } from "../support/arbitraryBytes.ts"
import { concat, hex, patch, toHex } from "../support/bytes.ts"
import { coordinateLengths, curves, infoOf } from "../support/ecdh.ts"

const lengths = { "P-256": 75, "P-384": 107, "P-521": 143 } as const

for (const curve of curves) {
  const keyLength = 1 + coordinateLengths[curve]
  const length = lengths[curve]
  const pair = { sender: arbitraryBytes(keyLength), recipient: arbitraryBytes(keyLength) }

  describe(`key provider information on ${curve}`, () => {
    it.prop("any two public keys come back, the recipient's first", pair, ({ recipient, sender }) => {
      const info = encodeInfo({ recipient, sender })
      assert.strictEqual(info.length, length)
      assert.deepStrictEqual(info, infoOf(sender, recipient))
      assert.deepStrictEqual(decodeInfo(curve, keyLength, info), Result.succeed({ recipient, sender }))
    }, { arbitrary: { seed: `info ${curve}`, runs: 100 } })

    it.prop("what was decoded is a copy", pair, ({ recipient, sender }) => {
      const info = encodeInfo({ recipient, sender })
      const decoded = decodeInfo(curve, keyLength, info)
      info.fill(0)
      assert.deepStrictEqual(decoded, Result.succeed({ recipient, sender }))
    }, { arbitrary: { seed: `copy ${curve}`, runs: 20 } })

    it.prop("any bytes that decode are those that encode", { info: arbitraryBytes(length) }, ({ info }) => {
      const decoded = decodeInfo(curve, keyLength, info)
      if (Result.isSuccess(decoded)) assert.deepStrictEqual(encodeInfo(decoded.success), info)
    }, { arbitrary: { seed: `any ${curve}`, runs: 100 } })

    it.prop("bytes of another length do not decode", { info: arbitraryBytes(0, 200) }, ({ info }) => {
      if (info.length === length) return
      assert.deepStrictEqual(
        decodeInfo(curve, keyLength, info),
        Result.fail(
          `its key provider information is ${info.length} bytes, two public keys on ${curve} take ${length}`
        )
      )
    }, { arbitrary: { seed: `length ${curve}`, runs: 100 } })

    it.effect("a changed byte decodes only where it is a public key's, and the first of them shrinks to the version", () =>
      Effect.gen(function*() {
        const info = infoOf(new Uint8Array(keyLength).fill(2), new Uint8Array(keyLength).fill(3))
        const headings = new Set([0, 1, 2, 3, 4, 5, 6, 7, 8].map((i) => i < 5 ? i : i + keyLength))
        const index = arbitraryInt(0, length - 1)
        const decodes = (at: number) => Result.isSuccess(decodeInfo(curve, keyLength, patch(info, at, [0x41])))
        const options = { seed: "changed", runs: 500 }
        const all = yield* Arbitrary.checkEffect(index, (at) => decodes(at) !== headings.has(at), options)
        assert.strictEqual(all._tag, "Passed")
        const falsified = yield* Arbitrary.checkEffect(index, decodes, options)
        assert.deepStrictEqual(falsified._tag === "Falsified" ? falsified.shrunkInput : undefined, 0)
      }))

    it.each([
      ["another version", 0, [2], "its key provider information is of version 2, not 1"],
      ["another length of the first key", 4, [keyLength - 1], `its public keys are not of ${keyLength} bytes each`],
      [
        "another length of the second key",
        8 + keyLength,
        [keyLength + 1],
        `its public keys are not of ${keyLength} bytes each`
      ],
      ["a length of four bytes", 1, [255], `its public keys are not of ${keyLength} bytes each`]
    ])("%s", (_, offset, replacement, description) => {
      const info = infoOf(new Uint8Array(keyLength).fill(2), new Uint8Array(keyLength).fill(3))
      assert.deepStrictEqual(
        decodeInfo(curve, keyLength, patch(info, offset, replacement)),
        Result.fail(description)
      )
    })
  })
}

describe("fixed information", () => {
  it("has the sender first, names in lower case, and the serialized context at the end", () => {
    const info = fixedInfo("P-521", { sender: hex("02aa"), recipient: hex("03bb") }, hex("cc"))
    assert.strictEqual(
      toHex(info),
      toHex(concat(Buffer.from("ecdh-key-derivation\0p521\0HMAC_SHA384\0"), hex("02aa03bb 00 01 00 cc")))
    )
  })
})
