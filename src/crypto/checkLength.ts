/** Throws a `RangeError` unless an array has the length that its operation takes: a caller of ours is wrong. Not exported. */
export const checkLength = (name: string, { length }: Uint8Array, expected: number): void => {
  if (length !== expected) throw new RangeError(`${name}: is ${length} bytes, must be ${expected}`)
}
