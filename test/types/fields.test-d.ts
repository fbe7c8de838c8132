/** Types of encrypted fields: both sides by the options, and the services that they need. */
import { type Context, Effect, type Layer, Redacted, Schema, type Scope, type Stream } from "effect"
import type {
  DecryptError,
  EncryptError,
  EncryptionContext,
  EncryptionSdk,
  InvalidEncryptionContext,
  InvalidOption,
  NotLoaded
} from "effect-encryption-sdk"
import {
  BlindIndex,
  BlindIndexError,
  CurrentEncryptionContext,
  EncryptedField,
  EncryptedKeyValueStore,
  EncryptedPersistence,
  FieldMetrics,
  FieldRotation,
  withEncryptionContext
} from "effect-encryption-sdk/fields"
import type { KeyValueStore, Persistence } from "effect/persistence"
import { expectTypeOf } from "vitest"

type Sdk = EncryptionSdk.EncryptionSdk
const encryptionContext = { table: "customers", column: "email" }

const text = EncryptedField.make(Schema.NumberFromString, { encryptionContext })
expectTypeOf<typeof text["Type"]>().toEqualTypeOf<number>()
expectTypeOf<typeof text["Encoded"]>().toEqualTypeOf<string>()
expectTypeOf<typeof text["DecodingServices"]>().toEqualTypeOf<Sdk>()
expectTypeOf<typeof text["EncodingServices"]>().toEqualTypeOf<Sdk>()
expectTypeOf(text.fieldName).toEqualTypeOf<string>()

const bytes = EncryptedField.make(Schema.Date, { encryptionContext, encoding: "Bytes", redacted: true })
expectTypeOf<typeof bytes["Type"]>().toEqualTypeOf<Redacted.Redacted<Date>>()
expectTypeOf<typeof bytes["Encoded"]>().toEqualTypeOf<Uint8Array>()

// In a struct it is a field like any other.
const Customer = Schema.Struct({ id: Schema.String, email: text, photo: Schema.NullOr(bytes) })
expectTypeOf<typeof Customer["Type"]>().toEqualTypeOf<
  { readonly id: string; readonly email: number; readonly photo: Redacted.Redacted<Date> | null }
>()
expectTypeOf(Schema.decodeEffect(Customer)).toEqualTypeOf<
  (
    input: { readonly id: string; readonly email: string; readonly photo: Uint8Array | null },
    options?: Parameters<ReturnType<typeof Schema.decodeEffect<typeof Customer>>>[1]
  ) => Effect.Effect<typeof Customer["Type"], Schema.SchemaError, Sdk>
>()

// @ts-expect-error: without pairs a value could be moved to any field
EncryptedField.make(Schema.String, {})
// @ts-expect-error: there is no such encoding
EncryptedField.make(Schema.String, { encryptionContext, encoding: "Hex" })

declare const error: Schema.SchemaError
expectTypeOf(EncryptedField.causes(error)).toEqualTypeOf<ReadonlyArray<EncryptError | DecryptError>>()

declare const effect: Effect.Effect<number, "e", "r">
expectTypeOf(withEncryptionContext(effect, { tenant: "t" })).toEqualTypeOf<
  Effect.Effect<number, "e" | InvalidEncryptionContext, "r">
>()
expectTypeOf(effect.pipe(withEncryptionContext({ tenant: "t" }))).toEqualTypeOf<
  Effect.Effect<number, "e" | InvalidEncryptionContext, "r">
>()
// @ts-expect-error: an id that may be missing
withEncryptionContext(effect, { tenant: undefined })
expectTypeOf(CurrentEncryptionContext).toEqualTypeOf<Context.Reference<EncryptionContext.EncryptionContext>>()
// Rotation of a table: its own ids, errors and services.
expectTypeOf(FieldRotation.rotate({
  columns: { email: text },
  read: (after: number | undefined) =>
    Effect.fail("e" as const).pipe(Effect.as([{ id: after ?? 0, values: { email: "x" } }])),
  write: () => Effect.succeed(true)
})).toEqualTypeOf<Stream.Stream<FieldRotation.Progress<number>, "e" | InvalidOption, Sdk>>()
const read = () => Effect.succeed([])
const write = () => Effect.succeed(true)
// @ts-expect-error: a column that is no field
FieldRotation.rotate({ columns: { email: Schema.String }, read, write })

// Stores in the place of those beneath.
expectTypeOf(EncryptedKeyValueStore.layer({ encryptionContext })).toEqualTypeOf<
  Layer.Layer<KeyValueStore.KeyValueStore, InvalidOption, KeyValueStore.KeyValueStore | Sdk>
>()
expectTypeOf(EncryptedPersistence.layerBacking({ encryptionContext, blindKey: (key) => Effect.succeed(`${key}!`) }))
  .toEqualTypeOf<
    Layer.Layer<Persistence.BackingPersistence, InvalidOption, Persistence.BackingPersistence | Sdk>
  >()
// @ts-expect-error: a key that is blinded by no Effect
EncryptedKeyValueStore.layer({ encryptionContext, blindKey: (key) => key })

expectTypeOf(FieldMetrics.plaintexts).parameter(0).toEqualTypeOf<Readonly<Record<string, string>>>()

declare const key: Redacted.Redacted<Uint8Array>
const column = { key, table: "customers", column: "email" }
expectTypeOf(BlindIndex.make(column)).toEqualTypeOf<
  Effect.Effect<BlindIndex.BlindIndex, InvalidOption | NotLoaded, Scope.Scope>
>()
declare const normalization: Schema.Codec<string, string, "service", "other">
const bits = BlindIndex.make({
  ...column,
  previousKey: key,
  encoding: "Bytes",
  bits: 12,
  hash: "SHA-384",
  normalization
})
type Bits = Effect.Success<typeof bits>
expectTypeOf<Bits>().toEqualTypeOf<BlindIndex.BlindIndex<Uint8Array<ArrayBuffer>, "service">>()
expectTypeOf<ReturnType<Bits["forWrite"]>>().toEqualTypeOf<
  Effect.Effect<Uint8Array<ArrayBuffer>, BlindIndexError, "service">
>()
expectTypeOf<ReturnType<Bits["forSearch"]>>().toEqualTypeOf<
  Effect.Effect<ReadonlyArray<Uint8Array<ArrayBuffer>>, BlindIndexError, "service">
>()
expectTypeOf<Bits["indexName"]>().toEqualTypeOf<string>()
expectTypeOf<BlindIndexError["reason"]>().toEqualTypeOf<"InvalidValue" | "Closed">()
expectTypeOf(new BlindIndexError({ index: "a.b", reason: "Closed", description: "" })).toExtend<Error>()
// Options that are not known until the program runs.
declare const options: BlindIndex.Options
expectTypeOf(BlindIndex.make(options)).toExtend<Effect.Effect<unknown, InvalidOption | NotLoaded, Scope.Scope>>()
// @ts-expect-error: a bare key
BlindIndex.make({ ...column, key: new Uint8Array(32) })
// @ts-expect-error: without a column, all columns of the table would have the same indexes
BlindIndex.make({ key, table: "customers" })
// @ts-expect-error: a schema whose values are no text
BlindIndex.make({ ...column, normalization: Schema.NumberFromString })
