/**
 * The reader of frames, for whole bodies and for those that arrive in parts.
 *
 * Specification: data-format/message-body.md
 */
import type { AlgorithmSuite } from "../../model/AlgorithmSuite.ts"
import type { BodyContent } from "./bodyAad.ts"
import { type ByteReader, rejectField } from "./ByteReader.ts"

/**
 * Division of the body. This library writes `framed` alone, and reads both.
 *
 * Specification: data-format/message-header.md#content-type
 */
export type ContentType = "framed" | "nonFramed"

/** Fields of a header that the layout of the body depends on. */
export interface BodyHeader {
  readonly algorithmSuite: AlgorithmSuite
  readonly messageId: Uint8Array
  readonly contentType: ContentType
  readonly frameLength: number
}

/** The greatest length in bytes of non-framed data: what AES-GCM can encrypt in one piece. */
const maxNonFramedLength = 2 ** 36 - 32

/** Sequence number that a final frame begins with. */
export const sequenceNumberEnd = 0xffff_ffff

/** One frame as it stands in a message, or the whole of non-framed data. The arrays are views of the message. */
export interface Frame {
  readonly content: BodyContent
  readonly sequenceNumber: number
  readonly iv: Uint8Array
  readonly ciphertext: Uint8Array
  readonly tag: Uint8Array
}

/** Kind, place of the IV and length of a frame, which stand before its ciphertext. */
interface FrameHead {
  readonly content: BodyContent
  readonly ivOffset: number
  readonly contentLength: number
}

/** Reads the frame that must have this sequence number. Throws as a `ByteReader` does. */
export const readFrame = (reader: ByteReader, header: BodyHeader, sequenceNumber: number): Frame => {
  const { content, contentLength, ivOffset } = readFrameHead(reader, header, sequenceNumber)
  const { ivLength, tagLength } = header.algorithmSuite
  return {
    content,
    sequenceNumber,
    iv: reader.bytes.subarray(ivOffset, ivOffset + ivLength),
    ciphertext: reader.take("Encrypted Content", contentLength),
    tag: reader.take("Authentication Tag", tagLength)
  }
}

/** Reads a frame up to its ciphertext. Throws as a `ByteReader` does. */
export const readFrameHead = (reader: ByteReader, header: BodyHeader, sequenceNumber: number): FrameHead => {
  const { algorithmSuite, contentType, frameLength } = header
  if (contentType === "nonFramed") return readNonFramedHead(reader, algorithmSuite)

  const offset = reader.offset
  const first = reader.uint32("Sequence Number")
  const isFinal = first === sequenceNumberEnd
  const numberOffset = isFinal ? reader.offset : offset
  const number = isFinal ? reader.uint32("Sequence Number") : first
  if (number !== sequenceNumber) rejectField("Sequence Number", numberOffset, `must be ${sequenceNumber}, is ${number}`)
  const ivOffset = reader.skip("IV", algorithmSuite.ivLength)
  if (!isFinal) return { content: "frame", ivOffset, contentLength: frameLength }

  const lengthOffset = reader.offset
  const contentLength = reader.uint32("Encrypted Content Length")
  if (contentLength > frameLength) {
    rejectField("Encrypted Content Length", lengthOffset, `is ${contentLength}, the frame length is ${frameLength}`)
  }
  return { content: "finalFrame", ivOffset, contentLength }
}

/** Specification: data-format/message-body.md#non-framed-data */
const readNonFramedHead = (reader: ByteReader, algorithmSuite: AlgorithmSuite): FrameHead => {
  const ivOffset = reader.skip("IV", algorithmSuite.ivLength)
  const lengthOffset = reader.offset
  const contentLength = reader.uint64("Encrypted Content Length")
  if (contentLength > maxNonFramedLength) {
    rejectField(
      "Encrypted Content Length",
      lengthOffset,
      `is ${contentLength}, at most ${maxNonFramedLength} is allowed`
    )
  }
  return { content: "nonFramed", ivOffset, contentLength: Number(contentLength) }
}
