/** HMAC. Not exported, and loaded with blind indexes. */
import { hmac as create } from "@noble/hashes/hmac.js"
import { sha256, sha384 } from "@noble/hashes/sha2.js"

const hashes = { "SHA-256": sha256, "SHA-384": sha384 }

/** A hash function of HMAC. */
export type Hash = keyof typeof hashes

/**
 * The authentication code of all parts as one message: 32 bytes with SHA-256, 48 with SHA-384. Keeps nothing of the key.
 *
 * Specification: RFC 2104
 */
export const hmac = (hash: Hash, key: Uint8Array, parts: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const state = create.create(hashes[hash], key)
  for (const part of parts) state.update(part)
  // It zeroes its own state at `digest`.
  return state.digest()
}
