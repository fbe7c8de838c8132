import * as Schema from "effect/Schema"
import { DecryptErrorReason } from "./DecryptError.ts"
import { TaggedError } from "../../internal/TaggedError.ts"

/**
 * Error of every failure after `decryptStreamUnverified` released plaintext, whatever failed: the message, its source, a hook.
 * Throw away what was released, and undo what was done with it.
 */
export class UnverifiedPlaintextReleased
  extends (/*#__PURE__*/ TaggedError<UnverifiedPlaintextReleased>()("UnverifiedPlaintextReleased", {
    /** Number of bytes that were released. */
    releasedBytes: Schema.Int,
    /** The reason of a `DecryptError`; undefined where something else failed. */
    reason: Schema.UndefinedOr(DecryptErrorReason),
    /** The error itself: a `DecryptError`, the error of the source or of a hook, or a defect. */
    cause: Schema.Defect()
  }))
{
  override get message(): string {
    const why = this.reason?.message ?? "the source or a hook of the stream failed"
    return `decrypt: throw away the ${this.releasedBytes} bytes that were released: ${why}`
  }

  /** Always false: what was released must be undone first. */
  get isRetryable(): boolean {
    return false
  }
}
