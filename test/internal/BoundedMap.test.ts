import { assert, describe, it } from "@effect/vitest"
import { Arbitrary } from "effect"
import { BoundedMap } from "../../src/internal/BoundedMap.ts"
import { arbitraryInt } from "../support/arbitraryBytes.ts"

describe("BoundedMap", () => {
  it("returns what was set, and undefined for any other key", () => {
    const map = new BoundedMap<unknown, number>(3)
    const key = {}
    map.set(key, 1)
    map.set(Number.NaN, 2)
    assert.deepStrictEqual([map.get(key), map.get(Number.NaN), map.get({})], [1, 2, undefined])
  })

  it("drops the entry that was set longest ago, whatever was read since, and none for a key that it has", () => {
    const map = new BoundedMap<string, number>(2)
    map.set("a", 1)
    map.set("b", 2)
    map.get("a")
    map.set("b", 3)
    assert.deepStrictEqual([map.get("a"), map.get("b")], [1, 3])
    map.set("c", 4)
    assert.deepStrictEqual([map.get("a"), map.get("b"), map.get("c")], [undefined, 3, 4])
    map.set("b", 5)
    map.set("d", 6)
    assert.deepStrictEqual([map.get("b"), map.get("c"), map.get("d")], [5, undefined, 6])
  })

  it.prop("holds the keys that were set last, and never more than its capacity", [
    Arbitrary.all({ capacity: arbitraryInt(1, 5), keys: Arbitrary.array(arbitraryInt(0, 9), { maxLength: 40 }) })
  ], ([{ capacity, keys }]) => {
    const map = new BoundedMap<number, number>(capacity)
    let expected: ReadonlyArray<readonly [key: number, value: number]> = []
    keys.forEach((key, value) => {
      map.set(key, value)
      expected = [...expected.filter(([known]) => known !== key), [key, value] as const].slice(-capacity)
    })
    const held = Array.from({ length: 10 }, (_, key) => [key, map.get(key)]).filter(([, value]) => value !== undefined)
    assert.deepStrictEqual(held, expected.toSorted(([a], [b]) => a - b).map((entry) => [...entry]))
  }, { arbitrary: { seed: "bounded-map", runs: 200 } })
})
