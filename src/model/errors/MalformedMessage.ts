import * as Schema from "effect/Schema"

/** Bytes are not a message of the AWS Encryption SDK. Names the field and the byte offset where that shows. */
export class MalformedMessage extends (/*#__PURE__*/ Schema.TaggedError<MalformedMessage>()("MalformedMessage", {
  /** The field of the message format, as the specification names it. */
  field: Schema.String,
  description: Schema.String,
  /** Offset in bytes from the start of the message, at which the field begins. */
  offset: Schema.Int
})) {
  override get message(): string {
    return `malformed message: ${this.field} at byte ${this.offset}: ${this.description}`
  }
}
