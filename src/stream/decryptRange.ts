/**
 * Decrypts a part of a message. Not exported.
 *
 * Specification: client-apis/decrypt.md
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type { Client } from "../client/Client.ts"
import type { DecryptRangeOptions, PlaintextRange, RandomAccessSource } from "../client/Options.ts"
import { checkBytes, invalidOption } from "../client/request.ts"
import { orReject, reject } from "../internal/rejection.ts"
import { called } from "../materials/contract.ts"
import * as MessageBody from "../message/MessageBody.ts"
import type * as MessageHeader from "../message/MessageHeader.ts"
import * as PartialMessage from "../message/PartialMessage.ts"
import { DecryptError, failDecrypt, orFailDecrypt } from "../model/errors/DecryptError.ts"
import type { BrokenContract } from "../model/errors/BrokenContract.ts"
import { MalformedMessage } from "../model/errors/MalformedMessage.ts"
import { MessageNotAccepted, WithheldPlaintextTooLong } from "../model/errors/Reasons.ts"
import { beginOpening } from "./beginOpening.ts"
import { readHeader } from "./headerReader.ts"
import * as hooks from "./hooks.ts"
import type * as messageParts from "./messageParts.ts"
import { decryptRangeSettings, type DecryptStreamSettings } from "./request.ts"
import { batchFrames, batchLength, type OwnChunks } from "./Upstream.ts"

/** Length in bytes of the first read of a message: more than most headers take. */
const firstRead = 4096

const failedBy = (reason: BrokenContract) => new DecryptError({ reason })

/** See `EncryptionSdk.decryptRange`. */
export const decryptRange = <E, R, E2, R2>(
  client: Client,
  source: RandomAccessSource<E, R>,
  range: PlaintextRange,
  options: DecryptRangeOptions<E2, R2> = {}
): Stream.Stream<Uint8Array<ArrayBuffer>, E | E2 | DecryptError, R | R2> =>
  Stream.fromPull(Effect.sync((): Pull.Pull<OwnChunks, E | E2 | DecryptError, void, R | R2> => {
    let next: Pull.Pull<OwnChunks, E | E2 | DecryptError, void, R | R2> = Effect.gen(function*() {
      const settings = yield* orFailDecrypt(() => decryptRangeSettings(client, source, range, options))
      const { onHeader, onProgress } = hooks.make(options, failedBy)
      const read = yield* readHeader(client, seeStart(source))
      yield* checkKind(read.decoded.header)
      const { metadata, opening } = yield* beginOpening("EncryptionSdk.decryptRange", client, settings, read)
      yield* onHeader(metadata)
      const plan = yield* orFailDecrypt(() => planRange(source.length, range, read.decoded))
      if (range.length === 0) return yield* Cause.done()
      yield* checkWithheld(settings, plan)
      next = openRange(source, plan, opening, onProgress)
      return yield* next
    })
    return Effect.suspend(() => next)
  }))

/** Reads from the start of a source: at least `length` bytes, or all that there are. */
const seeStart = <E, R>(source: RandomAccessSource<E, R>) => {
  let seen: Uint8Array = new Uint8Array(0)
  return (length: number): Effect.Effect<Uint8Array, E | DecryptError, R> => {
    const wanted = Math.min(source.length, Math.max(length, firstRead, 2 * seen.length))
    return Math.min(length, source.length) <= seen.length && seen.length > 0
      ? Effect.succeed(seen)
      : Effect.map(read(source, 0, wanted), (bytes) => seen = bytes)
  }
}

/** The frames that a range touches, by their index from zero, and the message's layout. */
interface RangePlan {
  readonly header: MessageHeader.MessageHeader
  readonly bodyOffset: number
  readonly layout: MessageBody.FramedLayout
  /** Range of the plaintext, from its first byte up to the byte before `end`. */
  readonly start: number
  readonly end: number
  readonly firstFrame: number
  readonly lastFrame: number
}

const planRange = (
  sourceLength: number,
  { length, offset }: PlaintextRange,
  { header, length: bodyOffset }: MessageHeader.DecodedHeader
): RangePlan => {
  const { algorithmSuite, frameLength } = header
  const layout = PartialMessage.framedLayoutOf(algorithmSuite, sourceLength - bodyOffset, frameLength)
  if (layout === undefined) return reject(noWholeBody(bodyOffset))
  const { frameCount, plaintextLength } = layout
  const end = length === undefined ? plaintextLength : offset + length
  if (offset > plaintextLength || end > plaintextLength) {
    invalidOption("range", `must be within the ${plaintextLength} bytes of the plaintext`)
  }
  // The final frame is read for what lies behind all bytes.
  const frameAt = (position: number) => Math.min(Math.floor(position / frameLength), frameCount - 1)
  // Only the final frame, which may be empty, shows that the end is the end.
  const lastFrame = length === undefined ? frameCount - 1 : frameAt(end - 1)
  return { header, bodyOffset, layout, start: offset, end, firstFrame: frameAt(offset), lastFrame }
}

const checkWithheld = (
  { maxWithheldBytes }: DecryptStreamSettings,
  { layout: { frameLength, plaintextLength } }: RangePlan
): Effect.Effect<void, DecryptError> =>
  Math.min(frameLength, plaintextLength) > maxWithheldBytes
    ? failDecrypt(new WithheldPlaintextTooLong({ what: "frame", maxWithheldBytes }))
    : Effect.void

/** The plaintext of a range, in batches of frames. */
const openRange = <E, R>(
  source: RandomAccessSource<E, R>,
  plan: RangePlan,
  opening: messageParts.Opening,
  onProgress: hooks.OnProgress<DecryptError>
): Pull.Pull<OwnChunks, E | DecryptError, void, R> => {
  const { end, firstFrame, lastFrame, layout: { frameLength }, start } = plan
  let index = firstFrame
  let frames = 0
  let bytes = 0
  const next: Pull.Pull<OwnChunks, E | DecryptError, void, R> = Effect.gen(
    function*(): Effect.fn.Return<OwnChunks, E | DecryptError | Cause.Done, R> {
      if (index > lastFrame) return yield* Cause.done()
      const fitting = Math.min(batchFrames, Math.max(1, Math.floor(batchLength / frameLength)))
      const count = Math.min(lastFrame - index + 1, fitting)
      const read = yield* readFrames(source, plan, index, count)
      const plaintext = yield* opening.openFrames(read, [])
      const first = index * frameLength
      const wanted = plaintext.slice(Math.max(0, start - first), Math.min(plaintext.length, end - first))
      index += count
      frames += count
      bytes += plaintext.length
      yield* onProgress({ frames, bytes })
      return wanted.length === 0 ? yield* next : [wanted]
    }
  )
  return next
}

/** Reads a run of frames, of which the last must be the final one if and only if the layout says so. */
const readFrames = Effect.fnUntraced(function*<E, R>(
  source: RandomAccessSource<E, R>,
  { bodyOffset, header, layout: { frameCount, frameLength } }: RangePlan,
  index: number,
  count: number
) {
  const fullLength = MessageBody.encodedFrameLength(header.algorithmSuite, false, frameLength)
  const start = bodyOffset + index * fullLength
  const until = index + count === frameCount ? source.length : start + count * fullLength
  const part = yield* read(source, start, until - start)
  const frames: Array<PartialMessage.DecodedFrame> = []
  let offset = 0
  while (frames.length < count) {
    const place = { start, offset, sequenceNumber: index + frames.length + 1, reject: () => undefined }
    const frame = yield* orFailDecrypt(() => orReject(PartialMessage.decodeFrame<never>(header, part, place)))
    if (frame instanceof PartialMessage.EndOfInput) return yield* failDecrypt(PartialMessage.missing(frame))
    // Otherwise the message was cut, or goes on behind its end.
    if ((frame.content === "finalFrame") !== (index + frames.length === frameCount - 1)) {
      return yield* failDecrypt(noWholeBody(bodyOffset))
    }
    frames.push(frame)
    offset = frame.end
  }
  if (offset !== part.length) return yield* failDecrypt(noWholeBody(bodyOffset))
  return frames
})

const read = <E, R>(
  source: RandomAccessSource<E, R>,
  offset: number,
  length: number
): Effect.Effect<Uint8Array, E | DecryptError, R> =>
  Effect.flatMap(called("source.read", () => source.read(offset, length), failedBy), (bytes) =>
    orFailDecrypt(() => {
      const part = checkBytes("source.read", bytes, "an effect of a Uint8Array")
      return part.length === length
        ? part
        : invalidOption("source.read", `answered ${part.length} bytes where ${length} were asked for`)
    }))

const checkKind = ({ algorithmSuite, contentType }: MessageHeader.MessageHeader): Effect.Effect<void, DecryptError> => {
  if (algorithmSuite.signature !== undefined) {
    return failDecrypt(
      new MessageNotAccepted({ description: "the message is signed: no part of it can be verified by itself" })
    )
  }
  return contentType === "framed" ? Effect.void : failDecrypt(
    new MessageNotAccepted({ description: "the message has no frames: no part of it can be verified by itself" })
  )
}

const noWholeBody = (offset: number) =>
  new MalformedMessage({
    field: "Message Body",
    description: "does not end where the source ends: the source has not the message's length",
    offset
  })
