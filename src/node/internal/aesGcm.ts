/** AES-GCM on node:crypto, a whole message's frames in one step. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { CipherGCMTypes, KeyObject } from "node:crypto"
import * as crypto from "node:crypto"
import { checkSealJob, isOpenable, keyProblem } from "../../crypto/aesGcm.ts"
import type { AesKey, OpenJob, Primitives, SealJob } from "../../crypto/Primitives.ts"
import { aesKey, failed, invalidKey } from "../../crypto/results.ts"
import * as bytes from "../../internal/bytes.ts"
import { tagLength } from "../../model/AesGcm.ts"
import { attempt } from "./openssl.ts"

/**
 * Imports a copy of a key's bytes, once for a message: with a `KeyObject`, `createCipheriv` takes 2 µs instead of the 28 µs
 * that it takes with raw bytes (`npm run bench -- messages --only 0x0478`).
 */
export const importKey = (key: Uint8Array): AesKey => aesKey(crypto.createSecretKey(key))

const toKeyObject = (key: AesKey) => Redacted.value(key) as unknown as KeyObject

const cipherOf = (key: KeyObject): CipherGCMTypes => `aes-${8 * key.symmetricKeySize!}-gcm` as CipherGCMTypes

const gcm = { authTagLength: tagLength } as const

/** Bytes that are given to a cipher at a time. A cipher takes 2^31 − 1 at most. */
const pieceLength = 2 ** 20

/**
 * Encrypts in pieces. The arrays that a cipher returns are copied to the output and given back at once: left to the garbage
 * collector, a frame takes 1.3 to 2 times as long, the more the longer it is (`npm run bench -- messages --only "1 MiB"`,
 * `npm run bench -- streams`).
 */
const seal = (name: CipherGCMTypes, key: KeyObject, job: SealJob): void => {
  checkSealJob(job)
  const { aad, iv, output, plaintext } = job
  const cipher = crypto.createCipheriv(name, key, iv, gcm)
  cipher.setAAD(aad)
  for (let offset = 0; offset < plaintext.length; offset += pieceLength) {
    const ciphertext = cipher.update(plaintext.subarray(offset, offset + pieceLength))
    output.set(ciphertext, offset)
    bytes.free(ciphertext)
  }
  cipher.final()
  output.set(cipher.getAuthTag(), plaintext.length)
}

/** Writes the plaintext to the output if the tag is right, and returns whether it is. */
const open = (name: CipherGCMTypes, key: KeyObject, job: OpenJob): boolean => {
  // Node verifies no more of a tag than it is given, down to four bytes.
  if (!isOpenable(job)) return false
  const { aad, ciphertext, iv, output, tag } = job
  const decipher = crypto.createDecipheriv(name, key, iv, gcm)
  decipher.setAAD(aad)
  decipher.setAuthTag(tag)
  const pieces: Array<Buffer> = []
  for (let offset = 0; offset < ciphertext.length; offset += pieceLength) {
    pieces.push(decipher.update(ciphertext.subarray(offset, offset + pieceLength)))
  }
  const verified = attempt(() => decipher.final()) !== undefined
  let offset = 0
  for (const piece of pieces) {
    if (verified) output.set(piece, offset)
    offset += piece.length
    piece.fill(0)
    bytes.free(piece)
  }
  return verified
}

/** The operations with AES keys. */
export const operations: Pick<Primitives, "importAesKey" | "seal" | "open"> = {
  importAesKey: (key) =>
    Effect.suspend(() => {
      const value = Redacted.value(key)
      const problem = keyProblem(value)
      return problem === undefined ? Effect.succeed(importKey(value)) : invalidKey("importAesKey", problem)
    }),

  seal: (key, jobs) =>
    Effect.sync(() => {
      const secret = toKeyObject(key)
      const name = cipherOf(secret)
      for (const job of jobs) seal(name, secret, job)
    }),

  open: (key, jobs) =>
    Effect.suspend(() => {
      const secret = toKeyObject(key)
      const name = cipherOf(secret)
      for (const job of jobs) {
        if (!open(name, secret, job)) return failed("open")
      }
      return Effect.void
    })
}
