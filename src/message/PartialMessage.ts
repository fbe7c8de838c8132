/**
 * Reads a message that has not arrived as a whole: how long its header is, one frame, how a body of some length is divided.
 * What is read here only where streams are used is apart from `MessageHeader` and `MessageBody`, which read whole ones.
 */
import type * as Result from "effect/Result"
import { reject } from "../internal/rejection.ts"
import * as AlgorithmSuite from "../model/AlgorithmSuite.ts"
import { ByteReader, decodingPart, type EndOfInput } from "./internal/ByteReader.ts"
import type { MalformedMessage } from "../model/errors/MalformedMessage.ts"
import { type BodyHeader, type Frame, readFrame, readFrameHead } from "./internal/frames.ts"
import * as MessageBody from "./MessageBody.ts"
import * as MessageHeader from "./MessageHeader.ts"

export { EndOfInput, missing } from "./internal/ByteReader.ts"

/**
 * Finds the length in bytes of the header at the start of a message, while the message arrives, in a time that grows with the
 * header and not with the number of parts. Yields the number of bytes from the start of the message that it must see next,
 * and is resumed with at least these. When it ends, `MessageHeader.decode` has all it needs to accept or to reject.
 */
export function* headerExtent(
  options?: { readonly maxEncryptedDataKeys?: number | undefined }
): Generator<number, void, Uint8Array> {
  const uint16 = (message: Uint8Array, offset: number) => (message[offset]! << 8) | message[offset + 1]!
  const start = yield 4
  const isVersion1 = start[0] === 1
  let offset = isVersion1 ? 4 : 3
  const suite = AlgorithmSuite.fromId(uint16(start, offset - 2))
  if (suite === undefined || suite.messageFormatVersion !== start[0]) return
  offset += suite.messageIdLength
  offset += 2 + uint16(yield offset + 2, offset)
  const count = uint16(yield offset + 2, offset)
  offset += 2
  if (count > (options?.maxEncryptedDataKeys ?? count)) return
  for (let field = 0; field < 3 * count; field++) offset += 2 + uint16(yield offset + 2, offset)
  yield offset + (isVersion1 ? 10 : 5) + suite.commitmentLength + MessageHeader.authenticationLength(suite)
}

/** A frame that was read, and where it ends in the bytes that it was read from. */
export interface DecodedFrame extends Frame {
  readonly end: number
}

/**
 * Reads the frame that begins at `offset` in `part`, which are bytes of a message from its byte `start` on. Returns the
 * shortage where they are not all there yet. A length of the content for which `reject` returns an error is rejected as
 * soon as it is known, before any of the content has to be there.
 */
export const decodeFrame = <E extends Error>(
  header: BodyHeader,
  part: Uint8Array,
  options: {
    readonly start: number
    readonly offset: number
    readonly sequenceNumber: number
    readonly reject: (contentLength: number) => E | undefined
  }
): Result.Result<DecodedFrame | EndOfInput, MalformedMessage | E> =>
  decodingPart<DecodedFrame, E>(options.start, () => {
    const reader = new ByteReader(part, options.offset)
    const { contentLength } = readFrameHead(reader, header, options.sequenceNumber)
    const error = options.reject(contentLength)
    if (error !== undefined) reject(error)
    reader.offset = options.offset
    const frame = readFrame(reader, header, options.sequenceNumber)
    return { ...frame, end: reader.offset }
  })

/**
 * Length in bytes of the footer of a signed message, by its first two bytes; undefined where they are not there yet.
 */
export const footerExtent = (start: Uint8Array): number | undefined =>
  start.length < 2 ? undefined : 2 + (start[0]! << 8 | start[1]!)

/**
 * Division of a framed body of this length, by its length alone; undefined where no framed body has it.
 *
 * **Gotchas**
 *
 * A claim, not a fact: only the final frame, once authenticated, says where a message ends.
 */
export const framedLayoutOf = (
  algorithmSuite: AlgorithmSuite.AlgorithmSuite,
  length: number,
  frameLength: number
): MessageBody.FramedLayout | undefined => {
  const final = MessageBody.encodedFrameLength(algorithmSuite, true, 0)
  const full = MessageBody.encodedFrameLength(algorithmSuite, false, frameLength)
  const before = Math.floor((length - final) / full)
  const content = length - final - before * full
  return before < 0 || content > frameLength
    ? undefined
    : { plaintextLength: before * frameLength + content, frameLength, frameCount: before + 1, length }
}
