/**
 * Options that the ECDH keyrings share. For keyrings of the library: no entry point exports it.
 */
import * as Schema from "effect/Schema"
import { shown } from "../internal/options.ts"
import * as Pem from "../internal/pem.ts"

/** Curves of the ECDH keyrings. */
export const curves = /*#__PURE__*/ Object.freeze(["P-256", "P-384", "P-521"] as const)

/** A curve. SM2, the specification's fourth, exists in AWS KMS in China alone and is not supported. */
export const Curve = /*#__PURE__*/ Schema.Literals(curves)

/** Bound of `Curve`. */
export const curveBound = (value: unknown): string =>
  value === "SM2"
    ? "is SM2, which AWS KMS has in China alone and this library does not support: P-256, P-384 or P-521"
    : `must be P-256, P-384 or P-521, got ${shown(value)}`

/**
 * PEM text of a `SubjectPublicKeyInfo` ("BEGIN PUBLIC KEY"), or its DER, with an uncompressed point on the curve of the
 * keyring. Bytes are copied.
 */
export const PublicKey = /*#__PURE__*/ Schema.declare(Pem.isTextOrDer)
