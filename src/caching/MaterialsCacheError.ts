import * as Schema from "effect/Schema"

/** Error when a cache operation fails. A manager takes it for a miss, and counts it. */
export class MaterialsCacheError extends (/*#__PURE__*/ Schema.TaggedError<MaterialsCacheError>(
  "effect-encryption-sdk/MaterialsCacheError"
)("MaterialsCacheError", {
  operation: Schema.Literals(["get", "put", "delete", "deleteWhere", "clear", "size"]),
  cause: Schema.optionalKey(Schema.Defect())
})) {
  override get message(): string {
    return `materials cache: ${this.operation} failed`
  }
}
