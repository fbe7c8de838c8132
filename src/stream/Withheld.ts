import * as bytes from "../internal/bytes.ts"
import { batchLength, type OwnChunks } from "./Upstream.ts"

/** Greatest slack in bytes of an array, and length from which a part is left as it is: an array takes hundreds of bytes by itself. */
const smallLength = 4096

/**
 * Decrypted plaintext that may not be released yet. Small parts are put together, so that the memory it takes is that of its bytes,
 * however short the frames are that it came in.
 */
export class Withheld {
  private parts: Array<Uint8Array<ArrayBuffer>> = []
  /** The last part, of which `end` bytes are plaintext. Others may be written behind them. */
  private last: Uint8Array<ArrayBuffer> = bytes.empty
  private end = 0

  /** Takes over a part: its array is released as it is, or zeroed. */
  push(plaintext: Uint8Array<ArrayBuffer>): void {
    const { length } = plaintext
    if (length === 0) return
    const end = this.end + length
    if (length >= smallLength || end > batchLength) this.close()
    if (this.end === 0) {
      this.last = plaintext
      this.end = length
      return
    }
    if (end > this.last.length) this.move(Math.min(batchLength, 2 * end))
    this.last.set(plaintext, this.end)
    this.end = end
    plaintext.fill(0)
  }

  /** Releases all parts; undefined where there are none. */
  take(): OwnChunks | undefined {
    this.close()
    const [first, ...others] = this.parts
    this.parts = []
    return first && [first, ...others]
  }

  zero(): void {
    this.last.fill(0)
    for (const part of this.parts) part.fill(0)
  }

  /** Ends the last part. */
  private close(): void {
    if (this.end === 0) return
    if (this.last.length - this.end > smallLength) this.move(this.end)
    this.parts.push(this.last.length === this.end ? this.last : this.last.subarray(0, this.end))
    this.last = bytes.empty
    this.end = 0
  }

  /** Moves the last part to an array of this length. */
  private move(length: number): void {
    const moved = new Uint8Array(length)
    moved.set(this.last.subarray(0, this.end))
    this.last.fill(0)
    this.last = moved
  }
}
