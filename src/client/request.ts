/**
 * Checks of the arguments and options of the client's operations: options in, settings out. All of them reject with reasons
 * of `EncryptError` or `DecryptError`.
 */
import * as Result from "effect/Result"
import * as bytes from "../internal/bytes.ts"
import { findUnknown, type NamesOf, type OptionNames, optionNames } from "../internal/optionNames.ts"
import { orReject, reject } from "../internal/rejection.ts"
import * as CryptographicMaterialsManager from "../materials/CryptographicMaterialsManager.ts"
import type { KnownSection } from "../message/KeySection.ts"
import * as MessageBody from "../message/MessageBody.ts"
import * as MessageHeader from "../message/MessageHeader.ts"
import type * as AlgorithmSuite from "../model/AlgorithmSuite.ts"
import * as CommitmentPolicy from "../model/CommitmentPolicy.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import { explain } from "../model/errors/NotAMessage.ts"
import { InvalidOption } from "../model/errors/Reasons.ts"
import type { Client } from "./Client.ts"
import type { DecryptOptions, EncryptOptions } from "./Options.ts"
import * as portability from "./portability.ts"

const noOptions = {}

/** Options of one encryption, checked and copied. */
export interface EncryptSettings {
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite | undefined
  readonly encryptionContext: EncryptionContext.EncryptionContext
  readonly frameLength: number
  readonly materialsManager: CryptographicMaterialsManager.CryptographicMaterialsManager
}

const encryptNames = /*#__PURE__*/ optionNames(
  "encrypt",
  {
    encryptionContext: true,
    algorithmSuite: true,
    frameLength: true,
    materialsManager: true
  } satisfies NamesOf<EncryptOptions>
)

/** Checks the options of one encryption, which have no others than these names. */
export const encryptSettings = (
  client: Client,
  options: EncryptOptions,
  names: OptionNames = encryptNames
): EncryptSettings => {
  const materialsManager = checkCommonOptions(client, options, names)
  // The defaults are for what is undefined alone: null is an error of the caller's.
  const {
    algorithmSuite: suite,
    encryptionContext: input = EncryptionContext.empty,
    frameLength = MessageHeader.defaultFrameLength
  } = options
  const encryptionContext = client.contexts.check(input)
  EncryptionContext.checkUnreserved(encryptionContext)
  if (client.isPortable) portability.checkContext(encryptionContext)
  const algorithmSuite = suite === undefined ? undefined : CommitmentPolicy.checkSuite(suite)
  if (algorithmSuite !== undefined) CommitmentPolicy.checkEncrypt(client.commitmentPolicy, algorithmSuite)
  if (!Number.isInteger(frameLength) || frameLength < 1 || frameLength > MessageHeader.maxFrameLength) {
    invalidOption("frameLength", `must be an integer from 1 to ${MessageHeader.maxFrameLength}`)
  }
  if (client.isPortable) portability.checkFrameLength(frameLength)
  return { algorithmSuite, encryptionContext, frameLength, materialsManager }
}

/** Settings of one encryption, and the plaintext. */
export interface EncryptRequest {
  readonly settings: EncryptSettings
  /** The caller's own bytes, unless the plaintext came as text. */
  readonly plaintext: Uint8Array
}

/** Checks the arguments of `encrypt`. */
export const encryptRequest = (
  client: Client,
  input: Uint8Array | string,
  options: EncryptOptions = noOptions
): EncryptRequest => {
  const settings = encryptSettings(client, options)
  const plaintext = checkPlaintext(input)
  checkFrames(plaintext.length, settings.frameLength)
  return { settings, plaintext }
}

const checkPlaintext = (plaintext: Uint8Array | string): Uint8Array => {
  if (typeof plaintext !== "string") return checkBytes("plaintext", plaintext, "a Uint8Array or a string")
  return bytes.isWellFormed(plaintext)
    ? bytes.utf8(plaintext)
    : invalidOption("plaintext", "is not well-formed Unicode: it has no UTF-8 bytes")
}

/** Checks that a plaintext of this length fits a message. */
export const checkFrames = (plaintextLength: number, frameLength: number): void => {
  const frames = Math.ceil(plaintextLength / frameLength)
  if (frames > MessageBody.maxFrames) invalidOption("frameLength", MessageBody.tooManyFrames(frames))
}

/** Options of one decryption, checked and copied. */
export interface DecryptSettings {
  readonly expectedEncryptionContext: EncryptionContext.EncryptionContext
  readonly materialsManager: CryptographicMaterialsManager.CryptographicMaterialsManager
}

const decryptNames = /*#__PURE__*/ optionNames(
  "decrypt",
  {
    expectedEncryptionContext: true,
    materialsManager: true
  } satisfies NamesOf<DecryptOptions>
)

/** Checks the options of one decryption, which have no others than these names. */
export const decryptSettings = (
  client: Client,
  options: DecryptOptions,
  names: OptionNames = decryptNames
): DecryptSettings => {
  const materialsManager = checkCommonOptions(client, options, names)
  const { expectedEncryptionContext: input = EncryptionContext.empty } = options
  return { expectedEncryptionContext: client.contexts.check(input), materialsManager }
}

/** Settings of one decryption, and the message. */
export interface DecryptRequest {
  readonly settings: DecryptSettings
  /** A view of the caller's own bytes. */
  readonly message: Uint8Array
}

/** Checks the arguments of `decrypt`. */
export const decryptRequest = (
  client: Client,
  input: Uint8Array,
  options: DecryptOptions = noOptions
): DecryptRequest => ({ settings: decryptSettings(client, options), message: checkMessage(input) })

/** Checks that a message is bytes. */
export const checkMessage = (input: Uint8Array): Uint8Array =>
  checkBytes("message", input, typeof input === "string" ? "a Uint8Array: decode text first" : "a Uint8Array")

/** A header that was read, in arrays of its own, and its key section where that was known before. */
export interface DecodedMessage extends MessageHeader.DecodedHeader {
  /** The bytes that were read, in an array of their own: what is authenticated is what was read. */
  readonly headerBody: Uint8Array
  readonly knownSection: KnownSection | undefined
}

/**
 * Reads the header at the start of a message, whose suite the client's policy must allow. The message must stay as it is in
 * this step: what other threads see is copied before.
 */
export const decodeHeader = (client: Client, message: Uint8Array): DecodedMessage => {
  let knownSection: KnownSection | undefined
  const find = (start: number) => knownSection = client.keySections.find(message, start)
  const decoded = orReject(
    Result.mapError(
      MessageHeader.decodeKnown(message, client.maxEncryptedDataKeys, find),
      (error) => explain(error, message)
    )
  )
  CommitmentPolicy.checkDecrypt(client.commitmentPolicy, decoded.header.algorithmSuite)
  const { header, headerBodyLength, length } = decoded
  const headerBody = bytes.copyRange(message, 0, headerBodyLength)
  if (knownSection !== undefined) return { header, headerBodyLength, length, headerBody, knownSection }
  const encryptionContext = client.contexts.check(header.encryptionContext)
  return { header: { ...header, encryptionContext }, headerBodyLength, length, headerBody, knownSection }
}

/** Checks that a value is bytes whose memory is there. Returns a plain view of them. */
export const checkBytes = (field: string, input: Uint8Array, kind: string): Uint8Array => {
  if (!bytes.isBytes(input)) return invalidOption(field, `must be ${kind}, got ${typeName(input)}`)
  const gone = bytes.findGone(input)
  return gone === undefined ? bytes.plainView(input) : invalidOption(field, gone)
}

/** The fault of bytes whose memory went elsewhere after they were checked. */
export const transferred = (field: string): InvalidOption =>
  new InvalidOption({ field, description: "is a view of a buffer that was transferred meanwhile" })

/** Checks the names of options, and the option that all operations have. Returns the manager of this one. */
const checkCommonOptions = (
  client: Client,
  options: EncryptOptions | DecryptOptions,
  names: OptionNames
): CryptographicMaterialsManager.CryptographicMaterialsManager => {
  if (typeof options !== "object" || options === null) invalidOption("options", "must be an object")
  const unknown = findUnknown(options, names)
  if (unknown !== undefined) reject(new InvalidOption(unknown))
  const { materialsManager = client.materialsManager } = options
  return CryptographicMaterialsManager.isCryptographicMaterialsManager(materialsManager)
    ? materialsManager
    : invalidOption(
      "materialsManager",
      "must be a CryptographicMaterialsManager; DefaultCmm.make makes one of a keyring"
    )
}

/** Rejects an option or an argument. */
export const invalidOption = (field: string, description: string): never =>
  reject(new InvalidOption({ field, description }))

/** The type alone: the value may be a plaintext. */
const typeName = (value: unknown): string => value === null ? "null" : Array.isArray(value) ? "array" : typeof value
