/**
 * Encodings of ECDSA signatures and public keys, for layers of `Primitives`. Pure functions over public bytes.
 *
 * Specification: framework/transitive-requirements.md#ecdsa
 */
import type { SignatureAlgorithm, SignatureCurve } from "../model/AlgorithmSuite.ts"
import * as AlgorithmSuite from "../model/AlgorithmSuite.ts"
import * as bytes from "../internal/bytes.ts"
import { fromBytes, toBytes } from "./bigEndian.ts"

interface Curve {
  readonly algorithm: SignatureAlgorithm
  /** Bytes of a coordinate, of r and of s. */
  readonly length: number
  /** Number of points of the curve. Made of hexadecimal text, which compresses better than a literal that is minified. */
  readonly order: bigint
}

const algorithmOf = (curve: SignatureCurve): SignatureAlgorithm =>
  AlgorithmSuite.all.find((suite) => suite.signature?.curve === curve)!.signature!

const curves: Readonly<Record<SignatureCurve, Curve>> = /*#__PURE__*/ (() => ({
  "P-256": {
    algorithm: algorithmOf("P-256"),
    length: 32,
    order: BigInt("0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
  },
  "P-384": {
    algorithm: algorithmOf("P-384"),
    length: 48,
    order: BigInt("0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973")
  }
}))()

/** DER of a `SubjectPublicKeyInfo` up to the compressed point. */
const spkiPrefixes: Readonly<Record<SignatureCurve, Uint8Array>> = /*#__PURE__*/ (() => ({
  // SEQUENCE { SEQUENCE { OID ecPublicKey, OID prime256v1 }, BIT STRING (33 bytes) }
  "P-256": toBytes(0x3039301306072a8648ce3d020106082a8648ce3d030107032200n, 26),
  // SEQUENCE { SEQUENCE { OID ecPublicKey, OID secp384r1 }, BIT STRING (49 bytes) }
  "P-384": toBytes(0x3046301006072a8648ce3d020106052b81040022033200n, 23)
}))()

/** Length in bytes of a coordinate of a curve's points, and of r and s of its signatures. */
export const coordinateLength = (curve: SignatureCurve): number => curves[curve].length

/** The signature algorithm of a curve: its hash function and signature length. */
export const algorithm = (curve: SignatureCurve): SignatureAlgorithm => curves[curve].algorithm

/**
 * A signature as DER of exactly the suite's `signatureLength`, from r and s one behind the other, each of the curve's
 * length. Undefined in the rare case that the signature has no such encoding: sign again.
 *
 * If (r, s) is a signature, so is (r, order − s), and nearly always one of the two has the length.
 */
export const derFromRaw = (curve: SignatureCurve, raw: Uint8Array): Uint8Array<ArrayBuffer> | undefined => {
  const { algorithm, length, order } = curves[curve]
  bytes.checkLength("raw signature", raw, 2 * length)
  const r = derInteger(raw.subarray(0, length))
  const s = raw.subarray(length)
  const encoded = (candidate: Uint8Array): Uint8Array<ArrayBuffer> | undefined => {
    const der = bytes.concat([Uint8Array.of(0x30, 0), r, derInteger(candidate)])
    der[1] = der.length - 2
    return der.length === algorithm.signatureLength ? der : undefined
  }
  return encoded(s) ?? encoded(toBytes(order - fromBytes(s), length))
}

/** A signature as DER of exactly the suite's `signatureLength`, from DER of any length. Undefined as for `derFromRaw`. */
export const derOfSuiteLength = (curve: SignatureCurve, der: Uint8Array): Uint8Array<ArrayBuffer> | undefined => {
  const { algorithm, length } = curves[curve]
  if (der.length === algorithm.signatureLength) return new Uint8Array(der)
  // SEQUENCE { INTEGER r, INTEGER s }, all of them shorter than 128 bytes. A number that begins with a set bit has a zero before it.
  const raw = new Uint8Array(2 * length)
  let offset = 2
  for (const end of [length, 2 * length]) {
    const next = offset + 2 + der[offset + 1]!
    const digits = der.subarray(Math.max(offset + 2, next - length), next)
    raw.set(digits, end - digits.length)
    offset = next
  }
  return derFromRaw(curve, raw)
}

/** A compressed point from an uncompressed one, which begins with 4. Throws a `RangeError` for anything else. */
export const compress = (curve: SignatureCurve, point: Uint8Array): Uint8Array<ArrayBuffer> => {
  const { length } = curves[curve]
  if (point.length !== 1 + 2 * length || point[0] !== 4) throw new RangeError("point: is not an uncompressed point")
  const compressed = new Uint8Array(point.subarray(0, 1 + length))
  compressed[0] = (point.at(-1)! & 1) === 0 ? 2 : 3
  return compressed
}

/** Whether bytes have the form of a compressed point. Importing them shows whether they are a point of the curve. */
export const isCompressed = (curve: SignatureCurve, point: Uint8Array): boolean =>
  point.length === 1 + curves[curve].length && (point[0] === 2 || point[0] === 3)

/** DER of the `SubjectPublicKeyInfo` of a compressed point. Undefined unless `isCompressed`. */
export const spkiFromCompressed = (curve: SignatureCurve, point: Uint8Array): Uint8Array<ArrayBuffer> | undefined =>
  isCompressed(curve, point) ? bytes.concat([spkiPrefixes[curve], point]) : undefined

/** The uncompressed point at the end of the DER of a `SubjectPublicKeyInfo`. */
export const uncompressedFromSpki = (curve: SignatureCurve, spki: Uint8Array): Uint8Array<ArrayBuffer> =>
  new Uint8Array(spki.subarray(spki.length - 1 - 2 * curves[curve].length))

const derInteger = (magnitude: Uint8Array): Uint8Array => {
  let start = 0
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++
  const digits = magnitude.subarray(start)
  // A number that begins with a set bit has a zero before it.
  const sign = digits[0]! < 0x80 ? [] : [0]
  return Uint8Array.of(2, sign.length + digits.length, ...sign, ...digits)
}
