/** Names and errors of node:crypto. */
import type { HashAlgorithm } from "../../model/AlgorithmSuite.ts"

/** The names of hash functions at OpenSSL. */
export const hashNames = { "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512" } as const

/** A hash function of HKDF and of signatures, by its name at OpenSSL. */
export type HashName = typeof hashNames[HashAlgorithm]

/** The result; undefined if it throws, since OpenSSL's exceptions say nothing that a caller could act on. */
export const attempt = <A>(f: () => A): A | undefined => {
  try {
    return f()
  } catch {
    return undefined
  }
}
