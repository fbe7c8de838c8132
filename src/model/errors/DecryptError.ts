import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { BrokenContract } from "./BrokenContract.ts"
import { KeyringError } from "./KeyringError.ts"
import { MalformedMessage } from "./MalformedMessage.ts"
import { NotAMessage } from "./NotAMessage.ts"
import { NotLoaded } from "./NotLoaded.ts"
import {
  AuthenticationFailed,
  CommitmentPolicyViolation,
  EncryptionContextMismatch,
  InvalidEncryptionContext,
  InvalidMaterials,
  InvalidOption,
  MaterialsManagerFailed,
  MessageNotAccepted,
  NoDataKeyUnwrapped,
  TooManyEncryptedDataKeys,
  WithheldPlaintextTooLong
} from "./Reasons.ts"
import { rejectedWith } from "../../internal/rejection.ts"
import { isRetryable } from "./retryable.ts"
import { TaggedError } from "../../internal/TaggedError.ts"

/** Reasons of a `DecryptError`. */
export type DecryptErrorReason = typeof DecryptErrorReason.Type
export const DecryptErrorReason = /*#__PURE__*/ Schema.Union([
  InvalidOption,
  InvalidEncryptionContext,
  MalformedMessage,
  NotAMessage,
  CommitmentPolicyViolation,
  TooManyEncryptedDataKeys,
  EncryptionContextMismatch,
  NoDataKeyUnwrapped,
  KeyringError,
  InvalidMaterials,
  AuthenticationFailed,
  MaterialsManagerFailed,
  NotLoaded,
  BrokenContract,
  WithheldPlaintextTooLong,
  MessageNotAccepted
])

/** Error of decryption, of a whole message or within a stream; `reason` says why. */
export class DecryptError
  extends (/*#__PURE__*/ TaggedError<DecryptError>()("DecryptError", { reason: DecryptErrorReason }))
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
 * Fails the decryption for this reason.
 *
 * @internal
 */
export const failDecrypt = (reason: DecryptErrorReason): Effect.Effect<never, DecryptError> =>
  Effect.fail(new DecryptError({ reason }))

/**
 * Runs checks that reject with reasons, and goes on with their value, or fails the decryption.
 *
 * @internal
 */
export const orFailDecrypt = <A>(check: () => A): Effect.Effect<A, DecryptError> => {
  try {
    return Effect.succeed(check())
  } catch (thrown) {
    return failDecrypt(rejectedWith(thrown) as DecryptErrorReason)
  }
}
