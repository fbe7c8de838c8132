/** Checks of the arguments and options of the client's operations: options in, settings out. */
import * as Result from "effect/Result"
import * as bytes from "../internal/bytes.ts"
import * as CryptographicMaterialsManager from "../materials/CryptographicMaterialsManager.ts"
import * as MessageBody from "../message/MessageBody.ts"
import * as MessageHeader from "../message/MessageHeader.ts"
import type * as AlgorithmSuite from "../model/AlgorithmSuite.ts"
import * as CommitmentPolicy from "../model/CommitmentPolicy.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import type { DecryptErrorReason } from "../model/errors/DecryptError.ts"
import type { EncryptErrorReason } from "../model/errors/EncryptError.ts"
import { InvalidOption, MessageIsBase64 } from "../model/errors/Reasons.ts"
import type { Client } from "./Client.ts"
import type { DecryptOptions, EncryptOptions } from "./Options.ts"

/** Options of one encryption, checked and copied. */
export interface EncryptSettings {
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite | undefined
  readonly encryptionContext: EncryptionContext.EncryptionContext
  readonly frameLength: number
  readonly materialsManager: CryptographicMaterialsManager.CryptographicMaterialsManager
}

/** Checks the options of one encryption. */
export const encryptSettings = (
  client: Client,
  options: EncryptOptions
): Result.Result<EncryptSettings, EncryptErrorReason> => {
  const materialsManager = checkCommonOptions(client, options)
  if (Result.isFailure(materialsManager)) return Result.fail(materialsManager.failure)
  // The defaults are for what is undefined alone: null is an error of the caller's.
  const {
    algorithmSuite,
    encryptionContext: input = EncryptionContext.empty,
    frameLength = MessageHeader.defaultFrameLength
  } = options
  const context = client.contexts.validate(input)
  if (Result.isFailure(context)) return Result.fail(context.failure)
  const encryptionContext = context.success
  const unreserved = EncryptionContext.checkUnreserved(encryptionContext)
  if (Result.isFailure(unreserved)) return Result.fail(unreserved.failure)
  if (algorithmSuite !== undefined) {
    const suite = CommitmentPolicy.checkEncrypt(client.commitmentPolicy, algorithmSuite)
    if (Result.isFailure(suite)) return Result.fail(suite.failure)
  }
  return Number.isInteger(frameLength) && frameLength >= 1 && frameLength <= MessageHeader.maxFrameLength
    ? Result.succeed({
      algorithmSuite,
      encryptionContext,
      frameLength,
      materialsManager: materialsManager.success
    })
    : invalidOption("frameLength", `must be an integer from 1 to ${MessageHeader.maxFrameLength}`)
}

/** Settings of one encryption, and the plaintext as bytes of its own. */
export interface EncryptRequest extends EncryptSettings {
  readonly plaintext: Uint8Array
}

/** Checks the arguments of `encrypt`, and copies the plaintext. */
export const encryptRequest = (
  client: Client,
  input: Uint8Array | string,
  options: EncryptOptions = {}
): Result.Result<EncryptRequest, EncryptErrorReason> => {
  const settings = encryptSettings(client, options)
  if (Result.isFailure(settings)) return Result.fail(settings.failure)
  const source = checkPlaintext(input)
  if (Result.isFailure(source)) return Result.fail(source.failure)
  const frames = checkFrames(source.success.length, settings.success.frameLength)
  if (Result.isFailure(frames)) return Result.fail(frames.failure)
  const plaintext = typeof input === "string" ? source.success : new Uint8Array(source.success)
  return Result.succeed({ ...settings.success, plaintext })
}

const checkPlaintext = (plaintext: Uint8Array | string): Result.Result<Uint8Array, InvalidOption> => {
  if (typeof plaintext !== "string") return checkBytes("plaintext", plaintext, "a Uint8Array or a string")
  return bytes.isWellFormed(plaintext)
    ? Result.succeed(bytes.utf8(plaintext))
    : invalidOption("plaintext", "is not well-formed Unicode: it has no UTF-8 bytes")
}

/** Checks that a plaintext of this length fits a message. */
export const checkFrames = (plaintextLength: number, frameLength: number): Result.Result<void, InvalidOption> => {
  const frames = Math.ceil(plaintextLength / frameLength)
  return frames > MessageBody.maxFrames ? invalidOption("frameLength", MessageBody.tooManyFrames(frames)) : Result.void
}

/** Options of one decryption, checked and copied. */
export interface DecryptSettings {
  readonly expectedEncryptionContext: EncryptionContext.EncryptionContext
  readonly materialsManager: CryptographicMaterialsManager.CryptographicMaterialsManager
}

/** Checks the options of one decryption. */
export const decryptSettings = (
  client: Client,
  options: DecryptOptions
): Result.Result<DecryptSettings, DecryptErrorReason> => {
  const materialsManager = checkCommonOptions(client, options)
  if (Result.isFailure(materialsManager)) return Result.fail(materialsManager.failure)
  const { expectedEncryptionContext: input = EncryptionContext.empty } = options
  const expected = client.contexts.validate(input)
  return Result.isFailure(expected) ? Result.fail(expected.failure) : Result.succeed({
    expectedEncryptionContext: expected.success,
    materialsManager: materialsManager.success
  })
}

/** Settings of one decryption, the message as bytes of its own, and the header that was read from them. */
export interface DecryptRequest extends DecryptSettings {
  readonly message: Uint8Array
  readonly decoded: MessageHeader.DecodedHeader
}

/** Checks the arguments of `decrypt`, copies the message, and reads its header. */
export const decryptRequest = (
  client: Client,
  input: Uint8Array,
  options: DecryptOptions = {}
): Result.Result<DecryptRequest, DecryptErrorReason> => {
  const settings = decryptSettings(client, options)
  if (Result.isFailure(settings)) return Result.fail(settings.failure)
  const message = copyMessage(input)
  if (Result.isFailure(message)) return Result.fail(message.failure)
  const decoded = decodeHeader(client, message.success)
  return Result.isFailure(decoded)
    ? Result.fail(decoded.failure)
    : Result.succeed({ ...settings.success, message: message.success, decoded: decoded.success })
}

/** Copies a message, whose bytes may change later. */
export const copyMessage = (input: Uint8Array): Result.Result<Uint8Array, InvalidOption> =>
  Result.map(
    checkBytes(
      "message",
      input,
      typeof input === "string" ? "a Uint8Array: decode text first" : "a Uint8Array"
    ),
    (message) => new Uint8Array(message)
  )

/** Reads the header at the start of a message, whose suite the client's policy must allow. */
export const decodeHeader = (
  client: Client,
  message: Uint8Array
): Result.Result<MessageHeader.DecodedHeader, DecryptErrorReason> => {
  const text = checkNotBase64(message)
  if (Result.isFailure(text)) return Result.fail(text.failure)
  const decoded = MessageHeader.decode(message, client)
  if (Result.isFailure(decoded)) return decoded
  const { header } = decoded.success
  const suite = CommitmentPolicy.checkDecrypt(client.commitmentPolicy, header.algorithmSuite)
  if (Result.isFailure(suite)) return Result.fail(suite.failure)
  const context = client.contexts.validate(header.encryptionContext)
  return Result.isFailure(context)
    ? Result.fail(context.failure)
    : Result.succeed({ ...decoded.success, header: { ...header, encryptionContext: context.success } })
}

/**
 * Rejects the base64 text of a message: 01 80 begins with `AY` there, 02 04 and 02 05 with `Ag`. No message begins with
 * these letters, since 0x41 is no version.
 *
 * Specification: client-apis/decrypt.md#encrypted-message-format
 */
export const checkNotBase64 = (message: Uint8Array): Result.Result<void, MessageIsBase64> =>
  message[0] === 0x41 && (message[1] === 0x59 || message[1] === 0x67)
    ? Result.fail(new MessageIsBase64({}))
    : Result.void

/** Checks that a value is bytes whose memory is there. */
export const checkBytes = (
  field: string,
  input: Uint8Array,
  what: string
): Result.Result<Uint8Array, InvalidOption> => {
  if (!bytes.isBytes(input)) return invalidOption(field, `must be ${what}, got ${typeName(input)}`)
  // Its length is zero now, whatever it held.
  return (input.buffer as ArrayBuffer).detached
    ? invalidOption(field, "is a view of a buffer that was transferred")
    : Result.succeed(input)
}

/** Checks the option that all operations have, and returns the manager of this one. */
const checkCommonOptions = (
  client: Client,
  options: EncryptOptions | DecryptOptions
): Result.Result<CryptographicMaterialsManager.CryptographicMaterialsManager, InvalidOption> => {
  if (typeof options !== "object" || options === null) return invalidOption("options", "must be an object")
  const { materialsManager = client.materialsManager } = options
  return CryptographicMaterialsManager.isCryptographicMaterialsManager(materialsManager)
    ? Result.succeed(materialsManager)
    : invalidOption(
      "materialsManager",
      "must be a CryptographicMaterialsManager; DefaultCmm.make makes one of a keyring"
    )
}

/** Fails because of an option or an argument. */
export const invalidOption = (field: string, description: string) =>
  Result.fail(new InvalidOption({ field, description }))

/** The type alone: the value may be a plaintext. */
const typeName = (value: unknown): string => value === null ? "null" : Array.isArray(value) ? "array" : typeof value
