import * as Schema from "effect/Schema"
import { line } from "../../internal/printable.ts"
import { TaggedError } from "../../internal/TaggedError.ts"

/** Error when a key cannot be managed, or when an option of the embedded KMS is wrong. */
export class EmbeddedKmsError extends (/*#__PURE__*/ TaggedError<EmbeddedKmsError>()("EmbeddedKmsError", {
  /** The argument or option that is wrong. */
  field: Schema.String,
  description: Schema.String
})) {
  override get message(): string {
    return line`embedded KMS: ${this.field}: ${this.description}`
  }
}
