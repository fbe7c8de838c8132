/**
 * Encryption and decryption materials: what it takes to encrypt, or to decrypt, one message.
 *
 * Specification: framework/structures.md#encryption-materials, framework/structures.md#decryption-materials
 */
import * as Result from "effect/Result"
import * as AlgorithmSuite from "./AlgorithmSuite.ts"
import type { SigningKey, VerificationKey } from "./crypto/Primitives.ts"
import * as DataKey from "./DataKey.ts"
import * as EncryptedDataKey from "./EncryptedDataKey.ts"
import type { EncryptionContext } from "./EncryptionContext.ts"
import { InvalidMaterials } from "./EncryptionSdkError.ts"
import * as bytes from "./internal/bytes.ts"

/** Materials on their way through keyrings: the first keyring adds the data key, each adds encrypted data keys. */
export interface EncryptionMaterials {
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite
  readonly encryptionContext: EncryptionContext
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
  readonly encryptionContext: EncryptionContext
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

/** Whether a data key is one that the suite can use: of its length, and not all zero. Names what is wrong. */
export const checkDataKey = (
  algorithmSuite: AlgorithmSuite.AlgorithmSuite,
  plaintextDataKey: DataKey.DataKey
): Result.Result<void, InvalidMaterials> => {
  const value = DataKey.value(plaintextDataKey)
  if (value.length !== algorithmSuite.dataKeyLength) {
    return invalid("plaintextDataKey", `is ${value.length} bytes, the suite takes ${algorithmSuite.dataKeyLength}`)
  }
  return bytes.isAllZero(value) ? invalid("plaintextDataKey", "is all zero") : Result.void
}

/**
 * Whether encryption materials hold all it takes, and nothing that the message format cannot carry.
 *
 * Specification: framework/cmm-interface.md#get-encryption-materials
 */
export const checkEncryptionMaterials = (
  materials: EncryptionMaterials
): Result.Result<CompleteEncryptionMaterials, InvalidMaterials> => {
  const { algorithmSuite, encryptedDataKeys, plaintextDataKey, requiredEncryptionContextKeys, signingKey } = materials
  if (!AlgorithmSuite.isAlgorithmSuite(algorithmSuite)) return invalid("algorithmSuite", "is none of the known suites")
  if (plaintextDataKey === undefined) return invalid("plaintextDataKey", "is missing")
  const dataKey = checkDataKey(algorithmSuite, plaintextDataKey)
  if (Result.isFailure(dataKey)) return Result.fail(dataKey.failure)
  if (encryptedDataKeys.length === 0) return invalid("encryptedDataKeys", "there is none")
  if (encryptedDataKeys.length > 0xffff) {
    return invalid("encryptedDataKeys", `there are ${encryptedDataKeys.length}, at most 65535 fit a message`)
  }
  for (const edk of encryptedDataKeys) {
    if (!bytes.isWellFormed(edk.keyProviderId)) {
      return invalid("encryptedDataKeys.keyProviderId", "is not well-formed Unicode")
    }
    for (
      const [field, length] of [
        ["keyProviderId", bytes.utf8(edk.keyProviderId).length],
        ["keyProviderInfo", edk.keyProviderInfo.length],
        ["ciphertext", edk.ciphertext.length]
      ] as const
    ) {
      if (length > EncryptedDataKey.maxFieldLength) {
        return invalid(`encryptedDataKeys.${field}`, `is ${length} bytes, at most 65535 fit a message`)
      }
    }
  }
  if ((signingKey === undefined) !== (algorithmSuite.signature === undefined)) {
    return invalid(
      "signingKey",
      signingKey === undefined ? "is missing, the suite signs" : "is there, the suite does not sign"
    )
  }
  const missing = requiredEncryptionContextKeys.find((key) => !Object.hasOwn(materials.encryptionContext, key))
  if (missing !== undefined) {
    return invalid("requiredEncryptionContextKeys", `the context has no key ${JSON.stringify(missing)}`)
  }
  return Result.succeed({ ...materials, plaintextDataKey })
}

/**
 * Whether decryption materials hold what the suite needs.
 *
 * Specification: framework/cmm-interface.md#decrypt-materials
 */
export const checkDecryptionMaterials = (
  materials: CompleteDecryptionMaterials
): Result.Result<CompleteDecryptionMaterials, InvalidMaterials> => {
  const { algorithmSuite, plaintextDataKey, requiredEncryptionContextKeys, verificationKey } = materials
  if (!AlgorithmSuite.isAlgorithmSuite(algorithmSuite)) return invalid("algorithmSuite", "is none of the known suites")
  const dataKey = checkDataKey(algorithmSuite, plaintextDataKey)
  if (Result.isFailure(dataKey)) return Result.fail(dataKey.failure)
  if ((verificationKey === undefined) !== (algorithmSuite.signature === undefined)) {
    return invalid(
      "verificationKey",
      verificationKey === undefined ? "is missing, the suite signs" : "is there, the suite does not sign"
    )
  }
  const missing = requiredEncryptionContextKeys.find((key) => !Object.hasOwn(materials.encryptionContext, key))
  if (missing !== undefined) {
    return invalid("requiredEncryptionContextKeys", `the context has no key ${JSON.stringify(missing)}`)
  }
  return Result.succeed(materials)
}

const invalid = (field: string, description: string) => Result.fail(new InvalidMaterials({ field, description }))
