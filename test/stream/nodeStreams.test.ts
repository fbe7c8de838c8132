/**
 * The client's streams between streams of Node.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Stream } from "effect"
import { EncryptError } from "effect-encryption-sdk"
import { NodeStreams } from "effect-encryption-sdk/node"
import { once } from "node:events"
import { createReadStream } from "node:fs"
import { Readable, Writable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { clientOf, failureOf } from "../support/client.ts"
import { recordingKeyring } from "../support/keyrings.ts"
import { pause, rejectionOf } from "../support/promises.ts"
import { collect, pattern, piecesOf } from "../support/streams.ts"
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

/** Readables that cannot be read, and what is none. */
const faults: ReadonlyArray<readonly [name: string, make: () => Promise<unknown>, words: RegExp]> = [
  ["nothing", async () => undefined, /is no Readable/],
  ["a ReadableStream", async () => new Response("a").body, /is no Readable/],
  ["a path", async () => "file", /is no Readable/],
  ["an array", async () => [new Uint8Array(1)], /is no Readable/],
  ["a Readable that was read to its end", async () => {
    const readable = Readable.from([new Uint8Array(1)])
    await once(readable.resume(), "end")
    return readable
  }, /was read before, or was destroyed/],
  ["a Readable that has ended and stays", async () => {
    const readable = new Readable({ autoDestroy: false, read: () => undefined })
    readable.push(null)
    await once(readable.resume(), "end")
    return readable
  }, /was read before, or was destroyed/],
  [
    "a Readable that was destroyed",
    async () => Readable.from([]).destroy(),
    /was read before, or was destroyed/
  ]
]

describe("NodeStreams.fromReadable", () => {
  it.effect("is a source of every operation, in chunks of any length", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const plaintext = pattern(50_000)
      const source = NodeStreams.fromReadable(Readable.from(piecesOf(plaintext, 999)))
      const message = yield* collect(sdk.encryptStream(source, { algorithmSuite: unsigned }))
      const read = yield* collect(sdk.decryptStream(NodeStreams.fromReadable(Readable.from(piecesOf(message, 777)))))
      assert.isTrue(Buffer.from(plaintext).equals(read))
    }))

  for (const [name, make, words] of faults) {
    it.effect(`of ${name} fails, and says why`, () =>
      Effect.gen(function*() {
        const stream = NodeStreams.fromReadable((yield* Effect.promise(make)) as Readable)
        const error = yield* failureOf(Stream.runDrain(stream))
        assert.instanceOf(error, NodeStreams.NodeStreamError)
        assert.match(error.message, words)
      }))
  }

  it.effect("fails where the stream runs again, and destroys a Readable of which it reads a part", () =>
    Effect.gen(function*() {
      const readable = Readable.from([new Uint8Array(1), new Uint8Array(2)])
      const stream = NodeStreams.fromReadable(readable)
      yield* Stream.runDrain(Stream.take(stream, 1))
      assert.isTrue(readable.destroyed)
      assert.match((yield* failureOf(Stream.runDrain(stream))).message, /was destroyed/)
    }))

  it.effect("of two runs at a time, one reads and the other fails: none has a half", () =>
    Effect.gen(function*() {
      const stream = NodeStreams.fromReadable(Readable.from(piecesOf(pattern(4), 1)))
      const exits = yield* Effect.all([Effect.exit(collect(stream)), Effect.exit(collect(stream))], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(exits.map(({ _tag }) => _tag), ["Success", "Failure"])
      assert.deepStrictEqual(Exit.isSuccess(exits[0]) ? exits[0].value : undefined, pattern(4))
    }))

  it.effect("keeps the error of a Readable that has failed before", () =>
    Effect.gen(function*() {
      const missing = createReadStream("/no/such/file")
      yield* Effect.promise(() => new Promise((resolve) => missing.once("error", resolve)))
      const { cause } = yield* failureOf(Stream.runDrain(NodeStreams.fromReadable(missing)))
      assert.strictEqual((cause as NodeJS.ErrnoException).code, "ENOENT")
    }))

  it.effect("of what throws when it is looked at fails too", () =>
    Effect.gen(function*() {
      const hostile = new Proxy({}, {
        get: () => {
          throw new Error("mine")
        }
      }) as Readable
      const error = yield* failureOf(Stream.runDrain(NodeStreams.fromReadable(hostile)))
      assert.strictEqual(error.message, "what is read from is no Readable of Node")
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const { reason } = yield* failureOf(
        Stream.runDrain(sdk.encryptStream(hostile as unknown as Stream.Stream<Uint8Array>))
      )
      assert.strictEqual(reason._tag, "InvalidOption")
    }))

  it.effect("fails with the error of a Readable that fails, and text in it is no bytes", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const gone = new Error("the disk is gone")
      const broken = new Readable({
        read() {
          this.destroy(gone)
        }
      })
      const error = yield* failureOf(Stream.runDrain(NodeStreams.fromReadable(broken)))
      assert.strictEqual(error.cause, gone)
      const text = NodeStreams.fromReadable(Readable.from([Buffer.from("a")]).setEncoding("utf8"))
      const { reason } = (yield* failureOf(Stream.runDrain(sdk.encryptStream(text)))) as EncryptError
      assert.strictEqual(reason.message, "plaintext: must be a stream of Uint8Array, got string")
    }))

  it.effect("is what a Readable that is no stream is led to", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const readable = Readable.from([new Uint8Array(1)]) as unknown as Stream.Stream<Uint8Array>
      const error = yield* failureOf(Stream.runDrain(sdk.encryptStream(readable)))
      assert.include(
        error.message,
        "plaintext: must be a Stream of Effect, got Readable of Node: use NodeStreams.fromReadable"
      )
    }))
})

describe("NodeStreams.toDuplex", () => {
  for (
    const [name, operation] of [["no function", {}], [
      "a function that returns a Readable",
      () => Readable.from([])
    ]] as const
  ) {
    it.effect(`of ${name} fails the pipeline, and says why`, () =>
      Effect.gen(function*() {
        const duplex = yield* NodeStreams.toDuplex(operation as unknown as () => Stream.Stream<Uint8Array>)
        const error = yield* rejectionOf(pipeline(Readable.from([new Uint8Array(1)]), duplex, sink().writable))
        assert.instanceOf(error, NodeStreams.NodeStreamError)
        assert.match(String(error), /the operation must be a function that returns a Stream of Effect/)
      }))
  }
})
