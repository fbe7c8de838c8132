/**
 * The one way to the materials manager: requests the materials of a message, checks the response, and hands the data key to
 * the operation, which owns it until its end.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { reject } from "../internal/rejection.ts"
import type { MaterialsResponse } from "../materials/CryptographicMaterialsManager.ts"
import type { MessageHeader } from "../message/MessageHeader.ts"
import * as CommitmentPolicy from "../model/CommitmentPolicy.ts"
import * as CryptographicMaterials from "../model/CryptographicMaterials.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import { type DecryptError, orFailDecrypt } from "../model/errors/DecryptError.ts"
import { type EncryptError, orFailEncrypt } from "../model/errors/EncryptError.ts"
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
    (response) =>
      orFailEncrypt(() => {
        const checked = checkEncryptionResponse(client, response)
        owned.dataKey = checked.materials.plaintextDataKey
        return checked
      })
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
    (response) =>
      orFailDecrypt(() => {
        const checked = checkDecryptionResponse(client, settings, header, response)
        owned.dataKey = checked.materials.plaintextDataKey
        return checked
      })
  )

const checkEncryptionResponse = (
  { commitmentPolicy, maxEncryptedDataKeys: maximum }: Client,
  response: EncryptionMaterials
): EncryptionMaterials => {
  const receipt = checkReceipt(response)
  const materials = CryptographicMaterials.checkEncryptionMaterials(response.materials)
  CommitmentPolicy.checkEncrypt(commitmentPolicy, materials.algorithmSuite)
  const count = materials.encryptedDataKeys.length
  if (maximum !== undefined && count > maximum) reject(new TooManyEncryptedDataKeys({ count, maximum }))
  return { materials, receipt }
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
): DecryptionMaterials => {
  const receipt = checkReceipt(response)
  const materials = CryptographicMaterials.checkDecryptionMaterials(response.materials)
  CommitmentPolicy.checkDecrypt(commitmentPolicy, materials.algorithmSuite)
  if (materials.algorithmSuite !== header.algorithmSuite) invalidMaterials("algorithmSuite", "is not the message's")
  checkContext(materials, header.encryptionContext)
  const mismatch = EncryptionContext.findMismatch(expectedEncryptionContext, materials.encryptionContext)
  if (mismatch !== undefined) reject(new EncryptionContextMismatch({ key: mismatch }))
  return { materials, receipt }
}

/** Every pair is either stored in the message, with the same value, or required and not stored. */
const checkContext = (
  { encryptionContext, requiredEncryptionContextKeys: required }: CryptographicMaterials.CompleteDecryptionMaterials,
  stored: EncryptionContext.EncryptionContext
): void => {
  if (encryptionContext === stored && required.length === 0) return
  for (const key of Object.keys(encryptionContext)) {
    if (required.includes(key)) {
      if (Object.hasOwn(stored, key)) {
        invalidMaterials("requiredEncryptionContextKeys", `the message stores ${JSON.stringify(key)}`)
      }
    } else if (!Object.hasOwn(stored, key) || stored[key] !== encryptionContext[key]) {
      invalidMaterials(
        "encryptionContext",
        `the pair of ${JSON.stringify(key)} is neither stored in the message nor required`
      )
    }
  }
  if (required.length === 0) return
  const requiredPairs = EncryptionContext.validate(EncryptionContext.pick(encryptionContext, required))
  if (Result.isFailure(requiredPairs)) invalidMaterials("encryptionContext", requiredPairs.failure.message)
}

const checkReceipt = (response: { readonly receipt: Receipt }): Receipt => {
  const receipt = typeof response === "object" && response !== null ? response.receipt : undefined
  return typeof receipt === "object" && receipt !== null ? receipt : invalidMaterials("receipt", "is missing")
}

const invalidMaterials = (field: string, description: string): never =>
  reject(new InvalidMaterials({ field, description }))
