/**
 * Exported key stores: all keys with their material as JSON text.
 *
 * Version 2 has the key specs and the dates of keys. Exports of version 1, which hold symmetric keys alone, still load.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { KeySpec, KeyState } from "./keyInfo.ts"

const fields = {
  arn: Schema.String,
  material: Schema.Uint8ArrayFromBase64,
  state: KeyState,
  aliases: /*#__PURE__*/ Schema.Array(Schema.String)
}

const Version1 = /*#__PURE__*/ Schema.Struct({
  version: /*#__PURE__*/ Schema.Literal(1),
  keys: /*#__PURE__*/ Schema.Array(/*#__PURE__*/ Schema.Struct(fields))
})

const ExportedKey = /*#__PURE__*/ Schema.Struct({
  ...fields,
  keySpec: KeySpec,
  creationDate: Schema.Finite,
  deletionDate: /*#__PURE__*/ Schema.optionalKey(Schema.Finite)
})

/** A key of an export. `material` is 32 bytes, or the PKCS #8 of a private key. */
export type ExportedKey = typeof ExportedKey.Type

const Version2 = /*#__PURE__*/ Schema.Struct({
  version: /*#__PURE__*/ Schema.Literal(2),
  keys: /*#__PURE__*/ Schema.Array(ExportedKey)
})

const decodeText = /*#__PURE__*/ Schema.decodeUnknownEffect(
  /*#__PURE__*/ Schema.fromJsonString(/*#__PURE__*/ Schema.Union([Version1, Version2]))
)
const encodeText = /*#__PURE__*/ Schema.encodeEffect(/*#__PURE__*/ Schema.fromJsonString(Version2))

/** Reads a text. Keys of version 1 were made now, as far as anything knows. The materials become the caller's, who zeroes them. */
export const decode = (text: string, now: number): Effect.Effect<ReadonlyArray<ExportedKey>, Schema.SchemaError> =>
  Effect.map(decodeText(text), (store) =>
    store.version === 2
      ? store.keys
      : store.keys.map((key) => ({ ...key, keySpec: "SYMMETRIC_DEFAULT", creationDate: now })))

/** The text of keys, which stay the caller's. */
export const encode = (keys: ReadonlyArray<ExportedKey>): Effect.Effect<string> =>
  Effect.orDie(encodeText({ version: 2, keys }))
