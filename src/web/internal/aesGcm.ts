/** AES-GCM jobs on WebCrypto. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { checkSealJob, isOpenable } from "../../crypto/aesGcm.ts"
import type { AesKey, OpenJob, Primitives, SealJob } from "../../crypto/Primitives.ts"
import { failed } from "../../crypto/results.ts"
import * as bytes from "../../internal/bytes.ts"
import { runAll } from "./jobs.ts"
import type { AesGcm } from "./subtle.ts"

const sealOne = (aes: AesGcm, job: SealJob, signal: AbortSignal): Promise<boolean> => {
  checkSealJob(job)
  return aes.encrypt(job.iv, job.aad, job.plaintext, signal).then((sealed) => {
    if (!signal.aborted) job.output.set(sealed)
    return true
  })
}

const openOne = (aes: AesGcm, job: OpenJob, signal: AbortSignal): Promise<boolean> => {
  if (!isOpenable(job)) return Promise.resolve(false)
  return aes.decrypt(job.iv, job.aad, adjacent(job.ciphertext, job.tag), signal).then((plaintext) => {
    if (plaintext === undefined) return false
    if (!signal.aborted) job.output.set(plaintext)
    plaintext.fill(0)
    return true
  })
}

/** Both arrays as one. In a message the tag stands behind the ciphertext already, and nothing is copied. */
const adjacent = (ciphertext: Uint8Array, tag: Uint8Array): Uint8Array => {
  if (ciphertext.buffer === tag.buffer && ciphertext.byteOffset + ciphertext.length === tag.byteOffset) {
    return new Uint8Array(ciphertext.buffer, ciphertext.byteOffset, ciphertext.length + tag.length)
  }
  return bytes.concat([ciphertext, tag])
}

const runJobs = <Job>(
  key: AesKey,
  jobs: Iterable<Job>,
  run: (aes: AesGcm, job: Job, signal: AbortSignal) => Promise<boolean>
): Effect.Effect<boolean> => {
  const aes = Redacted.value(key) as unknown as AesGcm
  return Effect.promise((signal) => runAll(jobs, (job) => run(aes, job, signal), signal))
}

export const seal: Primitives["seal"] = (key, jobs) => Effect.asVoid(runJobs(key, jobs, sealOne))

export const open: Primitives["open"] = (key, jobs) =>
  Effect.flatMap(runJobs(key, jobs, openOne), (authentic) => authentic ? Effect.void : failed("open"))
