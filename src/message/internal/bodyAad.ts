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
const longestName = 35

/**
 * Makes the additional authenticated data of the pieces of one body. The first stands in an array of its own, the others in
 * arrays for more and more of them: an array of this length is memory outside of the heap, which costs more than what is
 * written into it (`npm run bench -- messages --only "1 MiB in frames of 4 KiB"`).
 *
 * Specification: data-format/message-body-aad.md#structure
 */
export const makeBodyAad = (messageId: Uint8Array) => {
  const most = messageId.length + longestName + 12
  let pieces = 1
  let block = bytes.empty
  let position = 0
  return (content: BodyContent, sequenceNumber: number, contentLength: number): Uint8Array => {
    if (position + most > block.length) {
      block = new Uint8Array(pieces * most)
      pieces = Math.min(4 * pieces, 64)
      position = 0
    }
    const start = position
    const name = bodyContents[content]
    block.set(messageId, start)
    block.set(name, start + messageId.length)
    position += messageId.length + name.length + 12
    bytes.setUint32(block, position - 12, sequenceNumber)
    bytes.setUint32(block, position - 8, Math.floor(contentLength / 2 ** 32))
    bytes.setUint32(block, position - 4, contentLength)
    return block.subarray(start, position)
  }
}
