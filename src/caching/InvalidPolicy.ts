import * as Schema from "effect/Schema"
import { line } from "../internal/printable.ts"
import { TaggedError } from "../internal/TaggedError.ts"

/** Error when a cache policy cannot be used. Lists every violation by field, bound and value. */
export class InvalidPolicy extends (/*#__PURE__*/ TaggedError<InvalidPolicy>()("InvalidPolicy", {
  violations: Schema.Array(Schema.Struct({
    field: Schema.String,
    description: Schema.String
  }))
})) {
  override get message(): string {
    return `cache policy: ${this.violations.map(({ description, field }) => line`${field} ${description}`).join("; ")}`
  }
}
