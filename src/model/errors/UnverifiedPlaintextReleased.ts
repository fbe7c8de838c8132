import * as Schema from "effect/Schema"
import { DecryptErrorReason } from "./DecryptError.ts"

/**
 * Error when a signed message fails after plaintext of it was released by `decryptStreamUnverified`: throw away what was
 * released, and undo what was done with it.
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
