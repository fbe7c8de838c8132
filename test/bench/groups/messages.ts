/** One message in one call, its data key in the cache. */
import { Effect } from "effect"
import * as assert from "node:assert/strict"
import type { Benchmark, Line } from "../support/benchmark.ts"
import * as Contest from "../support/contest.ts"
import type { Mode } from "../support/measure.ts"
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

interface Case {
  readonly suite: sides.SuiteId
  readonly length: number
  readonly frameLength: number
}

const measured = async ({ frameLength, length, suite }: Case, mode: Mode): Promise<ReadonlyArray<Line>> => {
  const title = `${suite}, ${lengthNames[length]} in frames of ${lengthNames[frameLength]}`
  const plaintext = new Uint8Array(length).fill(0x61)
  const contest = await Contest.make(suite, plaintext, frameLength)
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
  return await Contest.lines(contest, title, mode)
}

/** Small messages of a suite share a process, and what it takes until all code is compiled. */
const benchmark = (
  name: string,
  suite: sides.SuiteId,
  lengths: ReadonlyArray<number>,
  frameLength: number
): Benchmark => ({
  name,
  run: async (mode) => {
    await sides.warmUp(suite, mode)
    const lines: Array<Line> = []
    for (const length of lengths) lines.push(...await measured({ suite, length, frameLength }, mode))
    return lines
  }
})

export const benchmarks: ReadonlyArray<Benchmark> = [
  ...(["0x0478", "0x0578", "0x0178"] as const).flatMap((suite) => [
    benchmark(`${suite}, small`, suite, [0, 100, kib, 10 * kib], 4 * kib),
    ...[100 * kib, mib, 10 * mib].map((length) =>
      benchmark(`${suite}, ${lengthNames[length]} in frames of 4 KiB`, suite, [length], 4 * kib)
    )
  ]),
  ...[64 * kib, mib].flatMap((frameLength) =>
    [100 * kib, mib, 10 * mib].map((length) =>
      benchmark(
        `0x0478, ${lengthNames[length]} in frames of ${lengthNames[frameLength]}`,
        "0x0478",
        [length],
        frameLength
      )
    )
  )
]
