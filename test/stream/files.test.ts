/**
 * Files through Effect's FileSystem, and what is traced of a stream.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Stream } from "effect"
import { FileSource } from "effect-encryption-sdk"
import { clientOf } from "../support/client.ts"
import { recordingKeyring } from "../support/keyrings.ts"
import { recordingTracer } from "../support/recordingTracer.ts"
import { chunksOf, collect, pattern } from "../support/streams.ts"
import { unsigned } from "../support/suites.ts"

const options = { algorithmSuite: unsigned, frameLength: 1000 }

describe("files", () => {
  it.effect("are sources and destinations, and sources of ranges", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const fileSystem = yield* FileSystem.FileSystem
      const folder = yield* fileSystem.makeTempDirectoryScoped()
      const plaintext = pattern(200_000)
      yield* fileSystem.writeFile(`${folder}/plain`, plaintext)
      yield* Stream.run(
        sdk.encryptStream(fileSystem.stream(`${folder}/plain`, { chunkSize: 777 }), options),
        fileSystem.sink(`${folder}/message`)
      )
      yield* Stream.run(
        sdk.decryptStream(fileSystem.stream(`${folder}/message`)),
        fileSystem.sink(`${folder}/decrypted`)
      )
      assert.isTrue(Buffer.from(plaintext).equals(yield* fileSystem.readFile(`${folder}/decrypted`)))
      const source = yield* FileSource.make(`${folder}/message`)
      for (const offset of [0, 999, 123_456, 199_999]) {
        const read = yield* collect(sdk.decryptRange(source, { offset, length: 1 }))
        assert.deepStrictEqual([...read], [plaintext[offset]])
      }
      assert.isTrue(Buffer.from(plaintext).equals(yield* collect(sdk.decryptRange(source, { offset: 0 }))))
      // Cut while it is open: what is missing is said.
      yield* fileSystem.truncate(`${folder}/message`, 100_000)
      const error = yield* Effect.flip(Stream.runDrain(sdk.decryptRange(source, { offset: 150_000 })))
      assert.strictEqual(error._tag === "DecryptError" && error.reason._tag, "InvalidOption")
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("a file that is not there is the platform's own error", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const fileSystem = yield* FileSystem.FileSystem
      const error = yield* Effect.flip(Stream.runDrain(sdk.encryptStream(fileSystem.stream("/nowhere/plain"))))
      assert.strictEqual(error._tag, "PlatformError")
      assert.strictEqual((yield* Effect.flip(FileSource.make("/nowhere/message")))._tag, "PlatformError")
    }).pipe(Effect.provide(NodeFileSystem.layer)))
})

describe("spans of streams", () => {
  it.effect("cover what is done before the first frame", () =>
    Effect.gen(function*() {
      const { spans, tracer } = recordingTracer()
      const sdk = yield* clientOf(recordingKeyring().keyring)
      yield* Effect.gen(function*() {
        const message = yield* collect(sdk.encryptStream(chunksOf(pattern(50), 7), options))
        yield* Stream.runDrain(sdk.decryptStream(chunksOf(message, 7)))
        yield* Stream.runDrain(sdk.decryptStreamUnverified(chunksOf(message, 7)))
      }).pipe(Effect.withTracer(tracer))
      const named = spans.filter(({ name }) => name.startsWith("EncryptionSdk."))
      assert.deepStrictEqual(named.map(({ name }) => name), [
        "EncryptionSdk.encryptStream",
        "EncryptionSdk.decryptStream",
        "EncryptionSdk.decryptStreamUnverified"
      ])
      for (const span of named) {
        assert.strictEqual(span.attributes.get("algorithm_suite"), "0x0478")
        assert.strictEqual(span.attributes.get("outcome"), "uncached")
      }
    }))
})
