/** AES-GCM on node:crypto, a whole message's frames in one step. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { CipherGCMTypes, DecipherGCM, KeyObject } from "node:crypto"
import * as crypto from "node:crypto"
import { checkSealJob, isOpenable, keyProblem } from "../../crypto/aesGcm.ts"
import { type Synchronous, withSynchronous } from "../../crypto/atOnce.ts"
import type { OpenJob, Primitives, SealJob } from "../../crypto/Primitives.ts"
import { aesKey, failed, invalidKey, toHandle } from "../../crypto/results.ts"
import * as bytes from "../../internal/bytes.ts"
import type { KeyHandle } from "../../model/KeyHandles.ts"
import { zero } from "./hmac.ts"

/** An imported key, with the name of its cipher: node:crypto takes time to tell the length of a key. */
interface ImportedKey {
  readonly cipher: CipherGCMTypes
  readonly key: KeyObject
}

/**
 * Imports a copy of a key's bytes, once for a message: with a `KeyObject`, `createCipheriv` takes 2 µs instead of the 28 µs
 * that it takes with raw bytes (`npm run bench -- messages --only 0x0478`).
 */
export const importKey = (key: Uint8Array): KeyHandle<"AesKey"> => {
  const imported: ImportedKey = { cipher: ciphers[key.length]!, key: crypto.createSecretKey(key) }
  return toHandle<"AesKey">(imported)
}

const fromHandle = (key: KeyHandle<"AesKey">) => key as unknown as ImportedKey

const ciphers: Readonly<Record<number, CipherGCMTypes>> = { 16: "aes-128-gcm", 24: "aes-192-gcm", 32: "aes-256-gcm" }

/** Bytes that are given to a cipher at a time. A cipher takes 2^31 − 1 at most. */
const pieceLength = 2 ** 20

/**
 * Encrypts in pieces. The arrays that a cipher returns are copied to the output and given back at once: left to the garbage
 * collector, a frame takes 1.3 to 2 times as long, the more the longer it is (`npm run bench -- messages --only "1 MiB"`,
 * `npm run bench -- streams`).
 *
 * Ciphers are made without options, half a microsecond faster: a tag has 16 bytes then too.
 */
const sealOne = ({ cipher: name, key }: ImportedKey, job: SealJob): void => {
  checkSealJob(job)
  const { aad, iv, output, plaintext } = job
  const { length } = plaintext
  const cipher = crypto.createCipheriv(name, key, iv)
  cipher.setAAD(aad)
  for (let offset = 0; offset < length; offset += pieceLength) {
    const piece = length <= pieceLength ? plaintext : plaintext.subarray(offset, offset + pieceLength)
    const ciphertext = cipher.update(piece)
    output.set(ciphertext, offset)
    bytes.free(ciphertext)
  }
  cipher.final()
  output.set(cipher.getAuthTag(), length)
}

/** Writes the plaintext to the output if the tag is right, and returns whether it is. */
const openOne = ({ cipher: name, key }: ImportedKey, job: OpenJob): boolean => {
  // Node verifies no more of a tag than it is given, down to four bytes: this holds it to 16.
  if (!isOpenable(job)) return false
  const { aad, ciphertext, iv, output, tag } = job
  const { length } = ciphertext
  const decipher = crypto.createDecipheriv(name, key, iv)
  decipher.setAAD(aad)
  decipher.setAuthTag(tag)
  const pieces: Array<Buffer> = []
  for (let offset = 0; offset < length; offset += pieceLength) {
    const piece = length <= pieceLength ? ciphertext : ciphertext.subarray(offset, offset + pieceLength)
    pieces.push(decipher.update(piece))
  }
  const verified = isFinal(decipher)
  let offset = 0
  for (const piece of pieces) {
    if (verified) output.set(piece, offset)
    offset += piece.length
    zero(piece)
    bytes.free(piece)
  }
  return verified
}

/** Whether the tag is right. OpenSSL's exception says nothing more. */
const isFinal = (decipher: DecipherGCM): boolean => {
  try {
    decipher.final()
    return true
  } catch {
    return false
  }
}

const seal: Synchronous["seal"] = (key, jobs) => {
  const imported = fromHandle(key)
  for (const job of jobs) sealOne(imported, job)
}

const open: Synchronous["open"] = (key, jobs) => {
  const imported = fromHandle(key)
  for (const job of jobs) {
    if (!openOne(imported, job)) return false
  }
  return true
}

/** The operations with AES keys. */
export const operations: Pick<Primitives, "importAesKey" | "seal" | "open"> = {
  importAesKey: (key) =>
    Effect.suspend(() => {
      const value = Redacted.value(key)
      const problem = keyProblem(value)
      return problem === undefined ? Effect.succeed(aesKey(importKey(value))) : invalidKey("importAesKey", problem)
    }),

  seal: withSynchronous("seal", (key, jobs) => Effect.sync(() => seal(Redacted.value(key), jobs)), seal),

  open: withSynchronous(
    "open",
    (key, jobs) => Effect.suspend(() => open(Redacted.value(key), jobs) ? Effect.void : failed("open")),
    open
  )
}
