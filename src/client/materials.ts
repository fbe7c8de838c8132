/**
 * The one way to the materials manager: requests the materials of a message, checks the response, and hands the data key to
 * the operation, which owns it until its end.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { MaterialsResponse } from "../materials/CryptographicMaterialsManager.ts"
import type { MessageHeader } from "../message/MessageHeader.ts"
import * as CommitmentPolicy from "../model/CommitmentPolicy.ts"
import * as CryptographicMaterials from "../model/CryptographicMaterials.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import { type DecryptError, type DecryptErrorReason, failDecrypt } from "../model/errors/DecryptError.ts"
import { type EncryptError, type EncryptErrorReason, failEncrypt } from "../model/errors/EncryptError.ts"
import { EncryptionContextMismatch, InvalidMaterials, TooManyEncryptedDataKeys } from "../model/errors/Reasons.ts"
import type { Receipt } from "../model/Receipt.ts"
import type { Client } from "./Client.ts"
import type { Owned } from "./operation.ts"
import type { DecryptSettings, EncryptSettings } from "./request.ts"

/** Encryption materials that were checked, with the receipt. */
export type EncryptionMaterials = MaterialsResponse<CryptographicMaterials.CompleteEncryptionMaterials>

/** Decryption materials that were checked, with the receipt. */
export type DecryptionMaterials = MaterialsResponse<CryptographicMaterials.CompleteDecryptionMaterials>

/**
 * Requests the encryption materials of one message. The operation owns their data key.
 *
 * Specification: client-apis/encrypt.md#get-the-encryption-materials
 */
export const requestEncryptionMaterials = (
  client: Client,
  owned: Owned,
  settings: EncryptSettings,
  maxPlaintextLength: number | undefined
): Effect.Effect<EncryptionMaterials, EncryptError, Scope.Scope> =>
  Effect.flatMap(
    settings.materialsManager.getEncryptionMaterials({
      encryptionContext: settings.encryptionContext,
      commitmentPolicy: client.commitmentPolicy,
      algorithmSuite: settings.algorithmSuite,
      requiredEncryptionContextKeys: [],
      maxPlaintextLength
    }),
    (response) => {
      const checked = checkEncryptionResponse(client, response)
      if (Result.isFailure(checked)) return failEncrypt(checked.failure)
      owned.dataKey = checked.success.materials.plaintextDataKey
      return Effect.succeed(checked.success)
    }
  )

/**
 * Requests the decryption materials of the message with this header. The operation owns their data key.
 *
 * Specification: client-apis/decrypt.md#get-the-decryption-materials
 */
export const requestDecryptionMaterials = (
  client: Client,
  owned: Owned,
  settings: DecryptSettings,
  header: MessageHeader
): Effect.Effect<DecryptionMaterials, DecryptError, Scope.Scope> =>
  Effect.flatMap(
    settings.materialsManager.decryptMaterials({
      algorithmSuite: header.algorithmSuite,
      commitmentPolicy: client.commitmentPolicy,
      encryptedDataKeys: header.encryptedDataKeys,
      encryptionContext: header.encryptionContext,
      expectedEncryptionContext: settings.expectedEncryptionContext
    }),
    (response) => {
      const checked = checkDecryptionResponse(client, settings, header, response)
      if (Result.isFailure(checked)) return failDecrypt(checked.failure)
      owned.dataKey = checked.success.materials.plaintextDataKey
      return Effect.succeed(checked.success)
    }
  )

const checkEncryptionResponse = (
  { commitmentPolicy, maxEncryptedDataKeys: maximum }: Client,
  response: EncryptionMaterials
): Result.Result<EncryptionMaterials, EncryptErrorReason> => {
  const receipt = checkReceipt(response)
  if (Result.isFailure(receipt)) return Result.fail(receipt.failure)
  const checked = CryptographicMaterials.checkEncryptionMaterials(response.materials)
  if (Result.isFailure(checked)) return Result.fail(checked.failure)
  const materials = checked.success
  const suite = CommitmentPolicy.checkEncrypt(commitmentPolicy, materials.algorithmSuite)
  if (Result.isFailure(suite)) return Result.fail(suite.failure)
  const count = materials.encryptedDataKeys.length
  return maximum !== undefined && count > maximum
    ? Result.fail(new TooManyEncryptedDataKeys({ count, maximum }))
    : Result.succeed({ materials, receipt: receipt.success })
}

/**
 * Suite and context are the message's own, except pairs that are required and not stored, and the expected pairs are among
 * them. A manager may omit pairs that it had added to the message.
 */
const checkDecryptionResponse = (
  { commitmentPolicy }: Client,
  { expectedEncryptionContext }: DecryptSettings,
  header: MessageHeader,
  response: DecryptionMaterials
): Result.Result<DecryptionMaterials, DecryptErrorReason> => {
  const receipt = checkReceipt(response)
  if (Result.isFailure(receipt)) return Result.fail(receipt.failure)
  const checked = CryptographicMaterials.checkDecryptionMaterials(response.materials)
  if (Result.isFailure(checked)) return Result.fail(checked.failure)
  const materials = checked.success
  const suite = CommitmentPolicy.checkDecrypt(commitmentPolicy, materials.algorithmSuite)
  if (Result.isFailure(suite)) return Result.fail(suite.failure)
  if (materials.algorithmSuite !== header.algorithmSuite) {
    return invalidMaterials("algorithmSuite", "is not the message's")
  }
  const context = checkContext(materials, header.encryptionContext)
  if (Result.isFailure(context)) return Result.fail(context.failure)
  const mismatch = EncryptionContext.findMismatch(expectedEncryptionContext, materials.encryptionContext)
  return mismatch === undefined
    ? Result.succeed({ materials, receipt: receipt.success })
    : Result.fail(new EncryptionContextMismatch({ key: mismatch }))
}

/** Every pair is either stored in the message, with the same value, or required and not stored. */
const checkContext = (
  { encryptionContext, requiredEncryptionContextKeys: required }: CryptographicMaterials.CompleteDecryptionMaterials,
  stored: EncryptionContext.EncryptionContext
): Result.Result<void, InvalidMaterials> => {
  if (encryptionContext === stored && required.length === 0) return Result.void
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
  if (required.length === 0) return Result.void
  const requiredPairs = EncryptionContext.validate(EncryptionContext.pick(encryptionContext, required))
  return Result.isFailure(requiredPairs)
    ? invalidMaterials("encryptionContext", requiredPairs.failure.message)
    : Result.void
}

const checkReceipt = (response: { readonly receipt: Receipt }): Result.Result<Receipt, InvalidMaterials> =>
  typeof response === "object" && response !== null && typeof response.receipt === "object" && response.receipt !== null
    ? Result.succeed(response.receipt)
    : invalidMaterials("receipt", "is missing")

const invalidMaterials = (field: string, description: string) =>
  Result.fail(new InvalidMaterials({ field, description }))
