/** The three sides of one case: the library, the floor and the peer do the same work on one message. */
import type { Effect } from "effect"
import { type Line, line } from "./benchmark.ts"
import * as Floor from "./floor.ts"
import { measure, type Mode, type Side } from "./measure.ts"
import * as sides from "./sides.ts"

/**
 * Calls of each side over one plaintext. Each has a data key of its own in a cache, or will have it after the first call.
 * All decrypt the floor's message, so that the floor cannot do less than a message takes.
 */
export const make = async (suite: sides.SuiteId, plaintext: Uint8Array, frameLength: number) => {
  const algorithmSuite = sides.suites[suite]
  const floor = Floor.make(await sides.floorKeys(suite))
  const client = await sides.clientOf(sides.ours(suite))
  const theirs = sides.theirClient(suite)
  const manager = sides.theirCaching()
  const message = floor.encrypt(plaintext, frameLength)
  return {
    encrypt: {
      ours: () =>
        client.encrypt(plaintext, { algorithmSuite, encryptionContext: sides.encryptionContext(), frameLength }),
      floor: () => floor.encrypt(plaintext, frameLength),
      peer: () =>
        theirs.encrypt(manager, plaintext, {
          suiteId: algorithmSuite.id,
          encryptionContext: sides.encryptionContext(),
          frameLength
        })
    },
    decrypt: {
      ours: () => client.decrypt(message),
      floor: () => floor.decrypt(message, frameLength),
      peer: () => theirs.decrypt(manager, message)
    }
  }
}

export type Contest = Awaited<ReturnType<typeof make>>

/** The lines of encrypt and decrypt. `calling` says how the library is called. */
export const lines = async (
  contest: Contest,
  title: string,
  mode: Mode,
  calling: (call: () => Effect.Effect<unknown, unknown>) => Side = sides.inOneFiber
): Promise<ReadonlyArray<Line>> => {
  const out: Array<Line> = []
  for (const operation of ["encrypt", "decrypt"] as const) {
    const { floor, ours, peer } = contest[operation]
    const times = await measure(
      { ours: calling(ours), floor: sides.synchronously(floor), peer: sides.awaitingEach(peer) },
      mode
    )
    out.push(line(`${operation} ${title}`, "ns", times))
  }
  return out
}
