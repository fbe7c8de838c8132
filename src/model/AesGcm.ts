/**
 * AES-GCM as every algorithm suite uses it: its lengths, and the jobs that the port to cryptography runs.
 *
 * Specification: framework/algorithm-suites.md#supported-algorithm-suites
 */

/** Length of an initialization vector in bytes. */
export const ivLength = 12

/** Length of an authentication tag in bytes. */
export const tagLength = 16

/** One AES-GCM encryption. `output` takes the ciphertext and behind it the 16-byte tag. */
export interface SealJob {
  /** 12 bytes. */
  readonly iv: Uint8Array
  readonly aad: Uint8Array
  readonly plaintext: Uint8Array
  /** Exactly `plaintext.length + 16` bytes. */
  readonly output: Uint8Array
}

/** One AES-GCM decryption. */
export interface OpenJob {
  /** 12 bytes. */
  readonly iv: Uint8Array
  readonly aad: Uint8Array
  readonly ciphertext: Uint8Array
  /** 16 bytes. */
  readonly tag: Uint8Array
  /** Exactly `ciphertext.length` bytes. */
  readonly output: Uint8Array
}
