/**
 * Options of the client's operations, and what the client checks of its arguments and of a manager's answers. Only the
 * options are exported, by the client's own module.
 */
import * as Result from "effect/Result"
import type * as AlgorithmSuite from "../model/AlgorithmSuite.ts"
import * as CommitmentPolicy from "../model/CommitmentPolicy.ts"
import type { Primitives } from "../crypto/Primitives.ts"
import * as CryptographicMaterials from "../model/CryptographicMaterials.ts"
import * as CryptographicMaterialsManager from "../materials/CryptographicMaterialsManager.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import type { DecryptErrorReason } from "../model/errors/DecryptError.ts"
import type { EncryptErrorReason } from "../model/errors/EncryptError.ts"
import {
  EncryptionContextMismatch,
  InvalidMaterials,
  InvalidOption,
  MessageIsBase64,
  TooManyEncryptedDataKeys
} from "../model/errors/Reasons.ts"
import * as bytes from "../internal/bytes.ts"
import { Validated } from "../internal/validated.ts"
import * as MessageBody from "../message/MessageBody.ts"
import * as MessageHeader from "../message/MessageHeader.ts"
import type { Receipt } from "../model/Receipt.ts"

/** A client: its options, checked, and what it stands on. */
export interface Client {
  readonly commitmentPolicy: CommitmentPolicy.CommitmentPolicy
  readonly maxEncryptedDataKeys: number | undefined
  readonly primitives: Primitives
  readonly materialsManager: CryptographicMaterialsManager.CryptographicMaterialsManager
}

type Manager = CryptographicMaterialsManager.CryptographicMaterialsManager

/** What may be said about one encryption. */
export interface EncryptOptions {
  /**
   * Non-secret pairs that are bound to the message and stored in it. Keys that begin with `aws-crypto-` are reserved.
   * Default: none.
   */
  readonly encryptionContext?: EncryptionContext.EncryptionContext | undefined
  /** Default: the manager's choice, which is `0x0578` where the commitment policy requires commitment, else `0x0378`. */
  readonly algorithmSuite?: AlgorithmSuite.AlgorithmSuite | undefined
  /** Bytes of plaintext in each frame, 1 to 2^32 - 1. Default: 4096. */
  readonly frameLength?: number | undefined
  /** Instead of the client's own. */
  readonly materialsManager?: Manager | undefined
}

/** What may be said about one decryption. */
export interface DecryptOptions {
  /**
   * Pairs that must be in the message's context, with these values. Pairs that the message does not store must be those
   * that it was encrypted with. Default: none.
   */
  readonly expectedEncryptionContext?: EncryptionContext.EncryptionContext | undefined
  /** Instead of the client's own. */
  readonly materialsManager?: Manager | undefined
}

/** The options of one encryption, checked and copied. */
export interface EncryptSettings {
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite | undefined
  readonly encryptionContext: EncryptionContext.EncryptionContext
  readonly frameLength: number
  readonly materialsManager: Manager
}

/** Checks the options of one encryption. */
export const encryptSettings = (
  client: Client,
  options: EncryptOptions
): Result.Result<EncryptSettings, EncryptErrorReason> => {
  const given = checkIsObject(options)
  if (Result.isFailure(given)) return Result.fail(given.failure)
  // The defaults are for what is undefined alone: null is an error of the caller's.
  const { algorithmSuite, encryptionContext: context = EncryptionContext.empty, frameLength = 4096 } = options
  const materialsManager = checkMaterialsManager(client, options)
  if (Result.isFailure(materialsManager)) return Result.fail(materialsManager.failure)
  const encryptionContext = EncryptionContext.validateUnreserved(context)
  if (Result.isFailure(encryptionContext)) return Result.fail(encryptionContext.failure)
  if (algorithmSuite !== undefined) {
    const suite = CommitmentPolicy.checkEncrypt(client.commitmentPolicy, algorithmSuite)
    if (Result.isFailure(suite)) return Result.fail(suite.failure)
  }
  return Number.isInteger(frameLength) && frameLength >= 1 && frameLength <= MessageHeader.maxFrameLength
    ? Result.succeed({
      algorithmSuite,
      encryptionContext: encryptionContext.success,
      frameLength,
      materialsManager: materialsManager.success
    })
    : invalidOption("frameLength", `must be an integer from 1 to ${MessageHeader.maxFrameLength}`)
}

/** Whether a plaintext of this length fits a message. */
export const checkFrames = (plaintextLength: number, frameLength: number): Result.Result<void, InvalidOption> => {
  const frames = Math.ceil(plaintextLength / frameLength)
  return frames > MessageBody.maxFrames
    ? invalidOption("frameLength", `makes ${frames} frames, at most ${MessageBody.maxFrames} fit a message`)
    : Result.void
}

/**
 * What a manager answered is checked as if anybody had written it.
 *
 * Specification: client-apis/encrypt.md#get-the-encryption-materials
 */
export const checkEncryptionAnswer = (
  { commitmentPolicy, maxEncryptedDataKeys: maximum }: Client,
  answer: CryptographicMaterialsManager.MaterialsResponse<CryptographicMaterials.CompleteEncryptionMaterials>
): Result.Result<typeof answer, EncryptErrorReason> => {
  const receipt = checkReceipt(answer)
  if (Result.isFailure(receipt)) return Result.fail(receipt.failure)
  const materials = CryptographicMaterials.checkEncryptionMaterials(answer.materials)
  if (Result.isFailure(materials)) return Result.fail(materials.failure)
  const suite = CommitmentPolicy.checkEncrypt(commitmentPolicy, materials.success.algorithmSuite)
  if (Result.isFailure(suite)) return Result.fail(suite.failure)
  const count = materials.success.encryptedDataKeys.length
  return maximum !== undefined && count > maximum
    ? Result.fail(new TooManyEncryptedDataKeys({ count, maximum }))
    : Result.succeed({ materials: materials.success, receipt: receipt.success })
}

/** The options of one decryption, checked and copied. */
export interface DecryptSettings {
  readonly expectedEncryptionContext: EncryptionContext.EncryptionContext
  readonly materialsManager: Manager
}

/** Checks the options of one decryption. */
export const decryptSettings = (
  client: Client,
  options: DecryptOptions
): Result.Result<DecryptSettings, DecryptErrorReason> => {
  const given = checkIsObject(options)
  if (Result.isFailure(given)) return Result.fail(given.failure)
  const materialsManager = checkMaterialsManager(client, options)
  if (Result.isFailure(materialsManager)) return Result.fail(materialsManager.failure)
  const { expectedEncryptionContext: expected = EncryptionContext.empty } = options
  return Result.map(EncryptionContext.validate(expected), (expectedEncryptionContext) => ({
    expectedEncryptionContext,
    materialsManager: materialsManager.success
  }))
}

/** The header at the start of a message, with a suite that the client's policy allows. */
export const decodeHeader = (
  client: Client,
  message: Uint8Array
): Result.Result<MessageHeader.DecodedHeader, DecryptErrorReason> => {
  const text = checkNotBase64(message)
  if (Result.isFailure(text)) return Result.fail(text.failure)
  const decoded = MessageHeader.decode(message, client)
  if (Result.isFailure(decoded)) return decoded
  const suite = CommitmentPolicy.checkDecrypt(client.commitmentPolicy, decoded.success.header.algorithmSuite)
  return Result.isFailure(suite) ? Result.fail(suite.failure) : decoded
}

/**
 * What a manager answered is checked as if anybody had written it: suite and context are the message's own, but for pairs
 * that are authenticated without being stored, and the expected pairs are among them. A manager may leave pairs out that
 * it had added to the message.
 *
 * Specification: client-apis/decrypt.md#get-the-decryption-materials
 */
export const checkDecryptionAnswer = (
  client: Client,
  header: MessageHeader.MessageHeader,
  { expectedEncryptionContext }: DecryptSettings,
  answer: CryptographicMaterialsManager.MaterialsResponse<CryptographicMaterials.CompleteDecryptionMaterials>
): Result.Result<typeof answer, DecryptErrorReason> => {
  const receipt = checkReceipt(answer)
  if (Result.isFailure(receipt)) return Result.fail(receipt.failure)
  const checked = CryptographicMaterials.checkDecryptionMaterials(answer.materials)
  if (Result.isFailure(checked)) return Result.fail(checked.failure)
  const materials = checked.success
  const suite = CommitmentPolicy.checkDecrypt(client.commitmentPolicy, materials.algorithmSuite)
  if (Result.isFailure(suite)) return Result.fail(suite.failure)
  if (materials.algorithmSuite !== header.algorithmSuite) {
    return invalidMaterials("algorithmSuite", "is not the message's")
  }
  const encryptionContext = Validated.of(materials.encryptionContext) === undefined
    ? Object.freeze({ ...materials.encryptionContext })
    : materials.encryptionContext
  const required = materials.requiredEncryptionContextKeys
  const stored = header.encryptionContext
  for (const key of Object.keys(encryptionContext)) {
    if (required.includes(key)) {
      if (Object.hasOwn(stored, key)) {
        return invalidMaterials("requiredEncryptionContextKeys", `the message stores ${JSON.stringify(key)}`)
      }
    } else if (!Object.hasOwn(stored, key) || stored[key] !== encryptionContext[key]) {
      return invalidMaterials(
        "encryptionContext",
        `the pair of ${JSON.stringify(key)} is neither stored in the message nor required`
      )
    }
  }
  if (required.length > 0) {
    const authenticatedOnly = EncryptionContext.validate(EncryptionContext.pick(encryptionContext, required))
    if (Result.isFailure(authenticatedOnly)) {
      return invalidMaterials("encryptionContext", authenticatedOnly.failure.message)
    }
  }
  const mismatch = EncryptionContext.findMismatch(expectedEncryptionContext, encryptionContext)
  return mismatch === undefined
    ? Result.succeed({ materials: { ...materials, encryptionContext }, receipt: receipt.success })
    : Result.fail(new EncryptionContextMismatch({ key: mismatch }))
}

/**
 * Whether bytes are a message rather than the base64 text of one: 01 80 begins with `AY` there, 02 04 and 02 05 with `Ag`.
 * No message begins with these letters, since 0x41 is no version.
 *
 * Specification: client-apis/decrypt.md#encrypted-message-format
 */
export const checkNotBase64 = (message: Uint8Array): Result.Result<void, MessageIsBase64> =>
  message[0] === 0x41 && (message[1] === 0x59 || message[1] === 0x67)
    ? Result.fail(new MessageIsBase64({}))
    : Result.void

/** Whether a value is bytes that are there. */
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

/** Whether options are given as an object at all. */
export const checkIsObject = (options: object): Result.Result<void, InvalidOption> =>
  typeof options === "object" && options !== null ? Result.void : invalidOption("options", "must be an object")

const checkMaterialsManager = (
  client: Client,
  { materialsManager = client.materialsManager }: EncryptOptions | DecryptOptions
): Result.Result<Manager, InvalidOption> =>
  CryptographicMaterialsManager.isCryptographicMaterialsManager(materialsManager)
    ? Result.succeed(materialsManager)
    : invalidOption(
      "materialsManager",
      "must be a CryptographicMaterialsManager; DefaultCmm.make makes one of a keyring"
    )

const checkReceipt = (answer: { readonly receipt: Receipt }): Result.Result<Receipt, InvalidMaterials> =>
  typeof answer === "object" && answer !== null && typeof answer.receipt === "object" && answer.receipt !== null
    ? Result.succeed(answer.receipt)
    : invalidMaterials("receipt", "is missing")

/** Fails because of an option or an argument. */
export const invalidOption = (field: string, description: string) =>
  Result.fail(new InvalidOption({ field, description }))

const invalidMaterials = (field: string, description: string) =>
  Result.fail(new InvalidMaterials({ field, description }))

/** The type alone: the value may be a plaintext. */
const typeName = (value: unknown): string => value === null ? "null" : Array.isArray(value) ? "array" : typeof value
