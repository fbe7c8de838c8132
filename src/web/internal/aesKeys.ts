/** AES keys on WebCrypto: imported or derived; by a library where WebCrypto lacks AES-192. */
import { tagLength } from "../../model/AesGcm.ts"
import { load } from "../../model/errors/load.ts"
import { type AesGcm, plain, type Subtle, toBytes, type WebKey, withPlain } from "./subtle.ts"

const usages = ["encrypt", "decrypt"]

const native = (subtle: Subtle, key: WebKey): AesGcm => {
  const parameters = (iv: Uint8Array, aad: Uint8Array) => ({
    name: "AES-GCM",
    iv: plain(iv),
    additionalData: plain(aad),
    tagLength: 8 * tagLength
  })
  return {
    encrypt: (iv, aad, plaintext) =>
      withPlain(plaintext, (plaintext) => subtle.encrypt(parameters(iv, aad), key, plaintext)),
    decrypt: (iv, aad, sealed) => subtle.decrypt(parameters(iv, aad), key, plain(sealed)),
    isWrongTag
  }
}

/** By the one name that WebCrypto has for it. */
const isWrongTag = (error: unknown) => (error as Error | undefined)?.name === "OperationError"

const importNative = (subtle: Subtle, key: Uint8Array): Promise<AesGcm> =>
  withPlain(key, (key) => subtle.importKey("raw", key, "AES-GCM", false, usages)).then((key) => native(subtle, key))

/** AES-192 without WebCrypto. Takes the bytes over, and zeroes them. */
const portable = (subtle: Subtle, key: Uint8Array): Promise<AesGcm> =>
  load("AES-192 (@noble/ciphers)", () => import("./aes192.ts"))
    .then(({ make }) => make(subtle, key))
    .finally(() => key.fill(0))

/** An AES key from its bytes, which are copied before this returns. */
export const fromBytes = (subtle: Subtle, key: Uint8Array): Promise<AesGcm> => {
  if (key.length !== 24) return importNative(subtle, key)
  const copy = new Uint8Array(key)
  return importNative(subtle, copy).then(
    (imported) => {
      copy.fill(0)
      return imported
    },
    () => portable(subtle, copy)
  )
}

/**
 * Derives an AES key of `length` bytes by HKDF, from a key that WebCrypto keeps. Takes functions for its two ends: a promise
 * would be one more to wait for.
 */
export const derive = (
  subtle: Subtle,
  hkdf: { readonly name: string },
  key: WebKey,
  length: number,
  take: (key: AesGcm) => void,
  fail: (error: unknown) => void
): void => {
  subtle.deriveKey(hkdf, key, { name: "AES-GCM", length: 8 * length }, false, usages).then(
    (derived) => take(native(subtle, derived)),
    (error: unknown) =>
      length === 24
        ? subtle.deriveBits(hkdf, key, 8 * length).then((bits) => portable(subtle, toBytes(bits))).then(take, fail)
        : fail(error)
  )
}
