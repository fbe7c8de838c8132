/**
 * `npm run bench` runs all benchmarks, each in a process of its own, and prints a table of medians and ratios.
 *
 * `npm run bench -- GROUP…` runs some groups, `--only TEXT` those whose name contains the text, `--quick` all of them in less
 * than three minutes, `--json` prints a line of JSON for each case. On a machine that is busy with other things, `--cpu` measures
 * processor time, of all threads, where a case is one piece of work in a loop.
 */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { groups } from "./groups.ts"
import type { Line } from "./support/benchmark.ts"
import { table } from "./support/table.ts"

const usage = (problem: string): never => {
  console.error(`${problem}
npm run bench -- [GROUP…] [--only TEXT] [--quick] [--cpu] [--json]
where GROUP is one of: ${Object.keys(groups).join(", ")}`)
  process.exit(1)
}

const parse = () => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        only: { type: "string", default: "" },
        cpu: { type: "boolean", default: false },
        quick: { type: "boolean", default: false },
        json: { type: "boolean", default: false }
      }
    })
  } catch (error) {
    return usage((error as Error).message)
  }
}

const { positionals, values: { cpu, json, only, quick } } = parse()
const unknown = positionals.find((name) => !Object.hasOwn(groups, name))
if (unknown !== undefined) usage(`there is no group ${unknown}`)
const started = performance.now()
let count = 0
for (const group of positionals.length === 0 ? Object.keys(groups) : positionals) {
  const lines: Array<Line> = []
  for (const { execArgv = [], name } of (await groups[group]!()).benchmarks) {
    if (!`${group}: ${name}`.includes(only)) continue
    const { status, stdout } = spawnSync(
      process.execPath,
      [
        "--conditions=effect-encryption-sdk-source",
        ...execArgv,
        fileURLToPath(new URL("process.ts", import.meta.url)),
        group,
        name,
        JSON.stringify({ cpu, quick, smoke: false })
      ],
      { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }
    )
    if (status !== 0) {
      console.error(`${group}: ${name}: failed, as its process has said`)
      process.exit(1)
    }
    for (const text of stdout.split("\n").filter((text) => text !== "")) {
      if (json) console.log(text)
      lines.push(JSON.parse(text))
    }
  }
  count += lines.length
  if (!json && lines.length > 0) console.log(`\n${group}\n${table(lines)}`)
}
if (count === 0) usage(`nothing has ${JSON.stringify(only)} in its name`)
if (!json) console.log(`\n${count} cases in ${Math.round((performance.now() - started) / 1000)} s`)
