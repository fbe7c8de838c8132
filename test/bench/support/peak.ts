/**
 * The peak resident memory of one stream, in a process of its own: `peak.ts SIDE OPERATION BYTES` prints it in bytes. From a
 * generated source to a sink that discards. What is decrypted is encrypted in the same process on the way, so that no message
 * has to be stored: memory for both is counted there.
 */
import { Effect, Layer, Redacted, Stream } from "effect"
import { AlgorithmSuite, DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import { Readable, Writable } from "node:stream"
import { pipeline } from "node:stream/promises"

type Operation = "encrypt" | "decrypt" | "encryptSigned" | "decryptSignedUnverified"

const chunkLength = 65_536

const client = EncryptionSdk.layer().pipe(
  Layer.provide(DefaultCmm.layer),
  Layer.provide(RawAesKeyring.layer({
    keyNamespace: "bench",
    keyName: "key",
    wrappingKey: Redacted.make(new Uint8Array(32).fill(1))
  })),
  Layer.provide(NodePrimitives.layer)
)

/** A source that makes a new chunk each time, as a file or a socket does. */
const generated = (bytes: number): Stream.Stream<Uint8Array> =>
  // One by one: a range comes in arrays of thousands, of which each element would become a chunk at once.
  Stream.range(1, bytes / chunkLength).pipe(
    Stream.rechunk(1),
    Stream.map((index) => new Uint8Array(chunkLength).fill(index))
  )

const measure = (operation: Operation, bytes: number) =>
  Effect.gen(function*() {
    const sdk = yield* EncryptionSdk.EncryptionSdk
    const isSigned = operation === "encryptSigned" || operation === "decryptSignedUnverified"
    const message = sdk.encryptStream(generated(bytes), {
      plaintextLength: bytes,
      algorithmSuite: isSigned
        ? AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
        : AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
    })
    switch (operation) {
      case "encrypt":
      case "encryptSigned":
        return yield* Stream.runDrain(message)
      case "decrypt":
        return yield* Stream.runDrain(sdk.decryptStream(message))
      case "decryptSignedUnverified":
        return yield* Stream.runDrain(sdk.decryptStreamUnverified(message))
    }
  })

/** The same by the peer, which is loaded only here, so that it takes no memory elsewhere. */
const measurePeer = async (operation: Operation, bytes: number) => {
  const { AlgorithmSuiteIdentifier } = await import("@aws-crypto/client-node")
  const sides = await import("./sides.ts")
  const isSigned = operation === "encryptSigned" || operation === "decryptSignedUnverified"
  const theirs = sides.theirClient(isSigned ? "0x0578" : "0x0478")
  const keyring = sides.theirKeyring()
  const encrypted = theirs.encryptStream(keyring, {
    suiteId: isSigned
      ? AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
      : AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY
  })
  const source = function*() {
    for (let index = 1; index <= bytes / chunkLength; index++) yield new Uint8Array(chunkLength).fill(index)
  }
  const sink = new Writable({ write: (_chunk, _encoding, done) => done() })
  if (operation.startsWith("encrypt")) await pipeline(Readable.from(source()), encrypted, sink)
  else await pipeline(Readable.from(source()), encrypted, theirs.decryptStream(keyring), sink)
}

const [, , side, operation, size] = process.argv
if (side === "ours") {
  await Effect.runPromise(Effect.provide(measure(operation as Operation, Number(size)), client))
} else {
  await measurePeer(operation as Operation, Number(size))
}
// In kilobytes, and the highest there ever was in this process.
console.log(process.resourceUsage().maxRSS * 1024)
process.exit(0)
