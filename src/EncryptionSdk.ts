/**
 * The client: encrypts and decrypts messages of the AWS Encryption SDK.
 *
 * Specification: client-apis/client.md, client-apis/encrypt.md, client-apis/decrypt.md
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { optionsOf } from "./model/errors/optionsOf.ts"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Client } from "./client/Client.ts"
import * as ContextMemo from "./client/contextMemo.ts"
import * as KeyReferences from "./client/keyReferences.ts"
import * as KeySections from "./client/keySections.ts"
import * as Turns from "./client/turns.ts"
import { decrypt } from "./client/decrypt.ts"
import { encrypt } from "./client/encrypt.ts"
import { inspect } from "./client/inspect.ts"
import type {
  DecryptOptions,
  DecryptRangeOptions,
  DecryptResult,
  DecryptStreamOptions,
  EncryptOptions,
  EncryptResult,
  EncryptStreamOptions,
  InspectedHeader,
  PlaintextRange,
  RandomAccessSource,
  UnverifiedPlaintext
} from "./client/Options.ts"
import { decryptMany, encryptMany } from "./client/many.ts"
import type {
  DecryptItem,
  DecryptManyResult,
  EncryptItem,
  EncryptManyResult,
  ManyOptions
} from "./client/ManyOptions.ts"
import type * as Rotation from "./client/rotation.ts"
import type {
  IsCurrentOptions,
  IsCurrentResult,
  RewrapOptions,
  RewrapResult,
  RewrapStreamOptions
} from "./client/RotationOptions.ts"
import * as AtOnce from "./crypto/atOnce.ts"
import { Primitives } from "./crypto/Primitives.ts"
import * as CryptographicMaterialsManager from "./materials/CryptographicMaterialsManager.ts"
import * as CommitmentPolicy from "./model/CommitmentPolicy.ts"
import * as EncryptedDataKey from "./model/EncryptedDataKey.ts"
import { DecryptError } from "./model/errors/DecryptError.ts"
import type { UnverifiedPlaintextReleased } from "./model/errors/UnverifiedPlaintextReleased.ts"
import { EncryptError } from "./model/errors/EncryptError.ts"
import { load, orNotLoaded } from "./model/errors/load.ts"
import type { NotLoaded } from "./model/errors/NotLoaded.ts"
import type { InvalidOption } from "./model/errors/Reasons.ts"
import type * as Streams from "./stream/index.ts"

const portabilities = ["MessageFormat", "AllImplementations"] as const

/**
 * Options of a client. A Schema, so that configuration can hold them too.
 *
 * Specification: client-apis/client.md#initialization
 */
export const Options = /*#__PURE__*/ Schema.Struct({
  /** Default: `RequireEncryptRequireDecrypt`. */
  commitmentPolicy: /*#__PURE__*/ Schema.optional(CommitmentPolicy.CommitmentPolicy),
  /**
   * Greatest number of encrypted data keys of a message, 1 to 65,535, written or read. Default: 128. Each may cost a call of a
   * key provider, and anyone who writes a message chooses their number; 65,535, the most that a message can have, lifts
   * the limit.
   */
  maxEncryptedDataKeys: /*#__PURE__*/ Schema.optional(
    /*#__PURE__*/ Schema.Int.check(
      /*#__PURE__*/ Schema.isBetween({ minimum: 1, maximum: EncryptedDataKey.maxCount })
    )
  ),
  /**
   * The readers of messages that are encrypted. `AllImplementations` rejects what not every implementation of the AWS Encryption
   * SDK reads: an empty key or value of a context, a context of more than 32,766 bytes, frames of more than 2^30 bytes.
   * Default: `MessageFormat`, all that the format allows. Decryption is the same with both.
   */
  portability: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.Literals(portabilities))
})

/** See the schema of the same name. */
export type Options = typeof Options.Type

export type * from "./client/ManyOptions.ts"
export type * from "./client/Options.ts"
export type * from "./client/RotationOptions.ts"

/** The client of this program. */
export interface EncryptionSdk {
  /**
   * Encrypts bytes, or a text as UTF-8.
   *
   * Plaintext and context are taken as they are when the effect starts to run: the caller may reuse them at once. The plaintext is
   * copied unless it is used up in that very step. The copy and the data key are zeroed when it ends, however it ends.
   *
   * Specification: client-apis/encrypt.md
   */
  readonly encrypt: (
    plaintext: Uint8Array | string,
    options?: EncryptOptions
  ) => Effect.Effect<EncryptResult, EncryptError>

  /**
   * Decrypts a whole message. There is no plaintext before commitment, header, body and signature were verified.
   *
   * The message is taken as it is when the effect starts to run, and copied unless it is used up in that very step: what is verified
   * is what is decrypted. The data key is zeroed when it ends, however it ends.
   *
   * Specification: client-apis/decrypt.md
   */
  readonly decrypt: (message: Uint8Array, options?: DecryptOptions) => Effect.Effect<DecryptResult, DecryptError>

  /**
   * Encrypts many plaintexts, with the options of each. The outcome of each stands in the place of its plaintext: one that fails
   * hides no other. `encryptMany` itself fails with `InvalidOption` alone, for its own options.
   *
   * Plaintexts and contexts are taken as they are when the effect starts to run; the copies are zeroed when it ends. Those of one
   * context and suite are encrypted one behind the other: a cache that holds as many data keys as `concurrency` fetches no more than its
   * policy requires. Data keys are shared by a caching manager alone, within its thresholds.
   *
   * Specification: client-apis/encrypt.md
   */
  readonly encryptMany: (
    items: ReadonlyArray<EncryptItem>,
    options?: ManyOptions
  ) => Effect.Effect<EncryptManyResult, EncryptError>

  /**
   * Decrypts many messages, with the options of each. The outcome of each stands in the place of its message: one that fails hides
   * no other. `decryptMany` itself fails with `InvalidOption` alone, for its own options.
   *
   * Messages and contexts are taken as they are when the effect starts to run. Those of one data key are decrypted one behind the other.
   *
   * Specification: client-apis/decrypt.md
   */
  readonly decryptMany: (
    items: ReadonlyArray<DecryptItem>,
    options?: ManyOptions
  ) => Effect.Effect<DecryptManyResult, DecryptError>

  /**
   * Encrypts a stream of bytes, in chunks of any length, into a stream of the message's bytes. Memory is proportional to a
   * frame, and `plaintext` is pulled only after its last chunks have been consumed.
   *
   * A stream that fails, or is not read to its end, leaves a message without a final frame, which no reader accepts as a
   * whole one. The data key is zeroed before the first byte of plaintext is pulled; copies of plaintext are zeroed
   * when the stream ends, however it ends.
   *
   * **Gotchas**
   *
   * Give `plaintextLength` or `maxPlaintextLength` wherever one is known: without them no cached data key is used.
   *
   * The source must not change a chunk that it has emitted before it is pulled again.
   *
   * Specification: client-apis/encrypt.md, client-apis/streaming.md
   */
  readonly encryptStream: <E, R, E2 = never, R2 = never>(
    plaintext: Stream.Stream<Uint8Array, E, R>,
    options?: EncryptStreamOptions<E2, R2>
  ) => Stream.Stream<Uint8Array<ArrayBuffer>, E | E2 | EncryptError, R | R2>

  /**
   * Decrypts a stream of a message's bytes, in chunks of any length.
   *
   * - Of an unsigned message, each frame is released when it was found authentic, and the final one only when the message
   *   is known to end there.
   * - Of a signed message, nothing is released before its signature has been verified. Its plaintext is withheld in memory,
   *   up to `maxWithheldBytes`; a longer one fails.
   *
   * Where the stream fails, the released bytes are authentic: they are the start of the plaintext, but not all of it.
   *
   * Specification: client-apis/decrypt.md, client-apis/streaming.md
   */
  readonly decryptStream: <E, R, E2 = never, R2 = never>(
    message: Stream.Stream<Uint8Array, E, R>,
    options?: DecryptStreamOptions<E2, R2>
  ) => Stream.Stream<Uint8Array<ArrayBuffer>, E | E2 | DecryptError, R | R2>

  /**
   * `decryptStream` for signed messages of any length: each frame is released when it was found authentic under the data
   * key, before the signature has been verified; the final frame only when the signature was valid.
   *
   * **Gotchas**
   *
   * Anyone with the data key could have produced this plaintext. Only the successful end of the stream proves that the
   * holder of the signing key wrote it. Every failure after plaintext was released, whatever failed, is an
   * `UnverifiedPlaintextReleased`, defects of the source and of hooks included: discard the released plaintext, and undo its
   * effects. Do the same after an interruption, and after stopping early.
   *
   * Specification: client-apis/decrypt.md#verify-the-signature
   */
  readonly decryptStreamUnverified: <E, R, E2 = never, R2 = never>(
    message: Stream.Stream<Uint8Array, E, R>,
    options?: DecryptStreamOptions<E2, R2>
  ) => Stream.Stream<UnverifiedPlaintext, E | E2 | DecryptError | UnverifiedPlaintextReleased, R | R2>

  /**
   * Decrypts a range of the plaintext of a framed, unsigned message of which any part can be read. Reads the header and the
   * frames that the range touches, and nothing else; each of these frames is verified.
   *
   * Other messages are rejected with `MessageNotAccepted`, and a range beyond the plaintext with `InvalidOption`. A range
   * without a length goes to the end, which is verified to be the end.
   *
   * **Gotchas**
   *
   * Frames that are not read are not verified. Where the range does not touch the final frame, the plaintext's length
   * follows from the source's length alone.
   *
   * Specification: client-apis/decrypt.md
   */
  readonly decryptRange: <E, R, E2 = never, R2 = never>(
    source: RandomAccessSource<E, R>,
    range: PlaintextRange,
    options?: DecryptRangeOptions<E2, R2>
  ) => Stream.Stream<Uint8Array<ArrayBuffer>, E | E2 | DecryptError, R | R2>

  /**
   * Makes a new message of the same plaintext and context, under the keys and the suite of now. The old message is decrypted and
   * encrypted again: data key, message ID and everything else are new. The plaintext between is never handed out, and zeroed.
   *
   * `keepBody` keeps the body of an unsigned message, for a price that its documentation states. `body` of the result says which
   * happened.
   *
   * The context is what the old message was authenticated with; pairs that it does not store are not stored in the new one. All of
   * the old message is verified before anything is written. Leave it as it is until the effect ends.
   */
  readonly rewrap: (
    message: Uint8Array,
    options?: RewrapOptions
  ) => Effect.Effect<RewrapResult, DecryptError | EncryptError>

  /**
   * `rewrap` of a stream of a message's bytes, in chunks of any length. Memory is proportional to a frame of the old message;
   * plaintext of a signed one is withheld as in `decryptStream`, up to `maxWithheldBytes`. `onHeader` receives what the result of
   * `rewrap` says.
   *
   * Where the stream fails, its output has no final frame: no reader accepts it as a whole message.
   *
   * **Gotchas**
   *
   * Give `plaintextLength` or `maxPlaintextLength` wherever one is known: without them no cached data key is used.
   */
  readonly rewrapStream: <E, R, E2 = never, R2 = never>(
    message: Stream.Stream<Uint8Array, E, R>,
    options?: RewrapStreamOptions<E2, R2>
  ) => Stream.Stream<Uint8Array<ArrayBuffer>, E | E2 | DecryptError | EncryptError, R | R2>

  /**
   * Compares a message, by its header, with one that would be encrypted now: wrapping keys, suite, and the commitment policy. Its
   * data key is not unwrapped.
   *
   * The keys of now are those of new encryption materials for the message's context. They cost what an encryption costs: a caching
   * manager serves them from its cache, and charges their data key one message of no bytes. With `wrappingKeys` no manager is called.
   *
   * **Gotchas**
   *
   * Nothing of the header is authenticated. A header that someone has changed costs a needless rotation or leaves one out; it tells
   * nothing about the safety of the message.
   *
   * A wrapping key is known by its name: the ARN of a KMS key, whose backing key AWS KMS rotates by itself; a raw key's name, which
   * must be another for another key; a branch key's id and version; the recipient's public key of ECDH.
   */
  readonly isCurrent: (
    message: Uint8Array,
    options?: IsCurrentOptions
  ) => Effect.Effect<IsCurrentResult, DecryptError | EncryptError>

  /**
   * Reads the header of a message without any key.
   *
   * **Gotchas**
   *
   * Nothing of it is authenticated. `maxEncryptedDataKeys` does not apply, so that a message which exceeds it can be
   * inspected.
   */
  readonly inspect: (message: Uint8Array) => Effect.Effect<InspectedHeader, DecryptError>
}

/** The tag of the service. */
export const EncryptionSdk: Context.Service<EncryptionSdk, EncryptionSdk> = /*#__PURE__*/ Context.Service<
  EncryptionSdk
>("effect-encryption-sdk/EncryptionSdk")

/**
 * Makes a client over the program's materials manager. Fails with `InvalidOption`, which names the option and its bound, also
 * for an option that does not exist.
 */
export const make: (
  options?: Options
) => Effect.Effect<
  EncryptionSdk,
  InvalidOption,
  CryptographicMaterialsManager.CryptographicMaterialsManager | Primitives
> = /*#__PURE__*/ Effect.fnUntraced(function*(options: Options = {}) {
  const { commitmentPolicy, maxEncryptedDataKeys, portability } = yield* checkOptions(options)
  const primitives = yield* Primitives
  const contexts = ContextMemo.make()
  const client: Client = {
    commitmentPolicy: commitmentPolicy ?? CommitmentPolicy.defaultPolicy,
    maxEncryptedDataKeys: maxEncryptedDataKeys ?? EncryptedDataKey.defaultMaxCount,
    isPortable: portability === "AllImplementations",
    primitives,
    atOnce: AtOnce.make(primitives),
    materialsManager: yield* CryptographicMaterialsManager.CryptographicMaterialsManager,
    contexts,
    keySections: KeySections.make(contexts.encode),
    keyReferences: KeyReferences.make(),
    turns: Turns.make()
  }
  return EncryptionSdk.of({
    encrypt: (plaintext, options) => encrypt(client, plaintext, options),
    decrypt: (message, options) => decrypt(client, message, options),
    encryptMany: (items, options) => encryptMany(client, items, options),
    decryptMany: (items, options) => decryptMany(client, items, options),
    encryptStream: (plaintext, options) =>
      withStreams(EncryptError, (streams) => streams.encryptStream(client, plaintext, options)),
    decryptStream: (message, options) =>
      withStreams(DecryptError, (streams) => streams.decryptStream(client, message, options)),
    decryptStreamUnverified: (message, options) =>
      withStreams(DecryptError, (streams) => streams.decryptStreamUnverified(client, message, options)),
    decryptRange: (source, range, options) =>
      withStreams(DecryptError, (streams) => streams.decryptRange(client, source, range, options)),
    rewrap: (message, options) => withRotation((rotation) => rotation.rewrap(client, message, options)),
    rewrapStream: (message, options) =>
      withStreams(EncryptError, (streams) => streams.rewrapStream(client, message, options)),
    isCurrent: (message, options) => withRotation((rotation) => rotation.isCurrent(client, message, options)),
    inspect
  })
})

/**
 * Loads the operations on streams when the first of them runs: they are a fifth of the code that a browser would have to
 * load (`npm run size`), and many programs use none.
 */
const withStreams = <A, E, R, E2>(
  Failure: new(props: { readonly reason: NotLoaded }) => E2,
  use: (streams: typeof Streams) => Stream.Stream<A, E, R>
): Stream.Stream<A, E | E2, R> =>
  Stream.unwrap(Effect.mapBoth(orNotLoaded(() => load("streams", () => import("./stream/index.ts"))), {
    onFailure: (reason) => new Failure({ reason }),
    onSuccess: use
  }))

/** Loads the rotation of messages when it first runs, as the streams are. */
const withRotation = <A>(
  use: (rotation: typeof Rotation) => Effect.Effect<A, DecryptError | EncryptError>
): Effect.Effect<A, DecryptError | EncryptError> =>
  Effect.matchEffect(orNotLoaded(() => load("rotation", () => import("./client/rotation.ts"))), {
    onFailure: (reason) => Effect.fail(new EncryptError({ reason })),
    onSuccess: use
  })

/** The client of this program, over its materials manager. */
export const layer = (
  options?: Options
): Layer.Layer<
  EncryptionSdk,
  InvalidOption,
  CryptographicMaterialsManager.CryptographicMaterialsManager | Primitives
> => Layer.effect(EncryptionSdk, make(options))

/** `layer` with options from configuration. */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<
  EncryptionSdk,
  InvalidOption | Config.ConfigError,
  CryptographicMaterialsManager.CryptographicMaterialsManager | Primitives
> => Layer.effect(EncryptionSdk, Effect.flatMap(Config.unwrap(options), make))

const checkOptions = /*#__PURE__*/ optionsOf(Options, "a client", {
  commitmentPolicy: () => `must be ${CommitmentPolicy.CommitmentPolicy.literals.join(", ")} or left out`,
  maxEncryptedDataKeys: `must be an integer from 1 to ${EncryptedDataKey.maxCount}, or left out`,
  portability: () => `must be ${portabilities.join(" or ")}, or left out`
})
