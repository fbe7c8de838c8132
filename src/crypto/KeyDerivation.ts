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
    salt: commits ? new Uint8Array(messageId) : bytes.empty,
    encryptionKey: {
      info: bytes.concat([AlgorithmSuite.encodeId(id), commits ? deriveKeyLabel : messageId]),
      length: dataKeyLength
    },
    commitment: commits ? { info: new Uint8Array(commitKeyLabel), length: commitmentLength } : undefined
  }
}
