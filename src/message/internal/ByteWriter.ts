/** Writes big-endian fields, one after another, into an array whose length was known before. */
export class ByteWriter {
  readonly bytes: Uint8Array
  private offset = 0
  private readonly view: DataView

  constructor(length: number) {
    this.bytes = new Uint8Array(length)
    this.view = new DataView(this.bytes.buffer)
  }

  uint8(value: number): void {
    this.view.setUint8(this.offset, value)
    this.offset += 1
  }

  uint16(value: number): void {
    this.view.setUint16(this.offset, value)
    this.offset += 2
  }

  uint32(value: number): void {
    this.view.setUint32(this.offset, value)
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
