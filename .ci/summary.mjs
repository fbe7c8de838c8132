// What became of every step of .ci/run, and how many tests of each group passed. The last line counts all tests.
// Whatever fails without a failed test is counted as one, so that the line never looks better than the run was.
import { existsSync, readFileSync } from "node:fs"
import { join, posix, relative, sep } from "node:path"

/** The suites by the name of their report, and how the paths of groups begin of which at least one test must have run. */
const suites = {
  test: ["test/structure/", "test/interop/"],
  web: ["test/caching/", "test/client/", "test/raw/", "test/interop/"],
  browser: ["test/caching/", "test/client/", "test/raw/", "test/kms/"],
  peers: ["test/peers/browser", "test/peers/governor", "test/peers/kms", "test/peers/python"]
}

/** Steps that are no suites but count their own checks, by the name of their output. */
const counting = { soak: "npm run test:soak", mutants: "npm run test:mutants" }

/** The counts in the last line of such an output: of checks, or of mutants, of which those that survive have failed. */
const countsOf = (line) => {
  const checks = /^(\d+) passed, (\d+) failed, (\d+) skipped$/.exec(line)
  if (checks !== null) return checks.slice(1).map(Number)
  const mutants = /^killed (\d+)\/(\d+)$/.exec(line)
  return mutants === null ? [] : [Number(mutants[1]), Number(mutants[2]) - Number(mutants[1]), 0]
}

const results = process.argv[2]
const total = { passed: 0, failed: 0, skipped: 0 }
const format = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`
const sum = (counts) => {
  const of = (key) => counts.reduce((all, count) => all + count[key], 0)
  return { passed: of("passed"), failed: of("failed"), skipped: of("skipped") }
}
const fail = (description) => {
  total.failed++
  console.log(`  FAILED: ${description}`)
}

/** The counts of a suite's files; none where vitest wrote no report. */
const read = (suite) => {
  const report = join(results, `${suite}.json`)
  const { testResults } = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : { testResults: [] }
  return testResults.map(({ assertionResults, name, status }) => {
    const of = (...wanted) => assertionResults.filter((test) => wanted.includes(test.status)).length
    const passed = of("passed")
    const failed = of("failed")
    return {
      path: relative(process.cwd(), name).replaceAll(sep, "/"),
      passed,
      // A file that does not load, or whose hooks fail, has no failed test.
      failed: status === "failed" && failed === 0 ? 1 : failed,
      skipped: assertionResults.length - passed - failed
    }
  })
}

let failedTests = 0
for (const [suite, required] of Object.entries(suites)) {
  console.log(`\nsuite ${suite}`)
  const files = read(suite).toSorted((a, b) => a.path < b.path ? -1 : 1)
  const folders = new Set(files.map(({ path }) => `${posix.dirname(path)}/`))
  const groups = [...folders, ...required.filter((group) => !folders.has(group))]
  for (const group of groups) {
    const inside = folders.has(group)
      ? files.filter(({ path }) => `${posix.dirname(path)}/` === group)
      : files.filter(({ path }) => path.startsWith(group))
    const count = sum(inside)
    console.log(`  ${group.padEnd(24)} ${format(count)}`)
    if (required.includes(group) && count.passed + count.failed === 0) fail(`no test of ${group} ran`)
  }
  const count = sum(files)
  for (const key of Object.keys(total)) total[key] += count[key]
  failedTests += count.failed
}

for (const name of Object.keys(counting)) {
  const output = join(results, `${name}.txt`)
  const line = existsSync(output) ? readFileSync(output, "utf8").trimEnd().split("\n").at(-1) : ""
  const [passed, failed, skipped] = countsOf(line)
  console.log(`\nchecks of ${name}`)
  if (passed === undefined || passed + failed === 0) {
    fail(`no check of ${name} was counted`)
    continue
  }
  const count = { passed, failed, skipped }
  console.log(`  ${format(count)}`)
  for (const key of Object.keys(total)) total[key] += count[key]
  failedTests += count.failed
}

console.log("\nsteps")
for (const line of readFileSync(join(results, "steps"), "utf8").trimEnd().split("\n")) {
  const [status, seconds, command] = line.split("\t")
  const [step, reporters] = command.split(" -- ")
  const text = `${step} (${seconds} s${status === "124" || status === "137" ? ", stopped at its time limit" : ""})`
  const counts = reporters !== undefined || Object.values(counting).includes(step)
  if (status === "0" || (counts && failedTests > 0)) {
    console.log(`  ${status === "0" ? "passed" : "FAILED"}: ${text}`)
  } else {
    fail(text)
  }
}

console.log(`\n${format(total)}`)
process.exitCode = total.failed > 0 ? 1 : 0
