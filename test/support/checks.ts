/** The checks of materials, which reject, as results. */
import { CryptographicMaterials, type InvalidMaterials } from "effect-encryption-sdk"
import { checked } from "../../src/internal/rejection.ts"

export const checkDataKey = (...args: Parameters<typeof CryptographicMaterials.checkDataKey>) =>
  checked<void, InvalidMaterials>(() => CryptographicMaterials.checkDataKey(...args))

export const checkEncryptionMaterials = (materials: CryptographicMaterials.EncryptionMaterials) =>
  checked<CryptographicMaterials.CompleteEncryptionMaterials, InvalidMaterials>(() =>
    CryptographicMaterials.checkEncryptionMaterials(materials)
  )

export const checkDecryptionMaterials = (materials: CryptographicMaterials.CompleteDecryptionMaterials) =>
  checked<CryptographicMaterials.CompleteDecryptionMaterials, InvalidMaterials>(() =>
    CryptographicMaterials.checkDecryptionMaterials(materials)
  )
