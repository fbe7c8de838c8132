/**
 * A range of a plaintext: only the frames it touches are read, and each is verified.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Option, Redacted, Result, Schema, Stream } from "effect"
import { AlgorithmSuite, type EncryptionSdk } from "effect-encryption-sdk"
import { MessageHeader } from "effect-encryption-sdk/message"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { arbitraryInt } from "../support/arbitraryBytes.ts"
import { concat, flip, hex, toHex } from "../support/bytes.ts"
import { clientOf, failureOf, policyFor } from "../support/client.ts"
import { recordingKeyring, staticKeyring } from "../support/keyrings.ts"
import { collect, pattern } from "../support/streams.ts"
import { unsigned } from "../support/suites.ts"

/** `pattern(30)` in one piece, under the key of the test that reads it: made with `nonFramedMessage`, which needs Node. */
const withoutFrames = hex(`
  02047866501cd2b789871a637e0e7d26cbd4bac565630152bcd2fd5aadc4c46c7ae80700000001000572616e676500176b65
  79000000800000000c4c684d6f8878ba3bf8497b2c003029ccd210ccd2b324cedebe31d8a1839f62a11ee1d078a3bfe10683
  2f21e3ff99b74dcd46f7718b42164148b8c175cc99010000000092bef8c574ede66c67f0bd44b23e7b18d39bf2eec30274a4
  a371f7a596985ce14af1a80296b18622b86ff7cd2515a83c000000000000000000000001000000000000001e63eec25f02f9
  ec0f1637423f86d98a2abcac740c73ef40d1deb7d53d2c479e0043d91413dbef6b50f3af8edac86f
`)

/** A message in memory that keeps what is read of it. */
const sourceOf = (message: Uint8Array) => {
  const reads: Array<readonly [offset: number, length: number]> = []
  const source: EncryptionSdk.RandomAccessSource = {
    length: message.length,
    read: (offset, length) =>
      Effect.sync(() => {
        assert.isAtMost(offset + length, message.length)
        reads.push([offset, length])
        return message.slice(offset, offset + length)
      })
  }
  return { source, reads }
}

const failure = <A, E extends { readonly reason: { readonly _tag: string } }>(stream: Stream.Stream<A, E>) =>
  Effect.map(failureOf(Stream.runDrain(stream)), ({ reason }) => reason._tag)

describe("a range", () => {
  for (const suite of AlgorithmSuite.all.filter(({ signature }) => signature === undefined)) {
    it.effect.prop(`is a part of the plaintext: ${suite.name}`, [
      Arbitrary.all({
        size: arbitraryInt(0, 300),
        frameLength: arbitraryInt(1, 80),
        from: arbitraryInt(0, 300),
        to: arbitraryInt(0, 300),
        toTheEnd: Arbitrary.schema(Schema.Boolean)
      })
    ], ([{ frameLength, from, size, to, toTheEnd }]) =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(recordingKeyring().keyring, { commitmentPolicy: policyFor(suite) })
        const plaintext = pattern(size)
        const { message } = yield* sdk.encrypt(plaintext, { algorithmSuite: suite, frameLength })
        const [offset, end] = [Math.min(from, to, size), Math.min(Math.max(from, to), size)]
        const range = { offset, length: toTheEnd ? undefined : end - offset }
        const read = yield* collect(sdk.decryptRange(sourceOf(message).source, range))
        assert.strictEqual(toHex(read), toHex(plaintext.subarray(offset, toTheEnd ? size : end)))
      }), { arbitrary: { seed: `range-${suite.id}`, runs: 80 } })
  }

  it.effect("reads header and needed frames alone, in batches", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const { header, message } = yield* sdk.encrypt(pattern(1_000_000), {
        algorithmSuite: unsigned,
        frameLength: 1000
      })
      const { length } = Result.getOrThrow(MessageHeader.decode(message))
      const frame = 1032
      const { reads, source } = sourceOf(message)
      const metadata: Array<EncryptionSdk.MessageMetadata> = []
      const progress: Array<EncryptionSdk.Progress> = []
      const options = {
        onHeader: (told: EncryptionSdk.MessageMetadata) => Effect.sync(() => metadata.push(told)),
        onProgress: (told: EncryptionSdk.Progress) => Effect.sync(() => progress.push(told))
      }
      const read = yield* collect(sdk.decryptRange(source, { offset: 499_999, length: 2 }, options))
      assert.strictEqual(toHex(read), toHex(pattern(1_000_000).subarray(499_999, 500_001)))
      assert.deepStrictEqual(reads.splice(0), [[0, 4096], [length + 499 * frame, 2 * frame]])
      assert.deepStrictEqual(progress, [{ frames: 2, bytes: 2000 }])
      assert.deepStrictEqual(metadata.map(({ header }) => header), [header])
      assert.strictEqual((yield* collect(sdk.decryptRange(source, { offset: 0 }))).length, 1_000_000)
      for (const [, size] of reads.slice(1)) assert.isAtMost(size, 262 * frame)
      assert.strictEqual(reads.slice(1).reduce((sum, [, size]) => sum + size, 0), message.length - length)
      // The end is known to be the end: the final frame is read and verified.
      reads.splice(0)
      assert.strictEqual((yield* collect(sdk.decryptRange(source, { offset: 1_000_000 }))).length, 0)
      assert.deepStrictEqual(reads.splice(1), [[length + 999 * frame, frame + 8]])
    }))

  it.effect("a header longer than the first read is read on", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring({ encryptedDataKeys: 300 }).keyring, { maxEncryptedDataKeys: 300 })
      const { message } = yield* sdk.encrypt(pattern(100), { algorithmSuite: unsigned, frameLength: 10 })
      const { reads, source } = sourceOf(message)
      assert.strictEqual(
        toHex(yield* collect(sdk.decryptRange(source, { offset: 15, length: 10 }))),
        toHex(pattern(100).subarray(15, 25))
      )
      assert.isAbove(reads.length, 2)
    }))

  it.effect("beyond the plaintext, and what is no range or no source, is refused by name", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const { message } = yield* sdk.encrypt(pattern(100), { algorithmSuite: unsigned, frameLength: 10 })
      const { source } = sourceOf(message)
      const wrong: ReadonlyArray<readonly [string, EncryptionSdk.RandomAccessSource, EncryptionSdk.PlaintextRange]> = [
        ["range", source, { offset: 101 }],
        ["range", source, { offset: 0, length: 101 }],
        ["range", source, { offset: 99, length: 2 }],
        ["range.offset", source, { offset: -1 }],
        ["range.length", source, { offset: 0, length: 0.5 }],
        ["range", source, {} as never],
        ["source", {} as never, { offset: 0 }],
        ["source.read", { length: message.length, read: () => Effect.succeed(new Uint8Array(3)) }, { offset: 0 }],
        ["source.read", { length: message.length, read: () => Effect.succeed("text" as never) }, { offset: 0 }]
      ]
      for (const [field, source, range] of wrong) {
        const { reason } = yield* failureOf(Stream.runDrain(sdk.decryptRange(source, range)))
        assert.strictEqual(reason._tag === "InvalidOption" && reason.field, field)
      }
      assert.strictEqual((yield* collect(sdk.decryptRange(source, { offset: 50, length: 0 }))).length, 0)
    }))

  it.effect("of a signed message, or of one without frames, is refused", () =>
    Effect.gen(function*() {
      const recording = recordingKeyring()
      const sdk = yield* clientOf(recording.keyring)
      const { message } = yield* sdk.encrypt(pattern(100))
      assert.strictEqual(
        yield* failure(sdk.decryptRange(sourceOf(message).source, { offset: 0 })),
        "MessageNotAccepted"
      )
      assert.strictEqual(recording.decryptions.length, 0)
      const key = { keyNamespace: "range", keyName: "key", wrappingKey: new Uint8Array(32).fill(5) }
      const keyring = yield* RawAesKeyring.make({ ...key, wrappingKey: Redacted.make(key.wrappingKey) })
      const reader = yield* clientOf(keyring)
      assert.strictEqual(toHex((yield* reader.decrypt(withoutFrames)).plaintext), toHex(pattern(30)))
      assert.strictEqual(
        yield* failure(reader.decryptRange(sourceOf(withoutFrames).source, { offset: 0 })),
        "MessageNotAccepted"
      )
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("any byte of a touched frame changed, and any other length of the source: fails, or is the same", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(staticKeyring(new Uint8Array(32).fill(5)))
      const plaintext = pattern(45)
      const { message } = yield* sdk.encrypt(plaintext, { algorithmSuite: unsigned, frameLength: 10 })
      const { length } = Result.getOrThrow(MessageHeader.decode(message))
      const range = { offset: 22, length: 6 }
      const expected = toHex(plaintext.subarray(22, 28))
      const attempt = (changed: Uint8Array, range: EncryptionSdk.PlaintextRange) =>
        Effect.map(
          Effect.exit(collect(sdk.decryptRange(sourceOf(changed).source, range))),
          (exit) => Exit.isSuccess(exit) ? Option.some(toHex(exit.value)) : Option.none()
        )
      for (let index = 0; index < message.length; index++) {
        const isTouched = index < length || (index >= length + 2 * 42 && index < length + 3 * 42)
        const read = yield* attempt(flip(message, index), range)
        assert.deepStrictEqual(read, isTouched ? Option.none() : Option.some(expected), `byte ${index}`)
      }
      for (let cut = 0; cut < message.length; cut++) {
        const read = yield* attempt(message.slice(0, cut), range)
        assert.isTrue(Option.isNone(read) || read.value === expected, `first ${cut}`)
        // To the end: there is no shorter end.
        assert.deepStrictEqual(yield* attempt(message.slice(0, cut), { offset: 22 }), Option.none(), `first ${cut}`)
      }
      for (const more of [1, 10, 42, 50]) {
        const longer = concat(message, new Uint8Array(more))
        assert.deepStrictEqual(yield* attempt(longer, { offset: 22 }), Option.none())
        assert.deepStrictEqual(yield* attempt(concat(message, message.slice(-more)), { offset: 22 }), Option.none())
      }
    }))

  it.effect("frames longer than the limit are refused before they are read", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const { message } = yield* sdk.encrypt(pattern(45), { algorithmSuite: unsigned, frameLength: 10 })
      const { reads, source } = sourceOf(message)
      const stream = sdk.decryptRange(source, { offset: 0 }, { maxWithheldBytes: 9 })
      assert.strictEqual(yield* failure(stream), "WithheldPlaintextTooLong")
      assert.strictEqual(reads.length, 1)
    }))
})
