/**
 * Encrypted fields: a Schema whose decoded side is any value and whose encoded side is a message of the AWS Encryption SDK, as
 * base64 text or bytes. A column of a table, a property of a document.
 *
 * ```ts
 * const Email = EncryptedField.make(Schema.String, {
 *   encryptionContext: { table: "customers", column: "email" },
 *   requiredKeys: ["customer"]
 * })
 * ```
 */
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { SchemaError } from "effect/Schema"
import type * as SchemaIssue from "effect/SchemaIssue"
import type { EncryptionSdk } from "../EncryptionSdk.ts"
import type { AlgorithmSuite } from "../model/AlgorithmSuite.ts"
import type { EncryptionContext } from "../model/EncryptionContext.ts"
import * as Field from "./internal/field.ts"
import * as FieldIssue from "./internal/fieldIssue.ts"
import { checkOptions, type Options } from "./internal/fieldOptions.ts"
import * as PlaintextCodec from "./internal/plaintextCodec.ts"

export type { Options, PlaintextRead } from "./internal/fieldOptions.ts"

/** The decoded side of a field. */
export type Decoded<S extends Schema.Constraint, O extends Options> = O["redacted"] extends true
  ? Redacted.Redacted<S["Type"]>
  : S["Type"]

/** The encoded side of a field. */
export type Encoded<O extends Options> = O["encoding"] extends "Bytes" ? Uint8Array : string

/** A field: the schema of its values. */
export interface EncryptedField<S extends Schema.Constraint, O extends Options> extends
  Schema.Codec<
    Decoded<S, O>,
    Encoded<O>,
    S["DecodingServices"] | EncryptionSdk,
    S["EncodingServices"] | EncryptionSdk
  >
{
  /** The values of the pairs of the field, joined by dots: `customers.email`. It is in issues and metrics. */
  readonly fieldName: string
  /** The pairs of the field. */
  readonly encryptionContext: EncryptionContext
  /** The suite of values that are encoded; undefined where the client chooses. */
  readonly algorithmSuite: AlgorithmSuite | undefined
}

/**
 * Makes a field of a schema of its values. Text is encrypted as UTF-8, bytes as they are (by what the schema encodes to), and all
 * else as JSON by the schema's own JSON codec. A value of `Schema.NumberFromString` is text, then.
 *
 * The context of a value has the field's pairs and those of `CurrentEncryptionContext`. It decodes where both are the same as when
 * it was encoded, and nowhere else: a value that was moved to another row, column or tenant does not decode.
 *
 * What fails is an issue of Schema that names the field and says why, with the library's own error as cause (`causes`). It
 * holds no value, whatever the value's schema, its messages or its defects say. A value that is a message itself is rejected, so that
 * nothing is encrypted twice. Throws `InvalidOption`, which names the option, for options that no field can have.
 *
 * **Gotchas**
 *
 * The parse option `reportInput` makes Schema itself put the input into an issue: on encode, that is the plaintext. A field that
 * is `redacted` is safe with it.
 *
 * Bytes that are decoded belong to the caller. The bytes of text and JSON are zeroed, their text is the garbage collector's.
 */
export const make = <S extends Schema.Constraint, const O extends Options>(
  schema: S,
  options: O
): EncryptedField<S, O> => {
  const settings = checkOptions(options)
  const codec = PlaintextCodec.make(schema)
  const field = Field.make(settings, codec)
  const value = Schema.toType(schema)
  const decoded: Schema.Top = settings.redacted ? Schema.Redacted(value) : value
  const encoded: Schema.Top = settings.encoding === "Bytes" ? Schema.Uint8Array : Schema.String
  const transformed = encoded.pipe(
    Schema.decodeTo(decoded, { decode: field.decode, encode: field.encode } as never),
    Schema.middlewareDecoding((effect) => Effect.mapError(effect, field.explain("decode")) as never),
    Schema.middlewareEncoding((effect) => Effect.mapError(effect, field.explain("encode")) as never)
  )
  const { algorithmSuite, encryptionContext, fieldName } = settings
  return Object.assign(transformed, { fieldName, encryptionContext, algorithmSuite }) as unknown as EncryptedField<S, O>
}

/** An error of the library that was the cause of an issue of a field. */
export type Cause = FieldIssue.FieldCause

/**
 * The library's errors that made values of fields fail, in the order of the fields; none where what failed is no field, or a
 * value was none of its schema. `isRetryable` of each says whether to try again: a KMS that throttles is an issue as well.
 */
export const causes = (error: SchemaError | SchemaIssue.Issue): ReadonlyArray<Cause> =>
  FieldIssue.causesOf("issue" in error && error._tag === "SchemaError" ? error.issue : error)
