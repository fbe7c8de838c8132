/** AES-GCM jobs on WebCrypto. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { checkSealJob, isOpenable } from "../../crypto/aesGcm.ts"
import type { AesKey, Primitives } from "../../crypto/Primitives.ts"
import { failed } from "../../crypto/results.ts"
import * as bytes from "../../internal/bytes.ts"
import { runAll } from "./jobs.ts"
import { type AesGcm, toBytes } from "./subtle.ts"

const toAesGcm = (key: AesKey) => Redacted.value(key) as unknown as AesGcm

/** Both arrays as one. In a message the tag stands behind the ciphertext already, or alone, and nothing is copied. */
const adjacent = (ciphertext: Uint8Array, tag: Uint8Array): Uint8Array => {
  if (ciphertext.length === 0) return tag
  if (ciphertext.buffer === tag.buffer && ciphertext.byteOffset + ciphertext.length === tag.byteOffset) {
    return new Uint8Array(ciphertext.buffer, ciphertext.byteOffset, ciphertext.length + tag.length)
  }
  return bytes.concat([ciphertext, tag])
}

export const seal: Primitives["seal"] = (key, jobs) => {
  const aes = toAesGcm(key)
  return runAll(
    jobs,
    (job, run) => {
      checkSealJob(job)
      return aes.encrypt(job.iv, job.aad, job.plaintext, run)
    },
    (job, sealed, run) => {
      if (!run.interrupted) job.output.set(toBytes(sealed))
    },
    Effect.die
  )
}

export const open: Primitives["open"] = (key, jobs) => {
  const aes = toAesGcm(key)
  return runAll(
    jobs,
    (job, run) => isOpenable(job) ? aes.decrypt(job.iv, job.aad, adjacent(job.ciphertext, job.tag), run) : undefined,
    (job, opened, run) => {
      const plaintext = toBytes(opened)
      if (!run.interrupted) job.output.set(plaintext)
      plaintext.fill(0)
    },
    (error) => error === undefined || aes.isWrongTag(error) ? failed("open") : Effect.die(error)
  )
}
