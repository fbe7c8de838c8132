/** Rules of RSA keys and paddings that all layers of `Primitives` share. Not exported, and loaded with RSA alone. */
import * as Redacted from "effect/Redacted"
import type { HashAlgorithm } from "../model/AlgorithmSuite.ts"
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

/** The problem with a key of this algorithm, as a sentence's end; undefined where there is none. */
export const algorithmProblem = (algorithm: string | undefined): string | undefined =>
  algorithm === "rsa" ? undefined : `is a key for ${algorithm}, expected rsa`

/** The problem with a modulus of this many bits, as a sentence's end; undefined where there is none. */
export const modulusProblem = (length: number): string | undefined =>
  length < minimumModulusLength
    ? `has a modulus of ${length} bits, at least ${minimumModulusLength} are needed`
    : undefined
