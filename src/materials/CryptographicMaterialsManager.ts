/**
 * Cryptographic materials managers (CMM) assemble the materials of each message.
 *
 * A program may hold many managers, so a manager is a value; `CryptographicMaterialsManager.CryptographicMaterialsManager` is the tag for the
 * one that a program uses.
 *
 * Specification: framework/cmm-interface.md
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { AlgorithmSuite } from "../model/AlgorithmSuite.ts"
import type { CommitmentPolicy } from "../model/CommitmentPolicy.ts"
import type { CompleteDecryptionMaterials, CompleteEncryptionMaterials } from "../model/CryptographicMaterials.ts"
import type { EncryptedDataKey } from "../model/EncryptedDataKey.ts"
import type { EncryptionContext } from "../model/EncryptionContext.ts"
import type { DecryptError } from "../model/errors/DecryptError.ts"
import type { EncryptError } from "../model/errors/EncryptError.ts"
import type { Receipt } from "../model/Receipt.ts"
import * as contract from "./contract.ts"

const TypeId = "~effect-encryption-sdk/CryptographicMaterialsManager" as const

/**
 * A request for the materials to encrypt one message.
 *
 * Specification: framework/cmm-interface.md#encryption-materials-request
 */
export interface EncryptionMaterialsRequest {
  readonly encryptionContext: EncryptionContext
  readonly commitmentPolicy: CommitmentPolicy
  /** Undefined leaves the choice to the manager. */
  readonly algorithmSuite: AlgorithmSuite | undefined
  /** Keys that must be authenticated but not stored. */
  readonly requiredEncryptionContextKeys: ReadonlyArray<string>
  /** Upper bound of the plaintext length in bytes; undefined where it is unknown. */
  readonly maxPlaintextLength: number | undefined
}

/**
 * A request for the materials to decrypt one message.
 *
 * Specification: framework/cmm-interface.md#decrypt-materials-request
 */
export interface DecryptMaterialsRequest {
  readonly algorithmSuite: AlgorithmSuite
  readonly commitmentPolicy: CommitmentPolicy
  readonly encryptedDataKeys: ReadonlyArray<EncryptedDataKey>
  /** As it stands in the message header, not authenticated yet. */
  readonly encryptionContext: EncryptionContext
  /** Pairs that must be in the context. Those that the message does not store are reproduced from here. */
  readonly expectedEncryptionContext: EncryptionContext
}

/** Materials, and the receipt of the request. */
export interface MaterialsResponse<Materials> {
  readonly materials: Materials
  readonly receipt: Receipt
}

/**
 * The two operations of a manager. Materials belong to the one operation that requested them; their data key is zeroed
 * when the scope closes.
 */
export interface CryptographicMaterialsManager {
  readonly [TypeId]: typeof TypeId
  readonly getEncryptionMaterials: (
    request: EncryptionMaterialsRequest
  ) => Effect.Effect<MaterialsResponse<CompleteEncryptionMaterials>, EncryptError, Scope.Scope>
  readonly decryptMaterials: (
    request: DecryptMaterialsRequest
  ) => Effect.Effect<MaterialsResponse<CompleteDecryptionMaterials>, DecryptError, Scope.Scope>
}

/** Whether a value is a materials manager. */
export const isCryptographicMaterialsManager = (value: unknown): value is CryptographicMaterialsManager =>
  typeof value === "object" && value !== null && TypeId in value

/**
 * A manager from its operations: the library's own are made so, and so is a user's. An operation that throws, returns no Effect,
 * or fails with another error than its type says fails with `BrokenContract`.
 */
export const make = (
  implementation: Omit<CryptographicMaterialsManager, typeof TypeId>
): CryptographicMaterialsManager => ({
  getEncryptionMaterials: (request) => contract.getEncryptionMaterials(implementation, request),
  decryptMaterials: (request) => contract.decryptMaterials(implementation, request),
  [TypeId]: TypeId
})

/** The materials manager that this program uses. */
export const CryptographicMaterialsManager: Context.Service<
  CryptographicMaterialsManager,
  CryptographicMaterialsManager
> = /*#__PURE__*/ Context.Service<CryptographicMaterialsManager>("effect-encryption-sdk/CryptographicMaterialsManager")
