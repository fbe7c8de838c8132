import * as Schema from "effect/Schema"
import { line } from "../../internal/printable.ts"
import { TaggedError } from "../../internal/TaggedError.ts"

/**
 * Error when a part of the user's own (a keyring, a materials manager, a `Kms`, a `KeyAgreement`, a hook or source of a stream) broke
 * its contract: it threw instead of failing, returned no Effect, failed with another error than its type says, or returned a
 * value of no form that it may have.
 */
export class BrokenContract extends (/*#__PURE__*/ TaggedError<BrokenContract>()("BrokenContract", {
  /** The part and its operation, such as `keyring MyKeyring.onDecrypt`. */
  part: Schema.String,
  /** The deed of the part, never a value that it returned. */
  description: Schema.String,
  /** The part's own error. */
  cause: Schema.optionalKey(Schema.Defect())
})) {
  override get message(): string {
    return line`${this.part} ${this.description}`
  }
}
