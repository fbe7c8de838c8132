import { assert, describe, it } from "@effect/vitest"
import { exceptions, limits, maxExceptions } from "./limits.ts"
import { measure } from "./measure.ts"
import { problems, sized } from "./sizes.ts"
import { parse } from "./syntax.ts"

const measured = (text: string) => measure(parse("X.ts", text))
const functions = (text: string) => measured(text).functions.map(({ lines, name }) => `${name} ${lines}`)

describe("lines of code", () => {
  it("are those with anything but comments and white space", () => {
    assert.strictEqual(measured("").lines, 0)
    assert.strictEqual(measured("\n  \n// a\n/* b\n c */\n").lines, 0)
    assert.strictEqual(measured("const a = 1 // one\n/** two */ const b = 2\n\n/* c */\n").lines, 2)
    assert.strictEqual(measured("const a = [ // one\n  // two\n  1\n]").lines, 3)
  })

  it("may hold what looks like a comment", () => {
    assert.strictEqual(measured("const a = `\n// not a comment\n/* nor this */\n`").lines, 4)
    assert.strictEqual(measured("const a = '//'\nconst b = /\\/*x/\nconst c = 1 /* c\n */ + 2").lines, 4)
    assert.strictEqual(measured("const a = \"ü💥\" // ü\nconst b = `${/* 💥 */ a}`").lines, 2)
  })
})

describe("functions", () => {
  it("are counted from their first line to their last, without comments and blanks", () => {
    assert.deepStrictEqual(functions("const f = () => 1"), ["f 1"])
    assert.deepStrictEqual(functions("/** Doc. */\nconst f = () => {\n  // why\n\n  return 1\n}\n"), ["f 3"])
    assert.deepStrictEqual(functions("function f(\n  a: number\n) {\n  return a\n}"), ["f 5"])
  })

  it("have the names of what declares them, with those around them", () => {
    assert.deepStrictEqual(
      functions(`
        const make = Effect.fnUntraced(function*() {
          const inner = () => 1
          return { method() {}, get value() { return 2 }, "quoted": () => 3, nested: { deep: () => 4 } }
        })
        class A { static #b = () => 5; constructor() {} }
        a.b = function() {}
        export default () => 6`),
      [
        "make 4",
        "make.inner 1",
        "make.method 1",
        "make.value 1",
        "make.\"quoted\" 1",
        "make.nested.deep 1",
        "A.b 1",
        "A.constructor 1",
        "b 1",
        "default 1"
      ]
    )
  })

  it("without a name are a part of those around them, and counted where there are none", () => {
    assert.deepStrictEqual(functions("const f = () => [1].map((n) =>\n n)"), ["f 2"])
    assert.deepStrictEqual(functions("const f = (a) => (b) => a"), ["f 1"])
    assert.deepStrictEqual(functions("[1].map((n) =>\n n)"), ["a function without a name 2"])
  })

  it("declared without a body are none", () => {
    assert.deepStrictEqual(functions("function f(): void\nfunction f() {}\ninterface A { m(): void }"), ["f 1"])
  })

  it("of tests have the titles of their calls", () => {
    assert.deepStrictEqual(
      measured(`
        describe("a suite", () => {
          const helper = () => 1
          it.effect.each([1])("a test", () => Effect.gen(function*() {}))
          describe.each([2])(\`rows of \${x}\`, () => {})
          describe(title, () => {})
        })
        layer(live)("a layer", (it) => it("inside", () => {}))`).functions
        .map(({ isSuite, name }) => [name, isSuite]),
      [
        ["describe \"a suite\"", true],
        ["describe \"a suite\".helper", false],
        ["describe \"a suite\".it \"a test\"", false],
        ["describe \"a suite\".describe \"rows of …\"", true],
        ["describe \"a suite\".describe (…)", true],
        ["layer \"a layer\"", true],
        ["layer \"a layer\".it \"inside\"", false]
      ]
    )
  })

  const suites = (text: string) => measured(text).functions.filter(({ isSuite }) => isSuite).map(({ name }) => name)

  it("that register tests are suites, and the tests and helpers in them are not", () => {
    assert.deepStrictEqual(
      suites(`
        import { describe, it, layer } from "@effect/vitest"
        const contract = (make) => {
          const helper = () => 1
          it.effect.each(rows)("a test", () => Effect.gen(function*() {}))
          for (const row of rows) it.effect.prop(row, {}, () => {})
        }
        const short = () => describe("a suite", () => {})
        const byRow = (rows) => rows.forEach((row) => it(row, () => {}))
        const byLayer = (live) => layer(live)("a layer", (it) => {})
        const helper = () => 1`),
      [
        "contract",
        "short",
        "short.describe \"a suite\"",
        "byRow",
        "byLayer",
        "byLayer.layer \"a layer\""
      ]
    )
  })

  it("that call functions of those names from elsewhere are no suites, and neither are those around a suite", () => {
    assert.deepStrictEqual(suites("import { layer } from './x.ts'\nconst f = () => layer(1)\nconst g = () => it()"), [])
    assert.deepStrictEqual(
      suites(`
        import { it } from "vitest"
        const outer = () => {
          const inner = () => it("a test", () => {})
          inner()
        }`),
      ["outer.inner"]
    )
  })
})

describe("the check", () => {
  const limit = { folder: "src", module: 5, function: 3 }
  const long = sized(measured("const f = () => {\n  a()\n  b()\n}\nc()\nd()"), limit)
  const short = sized(measured("const f = () => 1"), limit)
  const because = "a test needs it"

  it("finds what is too long", () => {
    assert.deepStrictEqual(problems(long, [], 1), [
      "X.ts: 6 lines of code, and 5 are allowed",
      "X.ts:1: f: 4 lines of code, and 3 are allowed"
    ])
    assert.deepStrictEqual(problems(short, [], 1), [])
  })

  it("limits no suite", () => {
    assert.deepStrictEqual(problems(sized(measured("describe('a', () => {\n\na()\nb()\n})"), limit), [], 1), [])
  })

  it("allows exceptions as long as they are needed, and up to their lengths", () => {
    assert.deepStrictEqual(
      problems(long, [{ path: "X.ts", lines: 6, because }, { path: "X.ts", function: "f", lines: 4, because }], 2),
      []
    )
    assert.deepStrictEqual(problems(long, [{ path: "X.ts", lines: 6, because }], 1), [
      "X.ts:1: f: 4 lines of code, and 3 are allowed"
    ])
    assert.deepStrictEqual(
      problems(long.slice(1), [{ path: "X.ts", function: "f", lines: 3, because }], 1),
      ["X.ts:1: f: 4 lines of code, and 3 are allowed"]
    )
    assert.deepStrictEqual(
      problems(short, [{ path: "X.ts", function: "f", lines: 9, because }, { path: "Y.ts", lines: 9, because }], 2),
      ["the exception of X.ts: f is not needed", "the exception of Y.ts is not needed"]
    )
  })

  it("allows few exceptions, each with a reason", () => {
    assert.deepStrictEqual(
      problems(long.slice(1), [{ path: "X.ts", function: "f", lines: 4, because: " " }], 0),
      ["the exception of X.ts: f has no reason", "there are 1 exceptions, and 0 are allowed"]
    )
    assert.strictEqual(maxExceptions, 5)
    assert.isAtMost(exceptions.length, maxExceptions)
    assert.includeMembers(limits.map(({ folder }) => folder), ["src", "test", "docs/examples"])
  })
})
