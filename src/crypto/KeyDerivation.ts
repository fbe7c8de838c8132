/**
 * What is derived from the data key of each message, by algorithm suite.
 *
 * Specification: framework/transitive-requirements.md#hkdf-encryption-key,
 * framework/transitive-requirements.md#hkdf-commit-key
 */
import type { AlgorithmSuite } from "../model/AlgorithmSuite.ts"
import * as bytes from "../internal/bytes.ts"
import type { KeyDerivationPlan } from "./Primitives.ts"

const deriveKeyLabel = /*#__PURE__*/ bytes.utf8("DERIVEKEY")
const commitKeyLabel = /*#__PURE__*/ bytes.utf8("COMMITKEY")

/**
 * The derivation that a suite asks for in the message of this identifier. Keeps no reference to `messageId`.
 *
 * Throws a `RangeError` where `messageId` is not of the suite's length: the message format has checked it before.
 *
 * **Gotchas**
 *
 * The salt of a suite of version 1 is empty here. HKDF takes that for zeroes of the hash function's length, which is what
 * the specification asks for.
 */
export const plan = (algorithmSuite: AlgorithmSuite, messageId: Uint8Array): KeyDerivationPlan => {
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
  const suiteId = Uint8Array.of(id >>> 8, id & 0xff)
  return commitmentLength === 0
    ? {
      hash: keyDerivation.hash,
      salt: bytes.empty,
      encryptionKey: { info: bytes.concat([suiteId, messageId]), length: dataKeyLength },
      commitment: undefined
    }
    : {
      hash: keyDerivation.hash,
      salt: new Uint8Array(messageId),
      encryptionKey: { info: bytes.concat([suiteId, deriveKeyLabel]), length: dataKeyLength },
      commitment: { info: new Uint8Array(commitKeyLabel), length: commitmentLength }
    }
}
