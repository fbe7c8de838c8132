/**
 * An ECDSA signature as r and s one behind the other, each of `length` bytes. Undefined for anything that is not exactly
 * the DER of two positive integers of that size. Lengths take one byte, since no curve here makes a signature of more.
 */
export const rawSignature = (der: Uint8Array, length: number): Uint8Array | undefined => {
  const out = new Uint8Array(2 * length)
  if (der.length < 8 || der.length > 0x81 || der[0] !== 0x30 || der[1] !== der.length - 2) return undefined
  let end = 2
  for (const outEnd of [length, 2 * length]) {
    let start = end + 2
    if (der[end] !== 2 || start >= der.length) return undefined
    end = start + der[end + 1]!
    if (end > der.length || end === start || der[start]! >= 0x80) return undefined
    // A zero in front is for digits that would else be negative.
    if (der[start] === 0 && (++start === end || der[start]! < 0x80)) return undefined
    if (end - start > length) return undefined
    out.set(der.subarray(start, end), outEnd - (end - start))
  }
  return end === der.length ? out : undefined
}
