/**
 * Decrypts a part of a message. Not exported.
 *
 * Specification: client-apis/decrypt.md
 */
import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { Client } from "../client/ClientRequests.ts"
import * as ClientRequests from "../client/ClientRequests.ts"
import type { DecryptError } from "../model/errors/DecryptError.ts"
import { MessageNotAccepted, WithheldPlaintextTooLong } from "../model/errors/Reasons.ts"
import { MalformedMessage } from "../model/errors/MalformedMessage.ts"
import * as MessageBody from "../message/MessageBody.ts"
import * as MessageHeader from "../message/MessageHeader.ts"
import * as PartialMessage from "../message/PartialMessage.ts"
import type { DecryptRangeOptions, PlaintextRange, RandomAccessSource } from "../client/MessageStream.ts"
import { withOperationSpan } from "../client/operationSpan.ts"
import { failDecrypt, orFailDecrypt } from "../model/errors/DecryptError.ts"
import * as StreamChecks from "./StreamChecks.ts"
import * as StreamDecryption from "./decryptStream.ts"
import { batchLength } from "./StreamInlet.ts"

type Chunks = Arr.NonEmptyReadonlyArray<Uint8Array>

/** What is read of a message at first: more than most headers take. */
const firstRead = 4096

/** See `EncryptionSdk.decryptRange`. */
export const decryptRange = <E, R, E2, R2>(
  client: Client,
  source: RandomAccessSource<E, R>,
  range: PlaintextRange,
  options: DecryptRangeOptions<E2, R2> = {}
): Stream.Stream<Uint8Array, E | E2 | DecryptError, R | R2> =>
  Stream.fromPull(Effect.sync((): Pull.Pull<Chunks, E | E2 | DecryptError, void, R | R2> => {
    let next: Pull.Pull<Chunks, E | E2 | DecryptError, void, R | R2> = Effect.gen(function*() {
      const settings = yield* orFailDecrypt(checkArguments(client, source, range, options))
      const { decoded, message } = yield* readHeader(client, source)
      yield* checkKind(decoded.header)
      const { metadata, opening } = yield* withOperationSpan(
        "EncryptionSdk.decryptRange",
        StreamDecryption.unlock(client, settings, message, decoded)
      )
      if (options.onHeader !== undefined) yield* options.onHeader(metadata)
      const { header, length: bodyOffset } = decoded
      const { algorithmSuite, frameLength } = header
      const layout = PartialMessage.framedLayoutOf(algorithmSuite, source.length - bodyOffset, frameLength)
      if (layout === undefined) return yield* failDecrypt(noWholeBody(bodyOffset))
      const { frameCount, plaintextLength } = layout
      const end = range.length === undefined ? plaintextLength : range.offset + range.length
      if (range.offset > plaintextLength || end > plaintextLength) {
        return yield* orFailDecrypt(
          ClientRequests.invalidOption("range", `must be within the ${plaintextLength} bytes of the plaintext`)
        )
      }
      if (range.length === 0) return yield* Cause.done()
      const fullLength = MessageBody.encodedFrameLength(algorithmSuite, false, frameLength)
      /** One of the frames, counted from 0; the final one for what lies behind all bytes. */
      const indexOf = (position: number) => Math.min(Math.floor(position / frameLength), frameCount - 1)
      // To know that the end is the end takes the final frame, which may be empty.
      const last = range.length === undefined ? frameCount - 1 : indexOf(end - 1)
      let index = indexOf(range.offset)
      let frames = 0
      let bytes = 0

      const readFrames: Pull.Pull<Chunks, E | DecryptError, void, R> = Effect.gen(
        function*(): Effect.fn.Return<Chunks, E | DecryptError | Cause.Done, R> {
          if (index > last) return yield* Cause.done()
          const count = Math.min(last - index + 1, Math.max(1, Math.floor(batchLength / frameLength)))
          const start = bodyOffset + index * fullLength
          const until = index + count === frameCount ? source.length : start + count * fullLength
          if (Math.min(frameLength, plaintextLength) > settings.maxWithheldBytes) {
            const { maxWithheldBytes } = settings
            return yield* failDecrypt(new WithheldPlaintextTooLong({ what: "frame", maxWithheldBytes }))
          }
          const part = yield* read(source, start, until - start)
          const decoded: Array<PartialMessage.DecodedFrame> = []
          let offset = 0
          while (decoded.length < count) {
            const frame = yield* orFailDecrypt(PartialMessage.decodeFrame<never>(header, part, {
              start,
              offset,
              sequenceNumber: index + decoded.length + 1,
              refuse: () => undefined
            }))
            if (frame instanceof PartialMessage.EndOfInput) return yield* failDecrypt(PartialMessage.missing(frame))
            // The last frame must be the final one, and no other: else somebody has cut the message, or gone on with it.
            if ((frame.content === "finalFrame") !== (index + decoded.length === frameCount - 1)) {
              return yield* failDecrypt(noWholeBody(bodyOffset))
            }
            decoded.push(frame)
            offset = frame.end
          }
          if (offset !== part.length) return yield* failDecrypt(noWholeBody(bodyOffset))
          const plaintext = yield* opening.openFrames(decoded, [])
          const first = index * frameLength
          const wanted = plaintext.slice(Math.max(0, range.offset - first), Math.min(plaintext.length, end - first))
          index += count
          frames += count
          bytes += plaintext.length
          if (options.onProgress !== undefined) yield* options.onProgress({ frames, bytes })
          return wanted.length === 0 ? yield* readFrames : [wanted]
        }
      )
      next = readFrames
      return yield* readFrames
    })
    return Effect.suspend(() => next)
  }))

/** Reads as much as the header takes, and decodes it. */
const readHeader = Effect.fnUntraced(function*<E, R>(
  client: Client,
  source: RandomAccessSource<E, R>
): Effect.fn.Return<
  { readonly message: Uint8Array; readonly decoded: MessageHeader.DecodedHeader },
  E | DecryptError,
  R
> {
  let message = yield* read(source, 0, Math.min(firstRead, source.length))
  const extent = PartialMessage.headerExtent(client)
  for (let step = extent.next(); step.done !== true;) {
    const needed = step.value
    if (needed > Math.min(source.length, StreamDecryption.maxHeaderLength)) break
    if (needed > message.length) {
      message = yield* read(source, 0, Math.min(source.length, Math.max(needed, 2 * message.length)))
    }
    step = extent.next(message)
  }
  // A copy: nobody can change what is verified after what was decoded.
  message = new Uint8Array(message)
  return { message, decoded: yield* orFailDecrypt(ClientRequests.decodeHeader(client, message)) }
})

const read = <E, R>(
  source: RandomAccessSource<E, R>,
  offset: number,
  length: number
): Effect.Effect<Uint8Array, E | DecryptError, R> =>
  Effect.flatMap(source.read(offset, length), (bytes) => {
    const checked = ClientRequests.checkBytes("source.read", bytes, "an effect of a Uint8Array")
    if (Result.isFailure(checked)) return failDecrypt(checked.failure)
    return bytes.length === length
      ? Effect.succeed(bytes)
      : orFailDecrypt(
        ClientRequests.invalidOption("source.read", `answered ${bytes.length} bytes where ${length} were asked for`)
      )
  })

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

const checkArguments = (
  client: Client,
  source: RandomAccessSource<unknown, unknown>,
  range: PlaintextRange,
  options: DecryptRangeOptions<unknown, unknown>
) =>
  Result.gen(function*() {
    const settings = yield* StreamDecryption.checkOptions(client, options)
    if (
      typeof source !== "object" || source === null || typeof source.read !== "function" ||
      !Number.isSafeInteger(source.length) || source.length < 0
    ) {
      return yield* ClientRequests.invalidOption("source", "must have a length in bytes and a function read")
    }
    if (typeof range !== "object" || range === null || range.offset === undefined) {
      return yield* ClientRequests.invalidOption("range", "must have an offset")
    }
    yield* StreamChecks.checkLength("range.offset", range.offset)
    yield* StreamChecks.checkLength("range.length", range.length)
    return settings
  })
