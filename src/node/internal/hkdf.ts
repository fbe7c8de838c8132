/** HKDF of RFC 5869 in its two steps: one extract serves two expands, where `hkdfSync` would run one for each. */
import * as Effect from "effect/Effect"
import { type Synchronous, withSynchronous } from "../../crypto/atOnce.ts"
import type { Primitives } from "../../crypto/Primitives.ts"
import { aesKey } from "../../crypto/results.ts"
import * as bytes from "../../internal/bytes.ts"
import * as DataKey from "../../model/DataKey.ts"
import { importKey } from "./aesGcm.ts"
import { hmac, zero } from "./hmac.ts"
import { type HashName, hashNames } from "./openssl.ts"

const derive: Synchronous["deriveKeys"] = (dataKey, { commitment, encryptionKey, hash, salt }) => {
  if (hash === undefined) {
    bytes.checkLength("data key", dataKey, encryptionKey.length)
    return { encryptionKey: importKey(dataKey), commitment: undefined }
  }
  const name = hashNames[hash]
  const pseudoRandomKey = hmac(name, salt, dataKey)
  const derived = expand(name, pseudoRandomKey, encryptionKey)
  const imported = importKey(derived)
  zero(derived)
  const committed = commitment && expand(name, pseudoRandomKey, commitment)
  zero(pseudoRandomKey)
  return { encryptionKey: imported, commitment: committed }
}

export const deriveKeys: Primitives["deriveKeys"] = /*#__PURE__*/ withSynchronous(
  "deriveKeys",
  (dataKey, parameters) =>
    Effect.sync(() => {
      const { commitment, encryptionKey } = derive(DataKey.value(dataKey), parameters)
      return { encryptionKey: aesKey(encryptionKey), commitment }
    }),
  derive
)

const expand = (
  hash: HashName,
  pseudoRandomKey: Uint8Array,
  { info, length }: { readonly info: Uint8Array; readonly length: number }
): Uint8Array<ArrayBuffer> => {
  const out = new Uint8Array(length)
  let block = hmac(hash, pseudoRandomKey, info, 1)
  for (let offset = 0, counter = 1;;) {
    for (let i = 0; i < block.length && offset < length; i++) out[offset++] = block[i]!
    if (offset === length) {
      zero(block)
      return out
    }
    const input = bytes.concat([block, info])
    zero(block)
    block = hmac(hash, pseudoRandomKey, input, ++counter)
    zero(input)
  }
}
