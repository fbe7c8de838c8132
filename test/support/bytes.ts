/** Bytes from hexadecimal digits; white space is passed over. */
export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s/g, ""), "hex"))

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** A copy with one byte changed by a mask that is not zero. */
export const flip = (bytes: Uint8Array, index: number, mask = 0xff): Uint8Array => {
  const out = new Uint8Array(bytes)
  out[index] = out[index]! ^ mask
  return out
}

/** A copy with the bytes at `offset` replaced. */
export const patch = (bytes: Uint8Array, offset: number, replacement: ReadonlyArray<number>): Uint8Array => {
  const out = new Uint8Array(bytes)
  out.set(replacement, offset)
  return out
}

export const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(parts))

export const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"))

export const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64")

/** The text of UTF-8 bytes. */
export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8")

/** Four bytes, big-endian. */
export const uint32 = (value: number): Uint8Array => hex(value.toString(16).padStart(8, "0"))

/** Bytes, or the UTF-8 of a text, behind their two-byte length: a field of the message format. */
export const field = (value: string | Uint8Array): Uint8Array => {
  const bytes = Buffer.from(value)
  return concat(Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes)
}

export const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)
