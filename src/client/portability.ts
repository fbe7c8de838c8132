/**
 * Messages that every implementation of the AWS Encryption SDK reads. The message format allows more than some of them take.
 */
import { reject } from "../internal/rejection.ts"
import * as bytes from "../internal/bytes.ts"
import type * as EncryptionContext from "../model/EncryptionContext.ts"
import { InvalidEncryptionContext, InvalidOption } from "../model/errors/Reasons.ts"

/**
 * Greatest frame length: Java reserves memory for a whole frame, however short the message is, and has no array of 2^31 bytes or
 * a few less.
 */
export const maxFrameLength = 2 ** 30

/** Greatest length of a key, a value, and the whole context when serialised: a signed 16-bit number in Java, less one. */
export const maxContextLength = 0x7ffe

const because = "with the portability AllImplementations"

/** Rejects a frame length that not every implementation reads. */
export const checkFrameLength = (frameLength: number): void => {
  if (frameLength > maxFrameLength) {
    reject(new InvalidOption({ field: "frameLength", description: `must be at most ${maxFrameLength} ${because}` }))
  }
}

/** Rejects a context that not every implementation reads. */
export const checkContext = (context: EncryptionContext.EncryptionContext): void => {
  let length = 2
  for (const [key, value] of Object.entries(context)) {
    if (key === "") invalid("key is empty, must not be", key)
    if (value === "") invalid("value is empty, must not be", key)
    const keyLength = bytes.utf8(key).length
    const valueLength = bytes.utf8(value).length
    if (keyLength > maxContextLength) invalid(`key is ${keyLength} bytes, must be at most ${maxContextLength}`)
    if (valueLength > maxContextLength) {
      invalid(`value is ${valueLength} bytes, must be at most ${maxContextLength}`, key)
    }
    length += 4 + keyLength + valueLength
  }
  if (length > maxContextLength) invalid(`serialised length is ${length} bytes, must be at most ${maxContextLength}`)
}

const invalid = (description: string, key?: string): never =>
  reject(
    new InvalidEncryptionContext({ description: `${description} ${because}`, ...key === undefined ? {} : { key } })
  )
