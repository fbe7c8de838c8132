/** Benchmarks that are to run, and their processes. */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { groups } from "../groups.ts"
import type { Target } from "../targets.ts"
import { type Benchmark, type Line, line, pooled, type Result } from "./benchmark.ts"
import type { Mode } from "./measure.ts"

export interface Job {
  readonly group: string
  readonly benchmark: Benchmark
  readonly mode: Mode
}

/** All benchmarks of a group whose names, with the group before them, have the text. */
export const ofGroup = async (group: string, only: string, mode: Mode): Promise<ReadonlyArray<Job>> =>
  (await groups[group]!()).benchmarks
    .filter(({ name }) => `${group}: ${name}`.includes(only))
    .map((benchmark) => ({ group, benchmark, mode }))

/** The benchmarks that measure the targets, with the targets' cases alone and without the peer. */
export const ofTargets = async (targets: ReadonlyArray<Target>, mode: Mode): Promise<ReadonlyArray<Job>> => {
  const jobs: Array<Job> = []
  for (const [group, ofGroup] of Map.groupBy(targets, ({ group }) => group)) {
    const { benchmarks } = await groups[group]!()
    for (const [name, ofBenchmark] of Map.groupBy(ofGroup, ({ benchmark }) => benchmark)) {
      const benchmark = benchmarks.find((benchmark) => benchmark.name === name)!
      const cases = ofBenchmark.map((target) => target.case)
      jobs.push({ group, benchmark, mode: { ...mode, withoutPeer: true, cases } })
    }
  }
  return jobs
}

/** Runs the processes of a benchmark. One is enough where it must be quick. Throws when one fails. */
export const run = ({ benchmark, group, mode }: Job): ReadonlyArray<Line> => {
  const processes = mode.quick ? 1 : benchmark.processes ?? 1
  return pooled(Array.from({ length: processes }, () => inProcess(group, benchmark, mode))).map(line)
}

const inProcess = (group: string, { execArgv = [], name }: Benchmark, mode: Mode): ReadonlyArray<Result> => {
  const { status, stdout } = spawnSync(
    process.execPath,
    [
      "--conditions=effect-encryption-sdk-source",
      ...execArgv,
      fileURLToPath(new URL("../process.ts", import.meta.url)),
      group,
      name,
      JSON.stringify(mode)
    ],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], maxBuffer: Infinity }
  )
  if (status !== 0) throw new Error(`${group}: ${name}: failed, as its process has said`)
  return stdout.split("\n").filter((text) => text !== "").map((text) => JSON.parse(text))
}
