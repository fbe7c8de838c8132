import * as Schema from "effect/Schema"
import { TaggedError } from "../internal/TaggedError.ts"

/** Error when an operation of a cache failed. A manager counts it, and goes on as on a miss. */
export class MaterialsCacheError extends (/*#__PURE__*/ TaggedError<MaterialsCacheError>()("MaterialsCacheError", {
  operation: Schema.Literals(["get", "put", "delete", "deleteWhere", "clear", "size"]),
  cause: Schema.optionalKey(Schema.Defect())
})) {
  override get message(): string {
    return `materials cache: ${this.operation} failed`
  }
}
