/**
 * Commitment policies: which suites a client may encrypt with, and which it may decrypt.
 *
 * Specification: framework/commitment-policy.md
 */
import * as Schema from "effect/Schema"
import * as AlgorithmSuite from "./AlgorithmSuite.ts"

/** The three policies, by the names of the specification in this library's spelling. */
export const CommitmentPolicy = /*#__PURE__*/ Schema.Literals([
  "ForbidEncryptAllowDecrypt",
  "RequireEncryptAllowDecrypt",
  "RequireEncryptRequireDecrypt"
])

/**
 * `RequireEncryptRequireDecrypt` (the default) writes and reads committing suites only;
 * `RequireEncryptAllowDecrypt` writes committing suites and reads all; `ForbidEncryptAllowDecrypt` writes
 * suites without commitment and reads all.
 */
export type CommitmentPolicy = typeof CommitmentPolicy.Type

/** The policy of a client that was told none. */
export const defaultPolicy: CommitmentPolicy = "RequireEncryptRequireDecrypt"

/** Whether the policy lets messages be encrypted with the suite. */
export const allowsEncrypt = (policy: CommitmentPolicy, suite: AlgorithmSuite.AlgorithmSuite): boolean =>
  AlgorithmSuite.isCommitting(suite) === (policy !== "ForbidEncryptAllowDecrypt")

/** Whether the policy lets messages of the suite be decrypted. */
export const allowsDecrypt = (policy: CommitmentPolicy, suite: AlgorithmSuite.AlgorithmSuite): boolean =>
  policy !== "RequireEncryptRequireDecrypt" || AlgorithmSuite.isCommitting(suite)

/**
 * The suite that a manager chooses where the request names none.
 *
 * **Gotchas**
 *
 * Where commitment is forbidden this is `0x0378`, as in all implementations. The specification's text names `0x0078`,
 * which has no key derivation, so that its materials could never be cached.
 */
export const defaultAlgorithmSuite = (policy: CommitmentPolicy): AlgorithmSuite.AlgorithmSuite =>
  policy === "ForbidEncryptAllowDecrypt"
    ? AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384
    : AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
