import { Arbitrary, Effect, Exit, Stream } from "effect"
import { arbitraryInt } from "./arbitraryBytes.ts"
import { concat } from "./bytes.ts"

/** Bytes that differ from place to place. */
export const pattern = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8) * 13) & 0xff)

/** Copies of the pieces between these places, empty ones included. */
export const cut = (bytes: Uint8Array, cuts: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const places = [0, ...cuts.map((place) => Math.min(place, bytes.length)).toSorted((a, b) => a - b), bytes.length]
  return places.slice(1).map((end, index) => bytes.slice(places[index], end))
}

/** The places at which bytes of this length are cut into pieces of `pieceLength`. */
const evenCuts = (length: number, pieceLength: number): ReadonlyArray<number> =>
  Array.from({ length: Math.floor(length / pieceLength) }, (_, index) => (index + 1) * pieceLength)

/** The bytes cut at these places, in arrays of as many chunks as `perPull` says. */
export const chunked = (bytes: Uint8Array, cuts: ReadonlyArray<number>, perPull = 1): Stream.Stream<Uint8Array> =>
  Stream.fromIterable(cut(bytes, cuts)).pipe(Stream.rechunk(perPull))

/** The bytes in chunks of this many. */
export const chunksOf = (bytes: Uint8Array, length: number, perPull = 1): Stream.Stream<Uint8Array> =>
  chunked(bytes, evenCuts(bytes.length, length), perPull)

/** The bytes in pieces of this many. */
export const piecesOf = (bytes: Uint8Array, length: number): ReadonlyArray<Uint8Array> =>
  cut(bytes, evenCuts(bytes.length, length)).filter((piece) => piece.length > 0)

/** Ways to cut a message of up to `length` bytes: anywhere, a few times or often. */
export const arbitraryCuts = (length: number) =>
  Arbitrary.all({
    cuts: Arbitrary.array(arbitraryInt(0, length), { maxLength: 30 }),
    perPull: arbitraryInt(1, 4)
  })

/** What a stream of unverified plaintext gives, without the word that says so. */
export const unverifiedOf = <E, R>(stream: Stream.Stream<{ readonly unverified: Uint8Array }, E, R>) =>
  Stream.map(stream, ({ unverified }) => unverified)

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
