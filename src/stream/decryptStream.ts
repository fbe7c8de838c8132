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
import type { Client } from "../client/Client.ts"
import type { DecryptStreamOptions, UnverifiedPlaintext } from "../client/Options.ts"
import { orReject } from "../internal/rejection.ts"
import * as MessageFooter from "../message/MessageFooter.ts"
import type * as MessageHeader from "../message/MessageHeader.ts"
import * as PartialMessage from "../message/PartialMessage.ts"
import { DecryptError, failDecrypt, orFailDecrypt } from "../model/errors/DecryptError.ts"
import { UnverifiedPlaintextReleased } from "../model/errors/UnverifiedPlaintextReleased.ts"
import { MessageNotAccepted, WithheldPlaintextTooLong } from "../model/errors/Reasons.ts"
import { beginOpening } from "./beginOpening.ts"
import { type Batch, type CheckLength, FrameReader } from "./frameReader.ts"
import { readHeader } from "./headerReader.ts"
import * as hooks from "./hooks.ts"
import type * as messageParts from "./messageParts.ts"
import { notAStream } from "./notAStream.ts"
import { type DecryptStreamSettings, decryptStreamSettings } from "./request.ts"
import { type Chunks, make as makeUpstream, type OwnChunks, type Upstream, view } from "./Upstream.ts"
import { Withheld } from "./Withheld.ts"

/** See `EncryptionSdk.decryptStream`. */
export const decryptStream = <E, R, E2, R2>(
  client: Client,
  message: Stream.Stream<Uint8Array, E, R>,
  options: DecryptStreamOptions<E2, R2> | undefined
): Stream.Stream<Uint8Array<ArrayBuffer>, E | E2 | DecryptError, R | R2> =>
  Stream.isStream(message)
    ? Stream.transformPullBracket(
      message,
      (upstream, _, scope) => decryptPull("EncryptionSdk.decryptStream", client, upstream, scope, true, options)
    )
    : noMessage(message)

/** See `EncryptionSdk.decryptStreamUnverified`. */
export const decryptStreamUnverified = <E, R, E2, R2>(
  client: Client,
  message: Stream.Stream<Uint8Array, E, R>,
  options: DecryptStreamOptions<E2, R2> | undefined
): Stream.Stream<UnverifiedPlaintext, E | E2 | DecryptError | UnverifiedPlaintextReleased, R | R2> =>
  Stream.isStream(message)
    ? Stream.transformPullBracket(
      message,
      (upstream, _, scope) =>
        Effect.map(
          decryptPull("EncryptionSdk.decryptStreamUnverified", client, upstream, scope, false, options),
          unverified
        )
    )
    : noMessage(message)

const noMessage = (message: unknown) => Stream.fromEffect(orFailDecrypt(() => notAStream("message", message)))

/** Plaintext under the name that says what it is. Counts what was released. */
const unverified = <E, R>(pull: Pull.Pull<OwnChunks, E, void, R>) => {
  let releasedBytes = 0
  return Effect.catchCause(
    Effect.map(pull, (parts): Arr.NonEmptyReadonlyArray<UnverifiedPlaintext> => {
      for (const part of parts) releasedBytes += part.length
      const [first, ...rest] = parts
      return [{ unverified: first }, ...rest.map((unverified) => ({ unverified }))]
    }),
    (cause) => afterRelease(releasedBytes, cause)
  )
}

/**
 * The failure of a stream that released this many bytes before. Defects become failures too: a program that undoes what it did
 * with the plaintext must see each of them. The stream's end and interruptions stay what they are.
 */
const afterRelease = <E>(
  releasedBytes: number,
  cause: Cause.Cause<E>
): Effect.Effect<never, E | UnverifiedPlaintextReleased> => {
  if (releasedBytes === 0 || Pull.isDoneCause(cause) || Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
  const error = Cause.squash(cause)
  const reason = error instanceof DecryptError ? error.reason : undefined
  return Effect.fail(new UnverifiedPlaintextReleased({ releasedBytes, reason, cause: error }))
}

/** One run of the stream, which owns all of its state. */
export const decryptPull = Effect.fnUntraced(function*<E, R, E2, R2>(
  name: string,
  client: Client,
  source: Pull.Pull<Chunks, E, void, R>,
  scope: Scope.Scope,
  withholds: boolean,
  options: DecryptStreamOptions<E2, R2> = {}
): Effect.fn.Return<Pull.Pull<OwnChunks, E | E2 | DecryptError, void, R | R2>, DecryptError> {
  const settings = yield* orFailDecrypt(() => decryptStreamSettings(client, options))
  const { onHeader, onProgress } = hooks.make(options, (reason) => new DecryptError({ reason }))
  const upstream = makeUpstream(source, {
    field: "message",
    orFail: orFailDecrypt,
    isSynchronous: client.atOnce.isSynchronous,
    check: () => Effect.void
  })
  const withheld = new Withheld()
  yield* Scope.addFinalizer(
    scope,
    Effect.sync(() => {
      upstream.queue.zero()
      withheld.zero()
    })
  )
  let next: Pull.Pull<OwnChunks, E | E2 | DecryptError, void, R | R2> = Effect.gen(function*() {
    const read = yield* readHeader(client, (length) => view(upstream, length))
    const { header, length } = read.decoded
    if (settings.unsignedOnly && header.algorithmSuite.signature !== undefined) return yield* failDecrypt(isSigned())
    upstream.queue.consume(length)
    const { metadata, opening } = yield* beginOpening(name, client, settings, read)
    yield* onHeader(metadata)
    next = openBody(settings, upstream, header, opening, withheld, withholds, onProgress)
    return yield* next
  })
  return Effect.suspend(() => next)
})

/** Plaintext of the body, in batches of frames. The final one is released only once the message is known to end well. */
const openBody = <E, R>(
  settings: DecryptStreamSettings,
  upstream: Upstream<E, R>,
  header: MessageHeader.MessageHeader,
  opening: messageParts.Opening,
  withheld: Withheld,
  withholds: boolean,
  onProgress: hooks.OnProgress<DecryptError>
): Pull.Pull<OwnChunks, E | DecryptError, void, R> => {
  const withholdsAll = withholds && header.algorithmSuite.signature !== undefined
  const reader = new FrameReader(header, upstream, withheldLength(settings, withholdsAll))
  let frames = 0
  let bytes = 0
  let ended = false

  const open = Effect.fnUntraced(function*({ encoded, frames: opened, isFinal }: Batch) {
    const plaintext = yield* opening.openFrames(opened, encoded)
    frames += opened.length
    bytes += plaintext.length
    withheld.push(plaintext)
    yield* onProgress({ frames, bytes })
    if (!isFinal) reader.release()
  })

  const finish = Effect.fnUntraced(function*() {
    yield* opening.finish(yield* readSignature(upstream, header))
    upstream.queue.zero()
    ended = true
    return withheld.take() ?? (yield* Cause.done())
  })

  const next: Pull.Pull<OwnChunks, E | DecryptError, void, R> = Effect.suspend(() => {
    if (ended) return Cause.done()
    const batch = reader.next()
    if (Result.isFailure(batch)) return failDecrypt(batch.failure)
    const read = batch.success
    if (read === undefined) {
      return Effect.flatMap(
        upstream.pull,
        (arrived): typeof next => arrived ? next : Effect.suspend(() => failDecrypt(reader.endsEarly()))
      )
    }
    return Effect.flatMap(open(read), (): typeof next => {
      if (read.isFinal) return finish()
      const chunks = withholdsAll ? undefined : withheld.take()
      return chunks === undefined ? next : Effect.succeed(chunks)
    })
  })
  return next
}

/** The bound of what is withheld in memory: all of a signed message, or one frame. */
export const withheldLength =
  ({ maxWithheldBytes }: Pick<DecryptStreamSettings, "maxWithheldBytes">, withholdsAll: boolean): CheckLength =>
  (contentLength, before) =>
    contentLength > (withholdsAll ? maxWithheldBytes - before : maxWithheldBytes)
      ? new WithheldPlaintextTooLong({ what: withholdsAll ? "signed message" : "frame", maxWithheldBytes })
      : undefined

/** Reads the signature where the suite signs, and the end of the message, which must be the upstream's. */
export const readSignature = Effect.fnUntraced(function*<E, R>(
  upstream: Upstream<E, R>,
  { algorithmSuite }: MessageHeader.MessageHeader
) {
  const { queue } = upstream
  const length = algorithmSuite.signature === undefined ? 0 : PartialMessage.footerExtent(yield* view(upstream, 2))
  // One byte more than the footer shows that the message goes on.
  if (length !== undefined) yield* view(upstream, length + 1)
  return yield* orFailDecrypt(() =>
    orReject(MessageFooter.decode(algorithmSuite, queue.view(queue.available)!, 0, queue.offset))
  )
})

const isSigned = () =>
  new MessageNotAccepted({ description: "the message is signed, and unsignedOnly accepts unsigned ones alone" })
