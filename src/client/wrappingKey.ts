/**
 * Wrapping keys by the encrypted data keys that they made: without what is of one encrypted data key alone. Not exported.
 *
 * Specification: framework/raw-aes-keyring.md#key-provider-information,
 * framework/raw-ecdh-keyring.md#key-provider-information,
 * framework/aws-kms/aws-kms-hierarchical-keyring.md#ciphertext
 */
import * as bytes from "../internal/bytes.ts"
import { printable } from "../internal/printable.ts"
import * as uuid from "../internal/uuid.ts"
import { ivLength, tagLength } from "../model/AesGcm.ts"
import * as EncryptedDataKey from "../model/EncryptedDataKey.ts"
import type { WrappingKey } from "./RotationOptions.ts"

/** The wrapping key of an encrypted data key. */
export interface Identity {
  /** Texts for programs and logs. */
  readonly key: WrappingKey
  /** The same for encrypted data keys of the same wrapping key, and for no others. */
  readonly id: string
}

/** Tag length in bits and IV length, each of four bytes, behind the key name of a raw AES keyring. */
const aesLengths = /*#__PURE__*/ Uint8Array.of(0, 0, 0, 8 * tagLength, 0, 0, 0, ivLength)

/** Salt and IV, behind which the version of the branch key stands, in 16 bytes. */
const versionOffset = 16 + ivLength
const versionLength = 16

/** Reads the wrapping key of an encrypted data key. */
export const identify = (encryptedDataKey: EncryptedDataKey.EncryptedDataKey): Identity => {
  const { ciphertext, keyProviderId, keyProviderInfo } = encryptedDataKey
  const version = keyProviderId === "aws-kms-hierarchy" && ciphertext.length >= versionOffset + versionLength
    ? uuid.format(ciphertext.subarray(versionOffset, versionOffset + versionLength))
    : undefined
  const text = {
    keyProviderId: printable(keyProviderId),
    keyProviderInfo: EncryptedDataKey.printableInfo(keyProviderInfo)
  }
  const stable = stablePart(keyProviderId, keyProviderInfo)
  return {
    key: Object.freeze(version === undefined ? text : { ...text, branchKeyVersion: version }),
    id: JSON.stringify([keyProviderId, bytes.toLatin1(stable), version ?? ""])
  }
}

/** Key provider information without what differs from message to message. */
const stablePart = (keyProviderId: string, info: Uint8Array): Uint8Array => {
  if (keyProviderId === "raw-ecdh" || keyProviderId === "aws-kms-ecdh") {
    // The sender's key behind that of the recipient may be ephemeral.
    const end = info.length < 5 ? info.length : 5 + bytes.getUint32(info, 1)
    return info.subarray(0, end)
  }
  const nameLength = info.length - ivLength - aesLengths.length
  return nameLength > 0 && bytes.equals(info.subarray(nameLength, nameLength + aesLengths.length), aesLengths)
    ? info.subarray(0, nameLength)
    : info
}
