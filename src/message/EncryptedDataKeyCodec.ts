/**
 * The bytes of an encrypted data key in a message header.
 *
 * Specification: data-format/message-header.md#encrypted-data-key-entries
 */
import * as bytes from "../internal/bytes.ts"
import { reject } from "../internal/rejection.ts"
import type { EncryptedDataKey } from "../model/EncryptedDataKey.ts"
import { TooManyEncryptedDataKeys } from "../model/errors/Reasons.ts"
import { type ByteReader, rejectField } from "./internal/ByteReader.ts"
import { ByteWriter } from "./internal/ByteWriter.ts"

/** The lengths that an entry's length depends on: an encrypted data key, or lengths alone before there is a key. */
export interface Size {
  readonly keyProviderId: string
  readonly keyProviderInfo: { readonly length: number }
  readonly ciphertext: { readonly length: number }
}

/** Length in bytes of the entry that `encode` makes. */
export const encodedLength = (edk: Size): number =>
  6 + bytes.utf8(edk.keyProviderId).length + edk.keyProviderInfo.length + edk.ciphertext.length

/**
 * Encodes one entry: three fields, each behind its two-byte length. Every field must fit
 * (`EncryptedDataKey.maxFieldLength`).
 */
export const encode = (edk: EncryptedDataKey): Uint8Array<ArrayBuffer> => {
  const out = new ByteWriter(new Uint8Array(encodedLength(edk)))
  write(out, edk)
  return out.bytes
}

/**
 * Writes one entry.
 *
 * @internal
 */
export const write = (out: ByteWriter, { ciphertext, keyProviderId, keyProviderInfo }: EncryptedDataKey): void => {
  out.field(bytes.utf8(keyProviderId))
  out.field(keyProviderInfo)
  out.field(ciphertext)
}

/**
 * Reads the field of a header that holds the encrypted data keys, behind their two-byte count. Throws as a `ByteReader`
 * does; more than `maximum` are rejected as soon as their count is read.
 *
 * @internal
 */
export const readAll = (
  reader: ByteReader,
  maximum: number | undefined
): ReadonlyArray<EncryptedDataKey<ArrayBuffer>> => {
  const { offset } = reader
  const count = reader.uint16("Encrypted Data Key Count")
  if (count === 0) rejectField("Encrypted Data Key Count", offset, "must not be zero")
  if (maximum !== undefined && count > maximum) reject(new TooManyEncryptedDataKeys({ count, maximum }))
  const encryptedDataKeys: Array<EncryptedDataKey<ArrayBuffer>> = []
  for (let i = 0; i < count; i++) encryptedDataKeys.push(read(reader))
  return encryptedDataKeys
}

const read = (reader: ByteReader): EncryptedDataKey<ArrayBuffer> => {
  const idLength = reader.uint16("Key Provider ID Length")
  const idOffset = reader.offset
  const keyProviderId = bytes.fromUtf8(reader.take("Key Provider ID", idLength)) ??
    rejectField("Key Provider ID", idOffset, "is not valid UTF-8")
  const keyProviderInfo = reader.copy(
    "Key Provider Information",
    reader.uint16("Key Provider Information Length")
  )
  const ciphertext = reader.copy("Encrypted Data Key", reader.uint16("Encrypted Data Key Length"))
  return { keyProviderId, keyProviderInfo, ciphertext }
}
