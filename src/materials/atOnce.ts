/**
 * Materials without an Effect, from a manager that has them. Not exported: only the library's own client asks for them, which
 * neither changes nor hands out what it shares with the manager.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { makeCounterparts } from "../internal/counterpart.ts"
import type { CompleteDecryptionMaterials, CompleteEncryptionMaterials } from "../model/CryptographicMaterials.ts"
import type { DecryptError } from "../model/errors/DecryptError.ts"
import type { EncryptError } from "../model/errors/EncryptError.ts"
import type { Receipt } from "../model/Receipt.ts"
import type {
  CryptographicMaterialsManager,
  DecryptMaterialsRequest,
  EncryptionMaterialsRequest,
  MaterialsResponse
} from "./CryptographicMaterialsManager.ts"

/** The place of the data key of one operation, which zeroes it. */
export interface KeyHolder {
  dataKey: Uint8Array | undefined
}

/** Materials that were checked. They are shared: their data key is a copy in the operation's holder. */
export interface SharedMaterials<Materials> {
  readonly materials: Omit<Materials, "plaintextDataKey">
  readonly receipt: Receipt
}

/** The response of a manager that responded at once. */
export class Served<Materials> implements SharedMaterials<Materials> {
  readonly materials: Omit<Materials, "plaintextDataKey">
  readonly receipt: Receipt

  constructor(materials: Omit<Materials, "plaintextDataKey">, receipt: Receipt) {
    this.materials = materials
    this.receipt = receipt
  }
}

/**
 * The response where it is possible in this step: then a copy of the data key is in the holder before anything else can happen.
 * Otherwise the Effect that responds.
 */
export type Response<Materials, E> =
  | Served<Materials>
  | Effect.Effect<MaterialsResponse<Materials>, E, Scope.Scope>

/** The form of `getEncryptionMaterials` that responds at once. */
export const encryption = /*#__PURE__*/ makeCounterparts<
  CryptographicMaterialsManager["getEncryptionMaterials"],
  (request: EncryptionMaterialsRequest, holder: KeyHolder) => Response<CompleteEncryptionMaterials, EncryptError>
>()

/**
 * The form of `decryptMaterials` that responds at once. `isStable`: the list of encrypted data keys never changes, so that what
 * follows from it can be remembered.
 */
export const decryption = /*#__PURE__*/ makeCounterparts<
  CryptographicMaterialsManager["decryptMaterials"],
  (
    request: DecryptMaterialsRequest,
    holder: KeyHolder,
    isStable: boolean
  ) => Response<CompleteDecryptionMaterials, DecryptError>
>()
