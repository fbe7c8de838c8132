/**
 * Decrypts a stream. Not exported.
 *
 * Specification: client-apis/decrypt.md, client-apis/streaming.md
 */
import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Client, DecryptSettings } from "../client/ClientRequests.ts"
import * as ClientRequests from "../client/ClientRequests.ts"
import * as DataKey from "../model/DataKey.ts"
import { DecryptError, type DecryptErrorReason, UnverifiedPlaintextReleased } from "../model/errors/DecryptError.ts"
import { MessageNotAccepted, WithheldPlaintextTooLong } from "../model/errors/Reasons.ts"
import { MalformedMessage } from "../model/errors/MalformedMessage.ts"
import * as MessageFooter from "../message/MessageFooter.ts"
import * as MessageHeader from "../message/MessageHeader.ts"
import * as PartialMessage from "../message/PartialMessage.ts"
import * as MessageParts from "./messageParts.ts"
import type { DecryptStreamOptions, MessageMetadata, UnverifiedPlaintext } from "../client/MessageStream.ts"
import { withOperationSpan } from "../client/operationSpan.ts"
import { failDecrypt, orFailDecrypt } from "../model/errors/DecryptError.ts"
import * as StreamChecks from "./StreamChecks.ts"
import * as StreamInlet from "./StreamInlet.ts"

type Chunks = Arr.NonEmptyReadonlyArray<Uint8Array>

/** So many bytes of plaintext are held back at most, where nothing else is said. */
export const defaultMaxWithheldBytes = 2 ** 24

/**
 * The longest header that is put together in memory. One with a thousand encrypted data keys takes less than a tenth of it;
 * the format allows for gigabytes.
 */
export const maxHeaderLength = 2 ** 24

/** See `EncryptionSdk.decryptStream`. */
export const decryptStream = <E, R, E2, R2>(
  client: Client,
  message: Stream.Stream<Uint8Array, E, R>,
  options: DecryptStreamOptions<E2, R2> | undefined
): Stream.Stream<Uint8Array, E | E2 | DecryptError, R | R2> =>
  Stream.transformPullBracket(
    message,
    (upstream, _, scope) => run("EncryptionSdk.decryptStream", client, upstream, scope, true, options)
  )

/** See `EncryptionSdk.decryptStreamUnverified`. */
export const decryptStreamUnverified = <E, R, E2, R2>(
  client: Client,
  message: Stream.Stream<Uint8Array, E, R>,
  options: DecryptStreamOptions<E2, R2> | undefined
): Stream.Stream<UnverifiedPlaintext, E | E2 | DecryptError | UnverifiedPlaintextReleased, R | R2> =>
  Stream.transformPullBracket(message, (upstream, _, scope) =>
    Effect.map(
      run("EncryptionSdk.decryptStreamUnverified", client, upstream, scope, false, options),
      (pull) => {
        let releasedBytes = 0
        return Effect.mapError(
          Effect.map(pull, (parts): Arr.NonEmptyReadonlyArray<UnverifiedPlaintext> => {
            for (const part of parts) releasedBytes += part.length
            const [first, ...rest] = parts
            return [{ unverified: first }, ...rest.map((unverified) => ({ unverified }))]
          }),
          (error) =>
            error instanceof DecryptError && releasedBytes > 0
              ? new UnverifiedPlaintextReleased({ releasedBytes, reason: error.reason })
              : error
        )
      }
    ))

/** One run of the stream, whose state lives in here alone. */
const run = Effect.fnUntraced(function*<E, R, E2, R2>(
  span: string,
  client: Client,
  upstream: Pull.Pull<Chunks, E, void, R>,
  scope: Scope.Scope,
  withhold: boolean,
  options: DecryptStreamOptions<E2, R2> = {}
): Effect.fn.Return<Pull.Pull<Chunks, E | E2 | DecryptError, void, R | R2>, DecryptError> {
  const settings = yield* orFailDecrypt(checkOptions(client, options))
  const inlet = StreamInlet.make(upstream, "message", failDecrypt, () => Effect.void)
  const { queue } = inlet
  /** Plaintext that was decrypted and may not be released yet. */
  let held: Array<Uint8Array> = []
  yield* Scope.addFinalizer(
    scope,
    Effect.sync(() => {
      queue.zero()
      for (const part of held) part.fill(0)
    })
  )
  type Next = Pull.Pull<Chunks, E | E2 | DecryptError, void, R | R2>

  /** Whether there are more bytes now. */
  const more = Effect.suspend(() => inlet.advance() ? Effect.succeed(true) : inlet.pull)

  /** All that is there, in one piece. */
  const rest = () => queue.view(queue.available)!

  /** A copy of the header: nobody can change what is verified after what was decoded. */
  const readHeader = Effect.gen(function*() {
    const extent = PartialMessage.headerExtent(client)
    let length = 0
    for (let step = extent.next(); step.done !== true;) {
      length = step.value
      if (length > maxHeaderLength) return yield* failDecrypt(headerTooLong())
      const part = queue.view(length)
      if (part !== undefined) step = extent.next(part)
      else if (!(yield* more)) break
    }
    const bytes = new Uint8Array(rest().subarray(0, length))
    const decoded = yield* orFailDecrypt(ClientRequests.decodeHeader(client, bytes))
    if (settings.unsignedOnly && decoded.header.algorithmSuite.signature !== undefined) {
      return yield* failDecrypt(isSigned())
    }
    return { bytes, decoded }
  })

  const begin = Effect.gen(function*() {
    const { bytes, decoded } = yield* readHeader
    queue.view(decoded.length)
    queue.consume(decoded.length)
    return yield* withOperationSpan(span, unlock(client, settings, bytes, decoded))
  })

  const body = (header: MessageHeader.MessageHeader, opening: MessageParts.Opening): Next => {
    const { maxWithheldBytes } = settings
    const { signature } = header.algorithmSuite
    const withholdsAll = withhold && signature !== undefined
    /** How many bytes there must be before it makes sense to look for a frame. */
    let needed = 1
    let frames = 0
    let bytes = 0
    let final: PartialMessage.DecodedFrame | undefined
    let batch: Array<PartialMessage.DecodedFrame> = []
    let encoded: Array<Uint8Array> = []

    /** Reads the next frame, if all of it is there. */
    const nextFrame = (pending: number): Result.Result<PartialMessage.DecodedFrame | undefined, DecryptErrorReason> => {
      for (;;) {
        const part = queue.view(needed)
        if (part === undefined) return Result.succeed(undefined)
        const start = queue.offset
        const decoded = PartialMessage.decodeFrame(header, part, {
          start,
          offset: 0,
          sequenceNumber: frames + batch.length + 1,
          refuse: (length) =>
            length > (withholdsAll ? maxWithheldBytes - bytes - pending : maxWithheldBytes)
              ? new WithheldPlaintextTooLong({ what: withholdsAll ? "signed message" : "frame", maxWithheldBytes })
              : undefined
        })
        if (Result.isFailure(decoded)) return Result.fail(decoded.failure)
        const frame = decoded.success
        if (!(frame instanceof PartialMessage.EndOfInput)) {
          encoded.push(part.subarray(0, frame.end))
          queue.consume(frame.end)
          needed = 1
          return Result.succeed(frame)
        }
        needed = frame.offset - start + frame.needed
      }
    }

    /** Reads frames up to the final one, as many as are there and as a batch takes. The final frame is a batch of its own. */
    const collect = (): Result.Result<void, DecryptErrorReason> => {
      for (let length = 0; length < StreamInlet.batchLength;) {
        const decoded = nextFrame(length)
        if (Result.isFailure(decoded)) {
          // What was found before is still good.
          return batch.length > 0 ? Result.void : Result.fail(decoded.failure)
        }
        const frame = decoded.success
        if (frame === undefined) {
          if (!inlet.advance()) break
        } else if (frame.content === "frame") {
          batch.push(frame)
          length += frame.ciphertext.length
        } else {
          final = frame
          break
        }
      }
      return Result.void
    }

    const open = Effect.fnUntraced(function*(
      opened: ReadonlyArray<PartialMessage.DecodedFrame>,
      encoded: ReadonlyArray<Uint8Array>
    ) {
      const plaintext = yield* opening.openFrames(opened, encoded)
      frames += opened.length
      bytes += plaintext.length
      held.push(plaintext)
      if (options.onProgress !== undefined) yield* options.onProgress({ frames, bytes })
    })

    /** Opens the batch. The final frame, if it was found behind it, stays for the next time. */
    const openBatch = Effect.suspend(() => {
      const opened = batch
      const parts = encoded.slice(0, opened.length)
      encoded = encoded.slice(opened.length)
      batch = []
      return Effect.map(open(opened, parts), () => {
        if (final === undefined) queue.release()
      })
    })

    const release = (): Chunks | undefined => {
      const [first, ...others] = held.filter((part) => part.length > 0)
      held = []
      return first && [first, ...others]
    }

    const frame: Next = Effect.suspend((): Next => {
      if (final === undefined) {
        const collected = collect()
        if (Result.isFailure(collected)) return failDecrypt(collected.failure)
      }
      if (batch.length > 0) {
        return Effect.flatMap(openBatch, (): Next => {
          if (withholdsAll) return frame
          const chunks = release()
          return chunks === undefined ? frame : Effect.succeed(chunks)
        })
      }
      if (final !== undefined) return Effect.flatMap(open([final], encoded), () => footer)
      return Effect.flatMap(inlet.pull, (arrived): Next => arrived ? frame : endsEarly)
    })

    /** What the one-shot client says of a message that is cut there. */
    const endsEarly: Next = Effect.suspend(() =>
      Effect.flatMap(
        orFailDecrypt(PartialMessage.decodeFrame<never>(header, rest(), {
          start: queue.offset,
          offset: 0,
          sequenceNumber: frames + 1,
          refuse: () => undefined
        })),
        (frame) =>
          frame instanceof PartialMessage.EndOfInput
            ? failDecrypt(PartialMessage.missing(frame))
            : Effect.die(new Error("a frame was overlooked"))
      )
    )

    /** The final frame is only released once the message is known to end well. */
    const footer: Next = Effect.gen(function*() {
      for (;;) {
        const length = signature === undefined ? 0 : footerLength(queue.view(2))
        if (length !== undefined && queue.available > length) break
        if (!(yield* more)) break
      }
      yield* opening.finish(
        yield* orFailDecrypt(MessageFooter.decode(header.algorithmSuite, rest(), 0, queue.offset))
      )
      queue.zero()
      next = Cause.done()
      return release() ?? (yield* Cause.done())
    })

    return frame
  }

  let next: Next = Effect.gen(function*() {
    const { metadata, opening } = yield* begin
    if (options.onHeader !== undefined) yield* options.onHeader(metadata)
    next = body(metadata.header, opening)
    return yield* next
  })
  return Effect.suspend(() => next)
})

const headerTooLong = () =>
  new MalformedMessage({
    field: "Header",
    description: `takes more than ${maxHeaderLength} bytes, the most that a stream keeps of it`,
    offset: 0
  })

const isSigned = () =>
  new MessageNotAccepted({ description: "the message is signed, and unsignedOnly accepts unsigned ones alone" })

const footerLength = (start: Uint8Array | undefined): number | undefined => start && 2 + (start[0]! << 8 | start[1]!)

/** Gets the materials, and verifies commitment and header. The data key is zeroed before the body is asked for. */
export const unlock = (
  client: Client,
  settings: DecryptSettings,
  message: Uint8Array,
  decoded: MessageHeader.DecodedHeader
) =>
  Effect.scoped(Effect.gen(function*() {
    const { header } = decoded
    const { algorithmSuite, encryptedDataKeys, encryptionContext } = header
    const answer = yield* settings.materialsManager.decryptMaterials({
      algorithmSuite,
      commitmentPolicy: client.commitmentPolicy,
      encryptedDataKeys,
      encryptionContext,
      expectedEncryptionContext: settings.expectedEncryptionContext
    })
    const { materials, receipt } = yield* orFailDecrypt(
      ClientRequests.checkDecryptionAnswer(client, header, settings, answer)
    )
    yield* DataKey.zeroWithScope(materials.plaintextDataKey)
    const opening = yield* MessageParts.openParts(client.primitives, materials, message, decoded)
    const metadata: MessageMetadata = {
      header,
      encryptionContext: materials.encryptionContext,
      algorithmSuite,
      receipt
    }
    return { ...metadata, metadata, opening }
  }))

interface StreamSettings extends DecryptSettings {
  readonly maxWithheldBytes: number
  readonly unsignedOnly: boolean
}

/** Checks the options of one decryption of a stream. */
export const checkOptions = (
  client: Client,
  options: DecryptStreamOptions<unknown, unknown>
): Result.Result<StreamSettings, DecryptErrorReason> =>
  Result.gen(function*() {
    const settings = yield* ClientRequests.decryptSettings(client, options)
    const { maxWithheldBytes = defaultMaxWithheldBytes, unsignedOnly = false } = options
    yield* StreamChecks.checkLength("maxWithheldBytes", maxWithheldBytes)
    if (typeof unsignedOnly !== "boolean") {
      return yield* ClientRequests.invalidOption("unsignedOnly", "must be true or false, or left out")
    }
    yield* StreamChecks.checkHooks(options)
    return { ...settings, maxWithheldBytes, unsignedOnly }
  })
