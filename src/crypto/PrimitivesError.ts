import * as Schema from "effect/Schema"
import { line } from "../internal/printable.ts"
import { TaggedError } from "../internal/TaggedError.ts"

/**
 * Error when a primitive rejects its input.
 *
 * - `InvalidKey`: a key from outside is malformed, of the wrong kind or of the wrong size.
 * - `Unsupported`: this runtime lacks the operation, such as RSA PKCS #1 v1.5 in browsers.
 * - `Failed`: decryption or a tag check failed. Carries no detail, whatever the cause.
 */
export class PrimitivesError extends (/*#__PURE__*/ TaggedError<PrimitivesError>()("PrimitivesError", {
  method: Schema.String,
  reason: Schema.Literals(["InvalidKey", "Unsupported", "Failed"]),
  /** Empty for `Failed`. */
  description: Schema.String
})) {
  override get message(): string {
    return line`${this.method}: ${this.reason}${this.description === "" ? "" : `: ${this.description}`}`
  }
}
