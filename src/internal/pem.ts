/** PEM texts of keys, read in one way for all layers. */
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as bytes from "./bytes.ts"

/** A structure that a PEM block can hold, and the label that it then has. */
export interface Format {
  readonly label: string
  readonly structure: string
}

export const publicKey: Format = { label: "PUBLIC KEY", structure: "SubjectPublicKeyInfo" }

export const privateKey: Format = { label: "PRIVATE KEY", structure: "PKCS #8 PrivateKeyInfo" }

/** Whether a value can be a public key: PEM text, or the DER that is in it. */
export const isTextOrDer = (value: unknown): value is string | Uint8Array =>
  typeof value === "string" || bytes.isBytes(value)

const block = /^\s*-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----\s*$/

const escapedLineEnd = /-----BEGIN [A-Z0-9 ]+-----\\[rn]/

/**
 * The bytes in a text that is one PEM block of this format, whatever white space is in it; else the problem with it, as a
 * sentence's end that never quotes the text. The caller zeroes the bytes.
 */
export const read = (text: string, format: Format): Uint8Array | string => {
  // A Buffer, as a file is read to, is text to a regular expression.
  if (typeof text !== "string") return "is no string: decode the bytes of a PEM text first"
  const [, label, base64] = block.exec(text) ?? []
  if (label !== format.label) return mismatch(text, label, format)
  return Result.getOrElse(Base64.decode(base64!.replace(/\s/g, "")), () => malformed(format))
}

/** A PEM text of the DER of a structure. For public keys: a text cannot be zeroed. */
export const write = (der: Uint8Array, { label }: Format): string =>
  `-----BEGIN ${label}-----\n${Base64.encode(der)}\n-----END ${label}-----\n`

const mismatch = (text: string, found: string | undefined, { label, structure }: Format): string => {
  // A secret in an environment variable or in JSON is one line.
  if (escapedLineEnd.test(text)) return "has a backslash and an n where lines must end: put line ends in their place"
  const got = found === undefined ? "is no PEM text of one key" : `is a PEM "${found}"`
  return `${got}, expected "${label}" (${structure}, not encrypted)`
}

/** The problem with a PEM block of the right label that does not hold its structure, as a sentence's end. */
export const malformed = ({ structure }: Format): string => `is no valid ${structure}`
