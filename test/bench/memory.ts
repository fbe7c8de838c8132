/**
 * Peak resident memory of streams: `npm run bench -- memory`, with `--json` a line of JSON for each measurement.
 *
 * Each operation runs in a process of its own, from a generated source to a sink that discards. What is decrypted is
 * encrypted in the same process on the way, so that no message has to be stored: memory for both is counted there.
 *
 * The young generation of V8 is held at 4 MiB. Left alone, V8 enlarges it the longer a process allocates, whatever it
 * does, and the garbage of a source that makes new chunks with it: about 220 MiB after 256 MiB, 300 after 4 GiB.
 */
import { Effect, Layer, Redacted, Stream } from "effect"
import { AlgorithmSuite, DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const operations = ["encrypt", "decrypt", "encryptSigned", "decryptSignedUnverified"] as const
type Operation = typeof operations[number]

const mebibyte = 2 ** 20
const sizes = [256 * mebibyte, 1024 * mebibyte, 4096 * mebibyte]

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

const [, , operation, size] = process.argv
if (operation !== undefined && (operations as ReadonlyArray<string>).includes(operation)) {
  const started = performance.now()
  await Effect.runPromise(Effect.provide(measure(operation as Operation, Number(size)), client))
  // In kilobytes, and the highest there ever was in this process.
  const peakRssBytes = process.resourceUsage().maxRSS * 1024
  console.log(JSON.stringify({
    case: "memory",
    operation,
    bytes: Number(size),
    peakRssBytes,
    seconds: Math.round((performance.now() - started) / 100) / 10
  }))
} else {
  const json = process.argv.includes("--json")
  for (const operation of operations) {
    const peaks: Array<number> = []
    for (const bytes of sizes) {
      const line = execFileSync(
        process.execPath,
        [
          "--max-semi-space-size=1",
          "--conditions=effect-encryption-sdk-source",
          fileURLToPath(import.meta.url),
          operation,
          String(bytes)
        ],
        { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }
      ).trim()
      const { peakRssBytes, seconds } = JSON.parse(line) as { readonly peakRssBytes: number; readonly seconds: number }
      peaks.push(peakRssBytes)
      const mebibytes = Math.round(peakRssBytes / mebibyte)
      console.log(json ? line : `${operation} ${bytes / mebibyte} MiB: peak ${mebibytes} MiB, ${seconds} s`)
    }
    if (!json) {
      console.log(`${operation}: 4 GiB needs ${(peaks.at(-1)! / peaks[0]!).toFixed(2)} times what 256 MiB needs`)
    }
  }
}
