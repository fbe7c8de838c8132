import type * as Cause from "effect/Cause"
import * as Schema from "effect/Schema"

/**
 * Base class of an error: a `Schema.TaggedError` that prints as its tag and message, `DecryptError: decrypt: …`.
 *
 * Its schema keeps an identifier with the name of the package, so that no class of the same name elsewhere is taken for it.
 * Effect would print that identifier.
 *
 * @internal
 */
export const TaggedError = <Self>() =>
<Tag extends string, const Fields extends Schema.Struct.Fields>(
  tag: Tag,
  fields: Fields
): Schema.Class<Self, Schema.TaggedStruct<Tag, Fields>, Cause.YieldableError> => {
  const base = Schema.TaggedError<Self>(`effect-encryption-sdk/${tag}`)(tag, fields) as Schema.Class<
    Self,
    Schema.TaggedStruct<Tag, Fields>,
    Cause.YieldableError
  >
  Object.assign((base as unknown as { readonly prototype: object }).prototype, { name: tag })
  return base
}
