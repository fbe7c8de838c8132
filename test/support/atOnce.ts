/** Requests for materials as the client makes them: at once where the manager can. */
import { Effect, type Scope } from "effect"
import { type CryptographicMaterials, type CryptographicMaterialsManager, DataKey } from "effect-encryption-sdk"
import * as AtOnce from "../../src/materials/atOnce.ts"

type Manager = CryptographicMaterialsManager.CryptographicMaterialsManager
type Response<M> = CryptographicMaterialsManager.MaterialsResponse<M>

/** A response with a data key of its own, as the ordinary form of the request has it. */
const withKey = <M extends { readonly plaintextDataKey: DataKey.DataKey }>(
  response: AtOnce.Served<M>,
  { dataKey }: AtOnce.KeyHolder
): Effect.Effect<Response<M>, never, Scope.Scope> => {
  const plaintextDataKey = DataKey.make(dataKey!)
  return Effect.as(
    DataKey.zeroWithScope(plaintextDataKey),
    { materials: { ...response.materials, plaintextDataKey } as M, receipt: response.receipt }
  )
}

/** `getEncryptionMaterials` at once; `undefined` where the manager has no such form. */
export const encryptAtOnce = (
  manager: Manager,
  request: CryptographicMaterialsManager.EncryptionMaterialsRequest
): Effect.Effect<Response<CryptographicMaterials.CompleteEncryptionMaterials>, unknown, Scope.Scope> =>
  Effect.suspend(() => {
    const holder: AtOnce.KeyHolder = { dataKey: undefined }
    const response = AtOnce.encryption.of(manager.getEncryptionMaterials)!(request, holder)
    return response instanceof AtOnce.Served ? withKey(response, holder) : response
  })

/** `decryptMaterials` at once. */
export const decryptAtOnce = (
  manager: Manager,
  request: CryptographicMaterialsManager.DecryptMaterialsRequest,
  isStable: boolean
): Effect.Effect<Response<CryptographicMaterials.CompleteDecryptionMaterials>, unknown, Scope.Scope> =>
  Effect.suspend(() => {
    const holder: AtOnce.KeyHolder = { dataKey: undefined }
    const response = AtOnce.decryption.of(manager.decryptMaterials)!(request, holder, isStable)
    return response instanceof AtOnce.Served ? withKey(response, holder) : response
  })
