/** Plaintext that is withheld takes the memory of its bytes, however short the parts are that it came in. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary } from "effect"
import { Collected } from "../../src/web/internal/Collected.ts"
import { Withheld } from "../../src/stream/Withheld.ts"
import { arbitraryInt } from "../support/arbitraryBytes.ts"
import { concat, isZero } from "../support/bytes.ts"
import { pattern } from "../support/streams.ts"

const partOf = (length: number, index: number) => pattern(length).map((byte) => (byte + index) | 1)

/** Lengths of parts: often short, sometimes as long as a frame, or longer than any that are put together. */
const lengths = Arbitrary.array(
  Arbitrary.map(
    Arbitrary.all({ kind: arbitraryInt(0, 9), short: arbitraryInt(0, 40), long: arbitraryInt(3000, 6000) }),
    ({ kind, long, short }) => kind === 9 ? 70 * long : kind > 6 ? long : short
  ),
  { maxLength: 60 }
)

describe("withheld plaintext", () => {
  it.prop(
    "is released in order, in few arrays of few bytes more, and no other copy is left",
    [lengths],
    ([lengths]) => {
      const withheld = new Withheld()
      const parts = lengths.map(partOf)
      const all = concat(...parts)
      for (const part of parts) withheld.push(part)
      const released: ReadonlyArray<Uint8Array> = withheld.take() ?? []
      assert.deepStrictEqual(concat(...released), all)
      assert.isTrue(released.every(({ length }) => length > 0))
      assert.isAtMost(released.length, 2 * Math.ceil(all.length / 4096) + 1)
      for (const { buffer, length } of released) assert.isAtMost(buffer.byteLength, length + 4096)
      for (const part of parts) assert.isTrue(isZero(part) || released.includes(part), "a copy is left")
      assert.isUndefined(withheld.take())
    },
    { arbitrary: { seed: "withheld", runs: 60 } }
  )

  it("of a quarter of a million parts of one byte is two arrays", () => {
    const withheld = new Withheld()
    for (let index = 0; index < 262_145; index++) withheld.push(Uint8Array.of(index))
    assert.deepStrictEqual(withheld.take()?.map(({ length }) => length), [262_144, 1])
  })

  it("is zeroed where it is not released", () => {
    const withheld = new Withheld()
    const parts = [10, 5000, 20, 30].map(partOf)
    for (const part of parts) withheld.push(part)
    withheld.zero()
    assert.isTrue(parts.every(isZero))
    assert.isTrue((withheld.take() ?? []).every(isZero))
  })
})

describe("collected parts", () => {
  it.prop("are one copy of all, in order", [lengths], ([lengths]) => {
    const collected = new Collected()
    const all = concat(...lengths.map(partOf))
    for (const part of lengths.map(partOf)) {
      collected.push(part)
      part.fill(0)
    }
    assert.deepStrictEqual(collected.concat(), all)
  }, { arbitrary: { seed: "collected", runs: 40 } })
})
