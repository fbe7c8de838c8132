/** The suites of most tests, by what they do. */
import { AlgorithmSuite } from "effect-encryption-sdk"

/** Commits to its key and does not sign: 0x0478, the quickest that the default policy allows. */
export const unsigned = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY

/** Commits to its key and signs: 0x0578, the default. */
export const signed = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384

/** Derives a key without committing to it, and does not sign: 0x0178, of version 1. */
export const uncommitted = AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA256

/** All suites that do not sign. */
export const unsignedSuites = AlgorithmSuite.all.filter(({ signature }) => signature === undefined)
