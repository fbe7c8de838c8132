/** Key derivation in counter mode with HMAC. Not exported, and loaded with the keyrings that derive wrapping keys. */
import { hmac } from "@noble/hashes/hmac.js"
import { sha256, sha384 } from "@noble/hashes/sha2.js"
import * as bytes from "../internal/bytes.ts"

const hashes = { "SHA-256": sha256, "SHA-384": sha384 }

/** A hash function of the derivation. */
export type Hash = keyof typeof hashes

/** Inputs of a derivation besides the key. */
export interface Parameters {
  readonly hash: Hash
  /** Purpose of the derived bytes. */
  readonly label: Uint8Array
  /** Salt, or whatever else the derived bytes are bound to. */
  readonly context: Uint8Array
  /** Number of bytes to derive. */
  readonly length: number
}

/**
 * Derives bytes from a secret, which the caller zeroes, as it does the result.
 *
 * Specification: NIST SP 800-108, section 4.1, with a counter of 32 bits before the fixed input: label, a zero byte, context,
 * and the length in bits as 32 bits.
 */
export const counterModeKdf = (
  secret: Uint8Array,
  { context, hash, label, length }: Parameters
): Uint8Array<ArrayBuffer> => {
  const bits = new Uint8Array(4)
  bytes.setUint32(bits, 0, 8 * length)
  return expand(hash, secret, bytes.concat([label, Uint8Array.of(0), context, bits]), length)
}

/** Derives bytes from a secret and a whole fixed input. */
export const expand = (
  hash: Hash,
  secret: Uint8Array,
  fixedInput: Uint8Array,
  length: number
): Uint8Array<ArrayBuffer> => {
  const out = new Uint8Array(length)
  const counter = new Uint8Array(4)
  const { outputLen } = hashes[hash]
  for (let offset = 0, round = 1; offset < length; offset += outputLen, round++) {
    bytes.setUint32(counter, 0, round)
    // HMAC zeroes its own state at `digest`.
    const block = hmac.create(hashes[hash], secret).update(counter).update(fixedInput).digest()
    out.set(block.subarray(0, length - offset), offset)
    block.fill(0)
  }
  return out
}
