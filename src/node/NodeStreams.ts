/**
 * Streams of Node, for programs that have them rather than Effect's.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Duplex } from "node:stream"
import { TaggedError } from "../internal/TaggedError.ts"

/** Error when a stream of Node failed, or ended too early. */
export class NodeStreamError
  extends (/*#__PURE__*/ TaggedError<NodeStreamError>()("NodeStreamError", { cause: Schema.Defect() }))
{
  override get message(): string {
    return "the stream that is read from failed"
  }
}

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
          operation(Stream.fromAsyncIterable(source, (cause) => new NodeStreamError({ cause }))),
          context
        )
      )
  )
