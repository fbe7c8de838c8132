/**
 * Streams of Node, for programs that have them rather than Effect's.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Duplex, type Readable } from "node:stream"
import { outputOf } from "../internal/outputOf.ts"
import { printable } from "../internal/printable.ts"
import { TaggedError } from "../internal/TaggedError.ts"

/** Error when a stream of Node failed or ended too early, or when there is none that can be read. */
export class NodeStreamError extends (/*#__PURE__*/ TaggedError<NodeStreamError>()("NodeStreamError", {
  /** Fault of the argument of an adapter; undefined where the stream itself failed. */
  description: Schema.optionalKey(Schema.String),
  /** The error of a stream that failed. */
  cause: Schema.optionalKey(Schema.Defect())
})) {
  override get message(): string {
    return printable(this.description ?? "the stream that is read from failed")
  }
}

/** Readables that `fromReadable` has read from. */
const begun = /*#__PURE__*/ new WeakSet<Readable>()

/**
 * A `Readable` as an Effect `Stream`, which destroys it where it stops early. The stream fails where there is none, where it failed,
 * has ended or was destroyed, and where it runs again: a `Readable` is read once.
 */
export const fromReadable = (readable: Readable): Stream.Stream<Uint8Array, NodeStreamError> =>
  Stream.suspend(() => {
    const fault = faultOf(readable)
    if (fault !== undefined) return Stream.fail(new NodeStreamError(fault))
    begun.add(readable)
    return iterate(readable)
  })

const faultOf = (readable: Readable): { readonly description?: string; readonly cause?: unknown } | undefined => {
  try {
    if (typeof readable.pipe !== "function" || typeof readable[Symbol.asyncIterator] !== "function") return noReadable
    const wasRead = { description: "the Readable was read before, or was destroyed" }
    if (begun.has(readable)) return wasRead
    if (readable.errored) return { cause: readable.errored }
    return readable.destroyed || readable.readableEnded ? wasRead : undefined
  } catch {
    return noReadable
  }
}

const noReadable = { description: "what is read from is no Readable of Node" }

const iterate = (source: AsyncIterable<Uint8Array>) =>
  Stream.fromAsyncIterable(source, (cause) => new NodeStreamError({ cause }))

/**
 * An operation of the client as a `Duplex`, for `pipeline`:
 *
 * `pipeline(createReadStream(from), yield* toDuplex((plaintext) => sdk.encryptStream(plaintext)), createWriteStream(to))`.
 * Backpressure passes through it. If a stream of the pipeline fails, the operation is interrupted; if the operation fails,
 * the pipeline fails with its error.
 *
 * **Gotchas**
 *
 * A duplex is used once, like every stream of Node. Use `pipeline`, not `pipe`: `pipe` passes no errors on, and
 * truncated output looks complete.
 */
export const toDuplex = <E, R>(
  operation: (input: Stream.Stream<Uint8Array, NodeStreamError>) => Stream.Stream<Uint8Array, E, R>
): Effect.Effect<Duplex, never, R> =>
  Effect.map(
    Effect.context<R>(),
    (context) =>
      Duplex.from((source: AsyncIterable<Uint8Array>) =>
        Stream.toAsyncIterableWith(
          outputOf(operation, iterate(source), (description) => new NodeStreamError({ description })),
          context
        )
      )
  )
