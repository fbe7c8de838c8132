/**
 * The client's streams between streams of the Web platform.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { WebStreams } from "effect-encryption-sdk"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { concat } from "../support/bytes.ts"
import { clientOf } from "../support/client.ts"
import { readableFrom } from "../support/readableFrom.ts"
import { recordingKeyring } from "../support/keyrings.ts"
import { pause, rejectionOf } from "../support/promises.ts"
import { collect, pattern, piecesOf } from "../support/streams.ts"
import { unsigned } from "../support/suites.ts"

const read = async (readable: ReadableStream<Uint8Array>) => {
  const parts: Array<Uint8Array> = []
  for await (const part of readable) parts.push(part)
  return concat(...parts)
}

const all = (readable: ReadableStream<Uint8Array>) => Effect.promise(() => read(readable))

/** A source that can be watched. */
const source = (limit = Infinity) => {
  const seen = { pulls: 0, cancelled: undefined as unknown }
  const readable = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (++seen.pulls > limit) controller.error(new Error("the network is gone"))
      else controller.enqueue(new Uint8Array(10_000))
    },
    cancel(reason) {
      seen.cancelled = reason ?? "cancelled"
    }
  }, { highWaterMark: 0 })
  return { readable, seen }
}

describe("streams of the Web platform", () => {
  it.effect("encrypt and decrypt through pipeThrough", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const plaintext = pattern(500_000)
      const encrypting = yield* WebStreams.toTransform((input) =>
        sdk.encryptStream(input, { algorithmSuite: unsigned })
      )
      const decrypting = yield* WebStreams.toTransform((input) => sdk.decryptStream(input))
      const readable = readableFrom(piecesOf(plaintext, 10_007)).pipeThrough(encrypting).pipeThrough(decrypting)
      assert.isTrue(TestPrimitives.make.timingSafeEqual(plaintext, yield* all(readable)))
    }))

  it.effect("a ReadableStream is a source, and a stream becomes a ReadableStream", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const plaintext = pattern(50_000)
      const body = readableFrom(piecesOf(plaintext, 999))
      const encrypted = sdk.encryptStream(WebStreams.fromReadable(body), { algorithmSuite: unsigned })
      const message = yield* all(yield* Stream.toReadableStreamEffect(encrypted))
      assert.isTrue(TestPrimitives.make.timingSafeEqual(plaintext, (yield* sdk.decrypt(message)).plaintext))
    }))

  it.effect("a body of fetch is a source", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const { message } = yield* sdk.encrypt("a body", { algorithmSuite: unsigned })
      const response = new Response(new Uint8Array(message))
      const plaintext = yield* collect(sdk.decryptStream(WebStreams.fromReadable(response.body!)))
      assert.strictEqual(Buffer.from(plaintext).toString(), "a body")
    }))

  it.effect("a source that fails fails the reader, and what came out is no whole message", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const encrypting = yield* WebStreams.toTransform((input) =>
        sdk.encryptStream(input, { algorithmSuite: unsigned })
      )
      const reader = source(5).readable.pipeThrough(encrypting).getReader()
      const parts: Array<Uint8Array> = []
      const error = yield* rejectionOf((async () => {
        for (let part = await reader.read(); !part.done; part = await reader.read()) parts.push(part.value)
      })())
      assert.match(String(error), /WebStreamError/)
      assert.strictEqual((yield* Effect.flip(sdk.decrypt(concat(...parts)))).reason._tag, "MalformedMessage")
    }))

  it.effect("a reader that is slow is waited for, and one that cancels stops the source", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      let over = 0
      const { readable, seen } = source()
      const encrypting = yield* WebStreams.toTransform((input) =>
        sdk.encryptStream(input, { algorithmSuite: unsigned }).pipe(Stream.ensuring(Effect.sync(() => void over++)))
      )
      const reader = readable.pipeThrough(encrypting).getReader()
      for (let i = 0; i < 4; i++) assert.isFalse((yield* Effect.promise(() => reader.read())).done)
      yield* pause(30)
      const { pulls } = seen
      assert.isBelow(pulls, 12)
      yield* pause(30)
      assert.strictEqual(seen.pulls, pulls)
      yield* Effect.promise(() => reader.cancel("enough"))
      yield* pause(30)
      assert.strictEqual(over, 1)
      assert.isDefined(seen.cancelled)
    }))

  it.effect("an operation that fails stops the source", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const { readable, seen } = source()
      const encrypting = yield* WebStreams.toTransform((input) =>
        sdk.encryptStream(input, { algorithmSuite: unsigned, maxPlaintextLength: 25_000 })
      )
      const error = yield* rejectionOf(read(readable.pipeThrough(encrypting)))
      assert.match(String(error), /maxPlaintextLength = 25000/)
      yield* pause(30)
      assert.isDefined(seen.cancelled)
    }))
})
