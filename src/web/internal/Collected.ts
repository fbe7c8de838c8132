import * as bytes from "../../internal/bytes.ts"

/** Least and greatest length in bytes of an array that is filled. */
const minLength = 2 ** 10
const maxLength = 2 ** 18

/** A copy of parts of any length, in few arrays: an array for each would take more than a short part does. */
export class Collected {
  private full: Array<Uint8Array> = []
  private last: Uint8Array = bytes.empty
  /** Length of the last array that is in use, and of all parts. */
  private end = 0
  private length = 0

  push(part: Uint8Array): void {
    for (let offset = 0; offset < part.length;) {
      if (this.end === this.last.length) {
        this.full.push(this.last)
        this.last = new Uint8Array(Math.min(maxLength, Math.max(minLength, this.length)))
        this.end = 0
      }
      const taken = part.subarray(offset, offset + this.last.length - this.end)
      this.last.set(taken, this.end)
      this.end += taken.length
      this.length += taken.length
      offset += taken.length
    }
  }

  /** All parts as one. */
  concat(): Uint8Array {
    return bytes.concat([...this.full, this.last.subarray(0, this.end)])
  }
}
