/**
 * The client: encrypts and decrypts messages of the AWS Encryption SDK.
 *
 * Specification: client-apis/client.md, client-apis/encrypt.md, client-apis/decrypt.md
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as AlgorithmSuite from "./model/AlgorithmSuite.ts"
import type { Client, DecryptOptions, EncryptOptions } from "./client/ClientRequests.ts"
import * as ClientRequests from "./client/ClientRequests.ts"
import type * as ClientStreams from "./stream/index.ts"
import * as CommitmentPolicy from "./model/CommitmentPolicy.ts"
import { Primitives } from "./crypto/Primitives.ts"
import * as CryptographicMaterialsManager from "./materials/CryptographicMaterialsManager.ts"
import * as DataKey from "./model/DataKey.ts"
import type * as EncryptionContext from "./model/EncryptionContext.ts"
import { DecryptError, type DecryptErrorReason, type UnverifiedPlaintextReleased } from "./model/errors/DecryptError.ts"
import { EncryptError, type EncryptErrorReason } from "./model/errors/EncryptError.ts"
import { InvalidOption } from "./model/errors/Reasons.ts"
import * as bytes from "./internal/bytes.ts"
import { checker as optionsChecker } from "./internal/options.ts"
import * as MessageHeader from "./message/MessageHeader.ts"
import * as MessageCipher from "./client/messageCipher.ts"
import type {
  DecryptRangeOptions,
  DecryptStreamOptions,
  EncryptStreamOptions,
  PlaintextRange,
  RandomAccessSource,
  UnverifiedPlaintext
} from "./client/MessageStream.ts"
import type { NotLoaded } from "./model/errors/NotLoaded.ts"
import { load, orNotLoaded } from "./model/errors/load.ts"
import { withOperationSpan } from "./client/operationSpan.ts"
import type { Receipt } from "./model/Receipt.ts"
import { failDecrypt, orFailDecrypt } from "./model/errors/DecryptError.ts"
import { failEncrypt } from "./model/errors/EncryptError.ts"

/** The most encrypted data keys that a message can have, and so the greatest limit. */
const maxEncryptedDataKeysLimit = 0xffff

/**
 * What a client is made with. A Schema, so that it can be read from configuration too.
 *
 * Specification: client-apis/client.md#initialization
 */
export const Options = /*#__PURE__*/ Schema.Struct({
  /** Default: `RequireEncryptRequireDecrypt`. */
  commitmentPolicy: /*#__PURE__*/ Schema.optional(CommitmentPolicy.CommitmentPolicy),
  /** The most encrypted data keys that a message may have, 1 to 65,535, written or read. Default: no limit. */
  maxEncryptedDataKeys: /*#__PURE__*/ Schema.optional(
    /*#__PURE__*/ Schema.Int.check(
      /*#__PURE__*/ Schema.isBetween({ minimum: 1, maximum: maxEncryptedDataKeysLimit })
    )
  )
})

/** See the schema of the same name. */
export type Options = typeof Options.Type

export type { DecryptOptions, EncryptOptions } from "./client/ClientRequests.ts"

/**
 * An encrypted message, and what it was made with.
 *
 * Specification: client-apis/encrypt.md#output
 */
export interface EncryptResult {
  readonly message: Uint8Array
  readonly header: MessageHeader.MessageHeader
  /** The whole context: the caller's pairs, the public key of a suite that signs, pairs that are not stored. */
  readonly encryptionContext: EncryptionContext.EncryptionContext
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite
  /** What the materials manager did. */
  readonly receipt: Receipt
}

/**
 * An authentic plaintext, and what its message said.
 *
 * Specification: client-apis/decrypt.md#output
 */
export interface DecryptResult {
  readonly plaintext: Uint8Array
  readonly header: MessageHeader.MessageHeader
  /** The whole authenticated context: the pairs that are stored and those that the caller reproduced. */
  readonly encryptionContext: EncryptionContext.EncryptionContext
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite
  /** What the materials manager did. */
  readonly receipt: Receipt
}

/** A header that was read without keys: whoever wrote the bytes may have written anything. */
export interface InspectedHeader extends MessageHeader.MessageHeader {
  readonly authenticated: false
}

/** The client of this program. */
export interface EncryptionSdk {
  /**
   * Encrypts bytes, or a text as UTF-8.
   *
   * Plaintext and context are copied when the effect starts to run, so that the caller may reuse them at once; the copy of
   * the plaintext and the data key are zeroed when it ends, however it ends.
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
   * The message is copied when the effect starts to run: what is verified is what is decrypted. The data key is zeroed when
   * it ends, however it ends.
   *
   * Specification: client-apis/decrypt.md
   */
  readonly decrypt: (message: Uint8Array, options?: DecryptOptions) => Effect.Effect<DecryptResult, DecryptError>

  /**
   * Encrypts a stream of bytes, whatever chunks they come in, into a stream of the message's bytes. Memory is proportional to
   * a frame, and nothing is asked of `plaintext` before what it gave has been taken.
   *
   * A stream that fails, or is not read to its end, leaves a message without a final frame, which nobody can take for a
   * whole one. The data key is zeroed before the first byte of plaintext is asked for; copies of plaintext are zeroed
   * when the stream ends, however it ends.
   *
   * **Gotchas**
   *
   * Give `plaintextLength` or `maxPlaintextLength` wherever one is known: without them no cached data key is used.
   *
   * The source must not change a chunk that it has given before it is asked for the next ones.
   *
   * Specification: client-apis/encrypt.md, client-apis/streaming.md
   */
  readonly encryptStream: <E, R, E2 = never, R2 = never>(
    plaintext: Stream.Stream<Uint8Array, E, R>,
    options?: EncryptStreamOptions<E2, R2>
  ) => Stream.Stream<Uint8Array, E | E2 | EncryptError, R | R2>

  /**
   * Decrypts a stream of a message's bytes, whatever chunks they come in.
   *
   * - Of a message that is not signed, each frame comes out when it was found authentic, but the final one only when the
   *   message is known to end there.
   * - Of a message that is signed, nothing comes out before its signature has been verified. Its plaintext is held back in
   *   memory up to `maxWithheldBytes`; a longer one fails.
   *
   * Where the stream fails, what came out before is a true part of the plaintext, from its start on, but not all of it.
   *
   * Specification: client-apis/decrypt.md, client-apis/streaming.md
   */
  readonly decryptStream: <E, R, E2 = never, R2 = never>(
    message: Stream.Stream<Uint8Array, E, R>,
    options?: DecryptStreamOptions<E2, R2>
  ) => Stream.Stream<Uint8Array, E | E2 | DecryptError, R | R2>

  /**
   * `decryptStream` for signed messages of any length: each frame comes out when it was found authentic under the data key,
   * before the signature has been verified; the final frame only when the signature was right.
   *
   * **Gotchas**
   *
   * Whoever can use the data key can have written what comes out. Only the end of the stream says that the holder of the
   * signing key wrote it. Where the stream fails after plaintext came out, it fails with `UnverifiedPlaintextReleased`: throw
   * away what came out, and undo what was done with it. Whoever stops reading early must do the same.
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
   * Other messages are refused with `MessageNotAccepted`. A range beyond the plaintext is refused as `InvalidOption`; a range
   * without a length goes to the end, whose being the end is verified.
   *
   * **Gotchas**
   *
   * The frames that are not read are not verified either. The plaintext's length, where the range does not touch the
   * final frame, is what the source's length says.
   *
   * Specification: client-apis/decrypt.md
   */
  readonly decryptRange: <E, R, E2 = never, R2 = never>(
    source: RandomAccessSource<E, R>,
    range: PlaintextRange,
    options?: DecryptRangeOptions<E2, R2>
  ) => Stream.Stream<Uint8Array, E | E2 | DecryptError, R | R2>

  /**
   * Reads the header of a message without any key.
   *
   * **Gotchas**
   *
   * Nothing of it is authenticated. The limit of encrypted data keys does not hold here, so that a message which exceeds it
   * can be looked at.
   */
  readonly inspect: (message: Uint8Array) => Effect.Effect<InspectedHeader, DecryptError>
}

/** The tag of the service. */
export const EncryptionSdk: Context.Service<EncryptionSdk, EncryptionSdk> = /*#__PURE__*/ Context.Service<
  EncryptionSdk
>("effect-encryption-sdk/EncryptionSdk")

/**
 * A client over the program's materials manager. Fails with `InvalidOption`, which names the option and its bound; an
 * option that does not exist is refused too.
 */
export const make: (
  options?: Options
) => Effect.Effect<
  EncryptionSdk,
  InvalidOption,
  CryptographicMaterialsManager.CryptographicMaterialsManager | Primitives
> = /*#__PURE__*/ Effect.fnUntraced(function*(options: Options = {}) {
  const { commitmentPolicy, maxEncryptedDataKeys } = yield* Effect.mapError(
    Effect.fromResult(checkOptions(options)),
    (invalid) => new InvalidOption(invalid)
  )
  const client: Client = {
    commitmentPolicy: commitmentPolicy ?? CommitmentPolicy.defaultPolicy,
    maxEncryptedDataKeys,
    primitives: yield* Primitives,
    materialsManager: yield* CryptographicMaterialsManager.CryptographicMaterialsManager
  }
  return EncryptionSdk.of({
    encrypt: (plaintext, options) =>
      withOperationSpan("EncryptionSdk.encrypt", holding((held) => encrypt(client, held, plaintext, options))),
    decrypt: (message, options) =>
      withOperationSpan("EncryptionSdk.decrypt", holding((held) => decrypt(client, held, message, options))),
    encryptStream: (plaintext, options) =>
      withStreams(EncryptError, (streams) => streams.encryptStream(client, plaintext, options)),
    decryptStream: (message, options) =>
      withStreams(DecryptError, (streams) => streams.decryptStream(client, message, options)),
    decryptStreamUnverified: (message, options) =>
      withStreams(DecryptError, (streams) => streams.decryptStreamUnverified(client, message, options)),
    decryptRange: (source, range, options) =>
      withStreams(DecryptError, (streams) => streams.decryptRange(client, source, range, options)),
    inspect
  })
})

/**
 * Streams are loaded when the first one runs: they are a fifth of what a browser would have to load of this library, and
 * many programs have none.
 */
const withStreams = <A, E, R, E2>(
  Failure: new(props: { readonly reason: NotLoaded }) => E2,
  use: (streams: typeof ClientStreams) => Stream.Stream<A, E, R>
): Stream.Stream<A, E | E2, R> =>
  Stream.unwrap(Effect.mapBoth(orNotLoaded(() => load("streams", () => import("./stream/index.ts"))), {
    onFailure: (reason) => new Failure({ reason }),
    onSuccess: use
  }))

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

const checkOptions = /*#__PURE__*/ optionsChecker(Options, "a client", {
  commitmentPolicy: /*#__PURE__*/ `must be ${CommitmentPolicy.CommitmentPolicy.literals.join(", ")} or left out`,
  maxEncryptedDataKeys: `must be an integer from 1 to ${maxEncryptedDataKeysLimit}, or left out`
})

/** What one operation has copied, and the secrets of it. */
interface Held {
  plaintext: Uint8Array | undefined
  message: Uint8Array | undefined
  dataKey: DataKey.DataKey | undefined
}

/** Runs an operation in a scope of its own, and zeroes and frees what it holds, however it ends. */
const holding = <A, E>(operation: (held: Held) => Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const held: Held = { plaintext: undefined, message: undefined, dataKey: undefined }
    // One finalizer, which is there before there is anything to hold; a scope would keep one for each.
    return Effect.onExitPrimitive(Effect.scoped(Effect.suspend(() => operation(held))), () => {
      if (held.plaintext !== undefined) bytes.free(held.plaintext.fill(0))
      if (held.message !== undefined) bytes.free(held.message)
      if (held.dataKey !== undefined) DataKey.zero(held.dataKey)
      return undefined
    })
  })

const encrypt = (
  client: Client,
  held: Held,
  input: Uint8Array | string,
  options: EncryptOptions | undefined
): Effect.Effect<EncryptResult, EncryptError, Scope.Scope> => {
  const checked = encryptRequest(client, input, options)
  if (Result.isFailure(checked)) return failEncrypt(checked.failure)
  const { algorithmSuite, encryptionContext, frameLength, materialsManager, plaintext } = checked.success
  held.plaintext = plaintext
  const asked = materialsManager.getEncryptionMaterials({
    encryptionContext,
    commitmentPolicy: client.commitmentPolicy,
    algorithmSuite,
    requiredEncryptionContextKeys: [],
    maxPlaintextLength: plaintext.length
  })
  return Effect.flatMap(asked, (answer) => {
    const checked = ClientRequests.checkEncryptionAnswer(client, answer)
    if (Result.isFailure(checked)) return failEncrypt(checked.failure)
    const { materials, receipt } = checked.success
    held.dataKey = materials.plaintextDataKey
    return Effect.map(
      MessageCipher.seal(client.primitives, materials, plaintext, frameLength),
      ({ header, message }): EncryptResult => {
        const { algorithmSuite, encryptionContext } = materials
        return { message, header, encryptionContext, algorithmSuite, receipt }
      }
    )
  })
}

/** The arguments of one encryption, checked and copied. */
interface EncryptRequest extends ClientRequests.EncryptSettings {
  readonly plaintext: Uint8Array
}

const encryptRequest = (
  client: Client,
  input: Uint8Array | string,
  options: EncryptOptions = {}
): Result.Result<EncryptRequest, EncryptErrorReason> => {
  const settings = ClientRequests.encryptSettings(client, options)
  if (Result.isFailure(settings)) return Result.fail(settings.failure)
  const source = checkPlaintext(input)
  if (Result.isFailure(source)) return Result.fail(source.failure)
  const frames = ClientRequests.checkFrames(source.success.length, settings.success.frameLength)
  if (Result.isFailure(frames)) return Result.fail(frames.failure)
  const plaintext = typeof input === "string" ? source.success : new Uint8Array(source.success)
  return Result.succeed({ ...settings.success, plaintext })
}

const checkPlaintext = (plaintext: Uint8Array | string): Result.Result<Uint8Array, InvalidOption> => {
  if (typeof plaintext !== "string") {
    return ClientRequests.checkBytes("plaintext", plaintext, "a Uint8Array or a string")
  }
  return bytes.isWellFormed(plaintext)
    ? Result.succeed(bytes.utf8(plaintext))
    : ClientRequests.invalidOption("plaintext", "is not well-formed Unicode: it has no UTF-8 bytes")
}

const decrypt = (
  client: Client,
  held: Held,
  input: Uint8Array,
  options: DecryptOptions | undefined
): Effect.Effect<DecryptResult, DecryptError, Scope.Scope> => {
  const checked = decryptRequest(client, input, options)
  if (Result.isFailure(checked)) return failDecrypt(checked.failure)
  const request = checked.success
  const { decoded, expectedEncryptionContext, materialsManager, message } = request
  held.message = message
  const { algorithmSuite, encryptedDataKeys, encryptionContext } = decoded.header
  const asked = materialsManager.decryptMaterials({
    algorithmSuite,
    commitmentPolicy: client.commitmentPolicy,
    encryptedDataKeys,
    encryptionContext,
    expectedEncryptionContext
  })
  return Effect.flatMap(asked, (answer) => {
    const checked = ClientRequests.checkDecryptionAnswer(client, decoded.header, request, answer)
    if (Result.isFailure(checked)) return failDecrypt(checked.failure)
    const { materials, receipt } = checked.success
    held.dataKey = materials.plaintextDataKey
    return Effect.map(
      MessageCipher.open(client.primitives, materials, message, decoded),
      (plaintext): DecryptResult => ({
        plaintext,
        header: decoded.header,
        encryptionContext: materials.encryptionContext,
        algorithmSuite,
        receipt
      })
    )
  })
}

/** The arguments of one decryption, checked and copied, and the header that was read from the copy. */
interface DecryptRequest extends ClientRequests.DecryptSettings {
  readonly message: Uint8Array
  readonly decoded: MessageHeader.DecodedHeader
}

const decryptRequest = (
  client: Client,
  input: Uint8Array,
  options: DecryptOptions = {}
): Result.Result<DecryptRequest, DecryptErrorReason> => {
  const settings = ClientRequests.decryptSettings(client, options)
  if (Result.isFailure(settings)) return Result.fail(settings.failure)
  const message = copyMessage(input)
  if (Result.isFailure(message)) return Result.fail(message.failure)
  return Result.map(
    ClientRequests.decodeHeader(client, message.success),
    (decoded) => ({ ...settings.success, message: message.success, decoded })
  )
}

const copyMessage = (input: Uint8Array): Result.Result<Uint8Array, InvalidOption> =>
  Result.map(
    ClientRequests.checkBytes(
      "message",
      input,
      typeof input === "string" ? "a Uint8Array: decode text first" : "a Uint8Array"
    ),
    (message) => new Uint8Array(message)
  )

const inspect = (input: Uint8Array): Effect.Effect<InspectedHeader, DecryptError> =>
  Effect.suspend(() =>
    orFailDecrypt(
      Result.map(
        Result.flatMap(
          copyMessage(input),
          (message) => Result.andThen(ClientRequests.checkNotBase64(message), MessageHeader.decode(message))
        ),
        ({ header }): InspectedHeader => ({ ...header, authenticated: false })
      )
    )
  )
