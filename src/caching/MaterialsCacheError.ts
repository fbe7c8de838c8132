import * as Schema from "effect/Schema"

/** A cache could not do what it was asked. A manager takes it for a miss, and counts it. */
export class MaterialsCacheError
  extends (/*#__PURE__*/ Schema.TaggedError<MaterialsCacheError>()("MaterialsCacheError", {
    operation: Schema.Literals(["get", "put", "delete", "deleteWhere", "clear", "size"]),
    cause: Schema.optionalKey(Schema.Defect())
  }))
{
  override get message(): string {
    return `materials cache: ${this.operation} failed`
  }
}
