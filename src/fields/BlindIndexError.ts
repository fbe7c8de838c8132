import * as Schema from "effect/Schema"
import { line } from "../internal/printable.ts"
import { TaggedError } from "../internal/TaggedError.ts"

/**
 * Error when a blind index cannot be computed. It never holds the value.
 *
 * - `InvalidValue`: it is no text, the schema of the normalization rejects it or throws, or it is not well-formed Unicode.
 * - `Closed`: the scope that the index was made in is closed, and its keys are zeroed.
 */
export class BlindIndexError extends (/*#__PURE__*/ TaggedError<BlindIndexError>()("BlindIndexError", {
  /** Table and column, joined by a dot. */
  index: Schema.String,
  reason: Schema.Literals(["InvalidValue", "Closed"]),
  description: Schema.String
})) {
  override get message(): string {
    return line`blind index ${this.index}: ${this.description}`
  }
}
