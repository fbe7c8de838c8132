/**
 * Checks that the client makes and that managers make again, since a manager may be asked by others. Not exported.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as AlgorithmSuite from "./AlgorithmSuite.ts"
import * as CommitmentPolicy from "./CommitmentPolicy.ts"
import * as EncryptionContext from "./EncryptionContext.ts"
import {
  CommitmentPolicyViolation,
  DecryptError,
  type DecryptErrorReason,
  EncryptError,
  type EncryptErrorReason,
  InvalidEncryptionContext,
  InvalidOption
} from "./EncryptionSdkError.ts"

/**
 * A context to encrypt under: valid, and without keys that only the library may set.
 *
 * Specification: client-apis/encrypt.md#encryption-context
 */
export const encryptionContext = (
  input: EncryptionContext.EncryptionContext
): Result.Result<EncryptionContext.EncryptionContext, InvalidEncryptionContext> => {
  const context = EncryptionContext.validate(input)
  if (Result.isFailure(context)) return context
  const key = EncryptionContext.findReservedKey(context.success)
  return key === undefined ? context : Result.fail(
    new InvalidEncryptionContext({
      key,
      description: `keys that begin with ${EncryptionContext.reservedPrefix} are reserved`
    })
  )
}

/** A suite that messages may be encrypted with under the policy. */
export const suiteToEncrypt = (
  policy: CommitmentPolicy.CommitmentPolicy,
  suite: AlgorithmSuite.AlgorithmSuite
): Result.Result<void, InvalidOption | CommitmentPolicyViolation> =>
  check(policy, suite, CommitmentPolicy.allowsEncrypt)

/** A suite whose messages may be decrypted under the policy. */
export const suiteToDecrypt = (
  policy: CommitmentPolicy.CommitmentPolicy,
  suite: AlgorithmSuite.AlgorithmSuite
): Result.Result<void, InvalidOption | CommitmentPolicyViolation> =>
  check(policy, suite, CommitmentPolicy.allowsDecrypt)

const check = (
  commitmentPolicy: CommitmentPolicy.CommitmentPolicy,
  suite: AlgorithmSuite.AlgorithmSuite,
  allows: (policy: CommitmentPolicy.CommitmentPolicy, suite: AlgorithmSuite.AlgorithmSuite) => boolean
): Result.Result<void, InvalidOption | CommitmentPolicyViolation> => {
  if (!AlgorithmSuite.isAlgorithmSuite(suite)) {
    return Result.fail(
      new InvalidOption({ field: "algorithmSuite", description: "must be one of the eleven suites of AlgorithmSuite" })
    )
  }
  return allows(commitmentPolicy, suite)
    ? Result.void
    : Result.fail(new CommitmentPolicyViolation({ commitmentPolicy, algorithmSuite: suite.name }))
}

/** Fails an encryption for this reason. */
export const failEncrypt = (reason: EncryptErrorReason): Effect.Effect<never, EncryptError> =>
  Effect.fail(new EncryptError({ reason }))

/** Fails a decryption for this reason. */
export const failDecrypt = (reason: DecryptErrorReason): Effect.Effect<never, DecryptError> =>
  Effect.fail(new DecryptError({ reason }))

/** Goes on with what was found right, or fails the encryption. */
export const orFailEncrypt = <A>(result: Result.Result<A, EncryptErrorReason>): Effect.Effect<A, EncryptError> =>
  Result.isSuccess(result) ? Effect.succeed(result.success) : failEncrypt(result.failure)

/** Goes on with what was found right, or fails the decryption. */
export const orFailDecrypt = <A>(result: Result.Result<A, DecryptErrorReason>): Effect.Effect<A, DecryptError> =>
  Result.isSuccess(result) ? Effect.succeed(result.success) : failDecrypt(result.failure)
