/** Parts of a message, and the messages that can be put together of them. */
import { Result } from "effect"
import { MessageBody, MessageHeader } from "effect-encryption-sdk/message"
import { concat, patch } from "./bytes.ts"

/** The header of a message, and the offsets of its parts. */
export const partsOf = (message: Uint8Array) => {
  const { header, headerBodyLength, length } = Result.getOrThrow(MessageHeader.decode(message))
  const body = Result.getOrThrow(MessageBody.decode(header, message, length))
  return { header, headerBodyLength, bodyOffset: length, footerOffset: length + body.length }
}

/** A message that was put together of parts, and how many frames of the original still stand at their place at its start. */
export interface Rearranged {
  readonly name: string
  readonly authenticFrames: number
  readonly message: Uint8Array
}

/**
 * Frames left out, repeated, exchanged and of another message, and bytes behind the end. The message has four frames, and
 * the other one is of the same suite, context and lengths.
 */
export const rearranged = (message: Uint8Array, other: Uint8Array): ReadonlyArray<Rearranged> => {
  const { bodyOffset, footerOffset, header } = partsOf(message)
  const regular = 32 + header.frameLength
  const frames = (source: Uint8Array) => {
    const body = source.subarray(bodyOffset, footerOffset)
    return [0, 1, 2, 3].map((index) => body.subarray(index * regular, (index + 1) * regular)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array
    ]
  }
  const head = message.subarray(0, bodyOffset)
  const foot = message.subarray(footerOffset)
  const [first, second, third, last] = frames(message)
  const [, otherSecond, , otherLast] = frames(other)
  const numbered = (frame: Uint8Array, sequenceNumber: number) => patch(frame, 0, [0, 0, 0, sequenceNumber])
  const numberedLast = (sequenceNumber: number) => patch(last, 4, [0, 0, 0, sequenceNumber])
  const rows: ReadonlyArray<readonly [name: string, authenticFrames: number, frames: ReadonlyArray<Uint8Array>]> = [
    ["first left out", 0, [second, third, last]],
    ["first left out, renumbered", 0, [numbered(second, 1), numbered(third, 2), numberedLast(3)]],
    ["second left out", 1, [first, third, last]],
    ["last left out", 3, [first, second, third]],
    ["only the final frame", 0, [numberedLast(1)]],
    ["exchanged", 0, [second, first, third, last]],
    ["exchanged, renumbered", 1, [first, numbered(third, 2), numbered(second, 3), last]],
    ["first exchanged, renumbered", 0, [numbered(second, 1), numbered(first, 2), third, last]],
    ["repeated", 1, [first, first, second, third, last]],
    ["repeated, renumbered", 1, [first, numbered(first, 2), numbered(second, 3), numbered(third, 4), numberedLast(5)]],
    ["final frame twice", 3, [first, second, third, last, last]],
    ["first of another message", 0, [frames(other)[0], second, third, last]],
    ["second of another message", 1, [first, otherSecond, third, last]],
    ["final frame of another message", 3, [first, second, third, otherLast]]
  ]
  return [
    ...rows.map(([name, authenticFrames, frames]) => ({
      name,
      authenticFrames,
      message: concat(head, ...frames, foot)
    })),
    { name: "body of another message", authenticFrames: 0, message: concat(head, other.subarray(bodyOffset)) },
    {
      name: "header of another message",
      authenticFrames: 0,
      message: concat(other.subarray(0, bodyOffset), message.subarray(bodyOffset))
    },
    { name: "a byte behind the end", authenticFrames: 3, message: concat(message, Uint8Array.of(0)) },
    { name: "twice", authenticFrames: 3, message: concat(message, message) }
  ]
}
