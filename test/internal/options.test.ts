import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { checker } from "../../src/internal/options.ts"

const check = checker(
  Schema.Struct({
    size: Schema.optional(Schema.Int.check(Schema.isGreaterThan(0))),
    name: Schema.optional(Schema.String),
    nested: Schema.optional(Schema.Struct({ deep: Schema.Boolean }))
  }),
  "a tool",
  {
    size: "must be a positive integer",
    name: (value) => `must be a string, got ${typeof value}`,
    nested: "must have a flag"
  }
)

const problem = (input: unknown) => {
  const result = check(input)
  assert.isTrue(Result.isFailure(result), "accepted")
  return (result as Result.Failure<unknown, unknown>).failure
}

describe("options", () => {
  it("returns what fits, and options that are left out or undefined fit", () => {
    for (const options of [{}, { size: 1 }, { size: undefined, name: "a" }, { nested: { deep: true } }]) {
      assert.deepStrictEqual({ ...Result.getOrThrow(check(options)) }, options)
    }
  })

  it("rejects what is no object", () => {
    for (const input of [undefined, null, 1, "text", true, Symbol("s")]) {
      assert.deepStrictEqual(problem(input), { field: "options", description: "must be an object" })
    }
  })

  it("rejects a wrong value with the field's sentence, and with the value where the sentence is a function of it", () => {
    for (const size of [0, -1, 1.5, Number.NaN, "1", null]) {
      assert.deepStrictEqual(problem({ size }), { field: "size", description: "must be a positive integer" })
    }
    assert.deepStrictEqual(problem({ name: 1 }), { field: "name", description: "must be a string, got number" })
    assert.deepStrictEqual(problem({ name: null }), { field: "name", description: "must be a string, got object" })
  })

  it("rejects what cannot be read", () => {
    const thrower = () => {
      throw new Error("thrown")
    }
    for (
      const input of [
        Object.defineProperty({}, "size", { enumerable: true, get: thrower }),
        { nested: Object.defineProperty({}, "deep", { enumerable: true, get: thrower }) },
        new Proxy({}, { ownKeys: thrower })
      ]
    ) assert.deepStrictEqual(problem(input), { field: "options", description: "cannot be read" })
  })

  it("names a value within an option by its path", () => {
    assert.deepStrictEqual(problem({ nested: { deep: 1 } }), { field: "nested.deep", description: "must have a flag" })
    assert.deepStrictEqual(problem({ nested: {} }), { field: "nested.deep", description: "must have a flag" })
  })

  it("rejects an option that does not exist, also one that every object inherits", () => {
    const inherited = JSON.parse("[{\"__proto__\":1},{\"constructor\":1},{\"toString\":1}]") as ReadonlyArray<object>
    for (const input of [{ sise: 1 }, { size: 1, Name: "a" }, { size: undefined, extra: undefined }, ...inherited]) {
      const unknown = Object.keys(input).at(-1)!
      const meant = new Map([["sise", ": did you mean size?"], ["Name", ": did you mean name?"]]).get(unknown) ?? ""
      assert.deepStrictEqual(problem(input), { field: unknown, description: `is no option of a tool${meant}` })
    }
  })
})
