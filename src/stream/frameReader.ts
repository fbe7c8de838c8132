/**
 * Reads the frames of a message body as they arrive. Not exported.
 *
 * Specification: data-format/message-body.md
 */
import * as Result from "effect/Result"
import type * as MessageHeader from "../message/MessageHeader.ts"
import * as PartialMessage from "../message/PartialMessage.ts"
import type { DecryptErrorReason } from "../model/errors/DecryptError.ts"
import { batchFrames, batchLength, type Upstream } from "./Upstream.ts"

/** Frames that follow each other, and the bytes that each was read from. The final frame is a batch of its own. */
export interface Batch {
  readonly frames: ReadonlyArray<PartialMessage.DecodedFrame>
  readonly encoded: ReadonlyArray<Uint8Array>
  readonly isFinal: boolean
}

/** Rejects a frame by the length of its content, and the length of the contents before it, in bytes. */
export type CheckLength = (contentLength: number, before: number) => DecryptErrorReason | undefined

/** State of one body. */
export class FrameReader {
  private readonly header: MessageHeader.MessageHeader
  private readonly upstream: Upstream<unknown, unknown>
  private readonly checkLength: CheckLength
  /** Number of frames that were read, and length of their contents. */
  private count = 0
  private length = 0
  /** Number of bytes without which there cannot be a frame. */
  private needed = 1

  constructor(header: MessageHeader.MessageHeader, upstream: Upstream<unknown, unknown>, checkLength: CheckLength) {
    this.header = header
    this.upstream = upstream
    this.checkLength = checkLength
  }

  /** The next frames of those that have arrived, as many as a batch takes; undefined where no whole frame has. */
  next(): Result.Result<Batch | undefined, DecryptErrorReason> {
    const frames: Array<PartialMessage.DecodedFrame> = []
    const encoded: Array<Uint8Array> = []
    for (const end = this.length + batchLength; this.length < end && frames.length < batchFrames;) {
      const read = this.readFrame()
      // The frames before a malformed one are good: the error comes up again with the next batch.
      if (Result.isFailure(read)) {
        return frames.length > 0 ? Result.succeed({ frames, encoded, isFinal: false }) : Result.fail(read.failure)
      }
      if (read.success === undefined) {
        if (this.upstream.advance()) continue
        break
      }
      const { frame, part } = read.success
      const isFinal = frame.content !== "frame"
      // It is read again, as a batch of its own.
      if (isFinal && frames.length > 0) break
      this.take(frame)
      frames.push(frame)
      encoded.push(part.subarray(0, frame.end))
      if (isFinal) return Result.succeed({ frames, encoded, isFinal })
    }
    return Result.succeed(frames.length === 0 ? undefined : { frames, encoded, isFinal: false })
  }

  /** Releases the memory of the batches that were returned. */
  release(): void {
    this.upstream.queue.release()
  }

  /** The error of a message that ends where the upstream ended. */
  endsEarly(): DecryptErrorReason {
    const { queue } = this.upstream
    const decoded = this.decode(queue.view(queue.available)!, () => undefined)
    if (Result.isFailure(decoded)) return decoded.failure
    if (decoded.success instanceof PartialMessage.EndOfInput) return PartialMessage.missing(decoded.success)
    throw new Error("a frame was overlooked")
  }

  private take({ ciphertext, end }: PartialMessage.DecodedFrame): void {
    this.upstream.queue.consume(end)
    this.needed = 1
    this.count++
    this.length += ciphertext.length
  }

  /** Reads one frame, if all of it has arrived, and the bytes that begin with it. They stay in the queue. */
  private readFrame(): Result.Result<
    { readonly frame: PartialMessage.DecodedFrame; readonly part: Uint8Array } | undefined,
    DecryptErrorReason
  > {
    const { queue } = this.upstream
    for (;;) {
      const part = queue.view(this.needed)
      if (part === undefined) return Result.succeed(undefined)
      const start = queue.offset
      const decoded = this.decode(part, (length) => this.checkLength(length, this.length))
      if (Result.isFailure(decoded)) return Result.fail(decoded.failure)
      const frame = decoded.success
      if (!(frame instanceof PartialMessage.EndOfInput)) {
        return Result.succeed({ frame, part })
      }
      this.needed = frame.offset - start + frame.needed
    }
  }

  private decode(part: Uint8Array, reject: (contentLength: number) => DecryptErrorReason | undefined) {
    return PartialMessage.decodeFrame<DecryptErrorReason>(this.header, part, {
      start: this.upstream.queue.offset,
      offset: 0,
      sequenceNumber: this.count + 1,
      reject
    })
  }
}
