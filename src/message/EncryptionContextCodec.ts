/**
 * The canonical bytes of an encryption context. Message headers hold them, and keyrings authenticate them.
 *
 * Specification: framework/structures.md#serialization, data-format/message-header.md#aad
 */
import * as bytes from "../internal/bytes.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import { ByteReader, rejectField } from "./internal/ByteReader.ts"
import { ByteWriter } from "./internal/ByteWriter.ts"

/**
 * Encodes a validated context: a two-byte count and the pairs in the order of their keys' UTF-8 bytes, which is neither
 * JavaScript's string order nor that of a locale. An empty context is no bytes at all.
 *
 * Specification: framework/structures.md#serialization
 */
export const encode = (context: EncryptionContext.EncryptionContext): Uint8Array<ArrayBuffer> => {
  const keys = Object.keys(context)
  if (keys.length === 0) return new Uint8Array(0)
  let length = 2
  const pairs = keys.map((key) => {
    const pair = { key: bytes.utf8(key), value: bytes.utf8(context[key]!) }
    length += 4 + pair.key.length + pair.value.length
    return pair
  })
  pairs.sort((a, b) => bytes.compare(a.key, b.key))
  const out = new ByteWriter(new Uint8Array(length))
  out.uint16(pairs.length)
  for (const { key, value } of pairs) {
    out.field(key)
    out.field(value)
  }
  return out.bytes
}

/**
 * Reads the field of a header that holds a context, behind its two-byte length. Throws as a `ByteReader` does.
 *
 * Old writers gave an empty context a count of zero, behind a length of 2, where the specification has a length of 0 alone.
 * These bytes are accepted, and never written.
 *
 * Specification: data-format/message-header.md#aad
 *
 * @internal
 */
export const read = (reader: ByteReader): EncryptionContext.EncryptionContext => {
  const lengthOffset = reader.offset
  const length = reader.uint16("Key Value Pairs Length")
  if (length === 0) return EncryptionContext.empty
  const end = reader.skip("Key Value Pairs", length) + length
  // The pairs are all there now, so a field that does not fit runs past the end that the length has set.
  const pairs = new ByteReader(reader.bytes.subarray(0, end), lengthOffset + 2)
  if (length < 2) rejectField("Key Value Pairs Length", lengthOffset, `must be 0 or at least 2, is ${length}`)
  const count = pairs.uint16("Key Value Pair Count")
  if (count === 0) {
    if (length === 2) return EncryptionContext.empty
    rejectField("Key Value Pair Count", lengthOffset + 2, "must not be zero where there are bytes of pairs")
  }
  const entries = new Map<string, string>()
  for (let i = 0; i < count; i++) {
    const { offset } = pairs
    const key = readText(pairs, end, "Key")
    if (entries.has(key)) rejectField("Key", offset + 2, "is there twice")
    entries.set(key, readText(pairs, end, "Value"))
  }
  if (pairs.offset !== end) {
    rejectField(
      "Key Value Pairs Length",
      lengthOffset,
      `is ${length}, the pairs take ${pairs.offset - lengthOffset - 2}`
    )
  }
  return Object.freeze(Object.fromEntries(entries))
}

const readText = (pairs: ByteReader, end: number, field: string): string => {
  const offset = pairs.offset
  const length = end - offset >= 2 ? pairs.uint16(`${field} Length`) : undefined
  if (length === undefined || end - pairs.offset < length) {
    return rejectField(`${field} Length`, offset, "runs past the end of the key value pairs")
  }
  return bytes.fromUtf8(pairs.take(field, length)) ?? rejectField(field, offset + 2, "is not valid UTF-8")
}
