import { setUint32 } from "../../internal/bytes.ts"

/** Writes big-endian fields, one after another, into an array whose length was known before. */
export class ByteWriter<Memory extends ArrayBufferLike = ArrayBufferLike> {
  readonly bytes: Uint8Array<Memory>
  private offset = 0

  /** Writes at the start of the array. */
  constructor(bytes: Uint8Array<Memory>) {
    this.bytes = bytes
  }

  uint8(value: number): void {
    this.bytes[this.offset++] = value
  }

  uint16(value: number): void {
    this.bytes[this.offset++] = value >>> 8
    this.bytes[this.offset++] = value
  }

  uint32(value: number): void {
    setUint32(this.bytes, this.offset, value)
    this.offset += 4
  }

  put(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.offset)
    this.offset += bytes.length
  }

  /** Bytes behind their length, which takes two bytes itself. */
  field(bytes: Uint8Array): void {
    this.uint16(bytes.length)
    this.put(bytes)
  }
}
