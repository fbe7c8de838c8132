/**
 * Adapters for streams of the Web platform: in browsers, `fetch`, workers, and Node.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TaggedError } from "../internal/TaggedError.ts"

/** A stream of the Web platform failed, or was aborted by its writer. */
export class WebStreamError
  extends (/*#__PURE__*/ TaggedError<WebStreamError>()("WebStreamError", { cause: Schema.Defect() }))
{
  override get message(): string {
    return "the stream that is read from failed"
  }
}

/** The two ends of a transformation, as `ReadableStream.pipeThrough` takes them. */
export interface ReadableWritablePair {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
}

/** A `ReadableStream` as an Effect `Stream`. It is locked when the stream runs, and cancelled where that stops early. */
export const fromReadable = (readable: ReadableStream<Uint8Array>): Stream.Stream<Uint8Array, WebStreamError> =>
  Stream.fromReadableStream({
    evaluate: () => readable,
    onError: (cause) => new WebStreamError({ cause })
  })

/**
 * An operation of the client as a transformation of Web streams:
 *
 * `yield* toTransform((plaintext) => sdk.encryptStream(plaintext, options))` is what `readable.pipeThrough` takes. Backpressure
 * passes through it; an error or an abort on one side fails the other, and a cancelled reader stops the writer.
 *
 * **Gotchas**
 *
 * A pair is used once, like every Web stream. The operation starts when the readable end is read from.
 */
export const toTransform = <E, R>(
  operation: (input: Stream.Stream<Uint8Array, WebStreamError>) => Stream.Stream<Uint8Array, E, R>
): Effect.Effect<ReadableWritablePair, never, R> =>
  Effect.suspend(() => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    return Effect.map(
      Stream.toReadableStreamEffect(operation(fromReadable(readable)), { strategy: { highWaterMark: 0 } }),
      (readable) => ({ readable, writable })
    )
  })
