import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { KeyringError } from "./KeyringError.ts"
import { MalformedMessage } from "./MalformedMessage.ts"
import { NotLoaded } from "./NotLoaded.ts"
import {
  AuthenticationFailed,
  CommitmentPolicyViolation,
  EncryptionContextMismatch,
  InvalidEncryptionContext,
  InvalidMaterials,
  InvalidOption,
  MaterialsManagerFailed,
  MessageIsBase64,
  MessageNotAccepted,
  NoDataKeyUnwrapped,
  TooManyEncryptedDataKeys,
  WithheldPlaintextTooLong
} from "./Reasons.ts"
import { isRetryable } from "./retryable.ts"

/** The ways in which decryption fails. */
export type DecryptErrorReason = typeof DecryptErrorReason.Type
const DecryptErrorReason = /*#__PURE__*/ Schema.Union([
  InvalidOption,
  InvalidEncryptionContext,
  MalformedMessage,
  MessageIsBase64,
  CommitmentPolicyViolation,
  TooManyEncryptedDataKeys,
  EncryptionContextMismatch,
  NoDataKeyUnwrapped,
  KeyringError,
  InvalidMaterials,
  AuthenticationFailed,
  MaterialsManagerFailed,
  NotLoaded,
  WithheldPlaintextTooLong,
  MessageNotAccepted
])

/** Nothing was decrypted, or a stream no further; `reason` says why. */
export class DecryptError
  extends (/*#__PURE__*/ Schema.TaggedError<DecryptError>()("DecryptError", { reason: DecryptErrorReason }))
{
  override get message(): string {
    return `decrypt: ${this.reason.message}`
  }

  /** Whether the same request may succeed later. */
  get isRetryable(): boolean {
    return isRetryable(this.reason)
  }
}

/**
 * A signed message failed after `decryptStreamUnverified` had released plaintext of it: discard the released plaintext, and
 * undo its effects.
 */
export class UnverifiedPlaintextReleased
  extends (/*#__PURE__*/ Schema.TaggedError<UnverifiedPlaintextReleased>()("UnverifiedPlaintextReleased", {
    /** Number of bytes that were released. */
    releasedBytes: Schema.Int,
    reason: DecryptErrorReason
  }))
{
  override get message(): string {
    return `decrypt: throw away the ${this.releasedBytes} bytes that were released: ${this.reason.message}`
  }
}

/**
 * Fails the decryption for this reason.
 *
 * @internal
 */
export const failDecrypt = (reason: DecryptErrorReason): Effect.Effect<never, DecryptError> =>
  Effect.fail(new DecryptError({ reason }))

/**
 * Goes on with a checked value, or fails the decryption.
 *
 * @internal
 */
export const orFailDecrypt = <A>(result: Result.Result<A, DecryptErrorReason>): Effect.Effect<A, DecryptError> =>
  Result.isSuccess(result) ? Effect.succeed(result.success) : failDecrypt(result.failure)
