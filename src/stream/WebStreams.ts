/**
 * Adapters for streams of the Web platform: in browsers, `fetch`, workers, and Node.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { outputOf } from "../internal/outputOf.ts"
import { printable } from "../internal/printable.ts"
import { TaggedError } from "../internal/TaggedError.ts"

/** Error when a stream of the Web platform failed or was aborted by its writer, or when there is none that can be read. */
export class WebStreamError extends (/*#__PURE__*/ TaggedError<WebStreamError>()("WebStreamError", {
  /** Fault of the argument of an adapter; undefined where the stream itself failed. */
  description: Schema.optionalKey(Schema.String),
  /** The error of a stream that failed. */
  cause: Schema.optionalKey(Schema.Defect())
})) {
  override get message(): string {
    return printable(this.description ?? "the stream that is read from failed")
  }
}

/** The two ends of a transformation, as `ReadableStream.pipeThrough` takes them. */
export interface ReadableWritablePair<Memory extends ArrayBufferLike = ArrayBuffer> {
  readonly readable: ReadableStream<Uint8Array<Memory>>
  readonly writable: WritableStream<Uint8Array>
}

const faultOf = (readable: ReadableStream): string | undefined => {
  try {
    if (typeof readable.getReader === "function") {
      return readable.locked || begun.has(readable) ? "the ReadableStream is locked or was read before" : undefined
    }
  } catch {
    // It cannot be read: so it is none.
  }
  return "what is read from is no ReadableStream: a Response of status 204, for one, has no body"
}

/** Streams that `fromReadable` has read from. */
const begun = /*#__PURE__*/ new WeakSet<ReadableStream>()

/**
 * A `ReadableStream` as an Effect `Stream`. It is locked when the stream runs, and cancelled where that stops early. The stream
 * fails where there is none, where it is locked, and where it runs again: a body is read once.
 *
 * **Gotchas**
 *
 * A stream that another reader has read to its end, and released, looks like an empty one.
 *
 * What cancels the stream cancels the body: an operation that is retried needs a new one.
 */
export const fromReadable = <Memory extends ArrayBufferLike>(
  readable: ReadableStream<Uint8Array<Memory>>
): Stream.Stream<Uint8Array<Memory>, WebStreamError> =>
  Stream.suspend(() => {
    const description = faultOf(readable)
    if (description !== undefined) return Stream.fail(new WebStreamError({ description }))
    begun.add(readable)
    return Stream.fromReadableStream({
      evaluate: () => readable,
      onError: (cause) => new WebStreamError({ cause })
    })
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
export const toTransform = <Memory extends ArrayBufferLike, E, R>(
  operation: (input: Stream.Stream<Uint8Array, WebStreamError>) => Stream.Stream<Uint8Array<Memory>, E, R>
): Effect.Effect<ReadableWritablePair<Memory>, never, R> =>
  Effect.suspend(() => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    const output = outputOf(operation, fromReadable(readable), (description) => new WebStreamError({ description }))
    return Effect.map(
      Stream.toReadableStreamEffect(output, { strategy: { highWaterMark: 0 } }),
      (readable) => ({ readable, writable })
    )
  })
