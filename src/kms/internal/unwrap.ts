/**
 * The one Decrypt that unwraps a data key, and the parts of a request that keyrings send alike.
 */
import type { DecryptionMaterials, EncryptionMaterials } from "../../model/CryptographicMaterials.ts"
import { type Caller, decrypt, type DecryptCaller } from "../calls.ts"
import type { KmsRequest } from "../Kms.ts"
import { checkPlaintext } from "./kmsResponses.ts"

/** The fields of every request. */
export const requestOf = (
  { grantTokens }: Caller<unknown>,
  keyId: string,
  { encryptionContext }: EncryptionMaterials | DecryptionMaterials
): KmsRequest => ({ keyId, encryptionContext, grantTokens })

/** A wrapped data key, and the key that is to unwrap it. */
export interface Wrapped {
  readonly keyId: string
  readonly ciphertext: Uint8Array
}

/**
 * Unwraps a data key with one Decrypt. The data key is zeroed when the scope closes, and at once where it is not returned.
 *
 * Specification: framework/aws-kms/aws-kms-keyring.md#ondecrypt
 */
export const unwrap = (caller: DecryptCaller, { ciphertext, keyId }: Wrapped, materials: DecryptionMaterials) =>
  decrypt(caller, {
    ...requestOf(caller, keyId, materials),
    // A copy: the encrypted data key that was unwrapped is returned, and must be the one that was given.
    ciphertextBlob: new Uint8Array(ciphertext)
  }, (plaintext) => checkPlaintext(plaintext, materials))
