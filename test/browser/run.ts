/**
 * `npm run test:browser`: the shared tests in headless Chromium, and those of the browser alone. Fails where a test that runs
 * in Node did not run there and is not named in `exceptions.ts`.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative, sep } from "node:path"
import { fileURLToPath } from "node:url"
import { chromium, missing } from "./chromium.ts"
import { exceptions } from "./exceptions.ts"
import { driveSite } from "./site.ts"
import { artefacts } from "./siteScenes.ts"

if (chromium === undefined) {
  console.error(missing)
  process.exit(1)
}

const root = fileURLToPath(new URL("../..", import.meta.url))
const vitest = join(root, "node_modules/vitest/vitest.mjs")
const results = mkdtempSync(join(tmpdir(), "test-browser-"))

const run = (args: ReadonlyArray<string>, stdio: "inherit" | "pipe") =>
  spawnSync(process.execPath, [vitest, ...args], { cwd: root, stdio: ["ignore", stdio, "inherit"], encoding: "utf8" })

const nameOf = (file: string) => relative(root, file).split(sep).join("/")

interface Report {
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly assertionResults: ReadonlyArray<{
      readonly status: string
      readonly title: string
      readonly ancestorTitles: ReadonlyArray<string>
    }>
  }>
}

/** How often each test is there, by file and full name: a name may be that of several. */
const count = (tests: Iterable<readonly [file: string, name: string]>): Map<string, number> => {
  const out = new Map<string, number>()
  for (const [file, name] of tests) {
    const key = `${file}: ${name}`
    out.set(key, (out.get(key) ?? 0) + 1)
  }
  return out
}

try {
  const own = "--outputFile.json="
  const options = process.argv.slice(2)
  const report = options.find((option) => option.startsWith(own))?.slice(own.length) ?? join(results, "browser.json")
  const reporters = ["--reporter=default", "--reporter=json", `${own}${report}`]
  const ran = run(["run", "--project", "browser", ...reporters], "inherit")
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as Report
  const passed = count(
    testResults.flatMap(({ assertionResults, name }) =>
      assertionResults.filter(({ status }) => status === "passed").map((test) =>
        [nameOf(name), [...test.ancestorTitles, test.title].join(" ")] as const
      )
    )
  )

  const listed = join(results, "node.json")
  const collected = run(["list", "--project", "node", "--staticParse=false", `--json=${listed}`], "pipe")
  if (collected.status !== 0) throw new Error("the tests of Node could not be listed")
  const listing = JSON.parse(readFileSync(listed, "utf8")) as ReadonlyArray<{ name: string; file: string }>
  const inNode = listing.map(({ file, name }) => ({ file, name: name.replaceAll(" > ", " ") }))
  const used = new Map<object, number>()
  const exceptionOf = (file: string, name: string) => {
    const found = exceptions.find((exception) =>
      (exception.path.endsWith("/") ? file.startsWith(exception.path) : file === exception.path) &&
      name.startsWith(exception.name ?? "")
    )
    if (found !== undefined) used.set(found, (used.get(found) ?? 0) + 1)
    return found
  }
  const wanted = count(
    inNode.filter(({ file, name }) => exceptionOf(nameOf(file), name) === undefined)
      .map(({ file, name }) => [nameOf(file), name] as const)
  )
  const lacking = [...wanted].filter(([key, times]) => (passed.get(key) ?? 0) < times).map(([key]) => key)
  const stale = exceptions.filter((exception) => !used.has(exception))
  let shared = 0
  for (const [key, times] of wanted) shared += Math.min(times, passed.get(key) ?? 0)

  for (const key of lacking.slice(0, 20)) console.error(`did not pass in the browser, and is no exception: ${key}`)
  if (lacking.length > 20) console.error(`… and ${lacking.length - 20} more`)
  for (const { name = "", path } of stale) console.error(`an exception that names no test: ${path} ${name}`)
  const excepted = [...used.values()].reduce((sum, tests) => sum + tests, 0)
  console.log(
    `${shared} shared tests passed in Chromium. Of the ${inNode.length} of \`npm test\`, ${excepted} are exceptions (test/browser/exceptions.ts):`
  )
  for (const exception of exceptions) {
    const { because, name, path } = exception
    console.log(
      `  ${String(used.get(exception) ?? 0).padStart(4)}  ${path}${
        name === undefined ? "" : ` (${name} …)`
      }: ${because}`
    )
  }
  const site = await driveSite(chromium).then(
    (shown) => {
      console.log(`The example page: ${shown.join("; ")}; screenshot in ${relative(root, artefacts)}/site.png`)
      return true
    },
    (error: unknown) => {
      console.error("The example page:", error)
      return false
    }
  )
  process.exitCode = site && ran.status === 0 && lacking.length === 0 && stale.length === 0 ? 0 : 1
} finally {
  rmSync(results, { recursive: true, force: true })
}
