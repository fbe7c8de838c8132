/**
 * The check of an options bag: one schema, one sentence a field, and no option that does not exist.
 */
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import { decodeUnknownResult } from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

/** A field that does not hold what it must. Every error of an option has these two. */
export interface InvalidField {
  readonly field: string
  readonly description: string
}

/** The bound of each field as a sentence's end: `must be …`. One that shows the value is a function of it. */
export type Bounds<Options> = { readonly [Field in keyof Options]-?: string | ((value: unknown) => string) }

const formatIssues = /*#__PURE__*/ SchemaIssue.makeFormatterStandardSchemaV1()

/**
 * Makes the check of one kind of options from its schema. `owner` ends the sentence for an unknown option: `a client`.
 * A value that is no object is the field `options`.
 */
export const checker = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  owner: string,
  bounds: Bounds<S["Type"]>
): (input: unknown) => Result.Result<S["Type"], InvalidField> => {
  const decode = decodeUnknownResult(schema)
  const known: Readonly<Record<string, string | ((value: unknown) => string)>> = bounds
  return (input) =>
    Result.mapError(decode(input, { onExcessProperty: "error" }), ({ issue }) => {
      const path = (formatIssues(issue).issues[0]?.path ?? []).map(String)
      const name = path[0]
      if (name === undefined) return { field: "options", description: "must be an object" }
      if (!Object.hasOwn(known, name)) return { field: path.join("."), description: `is no option of ${owner}` }
      const bound = known[name]!
      const description = typeof bound === "string" ? bound : bound((input as Readonly<Record<string, unknown>>)[name])
      return { field: path.join("."), description }
    })
}
