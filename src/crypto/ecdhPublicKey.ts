/** Public keys of ECDH: their encodings, and the check that they are points of their curve. Not exported, and loaded with ECDH alone. */
import { p256, p384, p521 } from "@noble/curves/nist.js"
import * as bytes from "../internal/bytes.ts"
import * as Pem from "../internal/pem.ts"
import { toBytes } from "./bigEndian.ts"

/** A curve of ECDH. */
export type Curve = "P-256" | "P-384" | "P-521"

/** A point of a curve that was checked, which is not the point at infinity, in both of its encodings. */
export interface PublicKey {
  /** `04`, and both coordinates. */
  readonly point: Uint8Array
  /** `02` or `03`, and the first coordinate. */
  readonly compressed: Uint8Array
}

interface Parameters {
  readonly point: typeof p256.Point
  /** Bytes of a coordinate, and of a shared secret. */
  readonly length: number
  /** DER of a `SubjectPublicKeyInfo` up to the uncompressed point. */
  readonly spkiPrefix: Uint8Array
}

const curves: Readonly<Record<Curve, Parameters>> = {
  "P-256": {
    point: p256.Point,
    length: 32,
    spkiPrefix: toBytes(0x3059301306072a8648ce3d020106082a8648ce3d030107034200n, 26)
  },
  "P-384": {
    point: p384.Point,
    length: 48,
    spkiPrefix: toBytes(0x3076301006072a8648ce3d020106052b81040022036200n, 23)
  },
  "P-521": {
    point: p521.Point,
    length: 66,
    spkiPrefix: toBytes(0x30819b301006072a8648ce3d020106052b8104002303818600n, 25)
  }
}

/** Length in bytes of a curve's coordinates, and of its shared secrets. */
export const coordinateLength = (curve: Curve): number => curves[curve].length

/** The public key of an uncompressed point; undefined where the bytes are no point of the curve. */
export const fromPoint = (curve: Curve, point: Uint8Array): PublicKey | undefined =>
  point.length === 1 + 2 * curves[curve].length && point[0] === 4 ? decode(curve, point) : undefined

/** The public key of a compressed point; undefined where the bytes are no point of the curve. */
export const fromCompressed = (curve: Curve, point: Uint8Array): PublicKey | undefined =>
  point.length === 1 + curves[curve].length && (point[0] === 2 || point[0] === 3) ? decode(curve, point) : undefined

const decode = (curve: Curve, encoded: Uint8Array): PublicKey | undefined => {
  try {
    const point = curves[curve].point.fromBytes(new Uint8Array(encoded))
    return { point: point.toBytes(false), compressed: point.toBytes(true) }
  } catch {
    return undefined
  }
}

/** The DER of a public key's `SubjectPublicKeyInfo`, with the uncompressed point. */
export const toSpki = (curve: Curve, { point }: PublicKey): Uint8Array<ArrayBuffer> =>
  bytes.concat([curves[curve].spkiPrefix, point])

/**
 * The public key in a PEM text of a `SubjectPublicKeyInfo`, or in its DER; else the problem with it, as a sentence's end. The
 * point must be uncompressed, as AWS KMS returns it.
 */
export const read = (curve: Curve, key: string | Uint8Array): PublicKey | string => {
  if (typeof key !== "string") return bytes.findGone(key) ?? readSpki(curve, new Uint8Array(key))
  const der = Pem.read(key, Pem.publicKey)
  return typeof der === "string" ? der : readSpki(curve, der)
}

const readSpki = (curve: Curve, der: Uint8Array): PublicKey | string => {
  const names = Object.keys(curves) as ReadonlyArray<Curve>
  const found = names.find((name) => {
    const { length, spkiPrefix } = curves[name]
    const pointLength = 1 + 2 * length
    return der.length === spkiPrefix.length + pointLength &&
      bytes.equals(der.subarray(0, spkiPrefix.length), spkiPrefix)
  })
  if (found === undefined) return `is no SubjectPublicKeyInfo of an uncompressed point of ${curve}`
  if (found !== curve) return `is a key on ${found}, must be on ${curve}`
  return fromPoint(curve, der.subarray(curves[curve].spkiPrefix.length)) ?? `is no point of ${curve}`
}
