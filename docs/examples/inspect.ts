import { Console, Effect, Layer, Redacted } from "effect"
import { DefaultCmm, EncryptedDataKey, EncryptionSdk } from "effect-encryption-sdk"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { RawAesKeyring } from "effect-encryption-sdk/raw"

const wrappingKey = Redacted.make(Uint8Array.from({ length: 32 }, (_, index) => index))

const layer = EncryptionSdk.layer({ maxEncryptedDataKeys: 3 }).pipe(
  Layer.provide(DefaultCmm.layer),
  Layer.provide(RawAesKeyring.layer({ keyNamespace: "orders", keyName: "2026", wrappingKey })),
  Layer.provide(NodePrimitives.layer)
)

const program = Effect.gen(function*() {
  const sdk = yield* EncryptionSdk.EncryptionSdk
  const { message } = yield* sdk.encrypt(new Uint8Array(10_000), { encryptionContext: { tenant: "a" } })

  // Needs no key, and calls no service.
  const header = yield* sdk.inspect(message)
  yield* Console.log("authenticated:", header.authenticated)
  yield* Console.log(`version ${header.messageFormatVersion}, ${header.algorithmSuite.name}`)
  yield* Console.log(`frames of ${header.frameLength} bytes`)
  yield* Console.log(Object.keys(header.encryptionContext))
  for (const { keyProviderId, keyProviderInfo } of header.encryptedDataKeys) {
    yield* Console.log(`${keyProviderId}: ${EncryptedDataKey.printableInfo(keyProviderInfo)}`)
  }
})

await Effect.runPromise(Effect.provide(program, layer))

// authenticated: false
// version 2, ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
// frames of 4096 bytes
// [ 'aws-crypto-public-key', 'tenant' ]
// orders: 2026…
