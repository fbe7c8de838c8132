/** One message in one call, its data key in the cache. */
import { Effect } from "effect"
import * as assert from "node:assert/strict"
import { type Benchmark, type Line, line } from "../support/benchmark.ts"
import * as Floor from "../support/floor.ts"
import { measure, type Mode } from "../support/measure.ts"
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
  const algorithmSuite = sides.suites[suite]
  const plaintext = new Uint8Array(length).fill(0x61)
  const floor = Floor.make(await sides.floorKeys(suite))
  const ours = await sides.clientOf(sides.ours(suite))
  const theirs = sides.theirClient(suite)
  const theirManager = sides.theirCaching()
  // All three decrypt the floor's message, so that the floor cannot do less than a message takes.
  const message = floor.encrypt(plaintext, frameLength)
  const run = Effect.runPromise

  const encrypt = () =>
    ours.encrypt(plaintext, { algorithmSuite, encryptionContext: sides.encryptionContext(), frameLength })
  const theirEncrypt = () =>
    theirs.encrypt(theirManager, plaintext, {
      suiteId: algorithmSuite.id,
      encryptionContext: sides.encryptionContext(),
      frameLength
    })
  const decrypt = () => ours.decrypt(message)
  const theirDecrypt = () => theirs.decrypt(theirManager, message)

  // The first call of each puts the data key in the cache; the second one shows that it is there.
  await run(encrypt())
  await run(decrypt())
  const first = await theirEncrypt()
  await theirDecrypt()
  const encrypted = await run(encrypt())
  const decrypted = await run(decrypt())
  const second = await theirEncrypt()
  assert.deepEqual([encrypted.receipt._tag, decrypted.receipt._tag], ["Hit", "Hit"])
  assert.deepEqual(
    second.messageHeader.encryptedDataKeys[0]!.encryptedDataKey,
    first.messageHeader.encryptedDataKeys[0]!.encryptedDataKey
  )
  for (const each of [decrypted.plaintext, (await theirDecrypt()).plaintext, floor.decrypt(message, frameLength)]) {
    assert.ok(Buffer.from(plaintext).equals(each))
  }

  return [
    line(
      `encrypt ${title}`,
      "ns",
      await measure({
        ours: sides.inOneFiber(encrypt),
        floor: sides.synchronously(() => floor.encrypt(plaintext, frameLength)),
        peer: sides.awaitingEach(theirEncrypt)
      }, mode)
    ),
    line(
      `decrypt ${title}`,
      "ns",
      await measure({
        ours: sides.inOneFiber(decrypt),
        floor: sides.synchronously(() => floor.decrypt(message, frameLength)),
        peer: sides.awaitingEach(theirDecrypt)
      }, mode)
    )
  ]
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
