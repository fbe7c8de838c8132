import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as bytes from "../../internal/bytes.ts"

/** The form of a plaintext: text as UTF-8, bytes as they are, or JSON text. */
export type Form = "Text" | "Bytes" | "Json"

/** Values of a schema as plaintexts, and back. Errors are those of the schema, and may hold the value. */
export interface PlaintextCodec<S extends Schema.Constraint> {
  readonly form: Form
  readonly encode: (value: S["Type"]) => Effect.Effect<string | Uint8Array, unknown, S["EncodingServices"]>
  /** The plaintext is zeroed, unless it is the value. */
  readonly decode: (plaintext: Uint8Array) => Effect.Effect<S["Type"], unknown, S["DecodingServices"]>
  readonly decodeText: (plaintext: string) => Effect.Effect<S["Type"], unknown, S["DecodingServices"]>
}

/**
 * The codec of a schema: where its encoded side is any text, or bytes, that is the plaintext. All else becomes JSON by the
 * schema's own JSON codec.
 */
export const make = <S extends Schema.Constraint>(schema: S): PlaintextCodec<S> => {
  const form = formOf(schema)
  const codec = (form === "Json" ? Schema.fromJsonString(Schema.toCodecJson(schema)) : schema) as Schema.Codec<
    S["Type"],
    string | Uint8Array,
    S["DecodingServices"],
    S["EncodingServices"]
  >
  const decode = Schema.decodeUnknownEffect(codec)
  return {
    form,
    encode: Schema.encodeUnknownEffect(codec),
    decode: (plaintext) => {
      if (form === "Bytes") return decode(plaintext)
      const text = bytes.fromUtf8(plaintext)
      plaintext.fill(0)
      return text === undefined ? Effect.fail("no UTF-8") : decode(text)
    },
    decodeText: decode
  }
}

const bytesId = /*#__PURE__*/ idOf(Schema.Uint8Array)

const formOf = (schema: Schema.Constraint): Form => {
  const encoded = Schema.toEncoded(schema)
  if (encoded.ast._tag === "String") return "Text"
  return encoded.ast._tag === "Declaration" && idOf(encoded) === bytesId ? "Bytes" : "Json"
}

/** The name that the declaration of a class's schema has. */
function idOf({ ast }: Schema.Constraint): string | undefined {
  return ast.annotations?.["representation"] === undefined
    ? undefined
    : (ast.annotations["representation"] as { readonly id: string }).id
}
