import * as Schema from "effect/Schema"
import { line } from "../../internal/printable.ts"
import { TaggedError } from "../../internal/TaggedError.ts"

/** Error when bytes are not a message of the AWS Encryption SDK. Names the field and its byte offset. */
export class MalformedMessage extends (/*#__PURE__*/ TaggedError<MalformedMessage>()("MalformedMessage", {
  /** The field of the message format, as the specification names it. */
  field: Schema.String,
  description: Schema.String,
  /** Offset in bytes from the start of the message, at which the field begins. */
  offset: Schema.Int
})) {
  override get message(): string {
    return line`malformed message: ${this.field} at byte ${this.offset}: ${this.description}`
  }
}
