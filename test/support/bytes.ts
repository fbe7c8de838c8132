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
