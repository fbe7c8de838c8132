/**
 * Reads the big-endian fields of a message, one after another, and rejects missing bytes.
 *
 * A reader throws; `decoding` is the boundary at which what it threw becomes a `Result`. The functions between, which read
 * one structure each, then need no check after every field, and work on the part of a message that has arrived as well
 * as on a whole one: a shortage (`EndOfInput`) is not the same as a fault.
 */
import * as Result from "effect/Result"
import { copyRange, findGone, getUint32 } from "../../internal/bytes.ts"
import { reject, Rejection } from "../../internal/rejection.ts"
import { MalformedMessage } from "../../model/errors/MalformedMessage.ts"

/** Shortage: there are fewer bytes than the field takes. A reader that still receives bytes may try again with more. */
export class EndOfInput {
  readonly field: string
  readonly offset: number
  readonly needed: number
  readonly available: number
  constructor(field: string, offset: number, needed: number, available: number) {
    this.field = field
    this.offset = offset
    this.needed = needed
    this.available = available
  }
}

/** Ends the decoding: the field that begins at `offset` holds what it must not. */
export const rejectField = (field: string, offset: number, description: string): never =>
  reject(new MalformedMessage({ field, description, offset }))

/** Converts a shortage to `MalformedMessage`, at the end of the input. */
export const missing = ({ available, field, needed, offset }: EndOfInput): MalformedMessage => {
  const description = `takes ${needed} bytes, the message has ${available} left`
  return new MalformedMessage({ field, description, offset })
}

/**
 * Runs a decoder on a whole message, or on the end of one that begins `start` bytes into it: what is not there is missing.
 */
export const decoding = <A, E = never>(decode: () => A, start = 0): Result.Result<A, MalformedMessage | E> => {
  const decoded = decodingPart<A, E>(start, decode)
  if (Result.isFailure(decoded)) return Result.fail(decoded.failure)
  return decoded.success instanceof EndOfInput ? Result.fail(missing(decoded.success)) : Result.succeed(decoded.success)
}

/**
 * Runs a decoder on a part of a message that begins `start` bytes into it. Returns the shortage where more bytes are needed.
 * Offsets in errors count from the start of the message.
 */
export const decodingPart = <A, E = never>(
  start: number,
  decode: () => A
): Result.Result<A | EndOfInput, MalformedMessage | E> => {
  try {
    return Result.succeed(decode())
  } catch (thrown) {
    if (thrown instanceof Rejection) {
      const error = thrown.error as MalformedMessage | E
      if (!(error instanceof MalformedMessage) || start === 0) return Result.fail(error)
      const { description, field, offset } = error
      return Result.fail(new MalformedMessage({ field, description, offset: start + offset }))
    }
    if (thrown instanceof EndOfInput) {
      const { available, field, needed, offset } = thrown
      return Result.succeed(new EndOfInput(field, start + offset, needed, available))
    }
    throw thrown
  }
}

/** A position in a message. Offsets count from the start of the message. */
export class ByteReader<Memory extends ArrayBufferLike = ArrayBufferLike> {
  readonly bytes: Uint8Array<Memory>
  offset: number

  constructor(bytes: Uint8Array<Memory>, offset: number) {
    this.bytes = bytes
    this.offset = offset
  }

  /** Passes over a field and returns the offset at which it begins. */
  skip(field: string, length: number): number {
    const start = this.offset
    const available = this.bytes.length - start
    if (length > available) {
      const gone = findGone(this.bytes)
      if (gone !== undefined) rejectField(field, start, gone)
      throw new EndOfInput(field, start, length, available)
    }
    this.offset = start + length
    return start
  }

  uint8(field: string): number {
    return this.bytes[this.skip(field, 1)]!
  }

  uint16(field: string): number {
    const { bytes } = this
    const start = this.skip(field, 2)
    return bytes[start]! << 8 | bytes[start + 1]!
  }

  uint32(field: string): number {
    return getUint32(this.bytes, this.skip(field, 4))
  }

  uint64(field: string): bigint {
    const start = this.skip(field, 8)
    return BigInt(getUint32(this.bytes, start)) << 32n | BigInt(getUint32(this.bytes, start + 4))
  }

  /** A view of the next bytes. */
  take(field: string, length: number): Uint8Array<Memory> {
    const start = this.skip(field, length)
    return this.bytes.subarray(start, start + length)
  }

  /** A copy of the next bytes. */
  copy(field: string, length: number): Uint8Array<ArrayBuffer> {
    return copyRange(this.bytes, this.skip(field, length), length)
  }
}
