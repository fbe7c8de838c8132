import * as Schema from "effect/Schema"
import { TaggedError } from "../../model/errors/TaggedError.ts"

/** The embedded KMS was asked to manage a key that it cannot manage, or was given a key store that it cannot read. */
export class EmbeddedKmsError extends (/*#__PURE__*/ TaggedError<EmbeddedKmsError>()("EmbeddedKmsError", {
  /** The argument or option that is wrong. */
  field: Schema.String,
  description: Schema.String
})) {
  override get message(): string {
    return `embedded KMS: ${this.field}: ${this.description}`
  }
}
