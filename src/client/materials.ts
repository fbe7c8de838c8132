/**
 * The one way to the materials manager: requests the materials of a message, checks the response, and hands the data key to
 * the operation, which owns it until its end.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { quoted } from "../internal/printable.ts"
import { reject } from "../internal/rejection.ts"
import * as AtOnce from "../materials/atOnce.ts"
import * as contract from "../materials/contract.ts"
import type {
  DecryptMaterialsRequest,
  EncryptionMaterialsRequest,
  MaterialsResponse
} from "../materials/CryptographicMaterialsManager.ts"
import type { MessageHeader } from "../message/MessageHeader.ts"
import * as CommitmentPolicy from "../model/CommitmentPolicy.ts"
import * as CryptographicMaterials from "../model/CryptographicMaterials.ts"
import * as DataKey from "../model/DataKey.ts"
import * as EncryptedDataKey from "../model/EncryptedDataKey.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import { type DecryptError, orFailDecrypt } from "../model/errors/DecryptError.ts"
import { type EncryptError, orFailEncrypt } from "../model/errors/EncryptError.ts"
import { EncryptionContextMismatch, InvalidMaterials, TooManyEncryptedDataKeys } from "../model/errors/Reasons.ts"
import type { Receipt } from "../model/Receipt.ts"
import type { Client } from "./Client.ts"
import type { Owned } from "./operation.ts"
import * as portability from "./portability.ts"
import type { DecodedMessage, DecryptSettings, EncryptSettings } from "./request.ts"

/** The materials of one message, which were checked, and their data key, which the operation owns. */
export interface Acquired<Materials> extends AtOnce.SharedMaterials<Materials> {
  readonly dataKey: Uint8Array
  /** Whether other messages have the same materials, the very same objects. */
  readonly isShared: boolean
}

export type EncryptionMaterials = Acquired<CryptographicMaterials.CompleteEncryptionMaterials>
export type DecryptionMaterials = Acquired<CryptographicMaterials.CompleteDecryptionMaterials>

/**
 * Requests the encryption materials of one message. The operation owns their data key.
 *
 * Specification: client-apis/encrypt.md#get-the-encryption-materials
 */
export const requestEncryptionMaterials = (
  client: Client,
  owned: Owned,
  settings: EncryptSettings,
  maxPlaintextLength: number | undefined,
  requiredEncryptionContextKeys: ReadonlyArray<string> = noKeys
): Effect.Effect<EncryptionMaterials, EncryptError, Scope.Scope> => {
  const { materialsManager } = settings
  const request: EncryptionMaterialsRequest = {
    encryptionContext: settings.encryptionContext,
    commitmentPolicy: client.commitmentPolicy,
    algorithmSuite: settings.algorithmSuite,
    requiredEncryptionContextKeys,
    maxPlaintextLength
  }
  const check = (acquired: EncryptionMaterials) =>
    checkEncryption(client, checkRequired(requiredEncryptionContextKeys, acquired))
  const response = AtOnce.encryption.of(materialsManager.getEncryptionMaterials)?.(request, owned) ??
    contract.getEncryptionMaterials(materialsManager, request)
  return response instanceof AtOnce.Served
    ? orFailEncrypt(() => check(shared(owned, response)))
    : Effect.flatMap(
      response,
      (response) => orFailEncrypt(() => check(own(owned, response, CryptographicMaterials.checkEncryptionMaterials)))
    )
}

const noKeys: ReadonlyArray<string> = []

/**
 * Requests the decryption materials of the message with this header. The operation owns their data key.
 *
 * Specification: client-apis/decrypt.md#get-the-decryption-materials
 */
export const requestDecryptionMaterials = (
  client: Client,
  owned: Owned,
  settings: DecryptSettings,
  { header, knownSection }: DecodedMessage
): Effect.Effect<DecryptionMaterials, DecryptError, Scope.Scope> => {
  const { materialsManager } = settings
  const respond = AtOnce.decryption.of(materialsManager.decryptMaterials)
  const isStable = respond !== undefined && knownSection !== undefined
  const request: DecryptMaterialsRequest = {
    algorithmSuite: header.algorithmSuite,
    commitmentPolicy: client.commitmentPolicy,
    // A list that the manager may keep, unlike that of the header, which is the caller's.
    encryptedDataKeys: isStable ? knownSection.encryptedDataKeys : EncryptedDataKey.copyAll(header.encryptedDataKeys),
    encryptionContext: header.encryptionContext,
    expectedEncryptionContext: settings.expectedEncryptionContext
  }
  const response = respond === undefined
    ? contract.decryptMaterials(materialsManager, request)
    : respond(request, owned, isStable)
  return response instanceof AtOnce.Served
    ? orFailDecrypt(() => checkDecryption(client, settings, header, shared(owned, response)))
    : Effect.flatMap(
      response,
      (response) =>
        orFailDecrypt(() =>
          checkDecryption(
            client,
            settings,
            header,
            own(owned, response, CryptographicMaterials.checkDecryptionMaterials)
          )
        )
    )
}

/** The materials that a manager shares, whose data key it copied to the operation. */
const shared = <M>({ dataKey }: Owned, { materials, receipt }: AtOnce.SharedMaterials<M>): Acquired<M> => ({
  materials,
  receipt,
  dataKey: dataKey!,
  isShared: true
})

/** Checks a response, whose data key the operation owns from then on. */
const own = <M extends { readonly plaintextDataKey: DataKey.DataKey }>(
  owned: Owned,
  response: MaterialsResponse<M>,
  check: (materials: M) => M
): Acquired<M> => {
  const receipt = checkReceipt(response)
  const materials = check(response.materials)
  owned.materialsKey = materials.plaintextDataKey
  return { materials, receipt, dataKey: DataKey.value(materials.plaintextDataKey), isShared: false }
}

/** Pairs that are required must not be stored, whatever the manager returns. */
const checkRequired = (required: ReadonlyArray<string>, acquired: EncryptionMaterials): EncryptionMaterials => {
  const { encryptionContext, requiredEncryptionContextKeys: kept } = acquired.materials
  const stored = required.find((key) => !kept.includes(key) || !Object.hasOwn(encryptionContext, key))
  return stored === undefined
    ? acquired
    : invalidMaterials("requiredEncryptionContextKeys", `do not have ${quoted(stored)}`)
}

/** Checks materials against the client's options. */
export const checkEncryption = (
  { commitmentPolicy, isPortable, maxEncryptedDataKeys: maximum }: Client,
  acquired: EncryptionMaterials
): EncryptionMaterials => {
  const { algorithmSuite, encryptedDataKeys: { length: count }, encryptionContext } = acquired.materials
  // A manager may have added pairs, the public key for one.
  if (isPortable) portability.checkContext(encryptionContext)
  CommitmentPolicy.checkEncrypt(commitmentPolicy, algorithmSuite)
  if (count > maximum) reject(new TooManyEncryptedDataKeys({ count, maximum }))
  return withReceipt(acquired)
}

/**
 * Suite and context are the message's own, except pairs that are required and not stored, and the expected pairs are among
 * them. A manager may omit pairs that it had added to the message.
 */
const checkDecryption = (
  { commitmentPolicy }: Client,
  { expectedEncryptionContext }: DecryptSettings,
  header: MessageHeader,
  acquired: DecryptionMaterials
): DecryptionMaterials => {
  const { materials } = acquired
  CommitmentPolicy.checkDecrypt(commitmentPolicy, materials.algorithmSuite)
  if (materials.algorithmSuite !== header.algorithmSuite) invalidMaterials("algorithmSuite", "is not the message's")
  checkContext(materials, header.encryptionContext)
  const mismatch = EncryptionContext.findMismatch(expectedEncryptionContext, materials.encryptionContext)
  if (mismatch !== undefined) reject(new EncryptionContextMismatch({ key: mismatch }))
  return withReceipt(acquired)
}

/** Adds to the receipt what only the materials say. A branch key of a data key that was cached served an earlier request. */
const withReceipt = <M extends CompleteMaterials>(acquired: Acquired<M>): Acquired<M> => {
  const { missingWrappings } = acquired.materials
  const branchKeys = acquired.receipt._tag === "Hit" ? undefined : acquired.materials.branchKeys
  return missingWrappings === undefined && branchKeys === undefined ? acquired : {
    ...acquired,
    receipt: {
      ...acquired.receipt,
      ...missingWrappings && { missingWrappings },
      ...branchKeys && { branchKeys }
    }
  }
}

type CompleteMaterials = Pick<CryptographicMaterials.EncryptionMaterials, "missingWrappings" | "branchKeys">

/** Every pair is either stored in the message, with the same value, or required and not stored. */
const checkContext = (
  { encryptionContext, requiredEncryptionContextKeys: required }: DecryptionMaterials["materials"],
  stored: EncryptionContext.EncryptionContext
): void => {
  if (encryptionContext === stored && required.length === 0) return
  for (const key of Object.keys(encryptionContext)) {
    if (required.includes(key)) {
      if (Object.hasOwn(stored, key)) {
        invalidMaterials("requiredEncryptionContextKeys", `the message stores ${quoted(key)}`)
      }
    } else if (!Object.hasOwn(stored, key) || stored[key] !== encryptionContext[key]) {
      invalidMaterials(
        "encryptionContext",
        `the pair of ${quoted(key)} is neither stored in the message nor required`
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
