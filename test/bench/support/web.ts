/** Small messages under the web layer against bare WebCrypto: in Node, and, bundled, in a page. Nothing here needs Node. */
import { Effect } from "effect"
import { WebPrimitives } from "effect-encryption-sdk/web"
import { isWanted, type Result } from "./benchmark.ts"
import {
  awaitingEach,
  type Client,
  clientOf,
  encryptionContext,
  inOneFiber,
  layerOf,
  type SuiteId,
  suites
} from "./client.ts"
import { inTurns, measure, type Mode, type Side } from "./measure.ts"

/** What the floor's messages are made with: a data key, and a header body as a template. Plain arrays cross to a page. */
export interface WebKeys {
  readonly dataKey: ReadonlyArray<number>
  readonly headerBody: ReadonlyArray<number>
}

const { subtle } = crypto
const tagLength = 16
const ivLength = 12
const frameLength = 4096
const frameOverhead = 4 + ivLength + tagLength
const text = (value: string) => new TextEncoder().encode(value)
const concat = (...parts: ReadonlyArray<Uint8Array>) => {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}

/**
 * The floor on WebCrypto for 0x0478: the data key is imported once; for each message two derivations, the header's tag and
 * all frames, at the same time where one does not need the other.
 */
const floorOf = async (keys: WebKeys) => {
  const parts = await partsOf(keys)
  return {
    encrypt: (plaintext: Uint8Array) => floorEncrypt(parts, plaintext),
    decrypt: (message: Uint8Array) => floorDecrypt(parts, message)
  }
}

/** What the messages of one data key have in common. */
const partsOf = async (keys: WebKeys) => {
  const headerBody = Uint8Array.from(keys.headerBody)
  const dataKey = await subtle.importKey("raw", Uint8Array.from(keys.dataKey), "HKDF", false, [
    "deriveBits",
    "deriveKey"
  ])
  const headerLength = headerBody.length + tagLength
  const commitmentOffset = headerBody.length - 32
  const hkdf = (salt: Uint8Array, info: Uint8Array) => ({ name: "HKDF", hash: "SHA-512", salt, info }) as never
  const deriveInfo = concat(Uint8Array.of(0x04, 0x78), text("DERIVEKEY"))
  const commitInfo = text("COMMITKEY")
  const derive = (messageId: Uint8Array, usage: "encrypt" | "decrypt") =>
    Promise.all([
      subtle.deriveKey(hkdf(messageId, deriveInfo), dataKey, { name: "AES-GCM", length: 256 }, false, [usage]),
      subtle.deriveBits(hkdf(messageId, commitInfo), dataKey, 256)
    ])
  return { headerBody, headerLength, commitmentOffset, derive }
}

type Parts = Awaited<ReturnType<typeof partsOf>>

const aad = (messageId: Uint8Array, isFinal: boolean, number: number, length: number) => {
  const out = concat(
    messageId,
    text(`AWSKMSEncryptionClient ${isFinal ? "Final Frame" : "Frame"}`),
    new Uint8Array(12)
  )
  const view = new DataView(out.buffer)
  view.setUint32(out.length - 12, number)
  view.setUint32(out.length - 4, length)
  return out
}

const gcm = (iv: Uint8Array, additionalData: Uint8Array) => ({ name: "AES-GCM", iv, additionalData }) as never

const floorEncrypt = async (parts: Parts, plaintext: Uint8Array): Promise<Uint8Array> => {
  const { commitmentOffset, derive, headerBody, headerLength } = parts
  const count = Math.max(1, Math.ceil(plaintext.length / frameLength))
  const out = new Uint8Array(headerLength + plaintext.length + count * frameOverhead + 8)
  const view = new DataView(out.buffer)
  out.set(headerBody)
  view.setUint32(commitmentOffset - 4, frameLength)
  const messageId = crypto.getRandomValues(out.subarray(3, 35))
  const [key, commitment] = await derive(messageId, "encrypt")
  out.set(new Uint8Array(commitment), commitmentOffset)
  const header = gcm(new Uint8Array(ivLength), out.subarray(0, headerBody.length))
  const work = [
    subtle.encrypt(header, key, new Uint8Array(0)).then((tag) => out.set(new Uint8Array(tag), headerBody.length))
  ]
  let offset = headerLength
  for (let number = 1; number <= count; number++) {
    const isFinal = number === count
    const content = plaintext.subarray((number - 1) * frameLength, number * frameLength)
    if (isFinal) {
      view.setUint32(offset, 0xffff_ffff)
      offset += 4
    }
    view.setUint32(offset, number)
    const iv = out.subarray(offset + 4, offset + 4 + ivLength)
    view.setUint32(offset + ivLength, number)
    offset += 4 + ivLength
    if (isFinal) {
      view.setUint32(offset, content.length)
      offset += 4
    }
    const at = offset
    work.push(
      subtle.encrypt(gcm(iv, aad(messageId, isFinal, number, content.length)), key, content as never)
        .then((sealed) => out.set(new Uint8Array(sealed), at))
    )
    offset += content.length + tagLength
  }
  await Promise.all(work)
  return out
}

const floorDecrypt = async (parts: Parts, message: Uint8Array): Promise<Uint8Array> => {
  const { commitmentOffset, derive, headerBody, headerLength } = parts
  const messageId = message.subarray(3, 35)
  const [key, bits] = await derive(messageId, "decrypt")
  const commitment = new Uint8Array(bits)
  let difference = 0
  for (let i = 0; i < 32; i++) difference |= commitment[i]! ^ message[commitmentOffset + i]!
  if (difference !== 0) throw new Error("commitment")
  const header = gcm(new Uint8Array(ivLength), message.subarray(0, headerBody.length))
  const work: Array<Promise<unknown>> = [
    subtle.decrypt(header, key, message.subarray(headerBody.length, headerLength))
  ]
  const full = frameOverhead + frameLength
  const count = Math.max(1, Math.ceil((message.length - headerLength - frameOverhead - 8) / full))
  const out = new Uint8Array(message.length - headerLength - count * frameOverhead - 8)
  let offset = headerLength
  for (let number = 1; number <= count; number++) {
    const isFinal = number === count
    if (isFinal) offset += 4
    const iv = message.subarray(offset + 4, offset + 4 + ivLength)
    offset += 4 + ivLength + (isFinal ? 4 : 0)
    const at = (number - 1) * frameLength
    const length = isFinal ? out.length - at : frameLength
    const sealed = message.subarray(offset, offset + length + tagLength)
    work.push(
      subtle.decrypt(gcm(iv, aad(messageId, isFinal, number, length)), key, sealed as never)
        .then((content) => out.set(new Uint8Array(content), at))
    )
    offset += length + tagLength
  }
  await Promise.all(work)
  return out
}

const suite: SuiteId = "0x0478"

interface Pair {
  readonly ours: Side
  readonly floor: Side
}

/** Both operations on one plaintext, after a look at what they give. */
const sidesOf = async (
  client: Client,
  floor: Awaited<ReturnType<typeof floorOf>>,
  plaintext: Uint8Array
): Promise<{ readonly encrypt: Pair; readonly decrypt: Pair }> => {
  const message = await floor.encrypt(plaintext)
  const encrypt = () =>
    client.encrypt(plaintext, { algorithmSuite: suites[suite], encryptionContext: encryptionContext() })
  const decrypt = () => client.decrypt(message)
  await Effect.runPromise(encrypt())
  const plaintexts = [(await Effect.runPromise(decrypt())).plaintext, await floor.decrypt(message)]
  if (plaintexts.some((each) => each.join() !== plaintext.join())) throw new Error("the floor's message is none")
  return {
    encrypt: { ours: inOneFiber(encrypt), floor: awaitingEach(() => floor.encrypt(plaintext)) },
    decrypt: { ours: inOneFiber(decrypt), floor: awaitingEach(() => floor.decrypt(message)) }
  }
}

/** Measures everything in one place, which the names of its cases begin with. */
export const results = async (place: string, keys: WebKeys, mode: Mode): Promise<ReadonlyArray<Result>> => {
  const client = await clientOf(layerOf(suite, WebPrimitives.layer))
  const floor = await floorOf(keys)
  const cases: Array<readonly [name: string, sides: Pair]> = []
  for (const [name, length] of [["0 B", 0], ["100 B", 100], ["1 KiB", 1024], ["10 KiB", 10_240]] as const) {
    const { decrypt, encrypt } = await sidesOf(client, floor, new Uint8Array(length).fill(0x61))
    cases.push([`${place}: encrypt ${suite}, ${name}`, encrypt], [`${place}: decrypt ${suite}, ${name}`, decrypt])
  }
  if (!mode.smoke) await inTurns(cases.flatMap(([, { floor, ours }]) => [ours, floor]), 10, mode.quick ? 400 : 6000)
  const out: Array<Result> = []
  for (const [name, sides] of cases) {
    if (isWanted(mode, name)) out.push({ case: name, unit: "ns", rounds: await measure(sides, mode) })
  }
  return out
}
