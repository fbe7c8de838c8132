/**
 * Encrypts a stream. Not exported.
 *
 * Specification: client-apis/encrypt.md, client-apis/streaming.md
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Client } from "../client/Client.ts"
import { requestEncryptionMaterials } from "../client/materials.ts"
import { operation } from "../client/operation.ts"
import type { EncryptMetadata, EncryptStreamOptions } from "../client/Options.ts"
import * as MessageBody from "../message/MessageBody.ts"
import { EncryptError, failEncrypt, orFailEncrypt } from "../model/errors/EncryptError.ts"
import { InvalidOption, WrongPlaintextLength } from "../model/errors/Reasons.ts"
import type { ByteQueue } from "./ByteQueue.ts"
import * as hooks from "./hooks.ts"
import * as messageParts from "./messageParts.ts"
import { notAStream } from "./notAStream.ts"
import { type EncryptStreamSettings, encryptStreamSettings } from "./request.ts"
import {
  batchFrames,
  batchLength,
  type Chunks,
  make as makeUpstream,
  type OwnChunks,
  type Upstream
} from "./Upstream.ts"

/** See `EncryptionSdk.encryptStream`. */
export const encryptStream = <E, R, E2, R2>(
  client: Client,
  plaintext: Stream.Stream<Uint8Array, E, R>,
  options: EncryptStreamOptions<E2, R2> | undefined
): Stream.Stream<Uint8Array<ArrayBuffer>, E | E2 | EncryptError, R | R2> =>
  Stream.isStream(plaintext)
    ? Stream.transformPullBracket(plaintext, (upstream, _, scope) => encryptPull(client, upstream, scope, options))
    : Stream.fromEffect(orFailEncrypt(() => notAStream("plaintext", plaintext)))

/** One run of the stream, which owns all of its state. See `encrypt` for `requiredEncryptionContextKeys`. */
export const encryptPull = Effect.fnUntraced(function*<E, R, E2, R2>(
  client: Client,
  source: Pull.Pull<Chunks, E, void, R>,
  scope: Scope.Scope,
  options: EncryptStreamOptions<E2, R2> = {},
  requiredEncryptionContextKeys?: ReadonlyArray<string>
): Effect.fn.Return<Pull.Pull<OwnChunks, E | E2 | EncryptError, void, R | R2>, EncryptError> {
  const settings = yield* orFailEncrypt(() => encryptStreamSettings(client, options))
  const { onHeader, onProgress } = hooks.make(options, (reason) => new EncryptError({ reason }))
  const { limit } = settings
  const upstream = makeUpstream(
    source,
    {
      field: "plaintext",
      orFail: orFailEncrypt,
      isSynchronous: client.atOnce.isSynchronous,
      check: (received) =>
        limit !== undefined && received > limit.expected
          ? failEncrypt(new WrongPlaintextLength(limit))
          : Effect.void
    }
  )
  yield* Scope.addFinalizer(scope, Effect.sync(() => upstream.queue.zero()))
  let next: Pull.Pull<OwnChunks, E | E2 | EncryptError, void, R | R2> = Effect.gen(function*() {
    const { metadata, sealing } = yield* begin(client, settings, requiredEncryptionContextKeys)
    yield* onHeader(metadata)
    next = sealBody(settings, upstream, sealing, onProgress)
    return [sealing.headerBytes]
  })
  return Effect.suspend(() => next)
})

/** Requests the materials, and makes the header. The data key is zeroed before the first byte of plaintext is pulled. */
const begin = (client: Client, settings: EncryptStreamSettings, required: ReadonlyArray<string> | undefined) =>
  operation(client, "EncryptionSdk.encryptStream", (owned) =>
    Effect.flatMap(
      requestEncryptionMaterials(client, owned, settings, settings.limit?.expected, required),
      (acquired) =>
        Effect.map(messageParts.sealParts(client, acquired, settings.frameLength), (sealing) => {
          const { materials, receipt } = acquired
          const { algorithmSuite, encryptionContext } = materials
          const { header } = sealing
          const wrappingKeys = client.keyReferences.ofList(materials.encryptedDataKeys)
          const metadata: EncryptMetadata = { header, encryptionContext, algorithmSuite, wrappingKeys, receipt }
          return { ...metadata, metadata, sealing }
        })
    ))

/** Body and footer of the message, in batches of frames. */
const sealBody = <E, R>(
  settings: EncryptStreamSettings,
  upstream: Upstream<E, R>,
  sealing: messageParts.Sealing,
  onProgress: hooks.OnProgress<EncryptError>
): Pull.Pull<OwnChunks, E | EncryptError, void, R> => {
  const { pull, queue, received } = upstream
  const { limit } = settings
  let frames = 0
  let bytes = 0
  let ended = false

  const seal = Effect.fnUntraced(function*(contents: ReadonlyArray<Uint8Array>, endsMessage: boolean) {
    const count = contents.length
    if (frames + count > (endsMessage ? MessageBody.maxFrames : MessageBody.maxFrames - 1)) {
      return yield* failEncrypt(tooManyFrames())
    }
    const out = yield* sealing.sealFrames({
      first: frames + 1,
      count,
      endsMessage,
      content: (index) => contents[index]!
    })
    frames += count
    for (const content of contents) bytes += content.length
    queue.release()
    yield* onProgress({ frames, bytes })
    return out
  })

  const finish = Effect.fnUntraced(function*() {
    if (limit?.field === "plaintextLength" && received() < limit.expected) {
      return yield* failEncrypt(new WrongPlaintextLength({ ...limit, length: received() }))
    }
    const final = yield* seal([queue.take(queue.available)], true)
    const footer = yield* sealing.finish
    queue.zero()
    ended = true
    return footer.length === 0 ? [final] as const : [final, footer] as const
  })

  const next: Pull.Pull<OwnChunks, E | EncryptError, void, R> = Effect.suspend(() => {
    if (ended) return Cause.done()
    const contents = takeFullFrames(settings, upstream)
    if (contents.length > 0) return Effect.map(seal(contents, false), (out) => [out] as const)
    return Effect.flatMap(pull, (arrived): typeof next => arrived ? next : finish())
  })
  return next
}

/** Takes the frames that cannot be the final one, as many as a batch takes. */
const takeFullFrames = (
  { frameLength, limit }: EncryptStreamSettings,
  { advance, queue, received }: Upstream<unknown, unknown>
): ReadonlyArray<Uint8Array> => {
  const contents: Array<Uint8Array> = []
  const end = limit?.field === "plaintextLength" ? Math.max(limit.expected, received()) : received()
  for (let length = 0; length < batchLength && contents.length < batchFrames;) {
    if (isFullFrame(queue, frameLength, end)) {
      contents.push(queue.take(frameLength))
      length += frameLength
    } else if (!advance()) break
  }
  return contents
}

/** Whether the queue holds a frame that others follow. */
const isFullFrame = ({ available, offset }: ByteQueue, frameLength: number, end: number): boolean =>
  available >= frameLength && offset + frameLength < end

const tooManyFrames = () =>
  new InvalidOption({
    field: "frameLength",
    description: `makes more than ${MessageBody.maxFrames} frames, which is the most that fit a message`
  })
