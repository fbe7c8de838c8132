/**
 * The eleven algorithm suites of the AWS Encryption SDK, from one table.
 *
 * Nothing else in the library decides by a suite's name or identifier: lengths, key derivation, commitment and
 * signature are read from the values here.
 *
 * Specification: framework/algorithm-suites.md#supported-algorithm-suites
 */
import { ivLength, tagLength } from "./AesGcm.ts"

/**
 * Derivation of the key that encrypts a message from the data key: none, or HKDF.
 *
 * `saltLength` is in bytes. Zero means the extract step takes an empty salt.
 *
 * Specification: framework/algorithm-suites.md#algorithm-suites-encryption-key-derivation-settings
 */
export type KeyDerivation =
  | { readonly _tag: "Identity" }
  | { readonly _tag: "Hkdf"; readonly hash: HashAlgorithm; readonly saltLength: number }

/** The hash functions that suites use, by their WebCrypto names. */
export type HashAlgorithm = "SHA-256" | "SHA-384" | "SHA-512"

/** The elliptic curves that suites sign with, by their WebCrypto names. */
export type SignatureCurve = "P-256" | "P-384"

/**
 * Signatures of a suite. `signatureLength` is the length in bytes that every signature written by this library has:
 * the most common length of a DER signature on that curve, which the other implementations write too. Any valid
 * length is read.
 */
export interface SignatureAlgorithm {
  readonly curve: SignatureCurve
  readonly hash: HashAlgorithm
  readonly signatureLength: number
}

/** One algorithm suite. All lengths are in bytes. */
export interface AlgorithmSuite {
  /** The two-byte identifier as it stands in a message header. */
  readonly id: number
  /** The name that the specification gives the suite. */
  readonly name: string
  readonly messageFormatVersion: 1 | 2
  /** Length of the data key, and of the key that is derived from it. */
  readonly dataKeyLength: 16 | 24 | 32
  readonly ivLength: 12
  readonly tagLength: 16
  readonly messageIdLength: 16 | 32
  readonly keyDerivation: KeyDerivation
  /** Length of the commitment value in the header; zero for a suite without key commitment. */
  readonly commitmentLength: 0 | 32
  /** Undefined for a suite that does not sign. */
  readonly signature: SignatureAlgorithm | undefined
}

const identity: KeyDerivation = /*#__PURE__*/ Object.freeze({ _tag: "Identity" })
const hkdf = (hash: HashAlgorithm, saltLength: number): KeyDerivation =>
  Object.freeze({ _tag: "Hkdf", hash, saltLength })
const ecdsaP256: SignatureAlgorithm = /*#__PURE__*/ Object.freeze({
  curve: "P-256",
  hash: "SHA-256",
  signatureLength: 71
})
const ecdsaP384: SignatureAlgorithm = /*#__PURE__*/ Object.freeze({
  curve: "P-384",
  hash: "SHA-384",
  signatureLength: 103
})

const version1 = (
  id: number,
  name: string,
  dataKeyLength: 16 | 24 | 32,
  hash?: HashAlgorithm,
  signature?: SignatureAlgorithm
): AlgorithmSuite =>
  Object.freeze<AlgorithmSuite>({
    id,
    name,
    messageFormatVersion: 1,
    dataKeyLength,
    ivLength,
    tagLength,
    messageIdLength: 16,
    keyDerivation: hash === undefined ? identity : hkdf(hash, 0),
    commitmentLength: 0,
    signature
  })

const version2 = (id: number, name: string, signature?: SignatureAlgorithm): AlgorithmSuite =>
  Object.freeze<AlgorithmSuite>({
    id,
    name,
    messageFormatVersion: 2,
    dataKeyLength: 32,
    ivLength,
    tagLength,
    messageIdLength: 32,
    keyDerivation: hkdf("SHA-512", 32),
    commitmentLength: 32,
    signature
  })

/** `0x0014`: AES-128-GCM under the data key itself. Never cached. */
export const ALG_AES_128_GCM_IV12_TAG16_NO_KDF: AlgorithmSuite = /*#__PURE__*/ version1(
  0x0014,
  "ALG_AES_128_GCM_IV12_TAG16_NO_KDF",
  16
)

/** `0x0046`: AES-192-GCM under the data key itself. Never cached. */
export const ALG_AES_192_GCM_IV12_TAG16_NO_KDF: AlgorithmSuite = /*#__PURE__*/ version1(
  0x0046,
  "ALG_AES_192_GCM_IV12_TAG16_NO_KDF",
  24
)

/** `0x0078`: AES-256-GCM under the data key itself. Never cached. */
export const ALG_AES_256_GCM_IV12_TAG16_NO_KDF: AlgorithmSuite = /*#__PURE__*/ version1(
  0x0078,
  "ALG_AES_256_GCM_IV12_TAG16_NO_KDF",
  32
)

/** `0x0114`: AES-128-GCM under a key derived with HKDF-SHA256. */
export const ALG_AES_128_GCM_IV12_TAG16_HKDF_SHA256: AlgorithmSuite = /*#__PURE__*/ version1(
  0x0114,
  "ALG_AES_128_GCM_IV12_TAG16_HKDF_SHA256",
  16,
  "SHA-256"
)

/** `0x0146`: AES-192-GCM under a key derived with HKDF-SHA256. */
export const ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA256: AlgorithmSuite = /*#__PURE__*/ version1(
  0x0146,
  "ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA256",
  24,
  "SHA-256"
)

/** `0x0178`: AES-256-GCM under a key derived with HKDF-SHA256. */
export const ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA256: AlgorithmSuite = /*#__PURE__*/ version1(
  0x0178,
  "ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA256",
  32,
  "SHA-256"
)

/** `0x0214`: AES-128-GCM, HKDF-SHA256, signed with ECDSA P-256. */
export const ALG_AES_128_GCM_IV12_TAG16_HKDF_SHA256_ECDSA_P256: AlgorithmSuite = /*#__PURE__*/ version1(
  0x0214,
  "ALG_AES_128_GCM_IV12_TAG16_HKDF_SHA256_ECDSA_P256",
  16,
  "SHA-256",
  ecdsaP256
)

/** `0x0346`: AES-192-GCM, HKDF-SHA384, signed with ECDSA P-384. */
export const ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384: AlgorithmSuite = /*#__PURE__*/ version1(
  0x0346,
  "ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384",
  24,
  "SHA-384",
  ecdsaP384
)

/** `0x0378`: AES-256-GCM, HKDF-SHA384, signed with ECDSA P-384. The default where commitment is forbidden. */
export const ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384: AlgorithmSuite = /*#__PURE__*/ version1(
  0x0378,
  "ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384",
  32,
  "SHA-384",
  ecdsaP384
)

/** `0x0478`: AES-256-GCM, HKDF-SHA512, key commitment, not signed. */
export const ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY: AlgorithmSuite = /*#__PURE__*/ version2(
  0x0478,
  "ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY"
)

/** `0x0578`: AES-256-GCM, HKDF-SHA512, key commitment, signed with ECDSA P-384. The default. */
export const ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384: AlgorithmSuite = /*#__PURE__*/ version2(
  0x0578,
  "ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384",
  ecdsaP384
)

/** All eleven suites, by ascending identifier. */
export const all: ReadonlyArray<AlgorithmSuite> = /*#__PURE__*/ Object.freeze([
  ALG_AES_128_GCM_IV12_TAG16_NO_KDF,
  ALG_AES_192_GCM_IV12_TAG16_NO_KDF,
  ALG_AES_256_GCM_IV12_TAG16_NO_KDF,
  ALG_AES_128_GCM_IV12_TAG16_HKDF_SHA256,
  ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA256,
  ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA256,
  ALG_AES_128_GCM_IV12_TAG16_HKDF_SHA256_ECDSA_P256,
  ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384,
  ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384,
  ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
  ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
])

const byId: ReadonlyMap<number, AlgorithmSuite> = /*#__PURE__*/ new Map(all.map((suite) => [suite.id, suite]))

/** The suite with this two-byte identifier, or `undefined` where there is none. */
export const fromId = (id: number): AlgorithmSuite | undefined => byId.get(id)

/**
 * The suite of this module that a value names by its `id`; undefined where it names none. The value may be a copy, as those of
 * `structuredClone`, of JSON, and of a second copy of this package. Its other fields are not looked at.
 */
export const resolve = (value: unknown): AlgorithmSuite | undefined => {
  try {
    return typeof value === "object" && value !== null ? byId.get((value as AlgorithmSuite).id) : undefined
  } catch {
    // It cannot be read.
    return undefined
  }
}

/**
 * Whether a value is one of the eleven suites, or a copy of one.
 *
 * **Gotchas**
 *
 * A copy is known by its `id` alone: read the other fields of what `resolve` returns.
 */
export const isAlgorithmSuite = (value: unknown): value is AlgorithmSuite => resolve(value) !== undefined

/** Whether messages of the suite carry a commitment to the data key. */
export const isCommitting = (suite: AlgorithmSuite): boolean => suite.commitmentLength > 0

/**
 * Whether materials of the suite may be cached: only where each message is encrypted under a key derived from the data
 * key, so that a data key can serve more than one message.
 *
 * Specification: framework/caching-cmm.md#get-encryption-materials
 */
export const isCacheable = (suite: AlgorithmSuite): boolean => suite.keyDerivation._tag === "Hkdf"

/** A suite's identifier as it is written in documentation: `0x0578`. */
export const formatId = (id: number): string => `0x${id.toString(16).padStart(4, "0")}`

/**
 * An identifier as its two bytes, most significant first.
 *
 * @internal
 */
export const encodeId = (id: number): Uint8Array<ArrayBuffer> => Uint8Array.of(id >>> 8, id & 0xff)
