/**
 * Wraps a data key that a message has already, which `rewrap` does. Apart from what managers need, so that it loads later. No entry
 * point exports it.
 *
 * Specification: framework/keyring-interface.md#onencrypt
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Primitives } from "../crypto/Primitives.ts"
import type * as CryptographicMaterials from "../model/CryptographicMaterials.ts"
import * as DataKey from "../model/DataKey.ts"
import { EncryptError, orFailEncrypt } from "../model/errors/EncryptError.ts"
import { onEncrypt } from "./contract.ts"
import { changed, checkFilled } from "./filled.ts"
import type { Keyring } from "./Keyring.ts"

/**
 * Wraps a data key that exists already. The materials have a data key of their own, which is zeroed when the scope closes, as is
 * whatever the keyring returns in its place.
 */
export const wrapExisting = Effect.fnUntraced(function*(
  { timingSafeEqual }: Primitives,
  keyring: Keyring,
  materials: CryptographicMaterials.DecryptionMaterials,
  dataKey: Uint8Array
): Effect.fn.Return<CryptographicMaterials.CompleteEncryptionMaterials, EncryptError, Scope.Scope> {
  const { algorithmSuite, encryptionContext, requiredEncryptionContextKeys } = materials
  const own = yield* DataKey.acquire(Effect.sync(() => DataKey.copyFrom(dataKey)))
  const empty: CryptographicMaterials.EncryptionMaterials = {
    algorithmSuite,
    encryptionContext,
    requiredEncryptionContextKeys,
    encryptedDataKeys: [],
    plaintextDataKey: own,
    signingKey: undefined
  }
  const given = { ...empty, encryptedDataKeys: [] }
  const filled = yield* Effect.mapError(onEncrypt(keyring, given), (reason) => new EncryptError({ reason }))
  const returned: unknown = filled?.plaintextDataKey
  if (DataKey.isDataKey(returned)) yield* DataKey.zeroWithScope(returned)
  return yield* orFailEncrypt(() => {
    const complete = checkFilled(keyring, empty, filled)
    // Under another data key than that of the body, the message would be lost.
    if (!timingSafeEqual(DataKey.value(complete.plaintextDataKey), dataKey)) changed(keyring, "plaintextDataKey")
    return complete
  })
})
