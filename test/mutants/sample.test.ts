import { assert, describe, it } from "@effect/vitest"
import { mutants } from "./mutants.ts"
import { sample } from "./sample.ts"

describe("a sample of mutants", () => {
  it("has the size that is wanted, the same mutants for the same seed, and others for another", () => {
    const names = (seed: string) => sample(mutants, 20, seed).map(({ name }) => name)
    assert.strictEqual(new Set(names("a")).size, 20)
    assert.deepStrictEqual(names("a"), names("a"))
    assert.notDeepEqual(names("a"), names("b"))
  })

  it("leaves none out for ever", () => {
    const seen = new Set(Array.from({ length: 200 }).flatMap((_, seed) => sample(mutants, 40, String(seed))))
    assert.strictEqual(seen.size, mutants.length)
  })

  it("of more than there are is all of them", () => {
    assert.deepStrictEqual(sample(mutants, mutants.length + 1, ""), mutants)
  })
})
