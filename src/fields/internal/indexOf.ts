/** The computation of one index, byte for byte as the guide has it. */
import * as Hex from "effect/encoding/Hex"
import type { hmac } from "../../crypto/hmac.ts"
import * as bytes from "../../internal/bytes.ts"
import * as DataKey from "../../model/DataKey.ts"
import type { IndexSettings } from "./indexOptions.ts"

/** Sets indexes apart from all else that is authenticated under the same key, and versions of them from each other. */
const label = "effect-encryption-sdk/BlindIndex/1"

/** Computes indexes of normalized text under one key; undefined once the key is zeroed. */
export const make = (mac: typeof hmac, settings: IndexSettings) => {
  const { bits, column, encoding, hash, table } = settings
  const domain = bytes.concat([label, table, column].flatMap((part) => withLength(bytes.utf8(part))))
  return (key: DataKey.DataKey, text: string): string | Uint8Array<ArrayBuffer> | undefined => {
    if (!DataKey.isDataKey(key)) return undefined
    const value = bytes.utf8(text)
    const code = mac(hash, DataKey.value(key), [domain, ...withLength(value)])
    value.fill(0)
    const index = truncate(code, bits)
    code.fill(0)
    return encoding === "Hex" ? Hex.encode(index) : index
  }
}

/** Four bytes of the length, big-endian, and the bytes: no character can move from one part to the next. */
const withLength = (part: Uint8Array): ReadonlyArray<Uint8Array> => {
  const length = new Uint8Array(4)
  bytes.setUint32(length, 0, part.length)
  return [length, part]
}

/** The leading bits. Those behind them in the last byte are zero. */
const truncate = (code: Uint8Array, bits: number): Uint8Array<ArrayBuffer> => {
  const index = new Uint8Array(code.subarray(0, Math.ceil(bits / 8)))
  const unused = 8 * index.length - bits
  index[index.length - 1]! &= 0xff << unused
  return index
}
