/** framework/aws-kms/aws-kms-ecdh-keyring.md, framework/key-agreement-schemas.md#aws-kms-ecdh-key-agreement-schemas */
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Layer, Redacted } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { KmsEcdhKeyring } from "effect-encryption-sdk/kms"
import { RawEcdhKeyring } from "effect-encryption-sdk/raw"
import { concat, flip } from "../support/bytes.ts"
import { failureOf } from "../support/client.ts"
import * as ecdh from "../support/ecdh.ts"
import { arnOf, ecdhKms } from "../support/ecdhKms.ts"
import {
  attempts,
  errorsOf,
  keyBytes,
  keyringContract,
  layersMake,
  passesOver,
  rejectsOptions,
  unwrapped
} from "../support/keyringContract.ts"
import { decryptionMaterials, encryptionMaterials } from "../support/materials.ts"
import { recordingPrimitives } from "../support/recordingPrimitives.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

type Options = KmsEcdhKeyring.Options
type Kms = ReturnType<typeof ecdhKms>

const name = "KmsEcdhKeyring"
const senderArn = arnOf("a")
const recipientArn = arnOf("b")
const otherArn = arnOf("c")

const make = (options: Options, kms: Kms) =>
  Effect.provide(KmsEcdhKeyring.make(options), [TestPrimitives.layer, kms.layer])

const { misconfigured, notUnwrapped } = errorsOf(name)
const invalid = (code: string) => ({ failure: "InvalidCiphertext", code, isRetryable: false } as const)

const invalidKeys = [keyBytes(16), keyBytes(31), keyBytes(33), new Uint8Array(0), new Uint8Array(32)].map((key) =>
  [key, "InvalidDataKey"] as const
)

for (const curve of ecdh.curves) {
  const sender = await ecdh.generate(curve)
  const recipient = await ecdh.generate(curve)
  const kmsOfBoth = () => ecdhKms({ [senderArn]: sender, [recipientArn]: recipient })

  const ofSender: Options = {
    curve,
    keyAgreement: {
      _tag: "KmsPrivateKeyToStaticPublicKey",
      senderKeyId: senderArn,
      recipientPublicKey: recipient.publicPem
    }
  }
  const ofTheOther: Options = {
    curve,
    keyAgreement: {
      _tag: "KmsPrivateKeyToStaticPublicKey",
      senderKeyId: recipientArn,
      recipientPublicKey: sender.spki
    }
  }
  const discovery: Options = {
    curve,
    keyAgreement: { _tag: "KmsPublicKeyDiscovery", recipientKeyId: recipientArn },
    grantTokens: ["token"]
  }

  const recorded = (options: Options) => {
    const recording = recordingPrimitives()
    const dataKeys = Effect.sync(() => [...recording.arrays("seal"), ...recording.arrays("open")])
    const keyring = Effect.provide(KmsEcdhKeyring.make(options), [recording.layer, kmsOfBoth().layer])
    return { keyring, dataKeys }
  }
  const common = {
    name,
    bindsContext: true,
    rejects: "CommitmentMismatch",
    alsoRejects: ["AuthenticationFailed"],
    invalidKeys
  }
  const wrapByHand = (dataKey: Uint8Array) => ecdh.wrapByHand(sender, recipient, dataKey)

  keyringContract({
    ...common,
    title: `KmsEcdhKeyring between two key pairs on ${curve}`,
    make: Effect.suspend(() => {
      const { dataKeys, keyring } = recorded(ofSender)
      return Effect.map(keyring, (keyring) => ({ keyring, wrapByHand, dataKeys }))
    })
  })

  keyringContract({
    ...common,
    title: `KmsEcdhKeyring of a recipient on ${curve}`,
    make: Effect.gen(function*() {
      const { dataKeys, keyring } = recorded(discovery)
      const writer = recorded(ofSender)
      const { onEncrypt } = yield* writer.keyring
      return {
        keyring: { ...yield* keyring, onEncrypt },
        wrapByHand,
        dataKeys: Effect.zipWith(dataKeys, writer.dataKeys, (read, written) => [...written, ...read])
      }
    })
  })

  describe(`KmsEcdhKeyring on ${curve}`, () => {
    it.effect("#onencrypt: one DeriveSharedSecret of the own key and the recipient's public key, wrapped as specified", () =>
      Effect.gen(function*() {
        const kms = kmsOfBoth()
        const keyring = yield* make({ ...ofSender, grantTokens: ["one", "two"] }, kms)
        const plaintextDataKey = DataKey.make(keyBytes(32))
        const { encryptedDataKeys: [edk] } = yield* keyring.onEncrypt(encryptionMaterials({ plaintextDataKey }))
        assert.strictEqual(edk!.keyProviderId, "aws-kms-ecdh")
        assert.deepStrictEqual(edk!.keyProviderInfo, ecdh.infoOf(sender.compressed, recipient.compressed))
        assert.deepStrictEqual(yield* ecdh.unwrapByHand(sender, recipient, edk!), keyBytes(32))
        const key = { keyId: senderArn, grantTokens: ["one", "two"] }
        assert.deepStrictEqual<unknown>(kms.calls, [
          ["getPublicKey", key],
          ["deriveSharedSecret", { ...key, publicKey: recipient.spki }]
        ])
      }))

    it.effect("#ondecrypt: discovery derives with the sender's public key of the message", () =>
      Effect.gen(function*() {
        const kms = kmsOfBoth()
        const keyring = yield* make(discovery, kms)
        const edk = yield* ecdh.wrapByHand(sender, recipient, keyBytes(32), { providerId: "aws-kms-ecdh" })
        const exit = yield* Effect.exit(keyring.onDecrypt(decryptionMaterials(), [edk]))
        const key = { keyId: recipientArn, grantTokens: ["token"] }
        assert.deepStrictEqual<unknown>(kms.calls, [
          ["getPublicKey", key],
          ["deriveSharedSecret", { ...key, publicKey: sender.spki }]
        ])
        const { plaintextDataKey } = unwrapped(yield* exit)
        assert.deepStrictEqual(DataKey.value(plaintextDataKey), keyBytes(32))
      }))

    it.effect("#ondecrypt: either party reads what the other, or it itself, has written, with the other's public key", () =>
      Effect.gen(function*() {
        const kms = kmsOfBoth()
        const keyrings = [yield* make(ofSender, kms), yield* make(ofTheOther, kms)]
        for (const writer of keyrings) {
          const { encryptedDataKeys } = yield* writer.onEncrypt(encryptionMaterials())
          for (const reader of keyrings) {
            unwrapped(yield* reader.onDecrypt(decryptionMaterials(), encryptedDataKeys))
          }
        }
        const derived = kms.calls.flatMap(([operation, request]) =>
          operation === "deriveSharedSecret" ? [[request.keyId, Buffer.from(request.publicKey)]] : []
        )
        assert.lengthOf(derived, 6)
        for (const [keyId, publicKey] of derived) {
          assert.deepStrictEqual(publicKey, Buffer.from(keyId === senderArn ? recipient.spki : sender.spki))
        }
      }))

    it.effect("the raw ECDH keyring reads what it writes, and it reads what that one writes", () =>
      Effect.gen(function*() {
        const kms = yield* make(discovery, kmsOfBoth())
        const writer = yield* make(ofSender, kmsOfBoth())
        const raw = (keyAgreement: RawEcdhKeyring.KeyAgreementSchema) =>
          Effect.provide(RawEcdhKeyring.make({ curve, keyAgreement }), [TestPrimitives.layer, ecdh.keyAgreementLayer])
        const ephemeral = yield* raw({
          _tag: "EphemeralPrivateKeyToStaticPublicKey",
          recipientPublicKey: recipient.spki
        })
        const own = yield* raw({
          _tag: "PublicKeyDiscovery",
          recipientPrivateKey: Redacted.make(recipient.privatePem)
        })
        const fromRaw = yield* ephemeral.onEncrypt(encryptionMaterials())
        unwrapped(yield* kms.onDecrypt(decryptionMaterials(), fromRaw.encryptedDataKeys))
        const fromKms = yield* writer.onEncrypt(encryptionMaterials())
        unwrapped(yield* own.onDecrypt(decryptionMaterials(), fromKms.encryptedDataKeys))
      }))
  })
}

const sender = await ecdh.generate("P-256")
const recipient = await ecdh.generate("P-256")
const stranger = await ecdh.generate("P-256")
const elsewhere = await ecdh.generate("P-384")
const good = await Effect.runPromise(ecdh.wrapByHand(sender, recipient, keyBytes(32)))
const kmsOfAll = () => ecdhKms({ [senderArn]: sender, [recipientArn]: recipient, [otherArn]: elsewhere })

const between = (overrides: object = {}): Options => ({
  curve: "P-256",
  keyAgreement: {
    _tag: "KmsPrivateKeyToStaticPublicKey",
    senderKeyId: senderArn,
    recipientPublicKey: recipient.spki,
    ...overrides
  }
})
const ofRecipient = (overrides: object = {}): Options => ({
  curve: "P-256",
  keyAgreement: { _tag: "KmsPublicKeyDiscovery", recipientKeyId: recipientArn, ...overrides }
})

describe("KmsEcdhKeyring.make", () => {
  it.effect("#initialization: calls nothing where the own public key is given", () =>
    Effect.gen(function*() {
      const kms = kmsOfAll()
      const two = yield* make(between({ senderPublicKey: sender.publicPem }), kms)
      const own = yield* make(ofRecipient({ recipientPublicKey: recipient.spki }), kms)
      assert.deepStrictEqual(kms.calls, [])
      const { encryptedDataKeys } = yield* two.onEncrypt(encryptionMaterials())
      unwrapped(yield* own.onDecrypt(decryptionMaterials(), encryptedDataKeys))
    }))

  it.effect("#onencrypt: KmsPublicKeyDiscovery does not encrypt, and calls nothing", () =>
    Effect.gen(function*() {
      const kms = kmsOfAll()
      const keyring = yield* make(ofRecipient(), kms)
      assert.deepStrictEqual(
        yield* failureOf(keyring.onEncrypt(encryptionMaterials())),
        misconfigured(
          "onEncrypt",
          "keyAgreement",
          "is KmsPublicKeyDiscovery, which only decrypts: encrypt with another schema and the recipient's public key"
        )
      )
      assert.lengthOf(kms.calls, 1)
    }))

  const schemas = "KmsPrivateKeyToStaticPublicKey or KmsPublicKeyDiscovery"
  const noSpki = "is no SubjectPublicKeyInfo of an uncompressed point of P-256"
  rejectsOptions(name, "a KMS ECDH keyring", (options: Options) => make(options, kmsOfAll()), between(), [
    ["an unknown curve", { curve: "X25519" }, "curve", "must be P-256, P-384 or P-521, got \"X25519\""],
    [
      "the curve of AWS KMS in China",
      { curve: "SM2" },
      "curve",
      "is SM2, which AWS KMS has in China alone and this library does not support: P-256, P-384 or P-521"
    ],
    ["no schema", { keyAgreement: undefined }, "keyAgreement", `must be an object whose _tag is ${schemas}`],
    [
      "a schema of the raw keyring",
      { keyAgreement: { _tag: "PublicKeyDiscovery" } },
      "keyAgreement",
      `must be an object whose _tag is ${schemas}`
    ],
    [
      "no key",
      between({ senderKeyId: undefined }),
      "keyAgreement.senderKeyId",
      "must be a key ARN, in KmsPrivateKeyToStaticPublicKey alone"
    ],
    [
      "the key of the other schema",
      between({ recipientKeyId: recipientArn }),
      "keyAgreement.recipientKeyId",
      "must be a key ARN, in KmsPublicKeyDiscovery alone"
    ],
    [
      "an alias",
      between({ senderKeyId: "alias/orders" }),
      "keyAgreement.senderKeyId",
      "must be a key ARN, got \"alias/orders\""
    ],
    [
      "a bare key id",
      ofRecipient({ recipientKeyId: "1234" }),
      "keyAgreement.recipientKeyId",
      /must be a key ARN, got "1234"/
    ],
    [
      "no recipient",
      between({ recipientPublicKey: undefined }),
      "keyAgreement.recipientPublicKey",
      /must be PEM text or/
    ],
    [
      "a recipient without a form",
      between({ recipientPublicKey: recipient.point }),
      "keyAgreement.recipientPublicKey",
      noSpki
    ],
    [
      "a recipient on another curve",
      between({ recipientPublicKey: elsewhere.spki }),
      "keyAgreement.recipientPublicKey",
      "is a key on P-384, must be on P-256"
    ],
    [
      "a recipient that is not on the curve",
      between({ recipientPublicKey: flip(recipient.spki, 90, 1) }),
      "keyAgreement.recipientPublicKey",
      "is no point of P-256"
    ],
    [
      "a sender's public key without a form",
      between({ senderPublicKey: "key" }),
      "keyAgreement.senderPublicKey",
      /is no PEM/
    ],
    [
      "a public key of the own pair on another curve",
      ofRecipient({ recipientPublicKey: elsewhere.publicPem }),
      "keyAgreement.recipientPublicKey",
      "is a key on P-384, must be on P-256"
    ],
    [
      "a key of AWS KMS on another curve",
      between({ senderKeyId: otherArn }),
      "keyAgreement.senderKeyId",
      "has the spec \"ECC_NIST_P384\", must have ECC_NIST_P256 for P-256"
    ],
    ["an empty grant token", { grantTokens: [""] }, "grantTokens[0]", /not empty/]
  ])

  const services = Layer.merge(TestPrimitives.layer, kmsOfAll().layer)
  layersMake(name, {
    layer: Layer.provide(KmsEcdhKeyring.layer(between()), services),
    layerConfig: Layer.provide(
      KmsEcdhKeyring.layerConfig({
        curve: Config.succeed("P-256" as const),
        keyAgreement: Config.all({
          _tag: Config.succeed("KmsPrivateKeyToStaticPublicKey" as const),
          senderKeyId: Config.String("ARN"),
          recipientPublicKey: Config.String("PEM")
        })
      }),
      [services, ConfigProvider.layer(ConfigProvider.fromUnknown({ ARN: senderArn, PEM: recipient.publicPem }))]
    )
  })
})

const withInfo = (keyProviderInfo: Uint8Array) => ({ ...good, keyProviderInfo })

describe("KmsEcdhKeyring.onDecrypt", () => {
  const info = good.keyProviderInfo
  const all = [
    ["AWS KMS", { ...good, keyProviderId: "aws-kms" }, "its key provider is not raw-ecdh, nor aws-kms-ecdh"],
    [
      "a byte more",
      withInfo(concat(info, Uint8Array.of(0))),
      "its key provider information is 76 bytes, two public keys on P-256 take 75"
    ],
    ["another version", withInfo(flip(info, 0, 3)), "its key provider information is of version 2, not 1"]
  ] as const

  passesOver(name, make(between(), kmsOfAll()), [
    ...all,
    [
      "another sender",
      withInfo(ecdh.infoOf(stranger.compressed, recipient.compressed)),
      "its public keys are not the two of this keyring"
    ]
  ])
  passesOver(name, make(ofRecipient(), kmsOfAll()), [
    [
      "another recipient",
      withInfo(ecdh.infoOf(sender.compressed, stranger.compressed)),
      "its recipient's public key is not this keyring's"
    ]
  ])

  it.effect("#ondecrypt: nothing is called for what is not its own, nor for a sender that is no point", () =>
    Effect.gen(function*() {
      const kms = kmsOfAll()
      const keyring = yield* make(ofRecipient(), kms)
      const edks = [
        withInfo(ecdh.infoOf(new Uint8Array(33), recipient.compressed)),
        withInfo(ecdh.infoOf(sender.compressed, stranger.compressed)),
        { ...good, keyProviderId: "aws-kms" }
      ]
      const refusal = {
        ...invalid("PublicKeyNotOnCurve"),
        description: "its sender's public key is no point of P-256"
      }
      const { reason } = yield* failureOf(keyring.onDecrypt(decryptionMaterials(), edks))
      if (reason._tag !== "DataKeyNotUnwrapped") return assert.fail(reason._tag)
      assert.deepStrictEqual<unknown>(
        reason.encryptedDataKeys.filter(({ _tag }) => _tag === "Attempted"),
        attempts(name, edks.slice(0, 1), refusal)
      )
      assert.deepStrictEqual(kms.calls.map(([operation]) => operation), ["getPublicKey"])
    }))

  it.effect("the pair may be swapped, under the names that were authenticated alone", () =>
    Effect.gen(function*() {
      const keyring = yield* make(between(), kmsOfAll())
      const swapped = yield* ecdh.wrapByHand(recipient, sender, keyBytes(32))
      unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), [swapped]))
      const lie = withInfo(swapped.keyProviderInfo)
      assert.deepStrictEqual(
        yield* failureOf(keyring.onDecrypt(decryptionMaterials(), [lie])),
        notUnwrapped(attempts(name, [lie], invalid("CommitmentMismatch")))
      )
    }))
})
