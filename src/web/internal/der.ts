/** The little of DER that signatures and keys need. */

export const sequenceTag = 0x30
export const integerTag = 2

/** What a value holds, and where it ends. */
export interface Value {
  readonly content: Uint8Array
  readonly end: number
}

/**
 * The value of this tag at `offset`. Undefined where there is none: another tag, a length that is not the shortest one
 * or that goes beyond the input.
 */
export const read = (input: Uint8Array, tag: number, offset: number): Value | undefined => {
  const first = input[offset + 1]
  if (input[offset] !== tag || first === undefined) return undefined
  let start = offset + 2
  let length = first
  if (first >= 0x80) {
    const digits = first - 0x80
    if (digits < 1 || digits > 2 || start + digits > input.length) return undefined
    length = 0
    for (const end = start + digits; start < end; start++) length = (length << 8) | input[start]!
    if (length < (digits === 1 ? 0x80 : 0x100)) return undefined
  }
  const end = start + length
  return end <= input.length ? { content: input.subarray(start, end), end } : undefined
}

/** The digits of a positive INTEGER, padded to a length. Undefined where it is no such integer or has more digits. */
const positiveInteger = (value: Value | undefined, length: number): Uint8Array | undefined => {
  if (value === undefined) return undefined
  let { content } = value
  if (content.length === 0 || content[0]! >= 0x80) return undefined
  if (content[0] === 0) {
    content = content.subarray(1)
    // A zero in front is for digits that would else be negative.
    if (content.length === 0 || content[0]! < 0x80) return undefined
  }
  if (content.length > length) return undefined
  const out = new Uint8Array(length)
  out.set(content, length - content.length)
  return out
}

/**
 * An ECDSA signature as r and s one behind the other, each of `length` bytes. Undefined for anything that is not exactly
 * the DER of two positive integers of that size.
 */
export const rawSignature = (der: Uint8Array, length: number): Uint8Array | undefined => {
  const sequence = read(der, sequenceTag, 0)
  if (sequence === undefined || sequence.end !== der.length) return undefined
  const first = read(sequence.content, integerTag, 0)
  const second = first && read(sequence.content, integerTag, first.end)
  const r = positiveInteger(first, length)
  const s = positiveInteger(second, length)
  if (r === undefined || s === undefined || second?.end !== sequence.content.length) return undefined
  const out = new Uint8Array(2 * length)
  out.set(r)
  out.set(s, length)
  return out
}
