/**
 * The wrapping key of a raw AES keyring, as text.
 */
import * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { isKeyLength } from "../crypto/aesGcm.ts"

/** An AES key of 16, 24 or 32 bytes from base64 text. Prints as `<redacted:wrapping-key>`; errors do not quote the text. */
export const WrappingKey = /*#__PURE__*/ Schema.RedactedFromValue(
  /*#__PURE__*/ Schema.Uint8ArrayFromBase64.check(
    /*#__PURE__*/ Schema.makeFilter((key: Uint8Array) =>
      isKeyLength(key.length) ||
      `expected a key of 16, 24 or 32 bytes, got ${key.length}`
    )
  ),
  { label: "wrapping-key" }
)

/** See the schema of the same name. */
export type WrappingKey = typeof WrappingKey.Type

/** Reads the base64 text of a wrapping key from configuration, such as an environment variable. */
export const config = (name: string | ConfigProvider.Path): Config.Config<Redacted.Redacted<Uint8Array>> =>
  Config.schema(WrappingKey, name)
