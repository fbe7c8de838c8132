/**
 * Materials that a keyring has filled, checked against those that it was given. No entry point exports it.
 *
 * Specification: framework/keyring-interface.md#onencrypt
 */
import { reject } from "../internal/rejection.ts"
import * as AlgorithmSuite from "../model/AlgorithmSuite.ts"
import * as CryptographicMaterials from "../model/CryptographicMaterials.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import { InvalidMaterials } from "../model/errors/Reasons.ts"
import { nameOf } from "./contract.ts"
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

/** Rejects materials of which a keyring has changed this field. */
export const changed = (keyring: Keyring, field: string): never =>
  reject(new InvalidMaterials({ field, description: `was changed by the keyring ${nameOf(keyring)}` }))

const noMaterials = (keyring: Keyring) =>
  new InvalidMaterials({
    field: "materials",
    description: `are missing in the answer of the keyring ${nameOf(keyring)}`
  })

const isSameContext = (a: EncryptionContext.EncryptionContext, b: EncryptionContext.EncryptionContext): boolean =>
  typeof b === "object" && b !== null && EncryptionContext.isEqual(a, b)
