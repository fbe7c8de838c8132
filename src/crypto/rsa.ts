/** Rules of RSA keys and paddings that all layers of `Primitives` share. Not exported, and loaded with RSA alone. */
import * as Redacted from "effect/Redacted"
import * as Pem from "../internal/pem.ts"
import type { HashAlgorithm } from "../model/AlgorithmSuite.ts"
import * as KeyType from "./keyType.ts"
import type { RsaPadding, RsaPrivateKey } from "./Primitives.ts"
import { toHandle } from "./results.ts"

/** A layer's own value as the handle of a private key. */
export const privateKey = (value: object): RsaPrivateKey =>
  Redacted.make(toHandle<"RsaPrivateKey">(value), { label: "rsa-private-key" })

/** In bits. */
const minimumModulusLength = 2048

/** The hash function of a padding, for OAEP and its mask generation alike. Undefined for PKCS #1 v1.5, which has none. */
export const oaepHashes: Readonly<Record<RsaPadding, "SHA-1" | HashAlgorithm | undefined>> = {
  "PKCS1": undefined,
  "OAEP-SHA1": "SHA-1",
  "OAEP-SHA256": "SHA-256",
  "OAEP-SHA384": "SHA-384",
  "OAEP-SHA512": "SHA-512"
}

/**
 * The DER of an RSA key in a PEM text, of which the caller zeroes a private one; else the problem with the text, as a
 * sentence's end.
 */
export const readKey = (text: string, format: Pem.Format): Uint8Array | string => {
  const der = Pem.read(text, format)
  if (typeof der === "string") return der
  const type = KeyType.of(der)
  if (type === "rsa") return der
  der.fill(0)
  return type === undefined ? Pem.malformed(format) : `is a key for ${type}, expected rsa`
}

/** The problem with a modulus of this many bits, as a sentence's end; undefined where there is none. */
export const modulusProblem = (length: number): string | undefined =>
  length < minimumModulusLength
    ? `has a modulus of ${length} bits, at least ${minimumModulusLength} are needed`
    : undefined
