/**
 * Commitment policies: which suites a client may encrypt with, and which it may decrypt.
 *
 * Specification: framework/commitment-policy.md
 */
import * as Schema from "effect/Schema"
import { reject } from "../internal/rejection.ts"
import * as AlgorithmSuite from "./AlgorithmSuite.ts"
import { CommitmentPolicyViolation, InvalidOption } from "./errors/Reasons.ts"

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

/** The policy of a client for which none is given. */
export const defaultPolicy: CommitmentPolicy = "RequireEncryptRequireDecrypt"

/** Whether the policy lets messages be encrypted with the suite. */
export const allowsEncrypt = (policy: CommitmentPolicy, suite: AlgorithmSuite.AlgorithmSuite): boolean =>
  suite.commitmentLength > 0 === (policy !== "ForbidEncryptAllowDecrypt")

/** Whether the policy lets messages of the suite be decrypted. */
export const allowsDecrypt = (policy: CommitmentPolicy, suite: AlgorithmSuite.AlgorithmSuite): boolean =>
  policy !== "RequireEncryptRequireDecrypt" || suite.commitmentLength > 0

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

/**
 * The suite that a caller's value names, which may be a copy of it. Rejects with `InvalidOption` where it names none.
 *
 * @internal
 */
export const checkSuite = (value: unknown): AlgorithmSuite.AlgorithmSuite =>
  AlgorithmSuite.resolve(value) ??
    reject(
      new InvalidOption({ field: "algorithmSuite", description: "must be one of the eleven suites of AlgorithmSuite" })
    )

/**
 * Checks that messages may be encrypted with the suite under the policy. Rejects with `CommitmentPolicyViolation`.
 *
 * Specification: client-apis/encrypt.md#algorithm-suite
 *
 * @internal
 */
export const checkEncrypt = (policy: CommitmentPolicy, suite: AlgorithmSuite.AlgorithmSuite): void =>
  check(policy, suite, allowsEncrypt)

/**
 * Checks that messages of the suite may be decrypted under the policy. Rejects as `checkEncrypt` does.
 *
 * Specification: client-apis/decrypt.md#parse-the-header
 *
 * @internal
 */
export const checkDecrypt = (policy: CommitmentPolicy, suite: AlgorithmSuite.AlgorithmSuite): void =>
  check(policy, suite, allowsDecrypt)

const check = (
  commitmentPolicy: CommitmentPolicy,
  suite: AlgorithmSuite.AlgorithmSuite,
  allows: (policy: CommitmentPolicy, suite: AlgorithmSuite.AlgorithmSuite) => boolean
): void => {
  if (!allows(commitmentPolicy, suite)) {
    reject(new CommitmentPolicyViolation({ commitmentPolicy, algorithmSuite: suite.name }))
  }
}
