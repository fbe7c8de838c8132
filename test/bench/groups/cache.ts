/** What a hit costs at the materials manager, and how much memory an entry takes, by the number of entries. */
import { type Benchmark, counted, type Result } from "../support/benchmark.ts"
import * as child from "../support/child.ts"
import * as entries from "../support/entries.ts"
import { measure, type Mode } from "../support/measure.ts"

/** To fill a million takes minutes: where it must be quick, ten thousand are the most. */
const counts = [1, 1000, 10_000, 100_000, 1_000_000]
const isLeftOut = (count: number, { quick, smoke }: Mode) => count > (smoke ? 1 : quick ? 10_000 : 1_000_000)
/** To fill the peer's cache with a million entries takes many minutes and gigabytes. */
const isPeerLeftOut = (count: number) => count > 100_000
const number = (count: number) => count.toLocaleString("en")

/** Room for a million entries, and for a hundred thousand of the peer's. */
const execArgv = ["--max-old-space-size=16000"]

export const benchmarks: ReadonlyArray<Benchmark> = [
  ...counts.map((count): Benchmark => ({
    name: `hit, ${number(count)} entries`,
    execArgv,
    run: async (mode) => {
      if (isLeftOut(count, mode)) return []
      const ours = await entries.ours(count)
      const theirs = isPeerLeftOut(count) ? undefined : entries.theirs(count)
      await entries.fill(ours, count)
      if (theirs !== undefined) await entries.fill(theirs, count)
      // The same one again and again, as of a tenant; and all over, where nothing is in the processor's caches.
      const results: Array<Result> = []
      for (const [which, among] of [["one", 1], ["any", count]] as const) {
        if (!mode.smoke) {
          await ours.hits(20_000, among)
          await theirs?.hits(5000, among)
        }
        const rounds = await measure(
          {
            ours: (times) => ours.hits(times, among),
            peer: theirs && ((times) => theirs.hits(times, among))
          },
          mode
        )
        if (count > 1 || which === "one") {
          results.push({ case: `hit of ${which}, ${number(count)} entries`, unit: "ns", rounds })
        }
      }
      return results
    }
  })),
  ...counts.slice(1).map((count): Benchmark => ({
    name: `memory of an entry, ${number(count)} entries`,
    run: async (mode) => {
      if (isLeftOut(count, mode)) return []
      const heap = (side: string) => Number(child.run("heap.ts", [side, count], ["--expose-gc", ...execArgv]))
      const rounds = counted({ ours: heap("ours"), ...!isPeerLeftOut(count) && { peer: heap("peer") } })
      return [{ case: `memory of an entry, ${number(count)} entries`, unit: "bytes", rounds }]
    }
  }))
]
