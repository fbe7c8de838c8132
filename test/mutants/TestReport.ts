/**
 * What vitest's JSON report says of a mutant: only a failed assertion of the named test is a catch.
 */
import { Schema } from "effect"
import type { NamedTest } from "./Mutant.ts"

const Test = Schema.Struct({
  ancestorTitles: Schema.Array(Schema.String),
  title: Schema.String,
  status: Schema.String,
  failureMessages: Schema.Array(Schema.String)
})

/** The part of vitest's JSON report that is read here. */
export const TestReport = Schema.Struct({
  success: Schema.Boolean,
  numTotalTests: Schema.Number,
  testResults: Schema.Array(Schema.Struct({ name: Schema.String, assertionResults: Schema.Array(Test) }))
})

/** See the schema. */
export interface TestReport extends Schema.Schema.Type<typeof TestReport> {}

/** The title as it is written in the table of mutants, and as vitest's `-t` sees it. */
const titleOf = (test: typeof Test.Type): string => [...test.ancestorTitles, test.title].join(" > ")

const find = (report: TestReport, { file, title }: NamedTest) =>
  report.testResults
    .filter(({ name }) => name.replaceAll("\\", "/").endsWith(`/${file}`))
    .flatMap(({ assertionResults }) => assertionResults.filter((test) => titleOf(test) === title))

/** The tests that did not pass, and were not skipped either, and why. */
export const failures = (report: TestReport): ReadonlyArray<string> =>
  report.testResults.flatMap(({ assertionResults, name }) =>
    assertionResults
      .filter(({ status }) => status === "failed")
      .map((test) => `${name}: ${titleOf(test)}\n${test.failureMessages.join("\n")}`)
  )

/** What is wrong with a named test before anything is changed: it must be there, once, and pass. */
export const unsound = (report: TestReport, test: NamedTest): string | undefined => {
  const found = find(report, test)
  if (found.length !== 1) return found.length === 0 ? "is not there" : `is there ${found.length} times`
  return found[0]!.status === "passed" ? undefined : `is ${found[0]!.status} without any mutant`
}

/** What became of a mutant. */
export type Verdict =
  | { readonly _tag: "Killed"; readonly assertion: string }
  | { readonly _tag: "Survived"; readonly reason: string }

const survived = (reason: string): Verdict => ({ _tag: "Survived", reason })

const firstLine = (text: string): string => text.split("\n", 1)[0]!

/** Whether the named test caught the mutant, by an assertion and not by a time-out, a defect or an unexpected failure. */
export const verdict = (report: TestReport, test: NamedTest): Verdict => {
  const [found] = find(report, test)
  if (found === undefined) return survived("the named test did not run: its file does not load")
  if (found.status === "passed") return survived("the named test passes")
  if (found.status !== "failed" || found.failureMessages.length === 0) {
    return survived(`the named test is ${found.status}`)
  }
  const other = found.failureMessages.find((message) => !message.startsWith("AssertionError"))
  return other === undefined
    ? { _tag: "Killed", assertion: firstLine(found.failureMessages[0]!) }
    : survived(`the named test fails, but by no assertion: ${firstLine(other)}`)
}
