/** Arguments of streams that are no streams of Effect: each is named, with what makes a stream of it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Stream } from "effect"
import { EncryptError, Keyring, KeyringError, WebStreams } from "effect-encryption-sdk"
import { clientOf, failureOf, fieldsOf } from "../support/client.ts"
import { recordingKeyring } from "../support/keyrings.ts"
import { rejectionOf } from "../support/promises.ts"
import { collect } from "../support/streams.ts"

const readable = () => new Response("a").body!

async function* chunks() {
  yield new Uint8Array(1)
}

/** What callers have instead of a stream, and the words that lead them on. */
const mistakes: ReadonlyArray<readonly [name: string, make: () => unknown, words: RegExp]> = [
  ["a body", readable, /got ReadableStream: use WebStreams\.fromReadable/],
  ["a response", () => new Response("a"), /got Response: use WebStreams\.fromReadable of its body/],
  ["a blob", () => new Blob(["a"]), /got Blob: use WebStreams\.fromReadable of its stream\(\)/],
  ["no body", () => null, /got null: a Response of status 204, for one, has no body/],
  ["nothing", () => undefined, /got undefined/],
  ["bytes", () => new Uint8Array(1), /got bytes: use (en|de)crypt, or Stream\.make/],
  ["a text", () => "text", /got string: use (encrypt|decrypt of the bytes that it encodes)/],
  [
    "a Readable of Node",
    () => Object.assign(chunks(), { pipe: () => undefined }),
    /got Readable of Node: use NodeStreams\.fromReadable/
  ],
  ["an Effect", () => Effect.succeed(Stream.empty), /got Effect: use Stream\.unwrap/],
  ["a promise", () => Promise.resolve(Stream.empty), /got Promise: wait for it/],
  ["an async iterable", chunks, /got AsyncIterable: use Stream\.fromAsyncIterable/],
  ["an array", () => [new Uint8Array(1)], /got Iterable: use Stream\.fromIterable/],
  ["a function", () => () => Stream.empty, /got function$/],
  ["an object", () => ({}), /got object$/],
  ["a number", () => 1, /got number$/]
]

describe("an argument that is no stream", () => {
  for (const [name, make, words] of mistakes) {
    it.effect(`${name} is named, before a key is requested, and nothing of it is read`, () =>
      Effect.gen(function*() {
        const keyring = recordingKeyring()
        const sdk = yield* clientOf(keyring.keyring)
        const input = make() as Stream.Stream<Uint8Array>
        for (
          const [field, stream] of [
            ["plaintext", () => sdk.encryptStream(input)],
            ["message", () => sdk.decryptStream(input)],
            ["message", () => sdk.decryptStreamUnverified(input)]
          ] as const
        ) {
          const error = yield* failureOf(
            Stream.runDrain(stream() as Stream.Stream<unknown, { readonly reason: Error }>)
          )
          assert.strictEqual(fieldsOf(error.reason as never)["_tag"], "InvalidOption")
          assert.strictEqual(fieldsOf(error.reason as never)["field"], field)
          assert.match(error.reason.message, words)
        }
        assert.strictEqual(keyring.handedOut.length, 0)
        if (input instanceof ReadableStream) assert.isFalse(input.locked)
      }))
  }
})

const faults: ReadonlyArray<readonly [name: string, make: () => Promise<unknown>, words: RegExp]> = [
  ["the body of a 204", async () => new Response(null, { status: 204 }).body, /is no ReadableStream.*204.*no body/],
  ["nothing", async () => undefined, /is no ReadableStream/],
  ["a response", async () => new Response("a"), /is no ReadableStream/],
  ["bytes", async () => new Uint8Array(1), /is no ReadableStream/],
  ["a stream of Effect", async () => Stream.empty, /is no ReadableStream/],
  ["a locked body", async () => {
    const body = readable()
    body.getReader()
    return body
  }, /is locked or was read before/],
  ["a body that was read as text", async () => {
    const response = new Response("a")
    await response.text()
    return response.body
  }, /is locked or was read before/]
]

describe("WebStreams.fromReadable", () => {
  for (const [name, make, words] of faults) {
    it.effect(`of ${name} fails, and says why`, () =>
      Effect.gen(function*() {
        const stream = WebStreams.fromReadable((yield* Effect.promise(make)) as ReadableStream<Uint8Array>)
        const error = yield* failureOf(Stream.runDrain(stream))
        assert.instanceOf(error, WebStreams.WebStreamError)
        assert.match(error.message, words)
      }))
  }

  it.effect("of a body that was read before fails, whether the same stream runs again or another one", () =>
    Effect.gen(function*() {
      const body = readable()
      const stream = WebStreams.fromReadable(body)
      assert.strictEqual((yield* collect(stream)).length, 1)
      for (const again of [stream, WebStreams.fromReadable(body)]) {
        assert.match((yield* failureOf(collect(again))).message, /was read before/)
      }
    }))

  it.effect("of a body fails where an encryption is retried, which would encrypt an empty plaintext", () =>
    Effect.gen(function*() {
      const { keyring } = recordingKeyring()
      const { onEncrypt } = keyring
      let fails = true
      const reason = new KeyringError.KeyringMisconfigured({ field: "a", description: "b" })
      const failing = Keyring.make({
        ...keyring,
        onEncrypt: (materials) =>
          fails
            ? Effect.fail(new KeyringError.KeyringError({ keyring: "k", operation: "onEncrypt", reason }))
            : onEncrypt(materials)
      })
      const sdk = yield* clientOf(failing)
      const stream = sdk.encryptStream(WebStreams.fromReadable(readable()))
      assert.instanceOf(yield* failureOf(Stream.runDrain(stream)), EncryptError)
      fails = false
      assert.instanceOf(yield* failureOf(Stream.runDrain(stream)), WebStreams.WebStreamError)
    }))

  it.effect("of a body of which others read a part reads the rest", () =>
    Effect.gen(function*() {
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
      const writer = writable.getWriter()
      const written = Promise.all([writer.write(Uint8Array.of(1)), writer.write(Uint8Array.of(2)), writer.close()])
      const reader = readable.getReader()
      yield* Effect.promise(() => reader.read())
      reader.releaseLock()
      assert.deepStrictEqual(yield* collect(WebStreams.fromReadable(readable)), Uint8Array.of(2))
      yield* Effect.promise(() => written)
    }))
})

describe("WebStreams.toTransform", () => {
  for (
    const [name, operation] of [
      ["no function", {}],
      ["a function that returns nothing", () => undefined],
      ["a function that returns a ReadableStream", readable]
    ] as const
  ) {
    it.effect(`of ${name} fails who reads, and says why`, () =>
      Effect.gen(function*() {
        const made = yield* Effect.exit(WebStreams.toTransform(operation as () => Stream.Stream<Uint8Array>))
        assert.isTrue(Exit.isSuccess(made))
        if (Exit.isFailure(made)) return
        const error = yield* rejectionOf(made.value.readable.getReader().read())
        assert.instanceOf(error, WebStreams.WebStreamError)
        assert.match(String(error), /the operation must be a function that returns a Stream of Effect/)
      }))
  }
})
