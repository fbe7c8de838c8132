/**
 * Rotation of a stream. Not exported.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Client } from "../client/Client.ts"
import type { DecryptMetadata, EncryptStreamOptions, StreamOptions } from "../client/Options.ts"
import { again, canKeep } from "../client/rewrapRequest.ts"
import type { RewrapMetadata, RewrapStreamOptions } from "../client/RotationOptions.ts"
import type { DecryptError } from "../model/errors/DecryptError.ts"
import { EncryptError, orFailEncrypt } from "../model/errors/EncryptError.ts"
import { decryptPull } from "./decryptStream.ts"
import { encryptPull } from "./encryptStream.ts"
import * as hooks from "./hooks.ts"
import { keepPull } from "./keepBody.ts"
import { notAStream } from "./notAStream.ts"
import { peekSuite } from "./peekSuite.ts"
import { type RewrapStreamSettings, rewrapStreamSettings } from "./rewrapRequest.ts"
import type { Chunks, OwnChunks } from "./Upstream.ts"

/** See `EncryptionSdk.rewrapStream`. */
export const rewrapStream = <E, R, E2, R2>(
  client: Client,
  message: Stream.Stream<Uint8Array, E, R>,
  options: RewrapStreamOptions<E2, R2> = {}
): Stream.Stream<Uint8Array<ArrayBuffer>, E | E2 | DecryptError | EncryptError, R | R2> =>
  Stream.isStream(message)
    ? Stream.transformPullBracket(message, (upstream, _, scope) => run(client, upstream, scope, options))
    : Stream.fromEffect(orFailEncrypt(() => notAStream("message", message)))

/** The output of one run. */
type Output<E, R> = Pull.Pull<OwnChunks, E | DecryptError | EncryptError, void, R>

const run = Effect.fnUntraced(function*<E, R, E2, R2>(
  client: Client,
  source: Pull.Pull<Chunks, E, void, R>,
  scope: Scope.Scope,
  options: RewrapStreamOptions<E2, R2>
): Effect.fn.Return<Output<E | E2, R | R2>, EncryptError> {
  const settings = yield* orFailEncrypt(() => rewrapStreamSettings(client, options))
  const given = { onHeader: options.onHeader?.bind(options), onProgress: options.onProgress?.bind(options) }
  const { keyring } = settings
  let next: Output<E | E2, R | R2> = Effect.gen(function*() {
    if (keyring === undefined) {
      next = yield* reencryptPull(client, source, scope, settings, given)
    } else {
      const { replayed, suite } = yield* peekSuite(source)
      next = yield* suite !== undefined && canKeep(settings, suite)
        ? keepPull(
          client,
          replayed,
          scope,
          settings,
          keyring,
          hooks.make(given, (reason) => new EncryptError({ reason }))
        )
        : reencryptPull(client, replayed, scope, settings, given)
    }
    return yield* next
  })
  return Effect.suspend(() => next)
})

/** Decrypts, and encrypts again as the plaintext arrives. All of the plaintext between is zeroed. */
const reencryptPull = Effect.fnUntraced(function*<E, R, E2, R2>(
  client: Client,
  source: Pull.Pull<Chunks, E, void, R>,
  scope: Scope.Scope,
  settings: RewrapStreamSettings,
  { onHeader, onProgress }: StreamOptions<E2, R2, RewrapMetadata>
): Effect.fn.Return<Output<E | E2, R | R2>, DecryptError> {
  let metadata: DecryptMetadata | undefined
  const remember = (read: DecryptMetadata) => Effect.sync(() => void (metadata = read))
  const { expectedEncryptionContext, materialsManager } = settings.decrypt
  const { maxWithheldBytes } = settings
  const decryption = { expectedEncryptionContext, materialsManager, maxWithheldBytes, onHeader: remember }
  const opened = yield* decryptPull("EncryptionSdk.decryptStream", client, source, scope, true, decryption)
  const plaintext = yield* zeroing(opened, scope)
  let next: Output<E | E2, R | R2> = Effect.gen(function*() {
    // The header was read when the first plaintext arrives, or the end.
    const begun = yield* first(plaintext)
    const { options, requiredEncryptionContextKeys } = again(settings, metadata!)
    const sealed: EncryptStreamOptions<E2, R2> = {
      ...options,
      ...settings.lengths,
      onHeader: onHeader && ((written) => onHeader({ ...written, body: "Reencrypted", source: metadata! })),
      onProgress
    }
    next = yield* encryptPull(client, begun, scope, sealed, requiredEncryptionContextKeys)
    return yield* next
  })
  return Effect.suspend(() => next)
})

/** Chunks that are zeroed when the next ones are pulled, which is when they were used up, and when the scope closes. */
const zeroing = <E, R>(
  source: Pull.Pull<OwnChunks, E, void, R>,
  scope: Scope.Scope
): Effect.Effect<Pull.Pull<OwnChunks, E, void, R>> => {
  let last: ReadonlyArray<Uint8Array> = []
  const zero = () => {
    for (const chunk of last) chunk.fill(0)
    last = []
  }
  const pull = Effect.suspend(() => {
    zero()
    return Effect.map(source, (chunks) => {
      last = chunks
      return chunks
    })
  })
  return Effect.as(Scope.addFinalizer(scope, Effect.sync(zero)), pull)
}

/** Pulls once. What was pulled, or the end, comes again as the first of the result. */
const first = <A, E, R>(source: Pull.Pull<A, E, void, R>): Effect.Effect<Pull.Pull<A, E, void, R>, E, R> =>
  Pull.matchEffect(source, {
    onSuccess: (chunks) => {
      let isFirst = true
      return Effect.succeed(Effect.suspend((): Pull.Pull<A, E, void, R> => {
        if (!isFirst) return source
        isFirst = false
        return Effect.succeed(chunks)
      }))
    },
    onFailure: (cause): Effect.Effect<never, E> => Effect.failCause(cause),
    onDone: () => Effect.succeed<Pull.Pull<A, E, void, R>>(Cause.done())
  })
