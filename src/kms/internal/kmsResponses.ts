/**
 * Checks of the responses of AWS KMS, and the encrypted data keys made of them.
 *
 * Specification: framework/aws-kms/aws-kms-keyring.md
 */
import * as bytes from "../../internal/bytes.ts"
import { shown } from "../../internal/printable.ts"
import { invalidAnswer } from "../../materials/unwrapFirst.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "../../model/CryptographicMaterials.ts"
import * as DataKey from "../../model/DataKey.ts"
import type { EncryptedDataKey } from "../../model/EncryptedDataKey.ts"
import type { ProviderRefusal } from "../../model/errors/KeyringError.ts"
import * as KeyArn from "../KeyArn.ts"

/** The key provider id of encrypted data keys that AWS KMS wrapped. */
export const providerId = "aws-kms"

/** Returns the fault of a plaintext data key: one of another length than the suite's, or of zeroes. */
export const checkPlaintext = (
  plaintext: DataKey.DataKey,
  { algorithmSuite }: EncryptionMaterials | DecryptionMaterials
): ProviderRefusal | undefined =>
  DataKey.value(plaintext).length !== algorithmSuite.dataKeyLength
    ? invalidAnswer("PlaintextLengthMismatch")
    : DataKey.isAllZero(plaintext)
    ? invalidAnswer("PlaintextAllZero")
    : undefined

/** A wrapped data key as AWS KMS returns it. `keyId` is the ARN of the key that wrapped it. */
export interface Wrapped {
  readonly keyId: string
  readonly ciphertextBlob: Uint8Array
}

/** Returns the fault of a wrapped data key: one without key ARN, or without ciphertext. */
export const checkWrapped = ({ ciphertextBlob, keyId }: Wrapped): ProviderRefusal | undefined =>
  !KeyArn.isKeyArn(keyId)
    ? { ...invalidAnswer("KeyIdNotAKeyArn"), description: `must be a key ARN, got ${named(keyId)}` }
    : ciphertextBlob.length === 0
    ? invalidAnswer("CiphertextBlobEmpty")
    : undefined

/** A key's name as an error shows it. What does not begin as one is not quoted: a response may hold a secret. */
const named = (keyId: string): string =>
  /^(arn:|alias\/|mrk-|[0-9a-f]{8}-|$)/.test(keyId) ? shown(keyId) : `a text of ${keyId.length} characters`

/** The encrypted data key of a wrapped data key. */
export const toEncryptedDataKey = ({ ciphertextBlob, keyId }: Wrapped): EncryptedDataKey => ({
  keyProviderId: providerId,
  keyProviderInfo: bytes.utf8(keyId),
  ciphertext: new Uint8Array(ciphertextBlob)
})
