/**
 * What `npm run test:mutants` calls a catch, and what it does not.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { existsSync, readFileSync } from "node:fs"
import * as Mutant from "./Mutant.ts"
import { mutants } from "./mutants.ts"
import * as TestReport from "./TestReport.ts"

const repository = new URL("../../", import.meta.url)
const killedBy = { file: "test/caching/thresholds.test.ts", title: "maximum age > is strict" }
const mutant: Mutant.Mutant = {
  name: "served when it is too old",
  file: "src/a.ts",
  find: ">=",
  replace: ">",
  killedBy
}

const report = (
  ...tests: ReadonlyArray<
    { readonly title?: string; readonly status: string; readonly messages?: ReadonlyArray<string> }
  >
): TestReport.TestReport => ({
  success: tests.every(({ status }) => status === "passed"),
  numTotalTests: tests.length,
  testResults: [{
    name: `/somewhere/${killedBy.file}`,
    assertionResults: tests.map(({ messages = [], status, title = "is strict" }) => ({
      ancestorTitles: ["maximum age"],
      title,
      status,
      failureMessages: messages
    }))
  }]
})

describe("a mutant", () => {
  it("is the source with one text replaced by another", () => {
    assert.deepStrictEqual(Mutant.apply(mutant, "age >= $& limit"), Result.succeed("age > $& limit"))
    const two = { ...mutant, also: { find: "limit", replace: "limit + 1" } }
    assert.deepStrictEqual(Mutant.apply(two, "age >= limit"), Result.succeed("age > limit + 1"))
  })

  for (
    const [source, also, occurrences] of [
      ["age > limit", undefined, 0],
      ["a >= b || c >= d", undefined, 2],
      ["age >= limit", { find: "bound", replace: "" }, 0]
    ] as const
  ) {
    it(`no longer applies to ${source}${also === undefined ? "" : ", which lacks the second text"}`, () => {
      const applied = Mutant.apply(also === undefined ? mutant : { ...mutant, also }, source)
      assert.strictEqual(
        Result.isFailure(applied) ? applied.failure.message : "it applies",
        `mutant "served when it is too old" no longer applies: its text occurs ${occurrences} times in src/a.ts, not once`
      )
    })
  }

  it("has a name of its own, changes something, and applies to the sources as they are", () => {
    assert.strictEqual(new Set(mutants.map(({ name }) => name)).size, mutants.length)
    const wrong = mutants.flatMap((mutant) => {
      const source = readFileSync(new URL(mutant.file, repository), "utf8")
      const applied = Mutant.apply(mutant, source)
      if (Result.isFailure(applied)) return [applied.failure.message]
      return applied.success === source ? [`mutant "${mutant.name}" changes nothing`] : []
    })
    assert.deepStrictEqual(wrong, [])
  })

  it("is killed by a test whose file is there", () => {
    const missing = mutants.filter(({ killedBy }) => !existsSync(new URL(killedBy.file, repository)))
    assert.deepStrictEqual(missing, [])
  })
})

describe("a catch", () => {
  it("is a failed assertion of the named test", () => {
    assert.deepStrictEqual(
      TestReport.verdict(
        report({ status: "failed", messages: ["AssertionError: expected 1 to equal 2\n    at …"] }),
        killedBy
      ),
      { _tag: "Killed", assertion: "AssertionError: expected 1 to equal 2" }
    )
  })

  for (
    const [title, tests, reason] of [
      ["the test's success", [{ status: "passed" }], /passes/],
      ["a test that was skipped", [{ status: "skipped" }], /is skipped/],
      ["a test that did not run", [], /does not load/],
      ["the failure of another test", [{ title: "other", status: "failed", messages: ["AssertionError"] }], /not load/],
      ["a failure without a word", [{ status: "failed" }], /is failed/],
      [
        "a time-out",
        [{ status: "failed", messages: ["TestTimeoutError: Test timed out in 30000ms."] }],
        /no assertion: TestTimeoutError/
      ],
      ["a defect", [{ status: "failed", messages: ["TypeError: x is not a function"] }], /no assertion: TypeError/],
      [
        "an assertion beside a defect",
        [{ status: "failed", messages: ["AssertionError: expected", "TypeError: x is not a function"] }],
        /no assertion: TypeError/
      ]
    ] as const
  ) {
    it(`is not ${title}`, () => {
      const verdict = TestReport.verdict(report(...tests.map((test) => ({ messages: [], ...test }))), killedBy)
      assert.match(verdict._tag === "Survived" ? verdict.reason : "killed", reason)
    })
  }
})

describe("a named test", () => {
  for (
    const [title, statuses, wrong] of [
      ["passes before anything is changed", ["passed"], undefined],
      ["must not be missing", [], "is not there"],
      ["must not be there twice", ["passed", "passed"], "is there 2 times"],
      ["must not fail by itself", ["failed"], "is failed without any mutant"],
      ["must not be skipped", ["skipped"], "is skipped without any mutant"]
    ] as const
  ) {
    it(title, () => {
      assert.strictEqual(TestReport.unsound(report(...statuses.map((status) => ({ status }))), killedBy), wrong)
    })
  }
})
