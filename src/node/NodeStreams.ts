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

/**
 * A `Readable` as an Effect `Stream`, which destroys it where it stops early. The stream fails where there is none, and where it
 * has ended or was destroyed: a `Readable` is read once.
 */
export const fromReadable = (readable: Readable): Stream.Stream<Uint8Array, NodeStreamError> =>
  Stream.suspend(() => {
    const description = typeof readable?.pipe !== "function" || typeof readable[Symbol.asyncIterator] !== "function"
      ? "what is read from is no Readable of Node"
      : readable.destroyed || readable.readableEnded
      ? "the Readable was read to its end before, or was destroyed"
      : undefined
    return description === undefined ? iterate(readable) : Stream.fail(new NodeStreamError({ description }))
  })

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
