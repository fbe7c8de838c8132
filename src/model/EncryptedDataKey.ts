/**
 * An encrypted data key: the data key of a message under one wrapping key.
 *
 * Specification: framework/structures.md#encrypted-data-key, data-format/message-header.md#encrypted-data-keys
 */
import * as bytes from "../internal/bytes.ts"
import { maxPrinted, printable } from "../internal/printable.ts"

/**
 * `keyProviderId` says which kind of keyring wrote it (`aws-kms`, or a raw keyring's namespace), `keyProviderInfo` which
 * wrapping key (a key ARN's bytes, for one), `ciphertext` is the data key under that wrapping key. Each is at most
 * 65,535 bytes. Those that the library returns are in memory of their own, an `ArrayBuffer`; any may be given.
 */
export interface EncryptedDataKey<Memory extends ArrayBufferLike = ArrayBufferLike> {
  readonly keyProviderId: string
  readonly keyProviderInfo: Uint8Array<Memory>
  readonly ciphertext: Uint8Array<Memory>
}

/** The greatest length in bytes of each field in a message header. */
export const maxFieldLength = 0xffff

/** The greatest number of encrypted data keys in a message. */
export const maxCount = 0xffff

/**
 * The greatest number of encrypted data keys that a client writes or reads unless it has an option of its own. Every Region
 * of AWS has room in it three times over.
 *
 * @internal
 */
export const defaultMaxCount = 128

/**
 * The key provider information as text for messages and errors: the text itself where it is printable UTF-8 (a key ARN,
 * a key name) of at most 1,024 bytes, otherwise its printable start followed by `…`.
 *
 * **Gotchas**
 *
 * For reading only. Keyrings compare bytes.
 */
export const printableInfo = (info: Uint8Array): string => {
  const text = info.length > maxPrinted ? undefined : bytes.fromUtf8(info)
  if (text !== undefined && text === printable(text)) return text
  // A copy, since browsers decode no memory that is shared or can be resized.
  const start = new Uint8Array(info.subarray(0, maxPrinted))
  // U+FFFD stands for the first bytes that are no UTF-8.
  return `${/^[^\p{C}\p{Zl}\p{Zp}\uFFFD]*/u.exec(new TextDecoder().decode(start))![0]}…`
}

/**
 * Whether two are the same, byte for byte. Not constant time: both are public.
 *
 * @internal
 */
export const equals = (a: EncryptedDataKey, b: EncryptedDataKey): boolean =>
  a === b ||
  (a.keyProviderId === b.keyProviderId && bytes.equals(a.keyProviderInfo, b.keyProviderInfo) &&
    bytes.equals(a.ciphertext, b.ciphertext))

/**
 * The same in arrays of its own, which keep no larger buffer alive, such as the message that it was read from. Frozen, since
 * the copies of a cache entry share it.
 *
 * @internal
 */
export const copy = (
  { ciphertext, keyProviderId, keyProviderInfo }: EncryptedDataKey
): EncryptedDataKey<ArrayBuffer> => {
  const split = keyProviderInfo.length
  const isSmall = split <= maxInHeap && ciphertext.length <= maxInHeap
  // One buffer for both: buffers are what takes most of a cache entry's memory.
  const both = isSmall ? bytes.empty : bytes.concat([keyProviderInfo, ciphertext])
  return Object.freeze({
    keyProviderId,
    keyProviderInfo: isSmall ? new Uint8Array(keyProviderInfo) : both.subarray(0, split),
    ciphertext: isSmall ? new Uint8Array(ciphertext) : both.subarray(split)
  })
}

/**
 * Copies for other code, in a list that cannot change: what becomes of them changes nothing of the library's own. One that cannot
 * be copied, since its memory is gone, is in the list as it is.
 *
 * @internal
 */
export const copyAll = (encryptedDataKeys: ReadonlyArray<EncryptedDataKey>): ReadonlyArray<EncryptedDataKey> =>
  Object.freeze(encryptedDataKeys.map((edk) => findGone(edk) === undefined ? copy(edk) : edk))

/**
 * The reason why an encrypted data key cannot be read, where the memory of a part is gone.
 *
 * @internal
 */
export const findGone = ({ ciphertext, keyProviderInfo }: EncryptedDataKey): string | undefined => {
  const info = bytes.findGone(keyProviderInfo)
  if (info !== undefined) return `its key provider information ${info}`
  const own = bytes.findGone(ciphertext)
  return own && `its ciphertext ${own}`
}

/** Greatest length of an array in bytes that V8 keeps in its heap, which takes a tenth of the time of a buffer. */
const maxInHeap = 64
