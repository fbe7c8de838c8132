/** Type tests are checked by `tsc` and never run, so here it is only held that there are some of each entry point. */
import { assert, describe, it } from "@effect/vitest"
import { posix } from "node:path"
import manifest from "../../package.json" with { type: "json" }
import { filesBelow, readText } from "./syntax.ts"

const tests = filesBelow("test/types", ".test-d.ts").map(readText)

describe("type tests", () => {
  for (const [key, value] of Object.entries(manifest.exports)) {
    if (key === "./package.json" || value === null) continue
    const specifier = posix.join(manifest.name, key)
    it(`import ${specifier}`, () => assert.isTrue(tests.some((text) => text.includes(` from "${specifier}"`))))
  }

  it("hold equal types, and errors that are expected", () => {
    for (const text of tests) {
      assert.include(text, ".toEqualTypeOf<")
      assert.include(text, "// @ts-expect-error: ")
    }
  })
})
