import { BoundedMap } from "../internal/BoundedMap.ts"
import type * as ContextEncoder from "../message/contextEncoder.ts"
import * as KeySection from "../message/KeySection.ts"
import type { EncryptedDataKey } from "../model/EncryptedDataKey.ts"
import type { EncryptionContext } from "../model/EncryptionContext.ts"

/**
 * The key sections that a client met lately: context and encrypted data keys of a header, which are the same in all messages of
 * one data key.
 */
export interface KeySections {
  /** The section that begins at `start`, where the very same bytes were authentic before. */
  readonly find: (message: Uint8Array, start: number) => KeySection.KnownSection | undefined
  /**
   * Remembers the section that begins at `start`, of a message that was authentic as a whole, with its context, which was
   * validated. The encrypted data keys are read again, since others have those of the message's header.
   */
  readonly remember: (message: Uint8Array, start: number, encryptionContext: EncryptionContext) => void
  /** The bytes of a section whose list of encrypted data keys never changes. Shared: they must be read only. */
  readonly encode: (section: KeySection.KeySection) => Uint8Array
}

/** Number of sections that are remembered, read or written, and the greatest length of one in bytes. */
const capacity = 256
const maxLength = 4096

/**
 * Makes the memory of one client. Without it, a decryption on a cache hit reads, validates and identifies the same bytes again
 * for every message, which takes as long as a small message's cryptography (`npm run bench -- messages`).
 */
export const make = (encodeContext: ContextEncoder.ContextEncoder): KeySections => {
  const byEnd = new BoundedMap<number, KeySection.KnownSection>(capacity)
  const byList = new BoundedMap<ReadonlyArray<EncryptedDataKey>, Uint8Array>(capacity)
  return {
    find: (message, start) => {
      const end = KeySection.endOf(message, start)
      if (end === undefined || end - start > maxLength) return undefined
      const known = byEnd.get(endKey(message, start, end))
      return known !== undefined && isAt(message, start, end, known.encoded) ? known : undefined
    },
    remember: (message, start, encryptionContext) => {
      const end = KeySection.endOf(message, start)
      if (end === undefined || end - start > maxLength) return
      const encoded = new Uint8Array(message.subarray(start, end))
      const { encryptedDataKeys } = KeySection.decode(encoded)
      byEnd.set(endKey(message, start, end), { encryptionContext, encryptedDataKeys, encoded })
    },
    encode: (section) => {
      const known = byList.get(section.encryptedDataKeys)
      if (known !== undefined) return known
      const encoded = KeySection.encode(section, encodeContext(section.encryptionContext))
      if (encoded.length <= maxLength) byList.set(section.encryptedDataKeys, encoded)
      return encoded
    }
  }
}

/**
 * A number made of the last bytes of a section, in which an encrypted data key ends: with a tag, most often. Sections that have
 * the same number take each other's place.
 */
const endKey = (message: Uint8Array, start: number, end: number): number => {
  let key = end - start
  for (let offset = Math.max(start, end - 12); offset < end; offset++) {
    key = Math.imul(key ^ message[offset]!, 0x0100_0193)
  }
  return key & 0x3fff_ffff
}

const isAt = (message: Uint8Array, start: number, end: number, expected: Uint8Array): boolean => {
  if (end - start !== expected.length) return false
  for (let i = 0; i < expected.length; i++) {
    if (message[start + i] !== expected[i]) return false
  }
  return true
}
