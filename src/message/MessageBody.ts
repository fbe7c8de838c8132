/**
 * The message body: framed data, which this library writes and reads, and non-framed data, which it reads.
 *
 * Nothing here encrypts. Layouts return jobs for `Primitives.seal` and `Primitives.open` over one array that holds the
 * whole message, or the whole plaintext: no byte is copied twice.
 *
 * Specification: data-format/message-body.md, data-format/message-body-aad.md
 */
import type * as Result from "effect/Result"
import type { OpenJob, SealJob } from "../model/AesGcm.ts"
import type { AlgorithmSuite } from "../model/AlgorithmSuite.ts"
import * as bytes from "../internal/bytes.ts"
import { bodyAad, type BodyContent, fleetingBodyAad } from "./internal/bodyAad.ts"
import { ByteReader, decoding } from "./internal/ByteReader.ts"
import { type BodyHeader, type Frame, readFrame, readFrameHead, sequenceNumberEnd } from "./internal/frames.ts"
import type { MalformedMessage } from "../model/errors/MalformedMessage.ts"

export type { BodyContent } from "./internal/bodyAad.ts"
export type { BodyHeader, Frame } from "./internal/frames.ts"

/** The most frames that a message can have. */
export const maxFrames = 0xffff_ffff

/**
 * The fault of a number of frames that is too large for a message.
 *
 * @internal
 */
export const tooManyFrames = (frameCount: number): string =>
  `makes ${frameCount} frames, at most ${maxFrames} fit a message`

const sequenceNumberLength = 4
const contentLengthLength = 4

/**
 * Additional authenticated data of one piece of the body. `contentLength` is the piece's length in bytes; the sequence
 * number of non-framed data is 1.
 *
 * Specification: data-format/message-body-aad.md#structure
 */
export const aad = (
  messageId: Uint8Array,
  content: BodyContent,
  sequenceNumber: number,
  contentLength: number
): Uint8Array<ArrayBuffer> => bodyAad(messageId, content, sequenceNumber, contentLength)

/**
 * The IV of a frame that this library writes: the sequence number, padded to the suite's IV length from the left. Unique
 * within a message, and other than the header's, which is zero.
 *
 * Specification: client-apis/encrypt.md#construct-a-frame
 */
export const iv = (algorithmSuite: AlgorithmSuite, sequenceNumber: number): Uint8Array<ArrayBuffer> => {
  const out = new Uint8Array(algorithmSuite.ivLength)
  bytes.setUint32(out, out.length - sequenceNumberLength, sequenceNumber)
  return out
}

/** Division of a plaintext into frames, and the length of its body in bytes. */
export interface FramedLayout {
  readonly plaintextLength: number
  readonly frameLength: number
  /** At least 1, the final frame. It can be greater than `maxFrames`: such a plaintext cannot be encrypted. */
  readonly frameCount: number
  /** Length of the whole body. */
  readonly length: number
}

/**
 * Divides a plaintext into frames. Where its length is an exact multiple of the frame length, the final frame is a full
 * one; an empty plaintext is one empty final frame.
 *
 * Specification: data-format/message-body.md#final-frame
 */
export const framedLayout = (
  algorithmSuite: AlgorithmSuite,
  plaintextLength: number,
  frameLength: number
): FramedLayout => {
  const frameCount = Math.max(1, Math.ceil(plaintextLength / frameLength))
  const length = plaintextLength + (frameCount - 1) * encodedFrameLength(algorithmSuite, false, 0) +
    encodedFrameLength(algorithmSuite, true, 0)
  return { plaintextLength, frameLength, frameCount, length }
}

/** Length in bytes of a frame in the message. */
export const encodedFrameLength = (
  { ivLength, tagLength }: AlgorithmSuite,
  isFinal: boolean,
  contentLength: number
): number =>
  sequenceNumberLength + ivLength + contentLength + tagLength +
  (isFinal ? sequenceNumberLength + contentLengthLength : 0)

/**
 * A run of frames to be written, one behind the other.
 *
 * @internal
 */
export interface FramesToSeal {
  /** The sequence number of the first. */
  readonly first: number
  readonly count: number
  /** Whether the last is the message's final frame. All the others are full. */
  readonly endsMessage: boolean
  /** The plaintext of each, counted from zero. */
  readonly content: (index: number) => Uint8Array
}

/**
 * Options of jobs.
 *
 * @internal
 */
export interface JobOptions<Job> {
  /** A job that comes before all others. */
  readonly before?: Job
  /** Whether each job is used before the next one is pulled. Then they share an array. */
  readonly isOneByOne?: boolean
}

/**
 * Writes a run of frames, except ciphertexts and tags, into `message` from `offset` on, and returns the job of each frame.
 * A frame is written when its job is pulled.
 *
 * Specification: data-format/message-body.md#framed-data
 *
 * @internal
 */
export function* sealFrames(
  { algorithmSuite, messageId }: BodyHeader,
  { content, count, endsMessage, first }: FramesToSeal,
  message: Uint8Array,
  offset: number,
  { before, isOneByOne = false }: JobOptions<SealJob> = noOptions
): Generator<SealJob> {
  if (before !== undefined) yield before
  const aad = isOneByOne ? fleetingBodyAad : bodyAad
  const { ivLength, tagLength } = algorithmSuite
  let position = offset
  for (let index = 0; index < count; index++) {
    const sequenceNumber = first + index
    const isFinal = endsMessage && index === count - 1
    const plaintext = content(index)
    if (isFinal) {
      bytes.setUint32(message, position, sequenceNumberEnd)
      position += sequenceNumberLength
    }
    bytes.setUint32(message, position, sequenceNumber)
    position += sequenceNumberLength
    const ivOffset = position
    position += ivLength
    message.fill(0, ivOffset, position)
    bytes.setUint32(message, position - sequenceNumberLength, sequenceNumber)
    if (isFinal) {
      bytes.setUint32(message, position, plaintext.length)
      position += contentLengthLength
    }
    const end = position + plaintext.length + tagLength
    yield {
      iv: message.subarray(ivOffset, ivOffset + ivLength),
      aad: aad(messageId, isFinal ? "finalFrame" : "frame", sequenceNumber, plaintext.length),
      plaintext,
      output: message.subarray(position, end)
    }
    position = end
  }
}

/**
 * `sealFrames` for all frames of a plaintext.
 *
 * @internal
 */
export const sealJobs = (
  header: BodyHeader,
  { frameCount, frameLength }: FramedLayout,
  plaintext: Uint8Array,
  message: Uint8Array,
  offset: number,
  options?: JobOptions<SealJob>
): Generator<SealJob> => {
  const content = (index: number) =>
    frameCount === 1 ? plaintext : plaintext.subarray(index * frameLength, (index + 1) * frameLength)
  return sealFrames(header, { first: 1, count: frameCount, endsMessage: true, content }, message, offset, options)
}

/** A body that was read: its form is right, its authenticity is not known. */
export interface BodyLayout {
  /** Offset in the message at which the body begins. */
  readonly offset: number
  readonly frameCount: number
  readonly plaintextLength: number
  /** Length of the whole body, behind which the footer begins. */
  readonly length: number
}

/**
 * Reads the layout of the body that begins at `offset`, frame by frame up to the final one. The lengths it returns are
 * covered by bytes that are there.
 *
 * **Gotchas**
 *
 * The IV of a frame is taken as it stands, as all implementations do: messages from before 2017 have random ones. It
 * is authenticated with the frame, whose place in the message is bound by its additional authenticated data.
 *
 * Specification: client-apis/decrypt.md#decrypt-the-message-body
 */
export const decode = (
  header: BodyHeader,
  message: Uint8Array,
  offset: number
): Result.Result<BodyLayout, MalformedMessage> =>
  decoding(() => {
    const reader = new ByteReader(message, offset)
    let plaintextLength = 0
    for (let sequenceNumber = 1;; sequenceNumber++) {
      const frame = readFrameHead(reader, header, sequenceNumber)
      reader.skip("Encrypted Content", frame.contentLength)
      reader.skip("Authentication Tag", header.algorithmSuite.tagLength)
      plaintextLength += frame.contentLength
      if (frame.content !== "frame") {
        return { offset, frameCount: sequenceNumber, plaintextLength, length: reader.offset - offset }
      }
    }
  })

/** The frames of a body that `decode` has read. Non-framed data is one frame. */
export function* frames(header: BodyHeader, message: Uint8Array, layout: BodyLayout): Generator<Frame> {
  const reader = new ByteReader(message, layout.offset)
  for (let sequenceNumber = 1; sequenceNumber <= layout.frameCount; sequenceNumber++) {
    yield readFrame(reader, header, sequenceNumber)
  }
}

/**
 * The job of each frame. `plaintext` is an array of the layout's `plaintextLength`.
 *
 * @internal
 */
export const openJobs = (
  header: BodyHeader,
  message: Uint8Array,
  layout: BodyLayout,
  plaintext: Uint8Array,
  options?: JobOptions<OpenJob>
): Generator<OpenJob> => openFrames(header, frames(header, message, layout), plaintext, options)

/**
 * The jobs of frames whose contents go to `plaintext` one behind the other.
 *
 * @internal
 */
export function* openFrames(
  { messageId }: BodyHeader,
  frames: Iterable<Frame>,
  plaintext: Uint8Array,
  { before, isOneByOne = false }: JobOptions<OpenJob> = noOptions
): Generator<OpenJob> {
  if (before !== undefined) yield before
  const aad = isOneByOne ? fleetingBodyAad : bodyAad
  let position = 0
  for (const { ciphertext, content, iv, sequenceNumber, tag } of frames) {
    const end = position + ciphertext.length
    yield {
      iv,
      aad: aad(messageId, content, sequenceNumber, ciphertext.length),
      ciphertext,
      tag,
      output: ciphertext.length === plaintext.length ? plaintext : plaintext.subarray(position, end)
    }
    position = end
  }
}

const noOptions = {}
