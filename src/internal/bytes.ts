const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

export const empty = new Uint8Array(0)

/** Also where the value comes from another realm, as in a worker or a test runner. */
export const isBytes = (value: unknown): value is Uint8Array => typeName.call(value) === "Uint8Array"

/** A getter of all typed arrays, which no object can change. */
const getter = (name: string | symbol) =>
  (Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), name) as {
    readonly get: (this: unknown) => unknown
  }).get

/** The name of a typed array's type; undefined for all else. */
const typeName = getter(Symbol.toStringTag)
const bufferOf = getter("buffer")
const offsetOf = getter("byteOffset")
const lengthOf = getter("length")

/** A method of all typed arrays that throws where there is no memory behind one. */
const at = (Object.getPrototypeOf(Uint8Array.prototype) as Pick<Uint8Array, "at">).at

/**
 * The fault of bytes whose memory is gone, which have no length then, whatever they held; undefined for all others. The memory
 * went elsewhere, or its buffer was made smaller and ends before them.
 */
export const findGone = (bytes: Uint8Array): string | undefined => {
  if (lengthOf.call(bytes) !== 0) return undefined
  try {
    at.call(bytes, 0)
    return undefined
  } catch {
    // Older engines have no `detached`. A buffer of no memory has no size to grow to, and only a resizable one gets smaller.
    return (bufferOf.call(bytes) as ArrayBuffer).maxByteLength > 0
      ? "is a view of a buffer that was made smaller, and ends before it"
      : "is a view of a buffer that was transferred"
  }
}

/** The same bytes with no methods but those of their type: a subclass may have others, and views of a Buffer are slower. */
export const plainView = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(bufferOf.call(bytes) as ArrayBuffer, offsetOf.call(bytes) as number, lengthOf.call(bytes) as number)

/**
 * Whether bytes and their number stay as they are within one step of this thread. Memory that is shared with other threads changes at
 * any time.
 */
export const isUnshared = (bytes: Uint8Array): boolean => {
  const buffer = bufferOf.call(bytes)
  return buffer instanceof ArrayBuffer && !buffer.resizable
}

/** Throws a `RangeError` unless an array has the length that its operation takes: the caller is wrong. */
export const checkLength = (name: string, { length }: Uint8Array, expected: number): void => {
  if (length !== expected) throw new RangeError(`${name}: is ${length} bytes, must be ${expected}`)
}

/** TextEncoder costs half a microsecond however short the text is, and most texts here are short and ASCII. */
export const utf8 = (text: string): Uint8Array<ArrayBuffer> => {
  if (text.length > 64) return encoder.encode(text)
  const out = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f) {
      // The text may be a plaintext.
      out.fill(0)
      return encoder.encode(text)
    }
    out[i] = unit
  }
  return out
}

/** Undefined where the bytes are not valid UTF-8. Browsers decode no memory that is shared or can be resized, but a copy of it. */
export const fromUtf8 = (bytes: Uint8Array): string | undefined => {
  try {
    return decoder.decode(bytes)
  } catch {
    if (isUnshared(bytes)) return undefined
    return bytes.length === 0 ? "" : fromUtf8(new Uint8Array(bytes))
  }
}

/** A lone surrogate has no UTF-8 encoding: TextEncoder would replace it silently, and two different texts would collide. */
export const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text)

export const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  let length = 0
  for (const part of parts) length += part.length
  const out = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}

/** A copy of a part. A view less than `subarray` would make, which takes longer than to copy a few bytes one by one. */
export const copyRange = (bytes: Uint8Array, start: number, length: number): Uint8Array<ArrayBuffer> => {
  if (length > 64) return new Uint8Array(bytes.subarray(start, start + length))
  const out = new Uint8Array(length)
  for (let i = 0; i < length; i++) out[i] = bytes[start + i]!
  return out
}

/** Big-endian. A DataView for one or two numbers would cost more than all else that is done with them. */
export const setUint32 = (bytes: Uint8Array, offset: number, value: number): void => {
  bytes[offset] = value >>> 24
  bytes[offset + 1] = value >>> 16
  bytes[offset + 2] = value >>> 8
  bytes[offset + 3] = value
}

/** Big-endian. */
export const getUint32 = (bytes: Uint8Array, offset: number): number =>
  (bytes[offset]! << 24 | bytes[offset + 1]! << 16 | bytes[offset + 2]! << 8 | bytes[offset + 3]!) >>> 0

/**
 * Gives back the memory of an array that has no other user: it is empty afterwards. Left to the garbage collector, the next
 * array of its length takes memory that was not touched before, which costs more than to encrypt it
 * (`npm run bench -- messages --only "1 MiB"`). For a short array this costs more than it gains. An engine of before 2024 cannot.
 */
export const free = ({ buffer, length }: Uint8Array): void => {
  if (length >= 2048 && buffer.byteLength === length && buffer instanceof ArrayBuffer) buffer.transfer?.(0)
}

/** Lexicographic order over unsigned bytes; a prefix comes first. */
export const compare = (a: Uint8Array, b: Uint8Array): number => {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** Not constant time: for public bytes only. */
export const equals = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && compare(a, b) === 0

export const isAllZero = (bytes: Uint8Array): boolean => {
  let seen = 0
  for (const byte of bytes) seen |= byte
  return seen === 0
}

/** A character for each byte, for a few bytes at most: each becomes an argument. */
export const toLatin1 = (bytes: ArrayLike<number>): string =>
  String.fromCharCode.apply(null, bytes as unknown as Array<number>)

export const fromLatin1 = (text: string): Uint8Array<ArrayBuffer> => {
  const out = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i)
  return out
}
