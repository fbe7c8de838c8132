/** Keyrings of key pairs, both ways, with the Material Providers Library in Python: raw ECDH, and RSA and ECDH keys of our KMS server. */
import { layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import { KeyAgreement, SecureRandom } from "effect/crypto"
import { Kms, KmsEcdhKeyring, KmsRsaKeyring } from "effect-encryption-sdk/kms"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { RawEcdhKeyring } from "effect-encryption-sdk/raw"
import { generateKeyPairSync } from "node:crypto"
import { signed, unsigned } from "../support/suites.ts"
import { fromPython, toPython } from "./support/crossing.ts"
import * as DevelopmentServer from "./support/developmentServer.ts"
import * as Python from "./support/python.ts"

const curves = ["P-256", "P-384", "P-521"] as const
type Curve = typeof curves[number]
const specs = { "P-256": "ECC_NIST_P256", "P-384": "ECC_NIST_P384", "P-521": "ECC_NIST_P521" } as const
const region = "us-east-1"
const arnOf = (name: string) => `arn:aws:kms:${region}:111122223333:key/${name}-12ab-34cd-56ef-1234567890ab`
const rsa = arnOf("00000000")
const sideOf = (curve: Curve, side: "a" | "b") => arnOf(`${side}${curve.replace(/\D/g, "").padStart(7, "0")}`)

class Server extends Context.Service<Server, { readonly url: string }>()("test/Server") {}

const server = Layer.effect(
  Server,
  Effect.orDie(DevelopmentServer.start({
    keys: [
      { arn: rsa, keySpec: "RSA_2048" },
      ...curves.flatMap((curve) =>
        (["a", "b"] as const).map((side) => ({ arn: sideOf(curve, side), keySpec: specs[curve] }))
      )
    ]
  }))
)

const Peers = Layer.mergeAll(
  Python.layer,
  NodePrimitives.layer,
  Layer.provide(KeyAgreement.layerWebCrypto, SecureRandom.layerWebCrypto),
  Layer.unwrap(Effect.map(Server, ({ url }) => AwsKms.layer(DevelopmentServer.configOf(url))))
).pipe(Layer.provideMerge(server))

const publicKeyOf = (keyId: string) =>
  Effect.flatMap(
    Kms.KmsKeyAgreement,
    (kms) => Effect.map(kms.getPublicKey({ keyId, grantTokens: [] }), (key) => key.publicKey)
  )

const pem = (der: Uint8Array) =>
  `-----BEGIN PUBLIC KEY-----\n${
    Buffer.from(der).toString("base64").replaceAll(/.{64}(?!$)/g, "$&\n")
  }\n-----END PUBLIC KEY-----\n`

const generate = (curve: Curve) => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: curve })
  return {
    privatePem: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    publicDer: new Uint8Array(publicKey.export({ type: "spki", format: "der" }))
  }
}

layer(Peers, { excludeTestServices: true })("Python and key pairs", (it) => {
  for (const encryptionAlgorithm of ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"] as const) {
    it.effect(`KMS RSA, both ways: ${encryptionAlgorithm}`, () =>
      Effect.gen(function*() {
        const { url: endpoint } = yield* Server
        const publicKey = yield* publicKeyOf(rsa)
        const keyring = yield* KmsRsaKeyring.make({ keyId: rsa, encryptionAlgorithm, publicKey })
        const keys = [{
          type: "mpl",
          kind: "kms-rsa",
          endpoint,
          region,
          keyId: rsa,
          encryptionAlgorithm,
          publicKey: pem(publicKey)
        }] as const
        yield* fromPython({ keyring, keys })
        yield* toPython({ keyring, keys })
      }))
  }

  for (const curve of curves) {
    it.effect(`raw ECDH, both ways, each schema: ${curve}`, () =>
      Effect.gen(function*() {
        const [mine, theirs] = [generate(curve), generate(curve)]
        const ours = (keyAgreement: RawEcdhKeyring.Options["keyAgreement"]) =>
          RawEcdhKeyring.make({ curve, keyAgreement })
        const python = (keyAgreement: object) => [{ type: "mpl", kind: "raw-ecdh", curve, keyAgreement }] as const
        const ourStatic = yield* ours({
          _tag: "RawPrivateKeyToStaticPublicKey",
          senderPrivateKey: Redacted.make(mine.privatePem),
          recipientPublicKey: theirs.publicDer
        })
        const theirStatic = python({
          _tag: "RawPrivateKeyToStaticPublicKey",
          senderPrivateKey: theirs.privatePem,
          recipientPublicKey: mine.publicDer
        })
        const ourDiscovery = yield* ours({
          _tag: "PublicKeyDiscovery",
          recipientPrivateKey: Redacted.make(mine.privatePem)
        })
        const theirDiscovery = python({ _tag: "PublicKeyDiscovery", recipientPrivateKey: theirs.privatePem })
        for (const suite of [unsigned, signed]) {
          yield* fromPython({ suite, keyring: ourStatic, keys: theirStatic })
          yield* toPython({ suite, keyring: ourStatic, keys: theirStatic })
          yield* fromPython({ suite, keyring: ourDiscovery, keys: theirStatic })
          yield* toPython({ suite, keyring: ourStatic, keys: theirDiscovery })
          const schema = "EphemeralPrivateKeyToStaticPublicKey"
          const ephemeral = python({ _tag: schema, recipientPublicKey: mine.publicDer })
          yield* fromPython({ suite, keyring: ourDiscovery, keys: ephemeral })
          const ourEphemeral = yield* ours({ _tag: schema, recipientPublicKey: theirs.publicDer })
          yield* toPython({ suite, keyring: ourEphemeral, keys: theirDiscovery })
        }
      }))

    it.effect(`KMS ECDH, both ways, each schema: ${curve}`, () =>
      Effect.gen(function*() {
        const { url: endpoint } = yield* Server
        const [a, b] = [sideOf(curve, "a"), sideOf(curve, "b")]
        const [keyOfA, keyOfB] = [yield* publicKeyOf(a), yield* publicKeyOf(b)]
        const ours = (keyAgreement: KmsEcdhKeyring.Options["keyAgreement"]) =>
          KmsEcdhKeyring.make({ curve, keyAgreement })
        const python = (keyAgreement: object) =>
          [{ type: "mpl", kind: "kms-ecdh", endpoint, region, curve, keyAgreement }] as const
        const ourStatic = yield* ours({
          _tag: "KmsPrivateKeyToStaticPublicKey",
          senderKeyId: a,
          recipientPublicKey: keyOfB
        })
        const theirStatic = python({
          _tag: "KmsPrivateKeyToStaticPublicKey",
          senderKeyId: b,
          senderPublicKey: keyOfB,
          recipientPublicKey: keyOfA
        })
        const ourDiscovery = yield* ours({ _tag: "KmsPublicKeyDiscovery", recipientKeyId: a })
        const theirDiscovery = python({ _tag: "KmsPublicKeyDiscovery", recipientKeyId: b })
        for (const suite of [unsigned, signed]) {
          yield* fromPython({ suite, keyring: ourStatic, keys: theirStatic })
          yield* toPython({ suite, keyring: ourStatic, keys: theirStatic })
          yield* fromPython({ suite, keyring: ourDiscovery, keys: theirStatic })
          yield* toPython({ suite, keyring: ourStatic, keys: theirDiscovery })
        }
      }))

    it.effect(`what Python wrote for a KMS key with a raw key, the KMS keyring reads, and the reverse: ${curve}`, () =>
      Effect.gen(function*() {
        const { url: endpoint } = yield* Server
        const a = sideOf(curve, "a")
        const recipientPublicKey = yield* publicKeyOf(a)
        const schema = "EphemeralPrivateKeyToStaticPublicKey"
        yield* fromPython({
          keyring: yield* KmsEcdhKeyring.make({
            curve,
            keyAgreement: { _tag: "KmsPublicKeyDiscovery", recipientKeyId: a }
          }),
          keys: [{ type: "mpl", kind: "raw-ecdh", curve, keyAgreement: { _tag: schema, recipientPublicKey } }]
        })
        yield* toPython({
          keyring: yield* RawEcdhKeyring.make({ curve, keyAgreement: { _tag: schema, recipientPublicKey } }),
          keys: [{
            type: "mpl",
            kind: "kms-ecdh",
            endpoint,
            region,
            curve,
            keyAgreement: { _tag: "KmsPublicKeyDiscovery", recipientKeyId: a }
          }]
        })
      }))
  }
})
