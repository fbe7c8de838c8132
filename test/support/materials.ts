import type { CryptographicMaterialsManager } from "effect-encryption-sdk"
import type { DecryptionMaterials, EncryptionMaterials } from "../../src/model/CryptographicMaterials.ts"
import type { EncryptionContext } from "../../src/model/EncryptionContext.ts"
import { unsigned } from "../support/suites.ts"

export const exampleContext: EncryptionContext = { purpose: "test", "\u{1f600}": "astral", "\u{ff21}": "full width" }

/** Encryption materials as a manager hands them to the first keyring. */
export const encryptionMaterials = (overrides: Partial<EncryptionMaterials> = {}): EncryptionMaterials => ({
  algorithmSuite: unsigned,
  encryptionContext: exampleContext,
  requiredEncryptionContextKeys: [],
  encryptedDataKeys: [],
  plaintextDataKey: undefined,
  signingKey: undefined,
  ...overrides
})

/** Decryption materials as a manager hands them to a keyring. */
export const decryptionMaterials = (overrides: Partial<DecryptionMaterials> = {}): DecryptionMaterials => ({
  algorithmSuite: unsigned,
  encryptionContext: exampleContext,
  requiredEncryptionContextKeys: [],
  ...overrides
})

/** A request for encryption materials, as the client makes it under its default policy. */
export const encryptionRequest = (
  changes: Partial<CryptographicMaterialsManager.EncryptionMaterialsRequest> = {}
): CryptographicMaterialsManager.EncryptionMaterialsRequest => ({
  encryptionContext: { tenant: "a" },
  commitmentPolicy: "RequireEncryptRequireDecrypt",
  algorithmSuite: undefined,
  requiredEncryptionContextKeys: [],
  maxPlaintextLength: 10,
  ...changes
})
