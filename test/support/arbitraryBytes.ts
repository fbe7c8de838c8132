import { Arbitrary, Schema } from "effect"

const byte = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))

/** Byte arrays of these lengths. */
export const arbitraryBytes = (minLength: number, maxLength: number = minLength) =>
  Arbitrary.map(Arbitrary.array(byte, { minLength, maxLength }), (values) => Uint8Array.from(values))

/** Whole numbers from `minimum` to `maximum`. */
export const arbitraryInt = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))
