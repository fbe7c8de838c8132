/** Bytes whose memory is gone: views of a buffer that was transferred, or made smaller. */

/** A view of memory that is there, and how it goes. */
export interface Going {
  readonly view: Uint8Array
  readonly go: () => void
}

const transferred = (bytes: Uint8Array): Going => {
  const view = new Uint8Array(bytes)
  const go = () => {
    if (view.length > 0) structuredClone(view.buffer, { transfer: [view.buffer] })
  }
  return { view, go }
}

/** A view behind the first bytes of a buffer, which is then made too small for it. */
const resized = (bytes: Uint8Array, isTracking: boolean): Going => {
  const buffer = new ArrayBuffer(8 + bytes.length, { maxByteLength: 64 + bytes.length })
  const view = isTracking ? new Uint8Array(buffer, 8) : new Uint8Array(buffer, 8, bytes.length)
  view.set(bytes)
  return { view, go: () => buffer.resize(4) }
}

/** The ways in which memory goes, by their name. */
export const ways: Readonly<Record<string, (bytes: Uint8Array) => Going>> = {
  "transferred": transferred,
  "made smaller": (bytes) => resized(bytes, false),
  "made smaller, under a view that tracks its length": (bytes) => resized(bytes, true)
}

/** What errors say of each. */
export const faults: Readonly<Record<string, string>> = {
  "transferred": "is a view of a buffer that was transferred",
  "made smaller": "is a view of a buffer that was made smaller, and ends before it",
  "made smaller, under a view that tracks its length": "is a view of a buffer that was made smaller, and ends before it"
}

/** Bytes whose memory is gone in this way. */
export const gone = (way: string, bytes: Uint8Array): Uint8Array => {
  const { go, view } = ways[way]!(bytes)
  go()
  return view
}
