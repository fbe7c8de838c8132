/**
 * The upstream of an operation on a stream: its chunks, checked, in a queue of bytes. Not exported.
 */
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import { checkBytes, invalidOption } from "../client/request.ts"
import * as bytes from "../internal/bytes.ts"
import { ByteQueue } from "./ByteQueue.ts"

/** Chunks of bytes, as a `Pull` of a stream returns them. */
export type Chunks<Memory extends ArrayBufferLike = ArrayBufferLike> = Arr.NonEmptyReadonlyArray<Uint8Array<Memory>>

/** Chunks that the library makes. */
export type OwnChunks = Chunks<ArrayBuffer>

/** Length in bytes of a batch of frames. A longer frame is a batch by itself. */
export const batchLength = 2 ** 18

/**
 * Greatest number of frames in a batch: so the objects of its frames, of some 500 bytes each, take no more than the bytes of
 * a full batch.
 */
export const batchFrames = 512

/** An upstream that is read from. */
export interface Upstream<E, R> {
  readonly queue: ByteQueue
  /** Number of bytes that have arrived. */
  readonly received: () => number
  /** Adds the next chunk that has arrived to the queue. Returns false where there is none. */
  readonly advance: () => boolean
  /** Waits for more chunks; false at the end. Must be run only where `advance` returned false. */
  readonly pull: Effect.Effect<boolean, E, R>
}

/** The upstream of one run. */
export interface Options<E> {
  readonly field: "plaintext" | "message"
  readonly orFail: <A>(check: () => A) => Effect.Effect<A, E>
  /** Sees the number of bytes that have arrived, before they can be taken. */
  readonly check: (received: number) => Effect.Effect<void, E>
  /** Whether bytes that were taken are used in the step that takes them. Otherwise all are copied. */
  readonly isSynchronous: boolean
}

/**
 * Chunks that have arrived and are not in the queue. Bytes are added where they stand, or in a copy where others may change
 * them before they are used: other threads, and the owner of the chunk where anything is waited for.
 */
class Arrived {
  private readonly queue: ByteQueue
  private readonly isSynchronous: boolean
  private chunks: ReadonlyArray<Uint8Array> = []
  private index = 0
  /** Number of bytes of the next chunk that are in the queue. */
  private position = 0
  /** Number of bytes of all chunks that are not. */
  private waiting = 0
  /** Whether the memory of chunks went away before they were taken. */
  isLost = false

  constructor(queue: ByteQueue, isSynchronous: boolean) {
    this.queue = queue
    this.isSynchronous = isSynchronous
  }

  set(chunks: ReadonlyArray<Uint8Array>, length: number): void {
    this.chunks = chunks
    this.index = 0
    this.waiting = length
  }

  /** Adds the next chunk, or a part of one, to the queue. Returns false where there is none, and where it was lost. */
  advance(): boolean {
    const chunk = this.chunks[this.index]
    this.isLost ||= !this.queue.isIntact ||
      (chunk === undefined ? this.waiting !== 0 : bytes.findGone(chunk) !== undefined)
    if (this.isLost || chunk === undefined) return false
    this.add(bytes.plainView(chunk))
    return true
  }

  private add(chunk: Uint8Array): void {
    const mayStay = this.isSynchronous && bytes.isUnshared(chunk)
    // A long chunk, copied whole, would be copied twice.
    const part = mayStay ? chunk : chunk.subarray(this.position, this.position + batchLength)
    this.queue.push(part)
    if (!mayStay) this.queue.own()
    this.position += part.length
    this.waiting -= part.length
    if (this.position < chunk.length) return
    this.index++
    this.position = 0
    // Not to keep in memory what has been processed.
    if (this.index === this.chunks.length) this.chunks = []
  }
}

/** Makes the upstream of one run. `pull` fails where chunks lost their memory before they were taken. */
export const make = <E, R, E2>(
  source: Pull.Pull<Chunks, E, void, R>,
  { check, field, isSynchronous, orFail }: Options<E2>
): Upstream<E | E2, R> => {
  const queue = new ByteQueue()
  const chunks = new Arrived(queue, isSynchronous)
  let received = 0
  let ended = false
  const pull: Effect.Effect<boolean, E | E2, R> = Pull.matchEffect(source, {
    onSuccess: (arrived): Effect.Effect<boolean, E2> =>
      Effect.flatMap(
        orFail(() => {
          let length = 0
          for (const chunk of arrived) length += checkBytes(field, chunk, "a stream of Uint8Array").length
          received += length
          chunks.set(arrived, length)
        }),
        () => Effect.as(check(received), true)
      ),
    onFailure: (cause): Effect.Effect<boolean, E> => Effect.failCause(cause),
    onDone: (): Effect.Effect<boolean> => {
      ended = true
      return Effect.succeed(false)
    }
  })
  return {
    queue,
    received: () => received,
    advance: () => chunks.advance(),
    pull: Effect.suspend(() => {
      if (chunks.isLost) {
        return orFail(() =>
          invalidOption(field, "is a view of a buffer that was transferred or made smaller meanwhile")
        )
      }
      // The source may write its next chunk to where this one stands.
      queue.own()
      return ended ? Effect.succeed(false) : pull
    })
  }
}

/**
 * Waits until the queue holds `length` bytes, and returns a view of all that it holds: fewer bytes than `length` where the
 * upstream ends before.
 */
export const view = <E, R>(upstream: Upstream<E, R>, length: number): Effect.Effect<Uint8Array, E, R> =>
  Effect.suspend(() => {
    const { advance, pull, queue } = upstream
    for (;;) {
      const part = queue.view(length)
      if (part !== undefined) return Effect.succeed(part)
      if (advance()) continue
      return Effect.flatMap(
        pull,
        (arrived) => arrived ? view(upstream, length) : Effect.succeed(queue.view(queue.available)!)
      )
    }
  })
