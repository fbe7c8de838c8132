/**
 * Parameters of key derivation, by algorithm suite.
 *
 * Specification: framework/transitive-requirements.md#hkdf-encryption-key,
 * framework/transitive-requirements.md#hkdf-commit-key
 */
import * as AlgorithmSuite from "../model/AlgorithmSuite.ts"
import * as bytes from "../internal/bytes.ts"
import type { KeyDerivationParameters } from "./Primitives.ts"

const deriveKeyLabel = /*#__PURE__*/ bytes.utf8("DERIVEKEY")
const commitKeyLabel = /*#__PURE__*/ bytes.utf8("COMMITKEY")

/**
 * Parameters of the derivation of one message's keys. Keeps no reference to `messageId`.
 *
 * Throws a `RangeError` if `messageId` has another length than the suite's: the message format has checked it before.
 *
 * **Gotchas**
 *
 * The salt of a suite of version 1 is empty here. HKDF takes an empty salt as zeroes of the hash function's length, which
 * the specification asks for.
 */
export const parameters = (
  algorithmSuite: AlgorithmSuite.AlgorithmSuite,
  messageId: Uint8Array
): KeyDerivationParameters => {
  const { commitment, encryptionKey, hash, salt } = sharing(algorithmSuite, messageId)
  return {
    hash,
    salt: new Uint8Array(salt),
    encryptionKey: { ...encryptionKey, info: new Uint8Array(encryptionKey.info) },
    commitment: commitment && { ...commitment, info: new Uint8Array(commitment.info) }
  }
}

/**
 * `parameters` in shared arrays, `messageId` among them: they must be read only.
 *
 * @internal
 */
export const sharing = (
  algorithmSuite: AlgorithmSuite.AlgorithmSuite,
  messageId: Uint8Array
): KeyDerivationParameters => {
  const { commitmentLength, dataKeyLength, id, keyDerivation, messageIdLength } = algorithmSuite
  if (messageId.length !== messageIdLength) {
    throw new RangeError(`messageId: is ${messageId.length} bytes, the suite takes ${messageIdLength}`)
  }
  if (keyDerivation._tag === "Identity") {
    return {
      hash: undefined,
      salt: bytes.empty,
      encryptionKey: { info: bytes.empty, length: dataKeyLength },
      commitment: undefined
    }
  }
  const commits = commitmentLength > 0
  return {
    hash: keyDerivation.hash,
    salt: commits ? messageId : bytes.empty,
    encryptionKey: {
      info: commits ? committingInfo(id) : bytes.concat([AlgorithmSuite.encodeId(id), messageId]),
      length: dataKeyLength
    },
    commitment: commits ? { info: commitKeyLabel, length: commitmentLength } : undefined
  }
}

const committingInfos = new Map<number, Uint8Array>()

/** The information of the encryption key in a suite with key commitment: the same for all messages. */
const committingInfo = (id: number): Uint8Array => {
  let info = committingInfos.get(id)
  if (info === undefined) committingInfos.set(id, info = bytes.concat([AlgorithmSuite.encodeId(id), deriveKeyLabel]))
  return info
}
