/**
 * Arguments that are no streams of Effect, and what makes a stream of them. Not exported.
 */
import * as Effect from "effect/Effect"
import { invalidOption } from "../client/request.ts"

type Field = "plaintext" | "message"

/**
 * Things that callers have instead of a stream, by methods that all of a kind have, and the advice for each. The first that fits is
 * named.
 */
const others: ReadonlyArray<readonly [methods: ReadonlyArray<PropertyKey>, advice: string]> = [
  [["getReader"], "ReadableStream: use WebStreams.fromReadable"],
  [["arrayBuffer", "stream"], "Blob: use WebStreams.fromReadable of its stream()"],
  [["arrayBuffer"], "Response: use WebStreams.fromReadable of its body"],
  [[Symbol.asyncIterator, "pipe"], "Readable of Node: use NodeStreams.fromReadable"],
  [["then"], "Promise: wait for it"],
  [[Symbol.asyncIterator], "AsyncIterable: use Stream.fromAsyncIterable"],
  [[Symbol.iterator], "Iterable: use Stream.fromIterable"]
]

const kindOf = (field: Field, input: any): string => {
  const whole = field === "plaintext" ? "encrypt" : "decrypt"
  if (input === null) return "null: a Response of status 204, for one, has no body"
  if (typeof input === "string") {
    return `string: use ${whole}${field === "message" ? " of the bytes that it encodes" : ""}`
  }
  if (ArrayBuffer.isView(input)) return `bytes: use ${whole}, or Stream.make of them`
  if (Effect.isEffect(input)) return "Effect: use Stream.unwrap of an Effect of a Stream"
  try {
    const other = others.find(([methods]) => methods.every((method) => typeof input?.[method] === "function"))
    return other === undefined ? typeof input : other[1]
  } catch {
    // It cannot be read.
    return typeof input
  }
}

/** Rejects an argument that is no stream. Names what it is, never what it holds. */
export const notAStream = (field: Field, input: unknown): never =>
  invalidOption(field, `must be a Stream of Effect, got ${kindOf(field, input)}`)
