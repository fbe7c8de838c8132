import { Console, Effect, Layer, Redacted } from "effect"
import { DefaultCmm, EncryptionSdk, MultiKeyring } from "effect-encryption-sdk"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { RawAesKeyring, RawRsaKeyring } from "effect-encryption-sdk/raw"
import { generateKeyPairSync, randomBytes } from "node:crypto"

// In a program these come from where its secrets are kept.
const wrappingKey = Redacted.make(new Uint8Array(randomBytes(32)))
const backup = generateKeyPairSync("rsa", {
  modulusLength: 3072,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" }
})
const backupName = { keyNamespace: "backup", keyName: "vault 7", padding: "OAEP-SHA256" } as const

// Makes each data key under the AES key, and wraps it under the RSA key too. Either of them unwraps.
const keyring = MultiKeyring.layer({
  generator: RawAesKeyring.make({ keyNamespace: "orders", keyName: "2026", wrappingKey }),
  children: [RawRsaKeyring.make({ ...backupName, publicKey: backup.publicKey })]
})

const layer = EncryptionSdk.layer().pipe(
  Layer.provide(DefaultCmm.layer),
  Layer.provide(keyring),
  Layer.provideMerge(NodePrimitives.layer)
)

const program = Effect.gen(function*() {
  const sdk = yield* EncryptionSdk.EncryptionSdk
  const { header, message } = yield* sdk.encrypt("order 1")
  yield* Console.log(header.encryptedDataKeys.map(({ keyProviderId }) => keyProviderId))
  const { plaintext } = yield* sdk.decrypt(message)
  yield* Console.log(new TextDecoder().decode(plaintext))

  // The AES key is lost. A manager for this one call, over a keyring that has the private key.
  const restored = yield* RawRsaKeyring.make({ ...backupName, privateKey: Redacted.make(backup.privateKey) })
  const again = yield* sdk.decrypt(message, { materialsManager: yield* DefaultCmm.make(restored) })
  yield* Console.log(new TextDecoder().decode(again.plaintext))
}).pipe(Effect.scoped)

await Effect.runPromise(Effect.provide(program, layer))

// [ 'orders', 'backup' ]
// order 1
// order 1
