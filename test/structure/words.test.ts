import { assert, describe, it } from "@effect/vitest"
import { isBoolean } from "./booleans.ts"
import { commentsOf, docstringsOf, guideOf } from "./prose.ts"
import { parse } from "./syntax.ts"
import { maxTableColumns, openings, words } from "./vocabulary.ts"
import { type Finding, inExample, inGuide, inSource, openingsIn, tablesIn } from "./words.ts"

const module = (text: string) => parse("X.ts", text)
const brief = (findings: ReadonlyArray<Finding>) => findings.map(({ found, line }) => `${line}: ${found}`)

describe("the text of comments", () => {
  it("keeps its offsets, and nothing else of the module", () => {
    const text = "/** One\n * two `code` */\nconst a = 'three' // four\nconst b = `// five`\n"
    const found = commentsOf(module(text))
    assert.lengthOf(found, text.length)
    for (const word of ["One", "two", "four"]) assert.strictEqual(found.indexOf(word), text.indexOf(word))
    for (const word of ["code", "three", "five", "const", "*", "/"]) assert.notInclude(found, word)
  })
})

describe("the text of a guide", () => {
  it("keeps its offsets, without code, comments and targets of links", () => {
    const text = "One `two` [three](four.md)\n\n```ts\nfive\n```\n<!-- six -->\nseven\n"
    const found = guideOf(text)
    assert.lengthOf(found, text.length)
    for (const word of ["One", "three", "seven"]) assert.strictEqual(found.indexOf(word), text.indexOf(word))
    for (const word of ["two", "four", "five", "six"]) assert.notInclude(found, word)
  })
})

describe("docstrings", () => {
  it("are about what follows them, other comments aside", () => {
    const found = docstringsOf(module(`
      /** A module. */
      import a from "a"
      // A line.
      /* A block. */
      /**
       * A constant,
       * over lines.
       */
      // Another line.
      export const b = /*#__PURE__*/ a
      interface C {
        /** A field. */
        readonly d: string
      }
      /** The end. */`))
    assert.deepStrictEqual(
      found.map(({ declaration, text }) => [text.replaceAll(/\s+/g, " "), declaration?.type]),
      [
        ["A module.", "ImportDeclaration"],
        ["A constant, over lines.", "ExportNamedDeclaration"],
        ["A field.", "TSPropertySignature"],
        ["The end.", undefined]
      ]
    )
  })

  it("begin with no noun clause", () => {
    assert.deepStrictEqual(
      brief(openingsIn(module(`
        /** What it is. */ const a = 1
        /**
         * How
         * many there are.
         */
        const b = 1
        /** So much is left. */ const c = 1
        /** Those that wait. */ const d = 1
        /** Whoever calls. */ const e = 1
        /** Somewhat long, which is what it is. How so? */ const f = 1
        /** Whatsoever. What-if analysis of one policy. */ const g = 1
        // What this comment is.
        /* What that comment is. */
        /** @internal */ const h = 1`))),
      ["2: What …", "4: How many …", "8: So much …", "9: Those …", "10: Whoever …"]
    )
  })

  it("begin with \"Whether\" before what is boolean, as far as syntax tells", () => {
    const answers = {
      yes: [
        "const a: boolean = f()",
        "export const a = true",
        "const a = b === c",
        "const a = !b",
        "const a = (b: string): boolean => f(b)",
        "const a = (b: string) => b.length > 1",
        "const a = (b: unknown): b is string => f(b)",
        "function a(): boolean { return f() }",
        "type A = boolean | undefined",
        "const a: (b: string) => boolean = f",
        "type T = true",
        "class A { b(): boolean { return f() } }",
        "interface A { readonly b?: true }",
        "interface A { b(): boolean }",
        "const a = { b: true }",
        "const a = (b: boolean) => b"
      ],
      no: [
        "const a: string = f()",
        "const a = 1",
        "const a = `b`",
        "const a = b + c",
        "const a = (): Array<string>[] => f()",
        "function a(): void {}",
        "type A = \"encrypt\" | \"decrypt\"",
        "interface A { readonly b: number }",
        "interface B {}",
        "class B {}",
        "import b from 'b'",
        ""
      ],
      unknown: [
        "const a = f()",
        "const a: A = f()",
        "const a = (b: string) => f(b)",
        "const a = (): Effect.Effect<boolean> => f()",
        "f(a)"
      ]
    }
    // Of a text with braces it is about what is within them.
    const before = (text: string) => {
      const at = /^(?:class A|interface A|const a = (?=\{)) ?\{ |^const a = \((?=b: boolean)|^const a = \{ /.exec(text)
      const index = at === null ? 0 : at[0].length
      return `${text.slice(0, index)}/** Whether it is. */ ${text.slice(index)}`
    }
    for (const [answer, texts] of Object.entries(answers)) {
      for (const text of texts) {
        const source = module(before(text))
        assert.strictEqual(isBoolean(docstringsOf(source)[0]!.declaration), answer, text)
        assert.lengthOf(openingsIn(source), answer === "no" ? 1 : 0, text)
      }
    }
  })
})

describe("words", () => {
  it("are found in all comments of a source, over the end of a line too", () => {
    assert.deepStrictEqual(
      brief(inSource(module(`
        /**
         * Nobody waits for fetches in
         * the air.
         */
        // It is told so
        // many times, and \`answers\` are names.
        const a = "whoever" // Whoever.
        `))).toSorted(),
      ["3: Nobody", "3: in the air", "6: is told", "6: so many", "8: Whoever"]
    )
  })

  it("are found in docstrings of an example only, since its other comments show what it prints", () => {
    assert.deepStrictEqual(brief(inExample(module("/** Nobody. */\nconst a = 1\n// nobody"))), ["1: Nobody"])
  })

  it("are found in guides", () => {
    assert.deepStrictEqual(brief(inGuide("x.md", "# A\n\nIt refuses `refuses`.\n")), ["3: refuses"])
  })

  it("are no parts of other words", () => {
    assert.deepStrictEqual(
      inSource(module("// timestamp, time stamp, time-stamp, island, landscape, stamped-on, so many as, told apart")),
      []
    )
    assert.deepStrictEqual(brief(inSource(module("// is told apart, is told"))), ["1: is told"])
  })

  it("each have something to write instead", () => {
    for (const { instead, pattern } of [...openings, ...words]) {
      assert.isNotEmpty(instead, pattern)
      assert.doesNotThrow(() => new RegExp(pattern))
    }
  })
})

describe("tables", () => {
  const row = (columns: number) => `|${"ü".repeat(columns - 2)}|`

  it("have lines that are not too long", () => {
    assert.deepStrictEqual(tablesIn("x.md", `${row(maxTableColumns)}\n${"x".repeat(500)}\n`), [])
    assert.deepStrictEqual(
      brief(tablesIn("x.md", `# A\n\n| a |\n${row(maxTableColumns + 1)}\n\n${row(200)}`)),
      [`3: table of ${maxTableColumns + 1} columns`, "6: table of 200 columns"]
    )
  })

  it("are none in blocks of code", () => {
    assert.deepStrictEqual(tablesIn("x.md", `\`\`\`\n${row(300)}\n\`\`\`\n`), [])
  })
})
