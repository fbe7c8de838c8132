/**
 * `npm run bench` runs all benchmarks, each in processes of its own, and prints a table of medians and ratios.
 *
 * `npm run bench -- GROUP…` runs some groups, `--only TEXT` those whose name contains the text, `--quick` all of them in a
 * few minutes, `--json` prints a line of JSON for each case. `--targets` runs the cases that have a target, without the peer,
 * and prints which are reached. On a machine that is busy with other things, `--cpu` measures processor time, of all threads,
 * where a case is one piece of work in a loop.
 */
import { parseArgs } from "node:util"
import { groups } from "./groups.ts"
import type { Line } from "./support/benchmark.ts"
import * as jobs from "./support/jobs.ts"
import { table, targetTable } from "./support/table.ts"
import { isReached, targetOf, targets } from "./targets.ts"

const usage = (problem: string): never => {
  console.error(`${problem}
npm run bench -- [GROUP…] [--only TEXT] [--quick] [--cpu] [--json] [--targets]
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
        json: { type: "boolean", default: false },
        targets: { type: "boolean", default: false }
      }
    })
  } catch (error) {
    return usage((error as Error).message)
  }
}

const { positionals, values: { cpu, json, only, quick, targets: isForTargets } } = parse()
const unknown = positionals.find((name) => !Object.hasOwn(groups, name))
if (unknown !== undefined) usage(`there is no group ${unknown}`)
const mode = { cpu, quick, smoke: false }

/** Runs jobs and prints their lines where they are to be printed one by one. */
const run = (all: ReadonlyArray<jobs.Job>): ReadonlyArray<Line> =>
  all.flatMap((job) => {
    const lines = jobs.run(job)
    if (json) { for (const line of lines) console.log(JSON.stringify(line)) }
    return lines
  })

const runGroups = async (): Promise<number> => {
  let count = 0
  for (const group of positionals.length === 0 ? Object.keys(groups) : positionals) {
    const lines = run(await jobs.ofGroup(group, only, mode))
    count += lines.length
    if (!json && lines.length > 0) console.log(`\n${group}\n${table(lines)}`)
  }
  return count
}

const runTargets = async (): Promise<number> => {
  const wanted = targets.filter(({ case: name, group }) =>
    (positionals.length === 0 || positionals.includes(group)) && `${group}: ${name}`.includes(only)
  )
  const lines = run(await jobs.ofTargets(wanted, mode))
  const reached = lines.filter((line) => isReached(targetOf(line)!, line)).length
  if (!json && wanted.length > 0) {
    console.log(`\n${targetTable(wanted, lines)}\n${reached} of ${wanted.length} targets are reached`)
  }
  return wanted.length
}

const started = performance.now()
try {
  const count = await (isForTargets ? runTargets() : runGroups())
  if (count === 0) usage(`nothing has ${JSON.stringify(only)} in its name`)
  if (!json) console.log(`\n${count} cases in ${Math.round((performance.now() - started) / 1000)} s`)
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
