/**
 * The upstream of an operation on a stream: its chunks, checked, in a queue of bytes. Not exported.
 */
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as ClientRequests from "../client/ClientRequests.ts"
import type { InvalidOption } from "../model/errors/Reasons.ts"
import { ByteQueue } from "./ByteQueue.ts"

/** Frames are processed in batches of so many bytes, or of one frame where it is longer. */
export const batchLength = 2 ** 18

export interface StreamInlet<E, R> {
  readonly queue: ByteQueue
  /** Adds the next chunk that has arrived to the queue; false where there is none. */
  readonly advance: () => boolean
  /** Waits for more chunks to arrive; false once there will be no more. To be called where `advance` answers false. */
  readonly pull: Effect.Effect<boolean, E, R>
}

/** `onChunks` sees the number of bytes that arrived with each pull, before they can be taken. */
export const make = <E, R, E2, E3>(
  upstream: Pull.Pull<Arr.NonEmptyReadonlyArray<Uint8Array>, E, void, R>,
  field: "plaintext" | "message",
  invalid: (error: InvalidOption) => Effect.Effect<never, E2>,
  onChunks: (length: number) => Effect.Effect<void, E3>
): StreamInlet<E | E2 | E3, R> => {
  const queue = new ByteQueue()
  let chunks: ReadonlyArray<Uint8Array> = []
  let index = 0
  let ended = false
  const pull: Effect.Effect<boolean, E | E2 | E3, R> = Pull.matchEffect(upstream, {
    onSuccess: (arrived): Effect.Effect<boolean, E2 | E3> => {
      let length = 0
      for (const chunk of arrived) {
        const checked = ClientRequests.checkBytes(field, chunk, "a stream of Uint8Array")
        if (Result.isFailure(checked)) return invalid(checked.failure)
        length += chunk.length
      }
      chunks = arrived
      index = 0
      return Effect.as(onChunks(length), true)
    },
    onFailure: (cause): Effect.Effect<boolean, E> => Effect.failCause(cause),
    onDone: (): Effect.Effect<boolean> => {
      ended = true
      return Effect.succeed(false)
    }
  })
  return {
    queue,
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
