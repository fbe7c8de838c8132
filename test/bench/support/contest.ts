/** The three sides of one case: the library, the floor and the peer do the same work on one message. */
import type { Effect } from "effect"
import { isWanted, type Result } from "./benchmark.ts"
import * as Floor from "./floor.ts"
import { inTurns, type Leaving, measure, type Mode, type Side } from "./measure.ts"
import * as sides from "./sides.ts"

/** One client of each side, as a backend has it. More of them in a process would be more than V8 compiles well. */
export const parties = async (suite: sides.SuiteId) => ({
  algorithmSuite: sides.suites[suite],
  floor: Floor.make(await sides.floorKeys(suite)),
  client: await sides.clientOf(sides.ours(suite)),
  theirs: sides.theirClient(suite),
  manager: sides.theirCaching()
})

export type Parties = Awaited<ReturnType<typeof parties>>

/**
 * Calls of each side over one plaintext. Each has a data key of its own in a cache, or will have it after the first call.
 * All decrypt the floor's message, so that the floor cannot do less than a message takes.
 */
export const make = (
  { algorithmSuite, client, floor, manager, theirs }: Parties,
  plaintext: Uint8Array,
  frameLength: number
) => {
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

export type Contest = ReturnType<typeof make>

/** A message of 1 KiB, for work whose code it shares. */
export const small = (parties: Parties): Contest => make(parties, new Uint8Array(1024).fill(0x61), 4096)

type Calling = (call: () => Effect.Effect<unknown, unknown>) => Side

/** Runs small contests in turns until V8 has compiled what they call. */
export const warmUp = async (
  contests: ReadonlyArray<Contest>,
  { quick, smoke, withoutPeer }: Mode,
  calling: Calling = sides.inOneFiber
): Promise<void> => {
  if (smoke) return
  const operations = contests.flatMap(({ decrypt, encrypt }) => [encrypt, decrypt])
  await inTurns(
    operations.flatMap(({ floor, ours }) => [calling(ours), sides.synchronously(floor)]),
    20,
    quick ? 800 : 4000 + 1000 * contests.length
  )
  if (!withoutPeer) await inTurns(operations.map(({ peer }) => sides.awaitingEach(peer)), 5, quick ? 300 : 1500)
}

/** Measures encrypt and decrypt. `calling` says how the library is called. */
export const results = async (
  contest: Contest,
  title: string,
  mode: Mode,
  { calling = sides.inOneFiber, leaving }: { readonly calling?: Calling; readonly leaving?: Leaving } = {}
): Promise<ReadonlyArray<Result>> => {
  const out: Array<Result> = []
  for (const operation of ["encrypt", "decrypt"] as const) {
    const name = `${operation} ${title}`
    if (!isWanted(mode, name)) continue
    const { floor, ours, peer } = contest[operation]
    const rounds = await measure(
      { ours: calling(ours), floor: sides.synchronously(floor), peer: sides.awaitingEach(peer) },
      mode,
      leaving
    )
    out.push({ case: name, unit: "ns", rounds })
  }
  return out
}
