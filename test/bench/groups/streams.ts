/**
 * Streams of 1 GiB (quick: 32 MiB), and in small frames of 100 MiB (8 MiB), from one source of chunks of 64 KiB to a sink
 * that discards.
 */
import { Effect, Stream } from "effect"
import * as assert from "node:assert/strict"
import { Readable, Writable } from "node:stream"
import { pipeline } from "node:stream/promises"
import type { Benchmark } from "../support/benchmark.ts"
import * as Contest from "../support/contest.ts"
import * as Floor from "../support/floor.ts"
import { measureWhole, type Mode } from "../support/measure.ts"
import * as sides from "../support/sides.ts"

const suite = "0x0478"
const algorithmSuite = sides.suites[suite]
const chunkLength = 65_536

const discarding = () => new Writable({ write: (_chunk, _encoding, done) => done() })

/** Cuts bytes that arrive in whatever pieces into chunks, as a socket or a file gives them. */
const rechunked = function*(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  let chunk = new Uint8Array(chunkLength)
  let filled = 0
  for (const piece of pieces) {
    for (let offset = 0; offset < piece.length;) {
      const length = Math.min(piece.length - offset, chunkLength - filled)
      chunk.set(piece.subarray(offset, offset + length), filled)
      offset += length
      filled += length
      if (filled === chunkLength) {
        yield chunk
        chunk = new Uint8Array(chunkLength)
        filled = 0
      }
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled)
}

const run = (stream: Stream.Stream<Uint8Array, unknown>) => Effect.runPromise(Stream.runDrain(stream))
const source = (chunks: Iterable<Uint8Array>) => Stream.fromIterable(chunks, { chunkSize: 1 })

/** All sides of one case, and the message that the floor made, in chunks. It is kept, so that decrypting needs no encrypting at the same time. */
const setUp = async (length: number, frameLength: number) => {
  const floor = Floor.make(await sides.floorKeys(suite))
  const plaintext = new Uint8Array(chunkLength).fill(0x61)
  const plaintextChunks = function*() {
    for (let at = 0; at < length; at += chunkLength) yield plaintext
  }
  return {
    length,
    frameLength,
    floor,
    client: await sides.clientOf(sides.ours(suite)),
    theirs: sides.theirClient(suite),
    keyring: sides.theirKeyring(),
    plaintextChunks,
    message: [...rechunked(Floor.encryptChunks(floor, plaintextChunks(), length, frameLength))]
  }
}

type SetUp = Awaited<ReturnType<typeof setUp>>

/** Checks that the floor and the library read the floor's message, in one whole stream to begin with. */
const check = async ({ client, floor, frameLength, length, message }: SetUp) => {
  let total = 0
  for (const part of Floor.decryptChunks(floor, message, frameLength)) total += part.length
  assert.equal(total, length)
  let decrypted = 0
  await run(Stream.tap(client.decryptStream(source(message)), (part) => Effect.sync(() => decrypted += part.length)))
  assert.equal(decrypted, length)
}

const encrypting = (
  { client, floor, frameLength, keyring, length, plaintextChunks, theirs }: SetUp,
  mode: Mode
) =>
  measureWhole(
    {
      ours: {
        run: () =>
          run(client.encryptStream(source(plaintextChunks()), {
            algorithmSuite,
            encryptionContext: sides.encryptionContext(),
            frameLength,
            plaintextLength: length
          }))
      },
      floor: {
        run: () => {
          for (const _ of Floor.encryptChunks(floor, plaintextChunks(), length, frameLength));
        }
      },
      // The peer counts a chunk again for each frame that begins in it, and fails once that is more than the length.
      peer: frameLength < chunkLength ? undefined : {
        run: () =>
          pipeline(
            Readable.from(plaintextChunks()),
            theirs.encryptStream(keyring, {
              suiteId: algorithmSuite.id,
              encryptionContext: sides.encryptionContext(),
              frameLength,
              plaintextLength: length
            }),
            discarding()
          )
      }
    },
    mode
  )

const decrypting = ({ client, floor, frameLength, keyring, message, theirs }: SetUp, mode: Mode) =>
  measureWhole(
    {
      ours: { run: () => run(client.decryptStream(source(message))) },
      floor: {
        run: () => {
          for (const _ of Floor.decryptChunks(floor, message, frameLength));
        }
      },
      peer: { run: () => pipeline(Readable.from(message), theirs.decryptStream(keyring), discarding()) }
    },
    mode
  )

/** Mebibytes of a stream. */
interface Lengths {
  readonly full: number
  readonly quick: number
}

const benchmark = (frameLength: number, lengths: Lengths): Benchmark => ({
  name: `frames of ${frameLength / 1024} KiB`,
  run: async (mode) => {
    await Contest.warmUp([Contest.small(await Contest.parties(suite))], mode)
    const length = (mode.smoke ? 1 : mode.quick ? lengths.quick : lengths.full) * 2 ** 20
    const title = `${length / 2 ** 20} MiB in frames of ${frameLength / 1024} KiB`
    const made = await setUp(length, frameLength)
    await check(made)
    return [
      { case: `encrypt ${title}`, unit: "ns", rounds: await encrypting(made, mode) },
      { case: `decrypt ${title}`, unit: "ns", rounds: await decrypting(made, mode) }
    ]
  }
})

export const benchmarks: ReadonlyArray<Benchmark> = [
  benchmark(4096, { full: 100, quick: 8 }),
  ...[65_536, 2 ** 20].map((frameLength) => benchmark(frameLength, { full: 1024, quick: 32 }))
]
