import { Arbitrary, Effect, Exit, Stream } from "effect"
import { arbitraryInt } from "./arbitraryBytes.ts"
import { concat } from "./bytes.ts"

/** Bytes that differ from place to place. */
export const pattern = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8) * 13) & 0xff)

/** The bytes cut at these places, empty chunks included, in arrays of as many chunks as `perPull` says. */
export const chunked = (bytes: Uint8Array, cuts: ReadonlyArray<number>, perPull = 1): Stream.Stream<Uint8Array> => {
  const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length]
  const chunks = places.slice(1).map((end, index) => bytes.slice(places[index], end))
  return Stream.fromIterable(chunks).pipe(Stream.rechunk(perPull))
}

/** The bytes in chunks of this many. */
export const chunksOf = (bytes: Uint8Array, length: number, perPull = 1): Stream.Stream<Uint8Array> =>
  chunked(bytes, Array.from({ length: Math.floor(bytes.length / length) }, (_, index) => (index + 1) * length), perPull)

/** Ways to cut a message of up to `length` bytes: anywhere, a few times or often. */
export const arbitraryCuts = (length: number) =>
  Arbitrary.all({
    cuts: Arbitrary.array(arbitraryInt(0, length), { maxLength: 30 }),
    perPull: arbitraryInt(1, 4)
  })

/** All bytes that a stream gives. */
export const collect = <E, R>(stream: Stream.Stream<Uint8Array, E, R>): Effect.Effect<Uint8Array, E, R> =>
  Effect.map(Stream.runCollect(stream), (chunks) => concat(...chunks))

/** The bytes that a stream gave before it ended, and how it ended. */
export const observe = <E, R>(stream: Stream.Stream<Uint8Array, E, R>) =>
  Effect.suspend(() => {
    const released: Array<Uint8Array> = []
    return Effect.map(
      Effect.exit(Stream.runForEach(stream, (chunk) => Effect.sync(() => void released.push(new Uint8Array(chunk))))),
      (exit) => ({ exit, released: concat(...released), ended: Exit.isSuccess(exit) })
    )
  })
