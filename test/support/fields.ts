/** Schemas whose values are encrypted, for tests of fields and stores. */
import { assert } from "@effect/vitest"
import { Arbitrary, Cause, Effect, Exit, Layer, Schema } from "effect"
import { EncryptionSdk } from "effect-encryption-sdk"
import { clientOf } from "./client.ts"
import { recordingKeyring } from "./keyrings.ts"

/** A client over a keyring that wraps by remembering. */
export const sdkLayer: Layer.Layer<EncryptionSdk.EncryptionSdk> = Layer.effect(
  EncryptionSdk.EncryptionSdk,
  Effect.orDie(clientOf(recordingKeyring().keyring))
)

/** The sentence of the issue with which an operation of a schema fails. It must fail, with a `SchemaError`. */
export const issueOf = <A, R>(effect: Effect.Effect<A, Schema.SchemaError, R>): Effect.Effect<string, never, R> =>
  Effect.map(errorOf(effect), (error) => error.message)

/** The `SchemaError` with which an operation fails. */
export const errorOf = <A, R>(
  effect: Effect.Effect<A, Schema.SchemaError, R>
): Effect.Effect<Schema.SchemaError, never, R> =>
  Effect.map(
    Effect.exit(effect),
    Exit.match({
      onSuccess: (value) => assert.fail(`must fail, got ${String(value)}`),
      onFailure: (cause) => {
        const error = Cause.findErrorOption(cause)
        return error._tag === "Some" && Schema.isSchemaError(error.value)
          ? error.value
          : assert.fail(`must fail with a SchemaError: ${Cause.pretty(cause)}`)
      }
    })
  )

/** A name of a schema and its parts, from which one is built. */
interface Composite {
  readonly kind: typeof kinds[number]
  readonly first: Description
  readonly second: Description
}
type Description = keyof typeof leaves | Composite

type AnySchema = Schema.Codec<unknown, unknown>

const leaves = {
  String: Schema.String,
  Bytes: Schema.Uint8Array,
  Number: Schema.Number,
  Boolean: Schema.Boolean,
  Date: Schema.Date,
  BigInt: Schema.BigInt,
  NumberText: Schema.NumberFromString,
  Trimmed: Schema.String.check(Schema.isTrimmed()),
  Enum: Schema.Literals(["small", "large"])
}

const kinds = ["Array", "Null", "Option", "Struct", "Tuple", "Record"] as const

/** The schema of a description. */
export const schemaOf = (description: Description): AnySchema => {
  if (typeof description === "string") return leaves[description]
  const first = schemaOf(description.first)
  const second = schemaOf(description.second)
  const composites: Record<typeof kinds[number], Schema.Constraint> = {
    Array: Schema.Array(first),
    Null: Schema.NullOr(first),
    Option: Schema.Option(first),
    Struct: Schema.Struct({ first, second: Schema.optionalKey(second) }),
    Tuple: Schema.Tuple([first, second]),
    Record: Schema.Record(Schema.String, first)
  }
  return composites[description.kind] as AnySchema
}

/** Descriptions of schemas: of a value, of values within one, and within those. */
export const arbitraryDescription: Arbitrary.Arbitrary<Description> = Arbitrary.map(
  Arbitrary.schema(Schema.Struct({
    around: Schema.Array(Schema.Literals(kinds)).check(Schema.isMaxLength(2)),
    first: Schema.Literals(Object.keys(leaves) as Array<keyof typeof leaves>),
    second: Schema.Literals(Object.keys(leaves) as Array<keyof typeof leaves>)
  })),
  ({ around, first, second }) =>
    around.reduce((inner: Description, kind): Description => ({ kind, first: inner, second }), first)
)
