import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Cause from "effect/Cause"
import { isBytes } from "../internal/bytes.ts"
import * as AlgorithmSuite from "../model/AlgorithmSuite.ts"
import type { Chunks } from "./Upstream.ts"

/** Bytes from the start of a message that say its suite, in both versions. */
const needed = 4

/** The suite that a message says it is of, and the whole message. */
export interface Peeked<E, R> {
  /** Undefined where there is none: then the message is malformed. */
  readonly suite: AlgorithmSuite.AlgorithmSuite | undefined
  readonly replayed: Pull.Pull<Chunks, E, void, R>
}

/** Reads the suite of a message that has not arrived. Chunks that are no bytes are for others to reject. */
export const peekSuite = <E, R>(source: Pull.Pull<Chunks, E, void, R>): Effect.Effect<Peeked<E, R>, E, R> =>
  Effect.suspend(() => {
    const start: Array<number> = []
    const seen: Array<Uint8Array> = []
    const peeked = (last: Chunks | undefined): Peeked<E, R> => ({
      suite: suiteOf(start),
      replayed: replay(seen, last, source)
    })
    const read: Effect.Effect<Peeked<E, R>, E, R> = Pull.matchEffect(source, {
      onSuccess: (chunks): Effect.Effect<Peeked<E, R>, E, R> => {
        for (const chunk of chunks) {
          if (!isBytes(chunk)) return Effect.succeed(peeked(chunks))
          for (let index = 0; index < chunk.length && start.length < needed; index++) start.push(chunk[index]!)
        }
        if (start.length === needed) return Effect.succeed(peeked(chunks))
        // Copies of three bytes at most: the source may change its chunks from now on.
        for (const chunk of chunks) if (chunk.length > 0) seen.push(new Uint8Array(chunk))
        return read
      },
      onFailure: (cause): Effect.Effect<never, E> => Effect.failCause(cause),
      onDone: () => Effect.succeed(peeked(undefined))
    })
    return read
  })

const suiteOf = (start: ReadonlyArray<number>): AlgorithmSuite.AlgorithmSuite | undefined => {
  if (start.length < needed) return undefined
  const [version, first, second, third] = start as [number, number, number, number]
  return AlgorithmSuite.fromId(version === 1 ? (second << 8) | third : (first << 8) | second)
}

/** A source from its start: chunks that were seen, those that arrived last, and the rest. */
const replay = <E, R>(
  seen: ReadonlyArray<Uint8Array>,
  last: Chunks | undefined,
  source: Pull.Pull<Chunks, E, void, R>
): Pull.Pull<Chunks, E, void, R> => {
  const [first, ...others] = [...seen, ...last ?? []]
  let isFirst = true
  return Effect.suspend((): Pull.Pull<Chunks, E, void, R> => {
    if (isFirst && first !== undefined) {
      isFirst = false
      return Effect.succeed([first, ...others])
    }
    return last === undefined ? Cause.done() : source
  })
}
