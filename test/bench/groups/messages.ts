/** One message in one call, its data key in the cache. */
import { Effect } from "effect"
import * as assert from "node:assert/strict"
import type { Benchmark, Result } from "../support/benchmark.ts"
import * as Contest from "../support/contest.ts"
import * as sides from "../support/sides.ts"

const kib = 1024
const mib = 1024 * kib

const lengthNames: Readonly<Record<number, string>> = {
  0: "0 B",
  100: "100 B",
  [kib]: "1 KiB",
  [4 * kib]: "4 KiB",
  [10 * kib]: "10 KiB",
  [64 * kib]: "64 KiB",
  [100 * kib]: "100 KiB",
  [mib]: "1 MiB",
  [10 * mib]: "10 MiB"
}

/** A contest whose data keys are in the caches, after a look at what its sides give. */
const cached = async (
  parties: Contest.Parties,
  length: number,
  frameLength: number
): Promise<Contest.Contest> => {
  const plaintext = new Uint8Array(length).fill(0x61)
  const contest = Contest.make(parties, plaintext, frameLength)
  const { decrypt, encrypt } = contest
  const run = Effect.runPromise

  // The first call of each puts the data key in the cache; the second one shows that it is there.
  await run(encrypt.ours())
  await run(decrypt.ours())
  const first = await encrypt.peer()
  await decrypt.peer()
  const encrypted = await run(encrypt.ours())
  const decrypted = await run(decrypt.ours())
  const second = await encrypt.peer()
  assert.deepEqual([encrypted.receipt._tag, decrypted.receipt._tag], ["Hit", "Hit"])
  assert.deepEqual(
    second.messageHeader.encryptedDataKeys[0]!.encryptedDataKey,
    first.messageHeader.encryptedDataKeys[0]!.encryptedDataKey
  )
  for (const each of [decrypted.plaintext, (await decrypt.peer()).plaintext, decrypt.floor()]) {
    assert.ok(Buffer.from(plaintext).equals(each))
  }
  return contest
}

const titleOf = (suite: sides.SuiteId, length: number, frameLength: number): string =>
  `${suite}, ${lengthNames[length]} in frames of ${lengthNames[frameLength]}`

/** Small messages of a suite, which share a process. V8 does not compile quite the same code from one process to the next. */
const small = (suite: sides.SuiteId): Benchmark => ({
  name: `${suite}, small`,
  processes: 3,
  run: async (mode) => {
    const frameLength = 4 * kib
    const parties = await Contest.parties(suite)
    const contests = new Map<number, Contest.Contest>()
    for (const length of [0, 100, kib, 10 * kib]) contests.set(length, await cached(parties, length, frameLength))
    await Contest.warmUp([...contests.values()], mode)
    const results: Array<Result> = []
    for (const [length, contest] of contests) {
      results.push(...await Contest.results(contest, titleOf(suite, length, frameLength), mode))
    }
    return results
  }
})

/** V8's memory is not of quite the same size from one process to the next, and that is most of the difference here. */
const large = (suite: sides.SuiteId, length: number, frameLength: number): Benchmark => ({
  name: titleOf(suite, length, frameLength),
  processes: 5,
  run: async (mode) => {
    const parties = await Contest.parties(suite)
    await Contest.warmUp([Contest.small(parties)], mode)
    return await Contest.results(
      await cached(parties, length, frameLength),
      titleOf(suite, length, frameLength),
      mode,
      { leaving: length < mib ? "little garbage" : "much garbage" }
    )
  }
})

const lengths = [100 * kib, mib, 10 * mib]

export const benchmarks: ReadonlyArray<Benchmark> = [
  ...(["0x0478", "0x0578", "0x0178"] as const).flatMap((suite) => [
    small(suite),
    ...lengths.map((length) => large(suite, length, 4 * kib))
  ]),
  ...[64 * kib, mib].flatMap((frameLength) => lengths.map((length) => large("0x0478", length, frameLength)))
]
