/** Checks of what the AES operations of `Primitives` are given, for its layers. Not exported. */
import * as bytes from "../internal/bytes.ts"
import { ivLength, type OpenJob, type SealJob, tagLength } from "../model/AesGcm.ts"

/** Whether a number of bytes is the length of an AES key. */
export const isKeyLength = (length: number): boolean => length === 16 || length === 24 || length === 32

/** The problem with an AES key as a sentence's end; undefined where there is none. */
export const keyProblem = ({ length }: Uint8Array): string | undefined =>
  isKeyLength(length) ? undefined : `is ${length} bytes, must be 16, 24 or 32`

/** Throws unless the arrays of a job have the lengths that AES-GCM takes: they are the caller's own. */
export const checkSealJob = ({ iv, output, plaintext }: SealJob): void => {
  bytes.checkLength("iv", iv, ivLength)
  bytes.checkLength("output", output, plaintext.length + tagLength)
}

/** Whether IV and tag, which a message brings along, have their lengths. Throws unless `output` has the job's. */
export const isOpenable = ({ ciphertext, iv, output, tag }: OpenJob): boolean => {
  bytes.checkLength("output", output, ciphertext.length)
  return tag.length === tagLength && iv.length === ivLength
}
