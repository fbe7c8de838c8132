import * as Base64 from "effect/encoding/Base64"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import type * as SchemaIssue from "effect/SchemaIssue"
import { EncryptionSdk } from "../../EncryptionSdk.ts"
import { quoted } from "../../internal/printable.ts"
import type { EncryptionContext } from "../../model/EncryptionContext.ts"
import * as FieldMetrics from "../FieldMetrics.ts"
import * as FieldIssue from "./fieldIssue.ts"
import type { FieldSettings } from "./fieldOptions.ts"
import * as MessageText from "./messageText.ts"
import type { PlaintextCodec } from "./plaintextCodec.ts"
import * as RowContext from "./rowContext.ts"
import { withoutValues } from "./withoutValues.ts"

type Encoded = string | Uint8Array

/** Both directions of a field, and the sentence for what the schemas on its sides find. */
export interface Field<S extends Schema.Constraint> {
  readonly decode: SchemaGetter.Getter<unknown, Encoded, S["DecodingServices"] | EncryptionSdk>
  readonly encode: SchemaGetter.Getter<Encoded, unknown, S["EncodingServices"] | EncryptionSdk>
  readonly explain: (operation: "decode" | "encode") => (issue: SchemaIssue.Issue) => SchemaIssue.Issue
}

/** Makes the two directions of a field. */
export const make = <S extends Schema.Constraint>(settings: FieldSettings, codec: PlaintextCodec<S>): Field<S> => {
  const contextOf = RowContext.make(settings)
  const fail = (sentence: string, cause?: FieldIssue.FieldCause) =>
    FieldIssue.make(`encrypted field ${settings.fieldName}: ${sentence}`, cause)
  const parts: Parts<S> = {
    settings,
    codec,
    fail,
    contextOf: Effect.mapError(contextOf, (sentence) => fail(sentence))
  }
  const unwrap = (value: unknown) => settings.redacted ? Redacted.value(value as Redacted.Redacted) : value
  return {
    decode: SchemaGetter.transformEffect((encoded: Encoded) => {
      const decoded = decode(parts, encoded)
      return settings.redacted ? Effect.map(decoded, (value): unknown => Redacted.make(value)) : decoded
    }),
    encode: SchemaGetter.transformEffect((value: unknown) => encode(parts, unwrap(value))),
    explain: (operation) => (issue) => FieldIssue.findOwn(issue) ?? fail(sentences(settings)[operation])
  }
}

const sentences = ({ encoding }: FieldSettings) => ({
  decode: `must be ${encoding === "Base64" ? "base64 text" : "the bytes"} of a message`,
  encode: notOfSchema
})

const notOfSchema = "is no value of the field's schema"

interface Parts<S extends Schema.Constraint> {
  readonly settings: FieldSettings
  readonly codec: PlaintextCodec<S>
  readonly fail: (sentence: string, cause?: FieldIssue.FieldCause) => SchemaIssue.Issue
  readonly contextOf: Effect.Effect<EncryptionContext, SchemaIssue.Issue>
}

const encode = <S extends Schema.Constraint>(parts: Parts<S>, value: S["Type"]) =>
  Effect.flatMap(
    parts.contextOf,
    (encryptionContext) =>
      Effect.flatMap(ofSchema(parts, () => parts.codec.encode(value)), (plaintext) => {
        if (MessageText.isMessage(plaintext)) {
          return Effect.fail(parts.fail("is a message of the AWS Encryption SDK already, and is not encrypted again"))
        }
        return Effect.flatMap(EncryptionSdk, (sdk) =>
          Effect.mapBoth(
            sdk.encrypt(plaintext, { encryptionContext, algorithmSuite: parts.settings.algorithmSuite }),
            {
              onFailure: (error) => parts.fail(error.message, error),
              onSuccess: ({ message }) => parts.settings.encoding === "Base64" ? Base64.encode(message) : message
            }
          ))
      })
  )

const decode = <S extends Schema.Constraint>(parts: Parts<S>, encoded: Encoded) =>
  Effect.flatMap(parts.contextOf, (encryptionContext) => {
    if (parts.settings.acceptsPlaintext && !MessageText.beginsAsMessage(encoded)) {
      return readPlaintext(parts, encoded, encryptionContext)
    }
    const message = typeof encoded === "string" ? MessageText.decode(encoded) : encoded
    return message === undefined
      ? Effect.fail(parts.fail("is no base64 text, and so no message"))
      : decrypt(parts, message, encryptionContext)
  })

const decrypt = <S extends Schema.Constraint>(
  parts: Parts<S>,
  message: Uint8Array,
  expectedEncryptionContext: EncryptionContext
) =>
  Effect.flatMap(EncryptionSdk, (sdk) =>
    Effect.flatMap(
      Effect.mapError(
        sdk.decrypt(message, { expectedEncryptionContext }),
        (error) => parts.fail(error.message, error)
      ),
      ({ encryptionContext, plaintext }) => {
        const other = RowContext.findOther(encryptionContext, expectedEncryptionContext)
        if (other === undefined) return ofSchema(parts, () => parts.codec.decode(plaintext))
        plaintext.fill(0)
        return Effect.fail(
          parts.fail(`the message has the pair ${quoted(other, 128)}, which neither field nor request has`)
        )
      }
    ))

/** Decodes what is no message, and says so to the metric and to the callback. */
const readPlaintext = <S extends Schema.Constraint>(
  parts: Parts<S>,
  encoded: Encoded,
  encryptionContext: EncryptionContext
) => {
  const { fieldName, onPlaintext } = parts.settings
  const plaintext = plaintextOf(parts, encoded)
  if (plaintext === undefined) return Effect.fail(parts.fail("is no message, and no base64 text of bytes"))
  return Effect.tap(
    ofSchema(
      parts,
      () => typeof plaintext === "string" ? parts.codec.decodeText(plaintext) : parts.codec.decode(plaintext)
    ),
    Effect.contextWith((context) => {
      FieldMetrics.plaintexts({ field: fieldName }).updateUnsafe(1, context)
      try {
        onPlaintext?.({ field: fieldName, encryptionContext })
      } catch {
        // A listener's fault is not the field's.
      }
      return Effect.void
    })
  )
}

/** A column of text holds bytes as base64 before it is migrated, and one of bytes holds text as UTF-8. */
const plaintextOf = <S extends Schema.Constraint>({ codec }: Parts<S>, encoded: Encoded): Encoded | undefined => {
  if (typeof encoded !== "string") return new Uint8Array(encoded)
  return codec.form === "Bytes" ? MessageText.decode(encoded) : encoded
}

/** Errors and defects of the value's schema as one sentence: they may hold the value. */
const ofSchema = <S extends Schema.Constraint, A, R>({ fail }: Parts<S>, run: () => Effect.Effect<A, unknown, R>) =>
  withoutValues(run, (fault) => fail(fault === "Threw" ? "the field's schema threw" : notOfSchema))
