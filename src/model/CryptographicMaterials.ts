/**
 * Encryption and decryption materials: what it takes to encrypt, or to decrypt, one message.
 *
 * Specification: framework/structures.md#encryption-materials, framework/structures.md#decryption-materials
 */
import * as Result from "effect/Result"
import * as AlgorithmSuite from "./AlgorithmSuite.ts"
import * as DataKey from "./DataKey.ts"
import * as EncryptedDataKey from "./EncryptedDataKey.ts"
import * as EncryptionContext from "./EncryptionContext.ts"
import { InvalidMaterials } from "./errors/Reasons.ts"
import * as bytes from "../internal/bytes.ts"
import type { SigningKey, VerificationKey } from "./KeyHandles.ts"

/** Materials on their way through keyrings: the first keyring adds the data key, each adds encrypted data keys. */
export interface EncryptionMaterials {
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite
  readonly encryptionContext: EncryptionContext.EncryptionContext
  /** Keys of the context that are authenticated but not stored in the message. */
  readonly requiredEncryptionContextKeys: ReadonlyArray<string>
  readonly encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>
  readonly plaintextDataKey: DataKey.DataKey | undefined
  /** Present if and only if the suite signs. */
  readonly signingKey: SigningKey | undefined
}

/** Encryption materials that hold all it takes, as a materials manager answers them. */
export interface CompleteEncryptionMaterials extends EncryptionMaterials {
  readonly plaintextDataKey: DataKey.DataKey
}

/** Decryption materials on their way to a keyring, which answers the data key. */
export interface DecryptionMaterials {
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite
  readonly encryptionContext: EncryptionContext.EncryptionContext
  /** Keys of the context that were authenticated but not stored in the message. */
  readonly requiredEncryptionContextKeys: ReadonlyArray<string>
}

/** Decryption materials that hold all it takes, as a materials manager answers them. */
export interface CompleteDecryptionMaterials extends DecryptionMaterials {
  readonly plaintextDataKey: DataKey.DataKey
  /** The encrypted data key that was unwrapped: it says under which wrapping key the message was readable. */
  readonly unwrappedDataKey: EncryptedDataKey.EncryptedDataKey
  /** Present if and only if the suite signs. */
  readonly verificationKey: VerificationKey | undefined
}

/**
 * Whether a data key is one that the suite can use: not released yet, of the suite's length, and not all zero. Names what
 * is wrong.
 */
export const checkDataKey = (
  algorithmSuite: AlgorithmSuite.AlgorithmSuite,
  plaintextDataKey: DataKey.DataKey
): Result.Result<void, InvalidMaterials> => {
  const value = unreleased(plaintextDataKey)
  if (!bytes.isBytes(value)) return invalid("plaintextDataKey", "is no data key, or was released already")
  if (value.length !== algorithmSuite.dataKeyLength) {
    return invalid("plaintextDataKey", `is ${value.length} bytes, the suite takes ${algorithmSuite.dataKeyLength}`)
  }
  return bytes.isAllZero(value) ? invalid("plaintextDataKey", "is all zero") : Result.void
}

const unreleased = (plaintextDataKey: DataKey.DataKey): unknown => {
  try {
    return DataKey.value(plaintextDataKey)
  } catch {
    return undefined
  }
}

/**
 * Whether encryption materials hold all it takes, and nothing that the message format cannot carry. Answers them with a
 * context that can no longer change.
 *
 * Specification: framework/cmm-interface.md#get-encryption-materials
 */
export const checkEncryptionMaterials = (
  materials: EncryptionMaterials
): Result.Result<CompleteEncryptionMaterials, InvalidMaterials> => {
  if (typeof materials !== "object" || materials === null) return invalid("materials", "are missing")
  const { algorithmSuite, encryptedDataKeys, plaintextDataKey, requiredEncryptionContextKeys, signingKey } = materials
  if (!AlgorithmSuite.isAlgorithmSuite(algorithmSuite)) return invalid("algorithmSuite", "is none of the known suites")
  const context = EncryptionContext.validate(materials.encryptionContext)
  if (Result.isFailure(context)) return invalid("encryptionContext", context.failure.message)
  if (plaintextDataKey === undefined) return invalid("plaintextDataKey", "is missing")
  const dataKey = checkDataKey(algorithmSuite, plaintextDataKey)
  if (Result.isFailure(dataKey)) return Result.fail(dataKey.failure)
  if (!Array.isArray(encryptedDataKeys) || encryptedDataKeys.length === 0) {
    return invalid("encryptedDataKeys", "there is none")
  }
  if (encryptedDataKeys.length > 0xffff) {
    return invalid("encryptedDataKeys", `there are ${encryptedDataKeys.length}, at most 65535 fit a message`)
  }
  for (const edk of encryptedDataKeys) {
    const wrong = checkEncryptedDataKey(edk)
    if (wrong !== undefined) return wrong
  }
  if ((signingKey === undefined) !== (algorithmSuite.signature === undefined)) {
    return invalid(
      "signingKey",
      signingKey === undefined ? "is missing, the suite signs" : "is there, the suite does not sign"
    )
  }
  // Without it the message could not be decrypted; with one that nobody signs with, neither.
  if (Object.hasOwn(context.success, EncryptionContext.publicKeyKey) !== (signingKey !== undefined)) {
    return invalid(
      "encryptionContext",
      `${JSON.stringify(EncryptionContext.publicKeyKey)} is ${
        signingKey === undefined ? "there, the suite does not sign" : "missing, the suite signs"
      }`
    )
  }
  const required = checkRequiredKeys(requiredEncryptionContextKeys, context.success)
  if (required !== undefined) return required
  return Result.succeed({ ...materials, encryptionContext: context.success, plaintextDataKey })
}

const checkEncryptedDataKey = (edk: EncryptedDataKey.EncryptedDataKey) => {
  if (typeof edk !== "object" || edk === null) {
    return invalid("encryptedDataKeys", "holds what is no encrypted data key")
  }
  const { ciphertext, keyProviderId, keyProviderInfo } = edk
  if (typeof keyProviderId !== "string" || !bytes.isWellFormed(keyProviderId)) {
    return invalid("encryptedDataKeys.keyProviderId", "is not well-formed Unicode")
  }
  return checkField("keyProviderId", bytes.utf8(keyProviderId)) ?? checkField("keyProviderInfo", keyProviderInfo) ??
    checkField("ciphertext", ciphertext)
}

const checkField = (field: keyof EncryptedDataKey.EncryptedDataKey, value: Uint8Array) => {
  if (!bytes.isBytes(value)) return invalid(`encryptedDataKeys.${field}`, "is no Uint8Array")
  return value.length > EncryptedDataKey.maxFieldLength
    ? invalid(`encryptedDataKeys.${field}`, `is ${value.length} bytes, at most 65535 fit a message`)
    : undefined
}

const checkRequiredKeys = (keys: ReadonlyArray<string>, context: EncryptionContext.EncryptionContext) => {
  if (!Array.isArray(keys)) return invalid("requiredEncryptionContextKeys", "are missing")
  const missing = keys.find((key) => !Object.hasOwn(context, key))
  return missing === undefined
    ? undefined
    : invalid("requiredEncryptionContextKeys", `the context has no key ${JSON.stringify(missing)}`)
}

/**
 * Whether decryption materials hold what the suite needs.
 *
 * Specification: framework/cmm-interface.md#decrypt-materials
 */
export const checkDecryptionMaterials = (
  materials: CompleteDecryptionMaterials
): Result.Result<CompleteDecryptionMaterials, InvalidMaterials> => {
  if (typeof materials !== "object" || materials === null) return invalid("materials", "are missing")
  const { algorithmSuite, encryptionContext, plaintextDataKey, requiredEncryptionContextKeys, verificationKey } =
    materials
  if (!AlgorithmSuite.isAlgorithmSuite(algorithmSuite)) return invalid("algorithmSuite", "is none of the known suites")
  const dataKey = checkDataKey(algorithmSuite, plaintextDataKey)
  if (Result.isFailure(dataKey)) return Result.fail(dataKey.failure)
  if ((verificationKey === undefined) !== (algorithmSuite.signature === undefined)) {
    return invalid(
      "verificationKey",
      verificationKey === undefined ? "is missing, the suite signs" : "is there, the suite does not sign"
    )
  }
  if (typeof encryptionContext !== "object" || encryptionContext === null) {
    return invalid("encryptionContext", "is missing")
  }
  const required = checkRequiredKeys(requiredEncryptionContextKeys, encryptionContext)
  return required ?? Result.succeed(materials)
}

const invalid = (field: string, description: string) => Result.fail(new InvalidMaterials({ field, description }))
