/** Numbers of curves as bytes, most significant byte first. Not exported. */

/** The number in `length` bytes. */
export const toBytes = (value: bigint, length: number): Uint8Array<ArrayBuffer> => {
  const out = new Uint8Array(length)
  for (let i = length, rest = value; i-- > 0; rest >>= 8n) out[i] = Number(rest & 0xffn)
  return out
}

export const fromBytes = (bytes: Uint8Array): bigint => {
  let out = 0n
  for (const byte of bytes) out = (out << 8n) | BigInt(byte)
  return out
}
