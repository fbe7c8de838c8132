/** `heap.ts SIDE ENTRIES` prints how many bytes an entry of a cache takes. Needs `--expose-gc`. */
import * as entries from "./entries.ts"

const used = async (): Promise<number> => {
  // What ended must be forgotten first.
  for (let times = 0; times < 3; times++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    globalThis.gc!()
  }
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

const [, , side, count] = process.argv
// Code and tables of a first cache are not the entries'.
await entries.fill(side === "ours" ? await entries.ours(1000) : entries.theirs(1000), 1000)
const filled = side === "ours" ? await entries.ours(Number(count)) : entries.theirs(Number(count))
const before = await used()
await entries.fill(filled, Number(count))
const after = await used()
if (await filled.size() !== Number(count)) throw new Error("the cache has not the entries")
console.log((after - before) / Number(count))
// It must not be collected before.
await filled.request(0)
process.exit(0)
