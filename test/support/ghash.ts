/**
 * GHASH, the universal hash of AES-GCM, and the roots of polynomials over its field GF(2^128): enough to find its key from two
 * tags under one IV (Joux, "Authentication failures in NIST version of GCM", 2006). By the definitions and slow, for tests alone.
 *
 * A block is a number of 128 bits whose highest bit is the coefficient of x^0. A polynomial is the list of its coefficients, that of
 * the lowest power first.
 */
import { hex, toHex } from "./bytes.ts"

type Polynomial = ReadonlyArray<bigint>

const zero = 0n
const one = 1n << 127n
const reduction = 0xe1n << 120n
const bits = 128

/** The product of two elements. */
export const multiply = (a: bigint, b: bigint): bigint => {
  let product = zero
  let shifted = b
  for (let bit = one; bit !== zero; bit >>= 1n) {
    if ((a & bit) !== zero) product ^= shifted
    shifted = (shifted & 1n) === 0n ? shifted >> 1n : (shifted >> 1n) ^ reduction
  }
  return product
}

/** a^(2^128 - 2), which is 1 / a. */
const invert = (a: bigint): bigint => {
  let power = a
  let inverse = one
  for (let bit = 1; bit < bits; bit++) {
    power = multiply(power, power)
    inverse = multiply(inverse, power)
  }
  return inverse
}

const toBlock = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes).padEnd(32, "0")}`)

const toBlocks = (bytes: Uint8Array): ReadonlyArray<bigint> =>
  Array.from(
    { length: Math.ceil(bytes.length / 16) },
    (_, index) => toBlock(bytes.subarray(16 * index, 16 * (index + 1)))
  )

/** The polynomial whose value at H is the hash of these data. */
export const polynomialOf = (aad: Uint8Array, ciphertext: Uint8Array): Polynomial => {
  const lengths = (BigInt(8 * aad.length) << 64n) | BigInt(8 * ciphertext.length)
  return [...toBlocks(aad), ...toBlocks(ciphertext), lengths, zero].toReversed()
}

/** The value of a polynomial. */
const evaluate = (polynomial: Polynomial, at: bigint): bigint =>
  polynomial.reduceRight((value, coefficient) => multiply(value, at) ^ coefficient, zero)

/** The hash of these data under the key H. */
export const ghash = (key: bigint, aad: Uint8Array, ciphertext: Uint8Array): bigint =>
  evaluate(polynomialOf(aad, ciphertext), key)

/** A tag from its number, and the reverse. */
export const tagOf = (block: bigint): Uint8Array => hex(block.toString(16).padStart(32, "0"))
export const blockOf = (tag: Uint8Array): bigint => toBlock(tag)

const degree = (polynomial: Polynomial): number => polynomial.findLastIndex((coefficient) => coefficient !== zero)

/** The sum of two polynomials, which is their difference. */
export const add = (a: Polynomial, b: Polynomial): Polynomial =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, power) => (a[power] ?? zero) ^ (b[power] ?? zero))

const scale = (polynomial: Polynomial, factor: bigint): Polynomial =>
  polynomial.map((coefficient) => multiply(coefficient, factor))

/** Quotient and remainder by a polynomial whose highest coefficient is one. */
const divide = (
  polynomial: Polynomial,
  by: Polynomial
): { readonly quotient: Polynomial; readonly rest: Polynomial } => {
  const rest = [...polynomial]
  const quotient: Array<bigint> = []
  const height = degree(by)
  for (let power = degree(rest); power >= height; power = degree(rest)) {
    const factor = rest[power]!
    quotient[power - height] = factor
    for (let index = 0; index <= height; index++) {
      rest[power - height + index] = rest[power - height + index]! ^ multiply(factor, by[index]!)
    }
  }
  return { quotient: Array.from(quotient, (coefficient) => coefficient ?? zero), rest: rest.slice(0, height) }
}

const monic = (polynomial: Polynomial): Polynomial => {
  const height = degree(polynomial)
  return scale(polynomial.slice(0, height + 1), invert(polynomial[height]!))
}

/** The greatest common divisor, monic. */
const commonDivisor = (a: Polynomial, b: Polynomial): Polynomial => {
  let [left, right] = [a, b]
  while (degree(right) >= 0) {
    const divisor = monic(right)
    ;[left, right] = [divisor, divide(left, divisor).rest]
  }
  return monic(left)
}

/** The square of a polynomial, modulo another one. */
const squareModulo = (polynomial: Polynomial, modulus: Polynomial): Polynomial => {
  const square = polynomial.flatMap((coefficient) => [multiply(coefficient, coefficient), zero])
  return divide(square, modulus).rest
}

/** All elements at which a polynomial is zero. It has a degree of at least one. */
export const rootsOf = (polynomial: Polynomial): ReadonlyArray<bigint> => {
  const modulus = monic(polynomial)
  // x^(2^128) - x is the product of (x - e) for all elements e of the field.
  let power: Polynomial = divide([zero, one], modulus).rest
  for (let count = 0; count < bits; count++) power = squareModulo(power, modulus)
  return split(commonDivisor(modulus, add(power, [zero, one])), 0)
}

/** The roots of a product of distinct linear factors: Berlekamp's trace algorithm, by one element of a basis after the other. */
const split = (product: Polynomial, basis: number): ReadonlyArray<bigint> => {
  const height = degree(product)
  if (height === 0) return []
  if (height === 1) return [product[0]!]
  // The trace of (b x) is zero for half of the elements, another half for each b of a basis.
  let power: Polynomial = [zero, one >> BigInt(basis)]
  let trace: Polynomial = power
  for (let count = 1; count < bits; count++) {
    power = squareModulo(power, product)
    trace = add(trace, power)
  }
  const factor = commonDivisor(product, trace)
  return degree(factor) === height || degree(factor) === 0
    ? split(product, basis + 1)
    : [...split(factor, basis + 1), ...split(divide(product, factor).quotient, basis + 1)]
}
