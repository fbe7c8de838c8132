import { Effect, Layer, Redacted } from "effect"
import { AlgorithmSuite, DefaultCmm, EncryptionSdk, WebStreams } from "effect-encryption-sdk"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import { WebPrimitives } from "effect-encryption-sdk/web"

const wrappingKey = Redacted.make(crypto.getRandomValues(new Uint8Array(32)))

const Client = EncryptionSdk.layer().pipe(
  Layer.provide(DefaultCmm.layer),
  Layer.provide(RawAesKeyring.layer({ keyNamespace: "page", keyName: "files", wrappingKey })),
  Layer.provide(WebPrimitives.layer)
)

// As an <input type="file"> gives one.
const file = new File(["a line of text\n".repeat(100_000)], "notes.txt")

const program = Effect.gen(function*() {
  const sdk = yield* EncryptionSdk.EncryptionSdk
  const encryption = yield* WebStreams.toTransform((plaintext) =>
    sdk.encryptStream(plaintext, {
      algorithmSuite: AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
      encryptionContext: { name: file.name },
      frameLength: 65_536,
      plaintextLength: file.size
    })
  )
  const message = yield* Effect.promise(() => new Response(file.stream().pipeThrough(encryption)).blob())
  console.log(`${file.size} bytes, a message of ${message.size}`)

  const decryption = yield* WebStreams.toTransform((message) =>
    sdk.decryptStream(message, { expectedEncryptionContext: { name: file.name } })
  )
  const text = yield* Effect.promise(() => new Response(message.stream().pipeThrough(decryption)).text())
  console.log(`decrypted ${text.length} bytes: ${text.slice(0, 14)} …`)
})

await Effect.runPromise(Effect.provide(program, Client))

// 1500000 bytes, a message of 1500938
// decrypted 1500000 bytes: a line of text …
