/**
 * Bytes that the ECDH keyrings write: key provider information and the fixed input of the key derivation. For keyrings of the
 * library: no entry point exports it.
 *
 * Specification: framework/raw-ecdh-keyring.md#structure
 */
import * as Result from "effect/Result"
import type { Curve } from "../crypto/ecdhPublicKey.ts"
import * as bytes from "../internal/bytes.ts"

/** The compressed public keys of an encrypted data key. */
export interface KeyPair {
  readonly sender: Uint8Array
  readonly recipient: Uint8Array
}

const version = 1

/**
 * Encodes key provider information: the version, the recipient's public key and the sender's, each behind its length of four
 * bytes. 75 bytes for P-256, 107 for P-384, 143 for P-521.
 *
 * Specification: framework/raw-ecdh-keyring.md#key-provider-information
 */
export const encodeInfo = ({ recipient, sender }: KeyPair): Uint8Array<ArrayBuffer> => {
  const out = new Uint8Array(9 + recipient.length + sender.length)
  out[0] = version
  bytes.setUint32(out, 1, recipient.length)
  out.set(recipient, 5)
  bytes.setUint32(out, 5 + recipient.length, sender.length)
  out.set(sender, 9 + recipient.length)
  return out
}

/** The public keys in key provider information, or the reason why there are none of `keyLength` bytes. */
export const decodeInfo = (
  curve: Curve,
  keyLength: number,
  info: Uint8Array
): Result.Result<KeyPair, string> => {
  const length = 9 + 2 * keyLength
  if (info.length !== length) {
    return Result.fail(
      `its key provider information is ${info.length} bytes, two public keys on ${curve} take ${length}`
    )
  }
  if (info[0] !== version) return Result.fail(`its key provider information is of version ${info[0]}, not ${version}`)
  if (bytes.getUint32(info, 1) !== keyLength || bytes.getUint32(info, 5 + keyLength) !== keyLength) {
    return Result.fail(`its public keys are not of ${keyLength} bytes each`)
  }
  return Result.succeed({
    recipient: bytes.copyRange(info, 5, keyLength),
    sender: bytes.copyRange(info, 9 + keyLength, keyLength)
  })
}

const separator = /*#__PURE__*/ Uint8Array.of(0)

/**
 * The label of the key derivation, which the wrapping authenticates as well.
 *
 * Specification: framework/key-agreement-schemas.md#key-derivation, which leaves the name of the curve open and writes the first
 * part in both cases: other implementations write both in lower case. The sender comes first here, unlike in key provider
 * information.
 */
export const fixedInfo = (
  curve: Curve,
  { recipient, sender }: KeyPair,
  serializedContext: Uint8Array
): Uint8Array<ArrayBuffer> =>
  bytes.concat([
    bytes.utf8("ecdh-key-derivation"),
    separator,
    bytes.utf8(curve.toLowerCase().replace("-", "")),
    separator,
    bytes.utf8("HMAC_SHA384"),
    separator,
    sender,
    recipient,
    separator,
    Uint8Array.of(version),
    separator,
    serializedContext
  ])
