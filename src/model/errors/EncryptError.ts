import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { BrokenContract } from "./BrokenContract.ts"
import { KeyringError } from "./KeyringError.ts"
import { NotLoaded } from "./NotLoaded.ts"
import {
  CommitmentPolicyViolation,
  InvalidEncryptionContext,
  InvalidMaterials,
  InvalidOption,
  MaterialsManagerFailed,
  TooManyEncryptedDataKeys,
  WrongPlaintextLength
} from "./Reasons.ts"
import { rejectedWith } from "../../internal/rejection.ts"
import { isRetryable } from "./retryable.ts"
import { TaggedError } from "../../internal/TaggedError.ts"

/** Reasons of an `EncryptError`. */
export type EncryptErrorReason = typeof EncryptErrorReason.Type
const EncryptErrorReason = /*#__PURE__*/ Schema.Union([
  InvalidOption,
  InvalidEncryptionContext,
  CommitmentPolicyViolation,
  TooManyEncryptedDataKeys,
  KeyringError,
  InvalidMaterials,
  MaterialsManagerFailed,
  NotLoaded,
  BrokenContract,
  WrongPlaintextLength
])

/** Error of encryption, of a whole message or within a stream; `reason` says why. */
export class EncryptError
  extends (/*#__PURE__*/ TaggedError<EncryptError>()("EncryptError", { reason: EncryptErrorReason }))
{
  override get message(): string {
    return `encrypt: ${this.reason.message}`
  }

  /** Whether the same request may succeed later. */
  get isRetryable(): boolean {
    return isRetryable(this.reason)
  }
}

/**
 * Fails the encryption for this reason.
 *
 * @internal
 */
export const failEncrypt = (reason: EncryptErrorReason): Effect.Effect<never, EncryptError> =>
  Effect.fail(new EncryptError({ reason }))

/**
 * Runs checks that reject with reasons, and goes on with their value, or fails the encryption.
 *
 * @internal
 */
export const orFailEncrypt = <A>(check: () => A): Effect.Effect<A, EncryptError> => {
  try {
    return Effect.succeed(check())
  } catch (thrown) {
    return failEncrypt(rejectedWith(thrown) as EncryptErrorReason)
  }
}
