/** Two hundred signed messages of 1 KiB at the same time; the floor makes them one after the other. */
import { Effect } from "effect"
import { type Benchmark, line } from "../support/benchmark.ts"
import * as Floor from "../support/floor.ts"
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
    const algorithmSuite = sides.suites[suite]
    const floor = Floor.make(await sides.floorKeys(suite))
    const message = floor.encrypt(plaintext, frameLength)
    const ours = await sides.clientOf(sides.ours(suite))
    const theirs = sides.theirClient(suite)
    const manager = sides.theirCaching()

    const one = (): Effect.Effect<unknown, unknown> =>
      operation === "encrypt"
        ? ours.encrypt(plaintext, { algorithmSuite, encryptionContext: sides.encryptionContext() })
        : ours.decrypt(message)
    const theirOne = (): Promise<unknown> =>
      operation === "encrypt"
        ? theirs.encrypt(manager, plaintext, {
          suiteId: algorithmSuite.id,
          encryptionContext: sides.encryptionContext()
        })
        : theirs.decrypt(manager, message)
    await Effect.runPromise(one())
    await theirOne()
    const times = await measureWhole(
      {
        ours: {
          run: () => Effect.runPromise(Effect.forEach(indices, one, { concurrency: "unbounded", discard: true }))
        },
        floor: {
          run: () => {
            for (const _ of indices) {
              if (operation === "encrypt") floor.encrypt(plaintext, frameLength)
              else floor.decrypt(message, frameLength)
            }
          }
        },
        peer: { run: () => Promise.all(indices.map(theirOne)) }
      },
      { quick: 3, full: 21 },
      mode
    )
    return [line(`${operation} 200 in parallel, ${suite}, 1 KiB`, "ns", times)]
  }
}))
