// What became of every step of .ci/run, and how many tests of each folder passed. The last line counts all tests.
// Whatever fails without a failed test is counted as one, so that the line never looks better than the run was.
import { existsSync, readFileSync } from "node:fs"
import { join, relative, sep } from "node:path"

/** The suites by the name of their report, and the folders of which at least one test must have run. */
const suites = {
  test: ["test", "test/interop", "test/structure"],
  peers: ["test/peers"]
}

const results = process.argv[2]
const total = { passed: 0, failed: 0, skipped: 0 }
const format = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`
const add = (count, other) => {
  for (const key of Object.keys(count)) count[key] += other[key]
}
const fail = (description) => {
  total.failed++
  console.log(`  FAILED: ${description}`)
}

const countFile = ({ assertionResults, status }) => {
  const count = { passed: 0, failed: 0, skipped: 0 }
  for (const test of assertionResults) {
    count[test.status === "passed" || test.status === "failed" ? test.status : "skipped"]++
  }
  // A file that does not load, or whose hooks fail, has no failed test.
  if (status === "failed" && count.failed === 0) count.failed++
  return count
}

/** The counts of a suite by folder; none where vitest wrote no report. */
const countFolders = (suite) => {
  const report = join(results, `${suite}.json`)
  const folders = new Map()
  if (existsSync(report)) {
    for (const file of JSON.parse(readFileSync(report, "utf8")).testResults) {
      const folder = relative(process.cwd(), file.name).split(sep).slice(0, -1).join("/")
      const count = folders.get(folder) ?? { passed: 0, failed: 0, skipped: 0 }
      add(count, countFile(file))
      folders.set(folder, count)
    }
  }
  return folders
}

let failedTests = 0
for (const [suite, required] of Object.entries(suites)) {
  console.log(`\nsuite ${suite}`)
  const folders = [...countFolders(suite)].toSorted(([a], [b]) => a < b ? -1 : 1)
  for (const [folder, count] of folders) {
    console.log(`  ${folder.padEnd(28)} ${format(count)}`)
    add(total, count)
    failedTests += count.failed
  }
  for (const name of required) {
    const ran = folders.some(([folder, { passed, failed }]) =>
      `${folder}/`.startsWith(`${name}/`) && passed + failed > 0
    )
    if (!ran) fail(`no test of ${name} ran`)
  }
}

console.log("\nsteps")
for (const line of readFileSync(join(results, "steps"), "utf8").trimEnd().split("\n")) {
  const [status, seconds, command] = line.split("\t")
  const [step, reporters] = command.split(" -- ")
  const text = `${step} (${seconds} s${status === "124" ? ", stopped at its time limit" : ""})`
  if (status === "0" || (reporters !== undefined && failedTests > 0)) {
    console.log(`  ${status === "0" ? "passed" : "FAILED"}: ${text}`)
  } else {
    fail(text)
  }
}

console.log(`\n${format(total)}`)
process.exitCode = total.failed > 0 ? 1 : 0
