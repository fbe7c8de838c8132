/** Two hundred signed messages of 1 KiB at the same time; the floor makes them one after the other. */
import { Effect } from "effect"
import type { Benchmark } from "../support/benchmark.ts"
import * as Contest from "../support/contest.ts"
import { measureWhole } from "../support/measure.ts"

const suite = "0x0578"

export const benchmarks: ReadonlyArray<Benchmark> = (["encrypt", "decrypt"] as const).map((operation) => ({
  name: `${operation} 200 in parallel, ${suite}, 1 KiB`,
  run: async (mode) => {
    const parallel = mode.smoke ? 2 : 200
    const indices = Array.from({ length: parallel })
    const contest = Contest.small(await Contest.parties(suite))
    await Contest.warmUp([contest], mode)
    const { floor, peer } = contest[operation]
    const ours: () => Effect.Effect<unknown, unknown> = contest[operation].ours
    await Effect.runPromise(ours())
    await peer()
    const rounds = await measureWhole(
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
      mode
    )
    return [{ case: `${operation} 200 in parallel, ${suite}, 1 KiB`, unit: "ns", rounds }]
  }
}))
