/**
 * The key section of a header: encryption context and encrypted data keys, which stand side by side. It is the same, byte for
 * byte, in all messages of one data key. Not exported.
 *
 * Specification: data-format/message-header.md#aad, data-format/message-header.md#encrypted-data-keys
 */
import * as EncryptedDataKey from "../model/EncryptedDataKey.ts"
import type { EncryptionContext } from "../model/EncryptionContext.ts"
import * as EncryptedDataKeyCodec from "./EncryptedDataKeyCodec.ts"
import * as EncryptionContextCodec from "./EncryptionContextCodec.ts"
import { ByteReader } from "./internal/ByteReader.ts"
import { ByteWriter } from "./internal/ByteWriter.ts"

export interface KeySection<Memory extends ArrayBufferLike = ArrayBufferLike> {
  readonly encryptionContext: EncryptionContext
  readonly encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey<Memory>>
}

/** A section that was authentic. Never changes, and is never handed out. */
export interface KnownSection extends KeySection {
  /** The bytes that it was read from. */
  readonly encoded: Uint8Array
}

/** Encodes a section. `context` is the encoded context, where the caller has it already. */
export const encode = (
  { encryptedDataKeys, encryptionContext }: KeySection,
  context: Uint8Array = EncryptionContextCodec.encode(encryptionContext)
): Uint8Array<ArrayBuffer> => {
  const out = new ByteWriter(new Uint8Array(encodedLength(context.length, encryptedDataKeys)))
  out.field(context)
  out.uint16(encryptedDataKeys.length)
  for (const edk of encryptedDataKeys) EncryptedDataKeyCodec.write(out, edk)
  return out.bytes
}

/** Length in bytes of the section that `encode` makes of a context of this encoded length. */
export const encodedLength = (
  contextLength: number,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKeyCodec.Size>
): number => {
  let length = 4 + contextLength
  for (const edk of encryptedDataKeys) length += EncryptedDataKeyCodec.encodedLength(edk)
  return length
}

/** Reads a section. Throws as a `ByteReader` does; more encrypted data keys than `maximum` are rejected. */
export const read = (reader: ByteReader, maximum: number | undefined): KeySection<ArrayBuffer> => {
  const encryptionContext = EncryptionContextCodec.read(reader)
  return { encryptionContext, encryptedDataKeys: EncryptedDataKeyCodec.readAll(reader, maximum) }
}

/** Reads the bytes of a section that was read before. Its arrays are copies, in frozen objects. */
export const decode = (encoded: Uint8Array): KeySection => {
  const { encryptedDataKeys, encryptionContext } = read(new ByteReader(encoded, 0), undefined)
  return { encryptionContext, encryptedDataKeys: Object.freeze(encryptedDataKeys.map((edk) => Object.freeze(edk))) }
}

/** Passes over a section that is known. Its encrypted data keys are copies. */
export const readKnown = (
  reader: ByteReader,
  { encoded, encryptedDataKeys, encryptionContext }: KnownSection
): KeySection<ArrayBuffer> => {
  reader.skip("Encrypted Data Keys", encoded.length)
  return { encryptionContext, encryptedDataKeys: encryptedDataKeys.map(EncryptedDataKey.copy) }
}

/** The offset behind the section that begins at `start`, by its lengths alone; undefined where the bytes end before it. */
export const endOf = (message: Uint8Array, start: number): number | undefined => {
  const length = (offset: number): number => message[offset]! << 8 | message[offset + 1]!
  let end = start + 2 + length(start) + 2
  if (end > message.length) return undefined
  for (let fields = 3 * length(end - 2); fields > 0; fields--) {
    end += 2
    if (end > message.length) return undefined
    end += length(end - 2)
  }
  return end > message.length ? undefined : end
}
