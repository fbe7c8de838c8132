/** Bytes that are no message, and what decryption says of them: a message in another form, damaged by text, or another thing. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema, Stream } from "effect"
import { AlgorithmSuite, type EncryptionSdk } from "effect-encryption-sdk"
import { MessageHeader } from "effect-encryption-sdk/message"
import { Arbitraries } from "effect-encryption-sdk/testing"
import { arbitraryInt } from "../support/arbitraryBytes.ts"
import { arbitraryHeader } from "../support/arbitraryMessage.ts"
import { concat, hex } from "../support/bytes.ts"
import { clientOf, decryptFailure, failureOf, fieldsOf, policyFor } from "../support/client.ts"
import { staticKeyring } from "../support/keyrings.ts"
import { chunksOf } from "../support/streams.ts"

const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"))
const base64 = (message: Uint8Array): string => Buffer.from(message).toString("base64")
const base64Url = (message: Uint8Array): string =>
  base64(message).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")
const hexText = (message: Uint8Array): string => Buffer.from(message).toString("hex")

/** What becomes of messages on their way, by the words that say so. */
const forms: ReadonlyArray<readonly [kind: string, name: string, make: (message: Uint8Array) => Uint8Array]> = [
  ["base64 text", "base64", (message) => ascii(base64(message))],
  ["base64 text", "base64url", (message) => ascii(base64Url(message))],
  ["base64 text", "base64 in quotation marks", (message) => ascii(JSON.stringify(base64(message)))],
  ["base64 text", "base64 in apostrophes", (message) => ascii(`'${base64(message)}'`)],
  ["base64 text", "base64 behind white space", (message) => ascii(`\r\n\t ${base64(message)}\n`)],
  ["base64 text", "a data URL", (message) => ascii(`data:application/octet-stream;base64,${base64(message)}`)],
  ["base64 text", "a data URL without a type", (message) => ascii(` "data:;base64,${base64(message)}"`)],
  ["hex text", "hex", (message) => ascii(hexText(message))],
  ["hex text", "hex in capitals", (message) => ascii(hexText(message).toUpperCase())],
  ["hex text", "hex behind 0x", (message) => ascii(`0x${hexText(message)}`)],
  ["hex text", "hex behind 0X", (message) => ascii(`0X${hexText(message).toUpperCase()}`)],
  ["hex text", "the hex format of PostgreSQL", (message) => ascii(`\\x${hexText(message)}`)],
  ["hex text", "hex in quotation marks behind a space", (message) => ascii(` "${hexText(message)}"`)],
  [
    "UTF-8 text, which lost bytes",
    "text decoded from it",
    (message) => new TextEncoder().encode(new TextDecoder().decode(message))
  ],
  ["compressed with gzip", "gzip", (message) => concat(hex("1f8b 0800 00000000 00 03"), message)],
  ["compressed with zstd", "Zstandard", (message) => concat(hex("28b52ffd 2400"), message)],
  ["JSON text", "JSON of a Buffer", (message) => ascii(JSON.stringify({ type: "Buffer", data: [...message] }))],
  ["JSON text", "JSON of numbers", (message) => ascii(` ${JSON.stringify([...message])}`)],
  ["JSON text", "JSON around base64", (message) => ascii(`{\n  "message": ${JSON.stringify(base64(message))} }`)],
  ["empty", "nothing", () => new Uint8Array(0)]
]

const ciphertextBlobs = ["01020200 78", "01020300 78"].map((start) => concat(hex(start), new Uint8Array(160).fill(7)))

/** The reasons of every operation that reads a message, of the same bytes. */
const reasonsOf = (sdk: EncryptionSdk.EncryptionSdk, bytes: Uint8Array, chunkLength = 64) => {
  const source = {
    length: bytes.length,
    read: (offset: number, length: number) => Effect.succeed(bytes.slice(offset, offset + length))
  }
  return Effect.forEach([
    sdk.decrypt(bytes),
    sdk.inspect(bytes),
    Stream.runDrain(sdk.decryptStream(chunksOf(bytes, chunkLength))),
    Stream.runDrain(sdk.decryptStreamUnverified(chunksOf(bytes, chunkLength))),
    Stream.runDrain(sdk.decryptRange(source, { offset: 0 }))
  ], (operation) => decryptFailure(operation as Effect.Effect<unknown>))
}

const clientFor = (suite: Parameters<typeof policyFor>[0]) =>
  clientOf(staticKeyring(new Uint8Array(suite.dataKeyLength).fill(1)), {
    commitmentPolicy: policyFor(suite),
    maxEncryptedDataKeys: 65_535
  })

describe("bytes that are no message", () => {
  it.effect.prop(
    "are said to be a message in another form, or damaged, whatever the message is",
    [
      Arbitrary.all({
        algorithmSuite: Arbitraries.algorithmSuite,
        encryptionContext: Arbitraries.encryptionContext(),
        chunkLength: arbitraryInt(64, 200)
      })
    ],
    ([{ algorithmSuite, chunkLength, encryptionContext }]) =>
      Effect.gen(function*() {
        const sdk = yield* clientFor(algorithmSuite)
        const { message } = yield* sdk.encrypt("a", { algorithmSuite, encryptionContext })
        for (const [kind, name, make] of forms) {
          for (const reason of yield* reasonsOf(sdk, make(message), chunkLength)) {
            assert.deepStrictEqual(fieldsOf(reason), { _tag: "NotAMessage", kind }, name)
          }
        }
      }),
    { arbitrary: { seed: "not-a-message", runs: 60 } }
  )

  it.effect("are seen in a stream too, in chunks of 64 bytes and more, of every suite", () =>
    Effect.gen(function*() {
      for (const algorithmSuite of AlgorithmSuite.all) {
        const sdk = yield* clientFor(algorithmSuite)
        const { message } = yield* sdk.encrypt("a", { algorithmSuite })
        for (const [kind, name, make] of forms) {
          for (const chunkLength of [64, 1000]) {
            const stream = sdk.decryptStream(chunksOf(make(message), chunkLength))
            const reason = yield* decryptFailure(Stream.runDrain(stream))
            assert.deepStrictEqual(fieldsOf(reason), { _tag: "NotAMessage", kind }, name)
          }
        }
      }
    }))

  it.effect("are said to be a ciphertext of AWS KMS", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(staticKeyring(new Uint8Array(32)))
      for (const blob of [...ciphertextBlobs, ...ciphertextBlobs.map((blob) => ascii(base64(blob)))]) {
        for (const reason of yield* reasonsOf(sdk, blob)) {
          assert.deepStrictEqual(fieldsOf(reason), { _tag: "NotAMessage", kind: "a ciphertext of AWS KMS" })
        }
      }
    }))

  it.effect("are said to be text where lengths that are none make a header too long for a stream", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(staticKeyring(new Uint8Array(32)), { maxEncryptedDataKeys: 65_535 })
      const start = concat(hex("020578 efbfbd"), new Uint8Array(29), hex("0000"))
      const source = Stream.concat(Stream.make(start), Stream.forever(Stream.make(new Uint8Array(2 ** 16).fill(0xff))))
      const reason = yield* decryptFailure(Stream.runDrain(sdk.decryptStream(source)))
      assert.deepStrictEqual(fieldsOf(reason), { _tag: "NotAMessage", kind: "UTF-8 text, which lost bytes" })
    }))

  it.effect("are quoted by no error", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(staticKeyring(new Uint8Array(32).fill(1)))
      const { message } = yield* sdk.encrypt("a")
      const { message: other } = yield* sdk.encrypt("b")
      for (const [, name, make] of forms) {
        const [error, another] = yield* Effect.forEach([message, other], (one) => failureOf(sdk.decrypt(make(one))))
        assert.strictEqual(error?.message, another?.message, name)
      }
    }))

  it.effect("are malformed where nothing is known of them", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(staticKeyring(new Uint8Array(32)))
      const inputs = [
        ...["41", "4159", "4167", "00", "03", "0180", "02", "0205", "01efbf", "1f", "28b52f", "010202"].map(hex),
        ...["hello", "Agenda", "Ayes", "0123", "data:,a", "\"a\"", " "].map(ascii)
      ]
      for (const input of inputs) {
        for (const { _tag } of yield* reasonsOf(sdk, input)) assert.strictEqual(_tag, "MalformedMessage", String(input))
      }
    }))
})

/** A message ID with what text that was decoded from one has. */
const marked = (header: MessageHeader.MessageHeader, pattern = "efbfbd") => {
  const bytes = hex(pattern)
  return header.messageId.map((_, index) => bytes[index % bytes.length]!)
}

describe("a message", () => {
  it.effect.prop(
    "is accepted, whatever its bytes look like",
    [arbitraryHeader, Arbitrary.schema(Schema.Literals(["efbfbd", "7b", "1f8b", "01020200", "41", "28b52ffd"]))],
    ([header, pattern]) =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(staticKeyring(new Uint8Array(32)))
        const messageId = marked(header, pattern)
        const encoded = MessageHeader.encode({ ...header, messageId })
        const inspected = yield* sdk.inspect(encoded)
        assert.deepStrictEqual(inspected.messageId, messageId)
      }),
    { arbitrary: { seed: "valid-messages", runs: 200 } }
  )

  it.effect("with too many encrypted data keys is said to have too many, whatever its bytes look like", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(staticKeyring(new Uint8Array(32)), { maxEncryptedDataKeys: 1 })
      for (const header of yield* Arbitrary.sampleEffect(arbitraryHeader, { count: 50, seed: "too-many" })) {
        const [edk] = header.encryptedDataKeys
        const encryptedDataKeys = [edk!, edk!]
        const encoded = MessageHeader.encode({ ...header, messageId: marked(header), encryptedDataKeys })
        assert.strictEqual((yield* decryptFailure(sdk.decrypt(encoded)))._tag, "TooManyEncryptedDataKeys")
      }
    }))

  it.effect("that is cut off is malformed, wherever it is cut, with U+FFFD in its context too", () =>
    Effect.gen(function*() {
      for (const algorithmSuite of AlgorithmSuite.all) {
        const sdk = yield* clientFor(algorithmSuite)
        const { message } = yield* sdk.encrypt("a", { algorithmSuite, encryptionContext: { "\ufffd": "\ufffd" } })
        for (let length = 1; length < message.length; length++) {
          const reason = yield* decryptFailure(sdk.decrypt(message.subarray(0, length)))
          assert.strictEqual(reason._tag, "MalformedMessage", `${length} bytes`)
        }
      }
    }))
})
