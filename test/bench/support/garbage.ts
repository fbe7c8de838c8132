/**
 * `garbage.ts OPERATION MODE` prints bytes that a cached message of 100 bytes leaves, in V8's heap and outside of it, as
 * rounds in JSON. Needs `--expose-gc`, and a young generation with room for a whole reading.
 */
import { GCProfiler } from "node:v8"
import * as Contest from "./contest.ts"
import { inPairs, type Mode, type Side } from "./measure.ts"
import * as sides from "./sides.ts"

const [, , operation, text] = process.argv
const mode: Mode = JSON.parse(text!)
const calls = mode.smoke ? 10 : 4000

const used = (): number => {
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

/** Bytes of one call. A collection within the reading would take some of them away. */
const reading = (side: Side) => async (): Promise<number> => {
  globalThis.gc!()
  const profiler = new GCProfiler()
  profiler.start()
  const before = used()
  await side(calls)
  const after = used()
  if (profiler.stop().statistics.length > 0) throw new Error("there was a collection within the reading")
  return (after - before) / calls
}

const contest = Contest.make(await Contest.parties("0x0478"), new Uint8Array(100).fill(0x61), 4096)
const { floor, ours } = contest[operation as "encrypt" | "decrypt"]
const both = { ours: sides.inOneFiber<unknown, unknown>(ours), floor: sides.synchronously(floor) }
// Compiled code leaves less than interpreted code: what does not escape is not allocated.
if (!mode.smoke) {
  await both.ours(mode.quick ? 20_000 : 100_000)
  await both.floor(20_000)
}
const count = mode.smoke ? 1 : mode.quick ? 5 : 21
const plan = { isMirrored: false, dropped: 0, time: 0, rounds: [count, count] } as const
console.log(JSON.stringify(await inPairs(both, reading, plan, mode)))
process.exit(0)
