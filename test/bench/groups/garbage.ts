/** Bytes that one cached message of 100 bytes leaves to the garbage collector, read in a process of its own. */
import { type Benchmark, isWanted, type Result } from "../support/benchmark.ts"
import * as child from "../support/child.ts"
import type { Mode, Rounds } from "../support/measure.ts"

/** Room for all that a reading allocates: nothing is collected between its beginning and its end. */
const flags = ["--expose-gc", "--min-semi-space-size=256", "--max-semi-space-size=256"]

const operations = ["encrypt", "decrypt"] as const

const measured = async (operation: string, mode: Mode): Promise<ReadonlyArray<Result>> => {
  const name = `${operation} 0x0478, 100 B`
  if (!isWanted(mode, name)) return []
  const rounds: Rounds = JSON.parse(child.run("garbage.ts", [operation, JSON.stringify(mode)], flags))
  return [{ case: name, unit: "bytes", rounds }]
}

export const benchmarks: ReadonlyArray<Benchmark> = operations.map((operation) => ({
  name: operation,
  run: (mode) => measured(operation, mode)
}))
