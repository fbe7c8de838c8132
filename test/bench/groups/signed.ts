/** Two hundred signed messages of 1 KiB at the same time; the floor makes them one after the other. */
import { Effect } from "effect"
import { type Benchmark, line } from "../support/benchmark.ts"
import * as Contest from "../support/contest.ts"
import { measureWhole } from "../support/measure.ts"
import * as sides from "../support/sides.ts"

const suite = "0x0578"
const frameLength = 4096

export const benchmarks: ReadonlyArray<Benchmark> = (["encrypt", "decrypt"] as const).map((operation) => ({
  name: `${operation} 200 in parallel, ${suite}, 1 KiB`,
  run: async (mode) => {
    await sides.warmUp(suite, mode)
    const parallel = mode.smoke ? 2 : 200
    const indices = Array.from({ length: parallel })
    const plaintext = new Uint8Array(1024).fill(0x61)
    const contest = await Contest.make(suite, plaintext, frameLength)
    const { floor, peer } = contest[operation]
    const ours: () => Effect.Effect<unknown, unknown> = contest[operation].ours
    await Effect.runPromise(ours())
    await peer()
    const times = await measureWhole(
      {
        ours: {
          run: () => Effect.runPromise(Effect.forEach(indices, ours, { concurrency: "unbounded", discard: true }))
        },
        floor: {
          run: () => {
            for (const _ of indices) floor()
          }
        },
        peer: { run: () => Promise.all(indices.map(peer as () => Promise<unknown>)) }
      },
      { quick: 3, full: 21 },
      mode
    )
    return [line(`${operation} 200 in parallel, ${suite}, 1 KiB`, "ns", times)]
  }
}))
