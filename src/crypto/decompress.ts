/** Decompression of curve points, for runtimes that import no compressed ones. Not exported, and loaded at the first one. */
import type { SignatureCurve } from "../model/AlgorithmSuite.ts"
import * as bytes from "../internal/bytes.ts"
import { fromBytes, toBytes } from "./bigEndian.ts"
import * as Ecdsa from "./Ecdsa.ts"

interface Field {
  readonly prime: bigint
  /** Of y² = x³ − 3x + b. */
  readonly b: bigint
}

const fields: Readonly<Record<SignatureCurve, Field>> = {
  "P-256": {
    prime: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn
  },
  "P-384": {
    prime: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn
  }
}

/** The uncompressed point of a compressed one; undefined where the bytes are no point of the curve. Takes about a millisecond. */
export const decompress = (curve: SignatureCurve, point: Uint8Array): Uint8Array<ArrayBuffer> | undefined => {
  const { b, prime } = fields[curve]
  if (!Ecdsa.isCompressed(curve, point)) return undefined
  const x = fromBytes(point.subarray(1))
  if (x >= prime) return undefined
  const square = (((x * x - 3n) * x + b) % prime + prime) % prime
  // Both primes are 3 modulo 4, where this power is a square root if there is one.
  const root = power(square, (prime + 1n) / 4n, prime)
  if ((root * root) % prime !== square) return undefined
  const y = (root & 1n) === BigInt(point[0]! & 1) ? root : (prime - root) % prime
  return bytes.concat([Uint8Array.of(4), point.subarray(1), toBytes(y, Ecdsa.coordinateLength(curve))])
}

const power = (base: bigint, exponent: bigint, modulus: bigint): bigint => {
  let out = 1n
  for (let square = base, rest = exponent; rest > 0n; rest >>= 1n, square = (square * square) % modulus) {
    if ((rest & 1n) === 1n) out = (out * square) % modulus
  }
  return out
}
