/**
 * Encrypts a file and decrypts it again, in a temporary folder. Given a size in MiB (8192, say; twice that much disk is
 * needed), it also shows what memory that takes.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Console, Effect, FileSystem, Layer, Redacted, Stream } from "effect"
import { AlgorithmSuite, DefaultCmm, EncryptionSdk, FileSource } from "effect-encryption-sdk"
import { MessageLength } from "effect-encryption-sdk/message"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { RawAesKeyring } from "effect-encryption-sdk/raw"

const mebibytes = Number(process.argv[2] ?? 8)
const size = mebibytes * 2 ** 20

const layer = EncryptionSdk.layer().pipe(
  Layer.provide(DefaultCmm.layer),
  Layer.provide(RawAesKeyring.layer({
    keyNamespace: "backups",
    keyName: "2026",
    wrappingKey: Redacted.make(Uint8Array.from({ length: 32 }, (_, index) => index))
  })),
  Layer.provide(NodePrimitives.layer),
  Layer.merge(NodeFileSystem.layer)
)

const program = Effect.gen(function*() {
  const sdk = yield* EncryptionSdk.EncryptionSdk
  const fileSystem = yield* FileSystem.FileSystem
  const folder = yield* fileSystem.makeTempDirectoryScoped()
  const plain = `${folder}/plain`
  const encrypted = `${folder}/encrypted`

  // One MiB at a time, each filled with its number.
  yield* Stream.range(0, mebibytes - 1).pipe(
    Stream.rechunk(1),
    Stream.map((index) => new Uint8Array(2 ** 20).fill(index)),
    Stream.run(fileSystem.sink(plain))
  )

  const algorithmSuite = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
  const frameLength = 65_536
  yield* sdk.encryptStream(fileSystem.stream(plain), {
    algorithmSuite,
    frameLength,
    encryptionContext: { purpose: "backup" },
    // The length is known: a cached data key could be used, and is charged exactly this.
    plaintextLength: size,
    onHeader: ({ header, receipt }) =>
      Effect.gen(function*() {
        yield* Console.log(`materials: ${receipt._tag}`)
        const length = yield* Effect.fromResult(MessageLength.ciphertextLength(size, { ...header }))
        yield* Console.log(`the message will have ${length} bytes`)
      }).pipe(Effect.orDie)
  }).pipe(Stream.run(fileSystem.sink(encrypted)))
  yield* Console.log(`it has ${(yield* fileSystem.stat(encrypted)).size}`)

  let bytes = 0
  yield* Stream.runForEach(
    sdk.decryptStream(fileSystem.stream(encrypted), { expectedEncryptionContext: { purpose: "backup" } }),
    (part) => Effect.sync(() => void (bytes += part.length))
  )
  yield* Console.log(`decrypted ${bytes} bytes`)

  // Ten bytes from the middle: reads the header and one frame.
  const source = yield* FileSource.make(encrypted)
  const range = { offset: size / 2, length: 10 }
  const [part] = yield* Stream.runCollect(sdk.decryptRange(source, range))
  yield* Console.log("from the middle:", [...part!].join())

  if (process.argv[2] !== undefined) {
    yield* Console.log(`peak memory: ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`)
  }
})

await Effect.runPromise(Effect.provide(Effect.scoped(program), layer))

// materials: Uncached
// the message will have 8392908 bytes
// it has 8392908
// decrypted 8388608 bytes
// from the middle: 4,4,4,4,4,4,4,4,4,4
