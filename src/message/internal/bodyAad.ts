/**
 * Additional authenticated data of the pieces of a message body.
 *
 * Specification: data-format/message-body-aad.md
 */
import * as bytes from "../../internal/bytes.ts"

/** Kind of a piece of the body. */
export type BodyContent = "frame" | "finalFrame" | "nonFramed"

/** Specification: data-format/message-body-aad.md#body-aad-content */
const bodyContents: Readonly<Record<BodyContent, Uint8Array>> = {
  frame: /*#__PURE__*/ bytes.utf8("AWSKMSEncryptionClient Frame"),
  finalFrame: /*#__PURE__*/ bytes.utf8("AWSKMSEncryptionClient Final Frame"),
  nonFramed: /*#__PURE__*/ bytes.utf8("AWSKMSEncryptionClient Single Block")
}

/**
 * Makes the additional authenticated data of one piece of a body. `contentLength` is the piece's length in bytes; the sequence number
 * of non-framed data is 1.
 *
 * Specification: data-format/message-body-aad.md#structure
 */
export type BodyAad = (
  messageId: Uint8Array,
  content: BodyContent,
  sequenceNumber: number,
  contentLength: number
) => Uint8Array<ArrayBuffer>

/** In an array of its own. */
export const bodyAad: BodyAad = (messageId, content, sequenceNumber, contentLength) =>
  write(
    new Uint8Array(messageId.length + bodyContents[content].length + suffixLength),
    messageId,
    content,
    sequenceNumber,
    contentLength
  )

/**
 * In an array that the next call writes to, for one that is used at once: a new array of this length is memory outside of the heap,
 * which costs more than what is written into it (`npm run bench -- messages --only "1 MiB in frames of 4 KiB"`).
 */
export const fleetingBodyAad: BodyAad = (messageId, content, sequenceNumber, contentLength) => {
  const length = messageId.length + bodyContents[content].length + suffixLength
  const out = fleeting[length] ??= new Uint8Array(length)
  return write(out, messageId, content, sequenceNumber, contentLength)
}

const suffixLength = 12
const fleeting: Array<Uint8Array<ArrayBuffer>> = []

const write = (
  out: Uint8Array<ArrayBuffer>,
  messageId: Uint8Array,
  content: BodyContent,
  sequenceNumber: number,
  contentLength: number
): Uint8Array<ArrayBuffer> => {
  const { length } = out
  out.set(messageId)
  out.set(bodyContents[content], messageId.length)
  bytes.setUint32(out, length - 12, sequenceNumber)
  bytes.setUint32(out, length - 8, Math.floor(contentLength / 2 ** 32))
  bytes.setUint32(out, length - 4, contentLength)
  return out
}
