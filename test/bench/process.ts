/** The process of one benchmark: `process.ts GROUP NAME MODE`, the mode as JSON. Each line that it prints is one result, as JSON. */
import { groups } from "./groups.ts"

const [, , group, name, mode] = process.argv
const { benchmarks } = await groups[group!]!()
const benchmark = benchmarks.find((benchmark) => benchmark.name === name)!
for (const result of await benchmark.run(JSON.parse(mode!))) {
  console.log(JSON.stringify({ ...result, case: `${group}: ${result.case}` }))
}
// Whatever is still open, such as the timers of a cache.
process.exit(0)
