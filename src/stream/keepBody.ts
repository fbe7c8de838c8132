/**
 * Rotation of a stream whose body is kept. Not exported.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type { Client } from "../client/Client.ts"
import { checkBody, rewriteHeader } from "../client/keepBody.ts"
import { requestDecryptionMaterials } from "../client/materials.ts"
import { operation } from "../client/operation.ts"
import type { RewrapMetadata } from "../client/RotationOptions.ts"
import { concat } from "../internal/bytes.ts"
import type { Keyring } from "../materials/Keyring.ts"
import type * as MessageHeader from "../message/MessageHeader.ts"
import { type DecryptError, failDecrypt, orFailDecrypt } from "../model/errors/DecryptError.ts"
import type { EncryptError } from "../model/errors/EncryptError.ts"
import { readSignature, withheldLength } from "./decryptStream.ts"
import { type Batch, FrameReader } from "./frameReader.ts"
import { type ReadHeader, readHeader } from "./headerReader.ts"
import type * as hooks from "./hooks.ts"
import * as messageParts from "./messageParts.ts"
import type { RewrapStreamSettings } from "./rewrapRequest.ts"
import { type Chunks, make as makeUpstream, type OwnChunks, type Upstream, view } from "./Upstream.ts"

type Handlers<E, R> = hooks.Hooks<RewrapMetadata, E, R, EncryptError>

/** The output of one run: another header, and the frames as they stand, each after it was found authentic. */
export const keepPull = Effect.fnUntraced(function*<E, R, E2, R2>(
  client: Client,
  source: Pull.Pull<Chunks, E, void, R>,
  scope: Scope.Scope,
  settings: RewrapStreamSettings,
  keyring: Keyring,
  handlers: Handlers<E2, R2>
): Effect.fn.Return<Pull.Pull<OwnChunks, E | E2 | DecryptError | EncryptError, void, R | R2>> {
  const upstream = makeUpstream(source, {
    field: "message",
    orFail: orFailDecrypt,
    isSynchronous: client.atOnce.isSynchronous,
    check: () => Effect.void
  })
  yield* Scope.addFinalizer(scope, Effect.sync(() => upstream.queue.zero()))
  let next: Pull.Pull<OwnChunks, E | E2 | DecryptError | EncryptError, void, R | R2> = Effect.gen(function*() {
    const read = yield* readHeader(client, (length) => view(upstream, length))
    const { header, length } = read.decoded
    yield* checkBody(client, header)
    upstream.queue.consume(length)
    const { headerBytes, metadata, opening } = yield* begin(client, settings, keyring, read)
    yield* handlers.onHeader(metadata)
    next = passBody(settings, upstream, header, opening, handlers.onProgress)
    return [headerBytes]
  })
  return Effect.suspend(() => next)
})

/** Verifies the old header and makes the new one. The data key is zeroed before the body is read. */
const begin = (
  client: Client,
  { decrypt }: RewrapStreamSettings,
  keyring: Keyring,
  { decoded, message }: ReadHeader
) =>
  operation(client, "EncryptionSdk.rewrapStream", (owned) =>
    Effect.gen(function*() {
      const acquired = yield* requestDecryptionMaterials(client, owned, decrypt, decoded)
      const opening = yield* messageParts.openParts(client, acquired, message, decoded)
      const { headerBytes, ...metadata } = yield* rewriteHeader(client, keyring, acquired, message, decoded)
      return { ...metadata, metadata, headerBytes, opening }
    }))

/** The body, in batches of frames. The final one passes only once the message is known to end there. */
const passBody = <E, R>(
  settings: RewrapStreamSettings,
  upstream: Upstream<E, R>,
  header: MessageHeader.MessageHeader,
  opening: messageParts.Opening,
  onProgress: hooks.OnProgress<EncryptError>
): Pull.Pull<OwnChunks, E | DecryptError | EncryptError, void, R> => {
  const reader = new FrameReader(header, upstream, withheldLength(settings, false))
  let frames = 0
  let bytes = 0
  let ended = false

  const pass = Effect.fnUntraced(function*({ encoded, frames: passing, isFinal }: Batch) {
    const plaintext = yield* opening.openFrames(passing, encoded)
    plaintext.fill(0)
    frames += passing.length
    bytes += plaintext.length
    const out = concat(encoded)
    yield* onProgress({ frames, bytes })
    if (isFinal) {
      yield* opening.finish(yield* readSignature(upstream, header))
      upstream.queue.zero()
      ended = true
    } else reader.release()
    return [out] as const
  })

  const next: Pull.Pull<OwnChunks, E | DecryptError | EncryptError, void, R> = Effect.suspend(() => {
    if (ended) return Cause.done()
    const batch = reader.next()
    if (Result.isFailure(batch)) return failDecrypt(batch.failure)
    const read = batch.success
    return read === undefined
      ? Effect.flatMap(
        upstream.pull,
        (arrived): typeof next => arrived ? next : Effect.suspend(() => failDecrypt(reader.endsEarly()))
      )
      : pass(read)
  })
  return next
}
