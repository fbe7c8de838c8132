/**
 * The check of an options bag: one schema, one sentence a field, and no option that does not exist.
 */
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import { decodeUnknownResult } from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { findUnknown, noOption } from "./optionNames.ts"

/** A field that does not hold what it must. Every error of an option has these two. */
export interface InvalidField {
  readonly field: string
  readonly description: string
}

/** End of a field's sentence, `must be …`. One that shows the value is a function of it. */
export type Bound = string | ((value: unknown) => string)

/** The bound of each field, of the elements of those that are lists under `field[]`, and of what is within one under `field.part`. */
export type Bounds<Options> =
  & { readonly [Field in keyof Options]-?: Bound }
  & { readonly [Elements in `${string}[]${string}`]?: Bound }
  & { readonly [Within in `${string}.${string}`]?: Bound }

/** Bound of a field that takes any string. */
export const stringBound: Bound = (value) => `must be a string, got ${typeof value}`

export { shown } from "./printable.ts"

export const isFunction = (value: unknown): value is () => void => typeof value === "function"

const formatIssues = /*#__PURE__*/ SchemaIssue.makeFormatterStandardSchemaV1()

/**
 * Makes the check of one kind of options from its schema. `owner` ends the sentence for an unknown option: `a client`.
 * A value that is no object is the field `options`, an element of a list the field `keyIds[1]`. `nested` are names of options
 * within others, which an unknown one may mean.
 */
export const checker = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  owner: string,
  bounds: Bounds<S["Type"]>,
  nested: ReadonlyArray<string> = []
): (input: unknown) => Result.Result<S["Type"], InvalidField> => {
  const decode = decodeUnknownResult(schema)
  const known: Readonly<Record<string, Bound | undefined>> = bounds
  const names = { owner, names: new Set(within("", known)), nested }
  const check = (input: unknown): Result.Result<S["Type"], InvalidField> => {
    const unknown = typeof input === "object" && input !== null ? findUnknown(input, names) : undefined
    if (unknown !== undefined) return Result.fail(unknown)
    return Result.mapError(decode(input, { onExcessProperty: "error" }), ({ issue }) => {
      const path = (formatIssues(issue).issues[0]?.path ?? []) as ReadonlyArray<PropertyKey>
      if (path.length === 0) return { field: "options", description: "must be an object" }
      const field = nameOf(path, (index) => `[${index}]`)
      // A value within an option has the sentence of the option, where it has none of its own.
      const above = path.map((_, index) => nameOf(path.slice(0, path.length - index), () => "[]"))
      const name = above.find((name) => Object.hasOwn(known, name))
      const siblings = within(above[1] ?? "", known)
      if (name === undefined || (name !== above[0] && siblings.length > 0)) {
        return { field, description: noOption(String(path.at(-1)), owner, siblings) }
      }
      const bound = known[name]!
      return { field, description: typeof bound === "function" ? bound(path.reduce(at, input)) : bound }
    })
  }
  return (input) => {
    try {
      return check(input)
    } catch {
      return Result.fail(unreadable)
    }
  }
}

/** Of options with a getter that throws, or behind a proxy that does. */
const unreadable: InvalidField = { field: "options", description: "cannot be read" }

/** The names of what an option holds that have a bound; of the options themselves for `""`. */
const within = (name: string, known: Readonly<Record<string, unknown>>): ReadonlyArray<string> => {
  const prefix = name === "" ? "" : `${name}.`
  return Object.keys(known).filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length))
    .filter((key) => /^[^.[]+$/.test(key))
}

const nameOf = (path: ReadonlyArray<PropertyKey>, element: (index: number) => string): string =>
  path.map((key) => typeof key === "number" ? element(key) : `.${String(key)}`).join("").slice(1)

const at = (value: unknown, key: PropertyKey): unknown => (value as Readonly<Record<PropertyKey, unknown>>)[key]
