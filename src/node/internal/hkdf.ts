/** HKDF of RFC 5869 in its two steps: one extract serves two expands, where `hkdfSync` would run one for each. */
import * as Effect from "effect/Effect"
import type { Primitives } from "../../crypto/Primitives.ts"
import * as bytes from "../../internal/bytes.ts"
import * as DataKey from "../../model/DataKey.ts"
import { importKey } from "./aesGcm.ts"
import { hmac } from "./hmac.ts"
import { type HashName, hashNames } from "./openssl.ts"

export const deriveKeys: Primitives["deriveKeys"] = (dataKey, { commitment, encryptionKey, hash, salt }) =>
  Effect.sync(() => {
    const key = DataKey.value(dataKey)
    if (hash === undefined) {
      bytes.checkLength("data key", key, encryptionKey.length)
      return { encryptionKey: importKey(key), commitment: undefined }
    }
    const name = hashNames[hash]
    const pseudoRandomKey = hmac(name, salt, key)
    const derived = expand(name, pseudoRandomKey, encryptionKey)
    const imported = importKey(derived)
    derived.fill(0)
    const out = {
      encryptionKey: imported,
      commitment: commitment && expand(name, pseudoRandomKey, commitment)
    }
    pseudoRandomKey.fill(0)
    return out
  })

const expand = (
  hash: HashName,
  pseudoRandomKey: Uint8Array,
  { info, length }: { readonly info: Uint8Array; readonly length: number }
): Uint8Array => {
  const out = new Uint8Array(length)
  let block: Uint8Array = bytes.empty
  for (let offset = 0, counter = 1; offset < length; offset += block.length, counter++) {
    const input = bytes.concat([block, info, Uint8Array.of(counter)])
    block.fill(0)
    block = hmac(hash, pseudoRandomKey, input)
    input.fill(0)
    out.set(block.subarray(0, length - offset), offset)
  }
  block.fill(0)
  return out
}
