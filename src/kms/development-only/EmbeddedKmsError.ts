import * as Schema from "effect/Schema"

/** The embedded KMS was asked to manage a key that it cannot manage, or was given a key store that it cannot read. */
export class EmbeddedKmsError extends (/*#__PURE__*/ Schema.TaggedError<EmbeddedKmsError>()("EmbeddedKmsError", {
  /** The argument or option that is wrong. */
  field: Schema.String,
  description: Schema.String
})) {
  override get message(): string {
    return `embedded KMS: ${this.field}: ${this.description}`
  }
}
