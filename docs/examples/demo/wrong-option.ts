import { Schema } from "effect"
import { CliError } from "effect/cli"

/** An option cannot be used. Says which one, its bound and what was given. */
export class WrongOption extends Schema.TaggedError<WrongOption>()("WrongOption", {
  option: Schema.String,
  description: Schema.String
}) {
  override get message(): string {
    return `--${this.option} ${this.description}`
  }

  override get [CliError.userMessage](): string {
    return this.message
  }
}
