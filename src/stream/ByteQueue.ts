/**
 * Bytes that arrive in chunks and are taken in pieces of a known length. A piece that lies within a chunk is a view of the
 * chunk; one that does not is put together in an array of the queue's own. So memory grows with the longest piece, and
 * every byte is copied once at most, whatever the chunks.
 */
import * as bytes from "../internal/bytes.ts"

/** Number of own arrays that are kept for later: one that is filled, and one of which pieces are in use. */
const maxSpare = 2

/** Pieces stay as they are until `release`. */
export class ByteQueue {
  /** Number of bytes that have been taken. */
  offset = 0
  /** Rest of earlier chunks, before the bytes of `chunk`. */
  private carry: Uint8Array = bytes.empty
  private carryStart = 0
  private carryEnd = 0
  private chunk: Uint8Array = bytes.empty
  /** Length that the chunk came with: it has none where its memory is gone. */
  private chunkLength = 0
  private position = 0
  /** Own arrays of which pieces were handed out, and own arrays that can be written again, the longest first. */
  private used: Array<Uint8Array> = []
  private spare: ReadonlyArray<Uint8Array> = []

  /** Number of bytes in the queue. */
  get available(): number {
    return this.carryEnd - this.carryStart + this.chunk.length - this.position
  }

  /** Whether the memory of the bytes that were not taken yet is there. Nothing can be added before this is known. */
  get isIntact(): boolean {
    return this.position === this.chunkLength || this.chunk.length === this.chunkLength
  }

  /** Adds a chunk, which must not change until `own`. */
  push(chunk: Uint8Array): void {
    this.fill(this.available)
    this.setChunk(chunk)
  }

  /** Copies what is left of the last chunk, which may change from now on, as may the pieces that were taken of it. */
  own(): void {
    this.fill(this.available)
    this.setChunk(bytes.empty)
  }

  /** A view of at least the next `length` bytes, which stay in the queue. Undefined where there are fewer. */
  view(length: number): Uint8Array | undefined {
    if (length > this.available) return undefined
    if (this.carryEnd === this.carryStart) return this.chunk.subarray(this.position)
    this.fill(length)
    return this.carry.subarray(this.carryStart, this.carryEnd)
  }

  /** Takes the first bytes of a result of `view` out of the queue. */
  consume(length: number): void {
    this.offset += length
    if (this.carryEnd === this.carryStart) {
      this.position += length
      return
    }
    this.carryStart += length
    if (this.carryEnd > this.carryStart) return
    this.used.push(this.carry)
    this.setCarry(bytes.empty, 0)
  }

  /** Takes the next bytes, which must be there. */
  take(length: number): Uint8Array {
    const piece = this.view(length)!.subarray(0, length)
    this.consume(length)
    return piece
  }

  /** Gives back the memory of the pieces that were taken so far: they are not needed any more. The longest arrays are kept. */
  release(): void {
    if (this.used.length === 0) return
    const free = [...this.spare, ...this.used].toSorted((a, b) => b.length - a.length)
    for (const array of free.slice(maxSpare)) array.fill(0)
    this.spare = free.slice(0, maxSpare)
    this.used = []
  }

  /** Empties the queue and zeroes its own arrays. The chunks are the caller's. */
  zero(): void {
    for (const array of [this.carry, ...this.used, ...this.spare]) array.fill(0)
    this.carry = bytes.empty
    this.carryStart = this.carryEnd = 0
    this.setChunk(bytes.empty)
    this.used = []
    this.spare = []
  }

  /** Moves bytes of the chunk to those before it, so that there are at least `length` of them. */
  private fill(length: number): void {
    const missing = length - (this.carryEnd - this.carryStart)
    if (missing <= 0) return
    if (this.carryEnd + missing > this.carry.length) {
      const kept = this.carry.subarray(this.carryStart, this.carryEnd)
      const grown = this.allocate(Math.max(length, 2 * kept.length))
      grown.set(kept)
      // Where nothing of it was taken, it is not needed any more.
      if (this.carryStart === 0) this.carry.fill(0)
      else this.used.push(this.carry)
      this.setCarry(grown, kept.length)
    }
    this.carry.set(this.chunk.subarray(this.position, this.position + missing), this.carryEnd)
    this.carryEnd += missing
    this.position += missing
  }

  private allocate(length: number): Uint8Array {
    const free = this.spare.findLast((array) => array.length >= length)
    if (free === undefined) return new Uint8Array(length)
    this.spare = this.spare.filter((array) => array !== free)
    return free
  }

  private setChunk(chunk: Uint8Array): void {
    this.chunk = chunk
    this.chunkLength = chunk.length
    this.position = 0
  }

  private setCarry(carry: Uint8Array, length: number): void {
    this.carry = carry
    this.carryStart = 0
    this.carryEnd = length
  }
}
