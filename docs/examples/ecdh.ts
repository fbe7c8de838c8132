import { Console, Effect, Layer, Redacted } from "effect"
import { KeyAgreement, SecureRandom } from "effect/crypto"
import { DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { RawEcdhKeyring } from "effect-encryption-sdk/raw"
import { generateKeyPairSync } from "node:crypto"

// The archive has the private key. Everyone who sends to it has the public one.
const archive = generateKeyPairSync("ec", {
  namedCurve: "P-256",
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" }
})

const toArchive = RawEcdhKeyring.layer({
  curve: "P-256",
  keyAgreement: { _tag: "EphemeralPrivateKeyToStaticPublicKey", recipientPublicKey: archive.publicKey }
})
const inArchive = RawEcdhKeyring.layer({
  curve: "P-256",
  keyAgreement: { _tag: "PublicKeyDiscovery", recipientPrivateKey: Redacted.make(archive.privateKey) }
})

const services = Layer.merge(
  NodePrimitives.layer,
  Layer.provide(KeyAgreement.layerWebCrypto, SecureRandom.layerWebCrypto)
)
const clientOver = (keyring: typeof toArchive) =>
  EncryptionSdk.layer().pipe(Layer.provide(DefaultCmm.layer), Layer.provide(keyring), Layer.provide(services))

const send = EncryptionSdk.EncryptionSdk.use((sdk) => sdk.encrypt("minutes of the board"))
const read = (message: Uint8Array) => EncryptionSdk.EncryptionSdk.use((sdk) => sdk.decrypt(message))

const program = Effect.gen(function*() {
  const { header, message } = yield* Effect.provide(send, clientOver(toArchive))
  yield* Console.log(header.encryptedDataKeys[0]?.keyProviderId)
  const { plaintext } = yield* Effect.provide(read(message), clientOver(inArchive))
  yield* Console.log(new TextDecoder().decode(plaintext))

  const rejected = yield* Effect.flip(Effect.provide(read(message), clientOver(toArchive)))
  yield* Console.log(rejected.message)
})

await Effect.runPromise(program)

// raw-ecdh
// minutes of the board
// decrypt: RawEcdhKeyring.onDecrypt: keyAgreement: is EphemeralPrivateKeyToStaticPublicKey, which only encrypts: decrypt with PublicKeyDiscovery and the recipient's private key
