/**
 * The upstream of an operation on a stream: its chunks, checked, in a queue of bytes. Not exported.
 */
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import { checkBytes } from "../client/request.ts"
import { ByteQueue } from "./ByteQueue.ts"

/** Chunks of bytes, as a `Pull` of a stream returns them. */
export type Chunks = Arr.NonEmptyReadonlyArray<Uint8Array>

/** Length in bytes of a batch of frames. A longer frame is a batch by itself. */
export const batchLength = 2 ** 18

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

/** Makes the upstream of one run. `check` sees the number of bytes that have arrived, before they can be taken. */
export const make = <E, R, E2>(
  source: Pull.Pull<Chunks, E, void, R>,
  field: "plaintext" | "message",
  orFail: <A>(check: () => A) => Effect.Effect<A, E2>,
  check: (received: number) => Effect.Effect<void, E2>
): Upstream<E | E2, R> => {
  const queue = new ByteQueue()
  let chunks: ReadonlyArray<Uint8Array> = []
  let index = 0
  let received = 0
  let ended = false
  const pull: Effect.Effect<boolean, E | E2, R> = Pull.matchEffect(source, {
    onSuccess: (arrived): Effect.Effect<boolean, E2> =>
      Effect.flatMap(
        orFail(() => {
          for (const chunk of arrived) received += checkBytes(field, chunk, "a stream of Uint8Array").length
          chunks = arrived
          index = 0
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
    advance: () => {
      if (index >= chunks.length) return false
      queue.push(chunks[index++]!)
      // Not to keep in memory what has been processed.
      if (index === chunks.length) chunks = []
      return true
    },
    pull: Effect.suspend(() => {
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
