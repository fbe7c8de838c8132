/** UUIDs, as 16 bytes and as text. */

const pattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The text of 16 bytes, in lower case. */
export const format = (bytes: Uint8Array): string => {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")
}

/** The bytes of a text in lower case; undefined where it is no UUID. */
export const parse = (text: string): Uint8Array<ArrayBuffer> | undefined =>
  pattern.test(text)
    ? Uint8Array.from(text.replaceAll("-", "").match(/../g)!, (digits) => Number.parseInt(digits, 16))
    : undefined

/** A version 4 UUID from 16 random bytes. */
export const uuid = (random: Uint8Array): string =>
  format(random.map((byte, index) => index === 6 ? (byte & 0x0f) | 0x40 : index === 8 ? (byte & 0x3f) | 0x80 : byte))
