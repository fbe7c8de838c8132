/** HKDF on WebCrypto. */
import type { AesKey, KeyDerivationParameters } from "../../crypto/Primitives.ts"
import { aesKey } from "../../crypto/results.ts"
import * as bytes from "../../internal/bytes.ts"
import * as AesKeys from "./aesKeys.ts"
import { plain, type Subtle, toBytes, withPlain } from "./subtle.ts"

/** Derives a message's keys. The derived AES key's bytes stay with WebCrypto, except where it lacks AES-192. */
export const derive = (
  subtle: Subtle,
  key: Uint8Array,
  { commitment, encryptionKey, hash, salt }: KeyDerivationParameters
): Promise<{ readonly encryptionKey: AesKey; readonly commitment: Uint8Array | undefined }> => {
  if (hash === undefined) {
    bytes.checkLength("data key", key, encryptionKey.length)
    return AesKeys.fromBytes(subtle, key).then((aes) => ({
      encryptionKey: aesKey(aes),
      commitment: undefined
    }))
  }
  const hkdf = (info: Uint8Array) => ({ name: "HKDF", hash, salt: plain(salt), info })
  return withPlain(
    key,
    (key) => subtle.importKey("raw", key, "HKDF", false, ["deriveKey", "deriveBits"])
  ).then((imported) =>
    Promise.all([
      AesKeys.derived(subtle, hkdf(encryptionKey.info), imported, encryptionKey.length),
      commitment && subtle.deriveBits(hkdf(commitment.info), imported, 8 * commitment.length).then(toBytes)
    ])
  ).then(([aes, committed]) => ({ encryptionKey: aesKey(aes), commitment: committed }))
}
