/**
 * The floor: the cryptography that a message needs, on bare node:crypto, and nothing else.
 *
 * What is done once for a data key (its bytes, the signing key as a KeyObject, the header as a template) is done
 * beforehand. What every message needs is done for every message: a message ID, HKDF, the import of the derived key, the
 * commitment value and its comparison, the header's tag, every frame with its additional data and tag, the signature,
 * and one allocation for the output. Nothing is checked that a tag does not check, nothing is copied or zeroed.
 *
 * HKDF is HMAC of two calls of `crypto.hash` over buffers that are used again: the cheapest way that Node 24 has.
 */
import type { AlgorithmSuite } from "effect-encryption-sdk"
import { MessageHeader } from "effect-encryption-sdk/message"
import type { KeyObject } from "node:crypto"
import * as crypto from "node:crypto"

const tagLength = 16
const ivLength = 12
const headerIv = new Uint8Array(ivLength)
const options = { authTagLength: tagLength } as const
const frameName = Buffer.from("AWSKMSEncryptionClient Frame")
const finalFrameName = Buffer.from("AWSKMSEncryptionClient Final Frame")

const hashes = {
  "SHA-256": { name: "sha256", block: 64, length: 32 },
  "SHA-384": { name: "sha384", block: 128, length: 48 },
  "SHA-512": { name: "sha512", block: 128, length: 64 }
} as const

/** HMAC with a key of at most a block. */
const hmacOf = (hash: "SHA-256" | "SHA-384" | "SHA-512") => {
  const { block, length, name } = hashes[hash]
  const inner = Buffer.alloc(block + 256)
  const outer = Buffer.alloc(block + length)
  return (key: Uint8Array, message: Uint8Array): Buffer => {
    inner.fill(0x36, 0, block)
    outer.fill(0x5c, 0, block)
    for (let i = 0; i < key.length; i++) {
      inner[i]! ^= key[i]!
      outer[i]! ^= key[i]!
    }
    inner.set(message, block)
    outer.set(crypto.hash(name, inner.subarray(0, block + message.length), "buffer"), block)
    return crypto.hash(name, outer, "buffer")
  }
}

/** What the messages of one data key have in common. Keys, not secrets: this is a benchmark. */
export interface FloorKeys {
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite
  readonly dataKey: Uint8Array
  /** The header body of the messages, of which message ID, commitment and frame length are put in. */
  readonly headerBody: Uint8Array
  readonly signingKey: KeyObject | undefined
  readonly verificationKey: KeyObject | undefined
}

export interface Floor {
  readonly encrypt: (plaintext: Uint8Array, frameLength: number) => Uint8Array
  readonly decrypt: (message: Uint8Array, frameLength: number) => Uint8Array
  /** A header with its tag, and the key of the message: what the floor of a stream begins with. */
  readonly begin: (frameLength: number) => { readonly header: Uint8Array; readonly key: KeyObject; readonly aad: Aad }
  /** The key of a message, whose header is verified: what the floor of a stream that decrypts begins with. */
  readonly resume: (message: Uint8Array) => { readonly length: number; readonly key: KeyObject; readonly aad: Aad }
}

interface Aad {
  readonly full: Buffer
  readonly final: Buffer
}

/** The headers of the messages of one data key, and the keys of these messages. */
const headersOf = ({ algorithmSuite, dataKey, headerBody }: FloorKeys) => {
  const headerBodyLength = headerBody.length
  const headerLength = headerBodyLength + MessageHeader.authenticationLength(algorithmSuite)
  const template = Buffer.alloc(headerLength)
  template.set(headerBody)
  const { keyDerivation, messageIdLength } = algorithmSuite
  if (keyDerivation._tag !== "Hkdf") throw new Error("a suite that may not be cached")
  const isCommitting = algorithmSuite.commitmentLength > 0
  const messageIdOffset = algorithmSuite.messageFormatVersion === 1 ? 4 : 3
  const suiteDataOffset = headerBodyLength - algorithmSuite.commitmentLength
  const frameLengthOffset = suiteDataOffset - 4
  const tagOffset = headerLength - tagLength
  const hmac = hmacOf(keyDerivation.hash)
  const suiteId = Uint8Array.of(algorithmSuite.id >>> 8, algorithmSuite.id & 0xff)
  const derive = isCommitting
    ? Buffer.concat([suiteId, Buffer.from("DERIVEKEY"), Uint8Array.of(1)])
    : Buffer.concat([suiteId, new Uint8Array(messageIdLength), Uint8Array.of(1)])
  const commit = Buffer.concat([Buffer.from("COMMITKEY"), Uint8Array.of(1)])
  const noSalt = new Uint8Array(0)

  /** The message's key; its commitment is left in `commitment`. */
  let commitment: Buffer
  const deriveKey = (messageId: Uint8Array): KeyObject => {
    if (!isCommitting) {
      derive.set(messageId, suiteId.length)
      return crypto.createSecretKey(hmac(hmac(noSalt, dataKey), derive).subarray(0, 32))
    }
    const pseudoRandomKey = hmac(messageId, dataKey)
    commitment = hmac(pseudoRandomKey, commit).subarray(0, 32)
    return crypto.createSecretKey(hmac(pseudoRandomKey, derive).subarray(0, 32))
  }

  const newAad = (): Aad => ({
    full: Buffer.concat([new Uint8Array(messageIdLength), frameName, new Uint8Array(12)]),
    final: Buffer.concat([new Uint8Array(messageIdLength), finalFrameName, new Uint8Array(12)])
  })

  /** Writes the header, and answers the message's key. */
  const writeHeader = (out: Buffer, frameLength: number, aad: Aad): KeyObject => {
    out.set(template)
    crypto.randomFillSync(out, messageIdOffset, messageIdLength)
    const messageId = out.subarray(messageIdOffset, messageIdOffset + messageIdLength)
    const key = deriveKey(messageId)
    out.writeUInt32BE(frameLength, frameLengthOffset)
    if (isCommitting) out.set(commitment, suiteDataOffset)
    const cipher = crypto.createCipheriv("aes-256-gcm", key, headerIv, options)
    cipher.setAAD(out.subarray(0, headerBodyLength))
    cipher.final()
    out.set(cipher.getAuthTag(), tagOffset)
    aad.full.set(messageId)
    aad.final.set(messageId)
    return key
  }

  /** Verifies commitment and header, and answers the message's key. */
  const openHeader = (message: Buffer, aad: Aad): KeyObject => {
    const messageId = message.subarray(messageIdOffset, messageIdOffset + messageIdLength)
    const key = deriveKey(messageId)
    if (isCommitting && !crypto.timingSafeEqual(commitment, message.subarray(suiteDataOffset, headerBodyLength))) {
      throw new Error("commitment")
    }
    const decipher = crypto.createDecipheriv("aes-256-gcm", key, headerIv, options)
    decipher.setAAD(message.subarray(0, headerBodyLength))
    decipher.setAuthTag(message.subarray(tagOffset, headerLength))
    decipher.final()
    aad.full.set(messageId)
    aad.final.set(messageId)
    return key
  }

  return { headerLength, newAad, openHeader, writeHeader }
}

export const make = (keys: FloorKeys): Floor => {
  const { signingKey, verificationKey } = keys
  const { headerLength, newAad, openHeader, writeHeader } = headersOf(keys)
  const aad = newAad()
  return {
    encrypt: (plaintext, frameLength) => {
      const count = Math.max(1, Math.ceil(plaintext.length / frameLength))
      const end = headerLength + plaintext.length + count * (4 + ivLength + tagLength) + 8
      // A signature is of 104 bytes at most.
      const out = Buffer.allocUnsafeSlow(signingKey === undefined ? end : end + 106)
      const key = writeHeader(out, frameLength, aad)
      let offset = headerLength
      for (let number = 1; number < count; number++) {
        const from = (number - 1) * frameLength
        writeFrame(out, offset, key, aad.full, number, plaintext.subarray(from, from + frameLength))
        offset += 4 + ivLength + frameLength + tagLength
      }
      writeFinalFrame(out, offset, key, aad.final, count, plaintext.subarray((count - 1) * frameLength))
      if (signingKey === undefined) return out
      const signature = crypto.sign("sha384", out.subarray(0, end), signingKey)
      out.writeUInt16BE(signature.length, end)
      out.set(signature, end + 2)
      return out.subarray(0, end + 2 + signature.length)
    },
    decrypt: (input, frameLength) => {
      const message = Buffer.from(input.buffer, input.byteOffset, input.length)
      const key = openHeader(message, aad)
      const end = verificationKey === undefined
        ? message.length
        : message.length - 2 - signatureLength(message)
      // How many frames there are follows from the length, since all but the final one are full.
      const full = 4 + ivLength + frameLength + tagLength
      const count = Math.max(1, Math.ceil((end - headerLength - (4 + ivLength + tagLength + 8)) / full))
      const length = end - headerLength - count * (4 + ivLength + tagLength) - 8
      const out = Buffer.allocUnsafeSlow(length)
      let offset = headerLength
      for (let number = 1; number < count; number++) {
        readFrame(out, (number - 1) * frameLength, message, offset + 4, key, aad.full, number, frameLength)
        offset += full
      }
      const written = (count - 1) * frameLength
      readFinalFrame(out, written, message, offset, key, aad.final, count)
      if (
        verificationKey !== undefined &&
        !crypto.verify("sha384", message.subarray(0, end), verificationKey, message.subarray(end + 2))
      ) {
        throw new Error("signature")
      }
      return out
    },
    begin: (frameLength) => {
      const header = Buffer.allocUnsafeSlow(headerLength)
      const own = newAad()
      return { header, key: writeHeader(header, frameLength, own), aad: own }
    },
    resume: (input) => {
      const own = newAad()
      const message = Buffer.from(input.buffer, input.byteOffset, input.length)
      return { length: headerLength, key: openHeader(message, own), aad: own }
    }
  }
}

/** Length of the DER at the end of a message, where the two bytes before it say it. */
const signatureLength = (message: Buffer): number => {
  for (let length = 100; length <= 104; length++) {
    if (message.readUInt16BE(message.length - length - 2) === length) return length
  }
  throw new Error("signature")
}

const seal = (
  out: Buffer,
  ivOffset: number,
  contentOffset: number,
  key: KeyObject,
  aad: Buffer,
  number: number,
  plaintext: Uint8Array
): void => {
  out.fill(0, ivOffset, ivOffset + 8)
  out.writeUInt32BE(number, ivOffset + 8)
  writeAad(aad, number, plaintext.length)
  const cipher = crypto.createCipheriv("aes-256-gcm", key, out.subarray(ivOffset, ivOffset + ivLength), options)
  cipher.setAAD(aad)
  if (plaintext.length > 0) out.set(cipher.update(plaintext), contentOffset)
  cipher.final()
  out.set(cipher.getAuthTag(), contentOffset + plaintext.length)
}

const writeAad = (aad: Buffer, number: number, contentLength: number): void => {
  aad.writeUInt32BE(number, aad.length - 12)
  // The upper half is zero: no frame is that long here.
  aad.writeUInt32BE(contentLength, aad.length - 4)
}

/** Writes a frame that is not the final one. */
export const writeFrame = (
  out: Buffer,
  offset: number,
  key: KeyObject,
  aad: Buffer,
  number: number,
  plaintext: Uint8Array
): void => {
  out.writeUInt32BE(number, offset)
  seal(out, offset + 4, offset + 4 + ivLength, key, aad, number, plaintext)
}

/** Writes the final frame. */
export const writeFinalFrame = (
  out: Buffer,
  offset: number,
  key: KeyObject,
  aad: Buffer,
  number: number,
  plaintext: Uint8Array
): void => {
  out.writeUInt32BE(0xffff_ffff, offset)
  out.writeUInt32BE(number, offset + 4)
  out.writeUInt32BE(plaintext.length, offset + 8 + ivLength)
  seal(out, offset + 8, offset + 12 + ivLength, key, aad, number, plaintext)
}

const unseal = (
  out: Buffer,
  outOffset: number,
  message: Buffer,
  ivOffset: number,
  contentOffset: number,
  key: KeyObject,
  aad: Buffer,
  number: number,
  length: number
): void => {
  writeAad(aad, number, length)
  const iv = message.subarray(ivOffset, ivOffset + ivLength)
  const decipher = crypto.createDecipheriv("aes-256-gcm", key, iv, options)
  decipher.setAAD(aad)
  const end = contentOffset + length
  decipher.setAuthTag(message.subarray(end, end + tagLength))
  if (length > 0) out.set(decipher.update(message.subarray(contentOffset, end)), outOffset)
  decipher.final()
}

/** Reads a frame that is not the final one, of which the IV is at `ivOffset`. */
export const readFrame = (
  out: Buffer,
  outOffset: number,
  message: Buffer,
  ivOffset: number,
  key: KeyObject,
  aad: Buffer,
  number: number,
  frameLength: number
): void => unseal(out, outOffset, message, ivOffset, ivOffset + ivLength, key, aad, number, frameLength)

/** Reads the final frame, which begins at `offset`. Answers how much plaintext there was. */
export const readFinalFrame = (
  out: Buffer,
  outOffset: number,
  message: Buffer,
  offset: number,
  key: KeyObject,
  aad: Buffer,
  number: number
): number => {
  const length = message.readUInt32BE(offset + 8 + ivLength)
  unseal(out, outOffset, message, offset + 8, offset + 12 + ivLength, key, aad, number, length)
  return length
}

/**
 * The floor of a stream: chunks of any length into frames, each written once it is full. The plaintext is of at least
 * one byte. Like the library and its peer, this holds a frame until it is whole.
 */
export function* encryptChunks(
  floor: Floor,
  chunks: Iterable<Uint8Array>,
  length: number,
  frameLength: number
): Generator<Uint8Array> {
  const { aad, header, key } = floor.begin(frameLength)
  yield header
  const count = Math.ceil(length / frameLength)
  let number = 1
  for (const frame of pieces(chunks, () => number < count ? frameLength : length - (count - 1) * frameLength)) {
    const isFinal = number === count
    const out = Buffer.allocUnsafeSlow((isFinal ? 12 : 4) + ivLength + frame.length + tagLength)
    if (isFinal) writeFinalFrame(out, 0, key, aad.final, number, frame)
    else writeFrame(out, 0, key, aad.full, number, frame)
    number++
    yield out
  }
}

/** The floor of a stream: a message in chunks of any length, the first of which holds the whole header. */
export function* decryptChunks(
  floor: Floor,
  chunks: ReadonlyArray<Uint8Array>,
  frameLength: number
): Generator<Uint8Array> {
  const { aad, key, length: headerLength } = floor.resume(chunks[0]!)
  let number = 1
  const rest = function*() {
    yield chunks[0]!.subarray(headerLength)
    for (let i = 1; i < chunks.length; i++) yield chunks[i]!
  }
  const lengthOf = (begun: Buffer): number | undefined => {
    if (begun.length < 4) return undefined
    if (begun.readUInt32BE(0) !== 0xffff_ffff) return 4 + ivLength + frameLength + tagLength
    return begun.length < 12 + ivLength ? undefined : 12 + ivLength + begun.readUInt32BE(8 + ivLength) + tagLength
  }
  for (const frame of pieces(rest(), lengthOf)) {
    const isFinal = frame.readUInt32BE(0) === 0xffff_ffff
    const out = Buffer.allocUnsafeSlow(frame.length - (isFinal ? 12 : 4) - ivLength - tagLength)
    if (isFinal) readFinalFrame(out, 0, frame, 0, key, aad.final, number)
    else readFrame(out, 0, frame, 4, key, aad.full, number, frameLength)
    number++
    yield out
  }
}

/** Bytes in pieces of the lengths that are asked for. A piece within a chunk is a view of it. */
function* pieces(
  chunks: Iterable<Uint8Array>,
  lengthOf: (begun: Buffer) => number | undefined
): Generator<Buffer> {
  let held: Buffer = Buffer.alloc(0)
  const parts: Array<Buffer> = []
  let length = 0
  let wanted: number | undefined
  for (const chunk of chunks) {
    parts.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length))
    length += chunk.length
    for (;;) {
      if (wanted === undefined) {
        if (parts.length > 1 && parts[0]!.length < 12 + ivLength) parts.splice(0, parts.length, Buffer.concat(parts))
        wanted = length === 0 ? undefined : lengthOf(parts[0]!)
      }
      if (wanted === undefined || length < wanted) break
      held = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
      parts.length = 0
      yield held.subarray(0, wanted)
      length -= wanted
      if (length > 0) parts.push(held.subarray(wanted))
      wanted = undefined
    }
  }
  if (length > 0) throw new Error("the message ends early")
}
