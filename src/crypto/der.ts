/** The subset of DER that RSA keys need. Not exported, and loaded with RSA alone. */

export const sequenceTag = 0x30
export const integerTag = 2

/** The content of a value, and the offset behind it. */
export interface Value {
  readonly content: Uint8Array
  readonly end: number
}

/**
 * The value of this tag at `offset`. Undefined if there is none: another tag, a length that is not the shortest one or
 * that goes beyond the input.
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
