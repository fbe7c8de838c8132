/**
 * The client's streams between streams of Node.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { EncryptError } from "effect-encryption-sdk"
import { NodeStreams } from "effect-encryption-sdk/node"
import { Readable, Writable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { clientOf } from "../support/client.ts"
import { recordingKeyring } from "../support/keyrings.ts"
import { pause, rejectionOf } from "../support/promises.ts"
import { pattern, piecesOf } from "../support/streams.ts"
import { unsigned } from "../support/suites.ts"

const sink = () => {
  const written: Array<Buffer> = []
  const writable = new Writable({
    write(chunk: Buffer, _, done) {
      written.push(Buffer.from(chunk))
      setImmediate(done)
    }
  })
  return { writable, bytes: () => Buffer.concat(written) }
}

describe("streams of Node", () => {
  it.effect("encrypt and decrypt in one pipeline", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const plaintext = pattern(500_000)
      const message = sink()
      const encrypting = yield* NodeStreams.toDuplex((input) => sdk.encryptStream(input, { algorithmSuite: unsigned }))
      yield* Effect.promise(() => pipeline(Readable.from(piecesOf(plaintext, 10_007)), encrypting, message.writable))
      assert.isTrue(Buffer.from(plaintext).equals((yield* sdk.decrypt(message.bytes())).plaintext))
      const read = sink()
      const decrypting = yield* NodeStreams.toDuplex((input) => sdk.decryptStream(input))
      yield* Effect.promise(() => pipeline(Readable.from(piecesOf(message.bytes(), 777)), decrypting, read.writable))
      assert.isTrue(Buffer.from(plaintext).equals(read.bytes()))
    }))

  it.effect("an operation that fails fails the pipeline with its error, and what was written is no whole message", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const message = sink()
      const encrypting = yield* NodeStreams.toDuplex((input) =>
        sdk.encryptStream(input, { algorithmSuite: unsigned, maxPlaintextLength: 30_000 })
      )
      const error = yield* rejectionOf(
        pipeline(Readable.from(piecesOf(pattern(50_000), 10_000)), encrypting, message.writable)
      )
      assert.instanceOf(error, EncryptError)
      assert.strictEqual(error instanceof EncryptError && error.reason._tag, "WrongPlaintextLength")
      assert.isTrue(message.writable.destroyed)
      assert.strictEqual((yield* Effect.flip(sdk.decrypt(message.bytes()))).reason._tag, "MalformedMessage")
    }))

  it.effect("a source that fails fails the pipeline, and the operation is over", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const message = sink()
      let over = 0
      const encrypting = yield* NodeStreams.toDuplex((input) =>
        sdk.encryptStream(input, { algorithmSuite: unsigned }).pipe(Stream.ensuring(Effect.sync(() => void over++)))
      )
      const source = Readable.from((function*() {
        yield* piecesOf(pattern(50_000), 10_000)
        throw new Error("the disk is gone")
      })())
      const error = yield* rejectionOf(pipeline(source, encrypting, message.writable))
      assert.strictEqual(error instanceof Error && error.message, "the disk is gone")
      yield* pause(50)
      assert.strictEqual(over, 1)
      assert.strictEqual((yield* Effect.flip(sdk.decrypt(message.bytes()))).reason._tag, "MalformedMessage")
    }))

  it.effect("a destination that fails stops the source, and the operation is over", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      let over = 0
      let given = 0
      const encrypting = yield* NodeStreams.toDuplex((input) =>
        sdk.encryptStream(input, { algorithmSuite: unsigned }).pipe(Stream.ensuring(Effect.sync(() => void over++)))
      )
      const source = Readable.from((function*() {
        for (;;) {
          given++
          yield Buffer.alloc(10_000)
        }
      })())
      let writes = 0
      const destination = new Writable({
        write(_chunk, _encoding, done) {
          setImmediate(done, ++writes === 5 ? new Error("full") : null)
        }
      })
      const error = yield* rejectionOf(pipeline(source, encrypting, destination))
      assert.strictEqual(error instanceof Error && error.message, "full")
      yield* pause(50)
      assert.strictEqual(over, 1)
      assert.isTrue(source.destroyed)
      assert.isBelow(given, 100)
    }))

  it.effect("a duplex that nobody uses does nothing", () =>
    Effect.gen(function*() {
      const keyring = recordingKeyring()
      const sdk = yield* clientOf(keyring.keyring)
      const duplex = yield* NodeStreams.toDuplex((input) => sdk.encryptStream(input))
      yield* Effect.promise(() => new Promise((resolve) => duplex.once("close", resolve).destroy()))
      assert.strictEqual(keyring.handedOut.length, 0)
    }))
})
