import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import { toLatin1 } from "../../internal/bytes.ts"
import * as MessageHeader from "../../message/MessageHeader.ts"

/** The bytes of canonical base64 text: no two texts are the same bytes. Undefined for all other text. */
export const decode = (text: string): Uint8Array | undefined => {
  const decoded = Base64.decode(text)
  if (Result.isFailure(decoded)) return undefined
  const bytes = decoded.success
  // The decoder passes over line ends, and over bits of the last characters that belong to no byte.
  const isWhole = text.length === Math.ceil(bytes.length / 3) * 4
  const tail = bytes.subarray(Math.max(0, Math.ceil(bytes.length / 3) - 1) * 3)
  return isWhole && text.endsWith(Base64.encode(tail)) ? bytes : undefined
}

/**
 * The starts of a message: 01 80 and a suite of version 1, 02 and a suite of version 2; the same as base64, which may be a file
 * of it, and as hexadecimal digits with the message ID.
 */
/* oxlint-disable no-control-regex -- the characters are bytes */
const binary = /^(\x01\x80[\0-\x03][\x14\x46\x78]|\x02[\x04\x05]\x78)/
const base64 = /^\s*["']?(data:[^,]*,)?(AYA[A-D][FRe]|Ag[RV]4)/
const hex = /^\s*["']?([0\\]x)?0(1800[0-3](14|46|78)|20[45]78)[0-9a-f]{32}/i

/** Greatest number of characters, or of bytes, by which a message is recognised. */
const startLength = 128

/**
 * Whether a value begins as a message does, whole or cut off, in whatever form. A plaintext does by mistake where it begins with
 * `AgR4`, `AgV4`, or five characters such as `AYADe`, which one base64 text in eight million does by chance.
 */
export const beginsAsMessage = (value: string | Uint8Array): boolean => {
  const start = typeof value === "string" ? value.slice(0, startLength) : toLatin1(value.subarray(0, startLength))
  return base64.test(start) || hex.test(start) || (typeof value !== "string" && binary.test(start))
}

/** Whether a plaintext is a message itself, as bytes or as base64 text: its header can be read. */
export const isMessage = (plaintext: string | Uint8Array): boolean => {
  if (!beginsAsMessage(plaintext)) return false
  if (typeof plaintext !== "string" && hasHeader(plaintext)) return true
  const text = typeof plaintext === "string" ? plaintext : new TextDecoder().decode(plaintext)
  // A text among structured values has quotation marks around it.
  const message = decode(text.trim().replace(/^"(.*)"$/s, "$1"))
  return message !== undefined && hasHeader(message)
}

const hasHeader = (message: Uint8Array): boolean => Result.isSuccess(MessageHeader.decode(message))
