/** Compares decrypted records with the source records. */
import { EncryptionContext } from "effect-encryption-sdk"
import type { SourceRecord } from "./records.ts"

/** A record as it was decrypted. */
export interface DecryptedRecord {
  readonly plaintext: Uint8Array
  readonly encryptionContext: EncryptionContext.EncryptionContext
}

/** Number of source records that came back, and the numbers, from 1, of those that did not. */
export interface Verification {
  readonly verified: number
  readonly different: ReadonlyArray<number>
}

/**
 * A record has come back where the same place holds the same bytes and the same encryption context, but for the pairs that
 * the library adds. A record too many is different too.
 */
export const verify = (
  source: ReadonlyArray<SourceRecord>,
  decrypted: ReadonlyArray<DecryptedRecord>
): Verification => {
  const different: Array<number> = []
  for (let index = 0; index < Math.max(source.length, decrypted.length); index++) {
    if (!isSame(source[index], decrypted[index])) different.push(index + 1)
  }
  return { verified: source.length - different.filter((number) => number <= source.length).length, different }
}

const isSame = (source: SourceRecord | undefined, decrypted: DecryptedRecord | undefined): boolean =>
  source !== undefined && decrypted !== undefined &&
  Buffer.compare(source.plaintext, decrypted.plaintext) === 0 &&
  isSameContext(source.encryptionContext, decrypted.encryptionContext)

const isSameContext = (
  source: EncryptionContext.EncryptionContext,
  decrypted: EncryptionContext.EncryptionContext
): boolean => {
  const own = Object.entries(decrypted).filter(([key]) => !key.startsWith(EncryptionContext.reservedPrefix))
  return own.length === Object.keys(source).length && own.every(([key, value]) => source[key] === value)
}
