/**
 * Wrapping of data keys under branch keys.
 *
 * Specification: framework/aws-kms/aws-kms-hierarchical-keyring.md#branch-key-wrapping
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { counterModeKdf } from "../../crypto/counterModeKdf.ts"
import type { Primitives } from "../../crypto/Primitives.ts"
import * as bytes from "../../internal/bytes.ts"
import * as uuids from "../../internal/uuid.ts"
import { notImported } from "../../materials/keyringFailures.ts"
import { ivLength, tagLength } from "../../model/AesGcm.ts"
import * as DataKey from "../../model/DataKey.ts"
import type { ProviderRefusal } from "../../model/errors/KeyringError.ts"
import type { BranchKey } from "../BranchKeyStore.ts"

/** The key provider id of encrypted data keys under branch keys, which is also the label of their derivation. */
export const providerId = "aws-kms-hierarchy"

const saltLength = 16
const versionLength = 16
const wrappingKeyLength = 32
const prefixLength = saltLength + ivLength + versionLength

/**
 * The ciphertext of an encrypted data key.
 *
 * Specification: framework/aws-kms/aws-kms-hierarchical-keyring.md#ciphertext
 */
export interface Ciphertext {
  readonly salt: Uint8Array
  readonly iv: Uint8Array
  /** The version of the branch key, a UUID in lower case. */
  readonly version: string
  /** The wrapped key and its tag. */
  readonly wrapped: Uint8Array
}

/** Bytes of the ciphertext of a data key. */
export const lengthOf = (dataKeyLength: number): number => prefixLength + dataKeyLength + tagLength

/** The bytes of a ciphertext. */
export const encode = ({ iv, salt, version, wrapped }: Ciphertext): Uint8Array<ArrayBuffer> =>
  bytes.concat([salt, iv, uuids.parse(version)!, wrapped])

/** Reads a ciphertext; undefined where it has not exactly the length for its data key. */
export const decode = (ciphertext: Uint8Array, dataKeyLength: number): Ciphertext | undefined =>
  ciphertext.length !== lengthOf(dataKeyLength) ? undefined : {
    salt: ciphertext.slice(0, saltLength),
    iv: ciphertext.slice(saltLength, saltLength + ivLength),
    version: uuids.format(ciphertext.subarray(saltLength + ivLength, prefixLength)),
    wrapped: ciphertext.slice(prefixLength)
  }

/** Specification: framework/aws-kms/aws-kms-hierarchical-keyring.md#branch-key-wrapping-and-unwrapping-aad */
const aadOf = ({ branchKeyId, version }: BranchKey, context: Uint8Array): Uint8Array =>
  bytes.concat([label, bytes.utf8(branchKeyId), uuids.parse(version)!, context])

const label = /*#__PURE__*/ bytes.utf8(providerId)

/** Specification: framework/aws-kms/aws-kms-hierarchical-keyring.md#branch-key-wrapping */
export const wrap = Effect.fnUntraced(function*(
  primitives: Primitives,
  branchKey: BranchKey,
  context: Uint8Array,
  dataKey: DataKey.DataKey
) {
  const plaintext = DataKey.value(dataKey)
  const random = yield* primitives.randomBytes(saltLength + ivLength)
  const [salt, iv] = [random.slice(0, saltLength), random.slice(saltLength)]
  const output = new Uint8Array(plaintext.length + tagLength)
  const wrappingKey = yield* derive(primitives, branchKey, salt)
  yield* primitives.seal(wrappingKey, [{ iv, aad: aadOf(branchKey, context), plaintext, output }])
  return encode({ salt, iv, version: branchKey.version, wrapped: output })
}, Effect.scoped)

/** Unwraps into a data key of the caller's, which is zero again where it fails. */
export const unwrap = Effect.fnUntraced(function*(
  primitives: Primitives,
  branchKey: BranchKey,
  context: Uint8Array,
  { iv, salt, wrapped }: Ciphertext,
  dataKey: DataKey.DataKey
) {
  const end = wrapped.length - tagLength
  const wrappingKey = yield* derive(primitives, branchKey, salt)
  yield* Effect.mapError(
    primitives.open(wrappingKey, [{
      iv,
      aad: aadOf(branchKey, context),
      ciphertext: wrapped.subarray(0, end),
      tag: wrapped.subarray(end),
      output: DataKey.value(dataKey)
    }]),
    (): ProviderRefusal => {
      DataKey.zero(dataKey)
      return { failure: "InvalidCiphertext", code: "AuthenticationFailed", isRetryable: false }
    }
  )
}, Effect.scoped)

/** Derives the wrapping key of one ciphertext, which is zeroed and dropped when the scope closes. */
const derive = Effect.fnUntraced(function*(primitives: Primitives, { key }: BranchKey, salt: Uint8Array) {
  const derived = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const branchKey = DataKey.value(key)
      return counterModeKdf(branchKey, { hash: "SHA-256", label, context: salt, length: wrappingKeyLength })
    }),
    (derived) => Effect.sync(() => derived.fill(0))
  )
  return yield* Effect.acquireRelease(
    Effect.mapError(primitives.importAesKey(Redacted.make(derived)), notImported),
    (key) => Effect.sync(() => Redacted.wipeUnsafe(key))
  )
})
