import * as bytes from "../../internal/bytes.ts"

/**
 * A value with the name of its place, which is encrypted with it: in another place it is not taken for the value there. One context,
 * and so one cached data key, serves all places of a store.
 *
 * A byte for the kind (0 text, 1 bytes), the length in bytes of the name as a big-endian number of 4 bytes, the name and the
 * value as UTF-8.
 */
export interface Envelope {
  readonly name: string
  readonly value: string | Uint8Array
}

const headerLength = 5

/** The plaintext of an envelope: bytes of the caller's. Undefined for text that has no UTF-8. */
export const encode = ({ name, value }: Envelope): Uint8Array | undefined => {
  const isText = typeof value === "string"
  if (!bytes.isWellFormed(name) || (isText && !bytes.isWellFormed(value))) return undefined
  const nameBytes = bytes.utf8(name)
  const valueBytes = isText ? bytes.utf8(value) : value
  const out = new Uint8Array(headerLength + nameBytes.length + valueBytes.length)
  out[0] = isText ? 0 : 1
  bytes.setUint32(out, 1, nameBytes.length)
  out.set(nameBytes, headerLength)
  out.set(valueBytes, headerLength + nameBytes.length)
  if (isText) valueBytes.fill(0)
  return out
}

/** Reads a plaintext, and zeroes it. Undefined where it is none of an envelope. */
export const decode = (plaintext: Uint8Array): Envelope | undefined => {
  const envelope = read(plaintext)
  plaintext.fill(0)
  return envelope
}

const read = (plaintext: Uint8Array): Envelope | undefined => {
  const [kind] = plaintext
  if (plaintext.length < headerLength || kind === undefined || kind > 1) return undefined
  const start = headerLength + bytes.getUint32(plaintext, 1)
  if (start > plaintext.length) return undefined
  const name = bytes.fromUtf8(plaintext.subarray(headerLength, start))
  const value = kind === 0 ? bytes.fromUtf8(plaintext.subarray(start)) : plaintext.slice(start)
  return name === undefined || value === undefined ? undefined : { name, value }
}
