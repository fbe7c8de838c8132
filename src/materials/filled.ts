/**
 * Materials that a keyring has filled, checked against those that it was given. For managers, and for the client where it keeps a
 * body: no entry point exports it.
 *
 * Specification: framework/keyring-interface.md#onencrypt
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Primitives } from "../crypto/Primitives.ts"
import { reject } from "../internal/rejection.ts"
import * as AlgorithmSuite from "../model/AlgorithmSuite.ts"
import * as CryptographicMaterials from "../model/CryptographicMaterials.ts"
import * as DataKey from "../model/DataKey.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import { EncryptError, orFailEncrypt } from "../model/errors/EncryptError.ts"
import { InvalidMaterials } from "../model/errors/Reasons.ts"
import { nameOf, onEncrypt } from "./contract.ts"
import type { Keyring } from "./Keyring.ts"

/** The materials that a keyring has filled, which may add a data key and encrypted data keys, and change nothing else. */
export const checkFilled = (
  keyring: Keyring,
  empty: CryptographicMaterials.EncryptionMaterials,
  filled: CryptographicMaterials.EncryptionMaterials
): CryptographicMaterials.CompleteEncryptionMaterials => {
  if (typeof filled !== "object" || filled === null) return reject(noMaterials(keyring))
  if (AlgorithmSuite.resolve(filled.algorithmSuite) !== empty.algorithmSuite) changed(keyring, "algorithmSuite")
  if (!isSameContext(empty.encryptionContext, filled.encryptionContext)) changed(keyring, "encryptionContext")
  if (filled.signingKey !== empty.signingKey) changed(keyring, "signingKey")
  const { branchKeys, encryptedDataKeys, missingWrappings, plaintextDataKey } = filled
  return CryptographicMaterials.checkEncryptionMaterials({
    ...empty,
    encryptedDataKeys,
    plaintextDataKey,
    missingWrappings,
    branchKeys
  })
}

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

const changed = (keyring: Keyring, field: string): never =>
  reject(new InvalidMaterials({ field, description: `was changed by the keyring ${nameOf(keyring)}` }))

const noMaterials = (keyring: Keyring) =>
  new InvalidMaterials({
    field: "materials",
    description: `are missing in the answer of the keyring ${nameOf(keyring)}`
  })

const isSameContext = (a: EncryptionContext.EncryptionContext, b: EncryptionContext.EncryptionContext): boolean =>
  typeof b === "object" && b !== null && EncryptionContext.isEqual(a, b)
