/** framework/raw-ecdh-keyring.md and framework/key-agreement-schemas.md */
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Layer, Redacted } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { RawEcdhKeyring } from "effect-encryption-sdk/raw"
import { concat, hex } from "../support/bytes.ts"
import { failureOf } from "../support/client.ts"
import {
  coordinateLengths,
  curves,
  generate,
  infoOf,
  keyAgreementLayer,
  pemOf,
  unwrapByHand,
  wrapByHand
} from "../support/ecdh.ts"
import {
  errorsOf,
  keyBytes,
  keyringContract,
  layersMake,
  rejectsOptions,
  unwrapped
} from "../support/keyringContract.ts"
import { decryptionMaterials, encryptionMaterials } from "../support/materials.ts"
import { recordingPrimitives } from "../support/recordingPrimitives.ts"
import { rsaPrivateKey, rsaPublicKey } from "../support/rsaKeys.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

type Options = RawEcdhKeyring.Options

const alice = await generate("P-256")
const bob = await generate("P-256")
const other = await generate("P-384")

const make = (options: Options) =>
  Effect.provide(RawEcdhKeyring.make(options), [TestPrimitives.layer, keyAgreementLayer])

const { misconfigured } = errorsOf("RawEcdhKeyring")

const invalidKeys = [keyBytes(16), keyBytes(31), keyBytes(33), new Uint8Array(0), new Uint8Array(32)].map((key) =>
  [key, "InvalidDataKey"] as const
)

for (const curve of curves) {
  const sender = await generate(curve)
  const recipient = await generate(curve)
  const senderPrivateKey = Redacted.make(sender.privatePem)
  const recipientPrivateKey = Redacted.make(recipient.privatePem)
  const twoKeys = {
    _tag: "RawPrivateKeyToStaticPublicKey",
    senderPrivateKey,
    recipientPublicKey: recipient.publicPem
  } as const
  const toRecipient = { _tag: "EphemeralPrivateKeyToStaticPublicKey", recipientPublicKey: recipient.spki } as const
  const ofRecipient = { _tag: "PublicKeyDiscovery", recipientPrivateKey } as const
  const theOther = {
    _tag: "RawPrivateKeyToStaticPublicKey",
    senderPrivateKey: recipientPrivateKey,
    recipientPublicKey: sender.spki
  } as const

  /** A keyring under test whose data keys are recorded. */
  const recorded = Effect.sync(() => {
    const recording = recordingPrimitives()
    const dataKeys = Effect.sync(() => [...recording.arrays("seal"), ...recording.arrays("open")])
    const of = (keyAgreement: RawEcdhKeyring.KeyAgreementSchema) =>
      Effect.provide(RawEcdhKeyring.make({ curve, keyAgreement }), [recording.layer, keyAgreementLayer])
    return { of, dataKeys }
  })
  const common = {
    name: "RawEcdhKeyring",
    bindsContext: true,
    rejects: "CommitmentMismatch",
    alsoRejects: ["AuthenticationFailed"],
    invalidKeys
  }

  keyringContract({
    ...common,
    title: `RawEcdhKeyring between two key pairs on ${curve}`,
    make: Effect.gen(function*() {
      const { dataKeys, of } = yield* recorded
      return {
        keyring: yield* of(twoKeys),
        wrapByHand: (dataKey: Uint8Array) => wrapByHand(sender, recipient, dataKey),
        dataKeys
      }
    })
  })

  keyringContract({
    ...common,
    title: `RawEcdhKeyring to and of a recipient on ${curve}`,
    make: Effect.gen(function*() {
      const { dataKeys, of } = yield* recorded
      const wrapping = yield* of(toRecipient)
      const unwrapping = yield* of(ofRecipient)
      return {
        keyring: { ...unwrapping, onEncrypt: wrapping.onEncrypt },
        wrapByHand: (dataKey: Uint8Array) => wrapByHand(sender, recipient, dataKey),
        dataKeys
      }
    })
  })

  describe(`RawEcdhKeyring on ${curve}`, () => {
    it.effect("#key-provider-information, #ciphertext: wraps as the specification says", () =>
      Effect.gen(function*() {
        const keyring = yield* make({ curve, keyAgreement: twoKeys })
        const { encryptedDataKeys: [edk] } = yield* keyring.onEncrypt(
          encryptionMaterials({ plaintextDataKey: DataKey.make(keyBytes(32)) })
        )
        assert.strictEqual(edk!.keyProviderId, "raw-ecdh")
        assert.deepStrictEqual(edk!.keyProviderInfo, infoOf(sender.compressed, recipient.compressed))
        assert.strictEqual(edk!.ciphertext.length, 112)
        assert.deepStrictEqual(yield* unwrapByHand(sender, recipient, edk!), keyBytes(32))
      }))

    it.effect("#ephemeralprivatekeytostaticpublickey: every data key has a sender of its own, whom only the recipient reads", () =>
      Effect.gen(function*() {
        const wrapping = yield* make({ curve, keyAgreement: toRecipient })
        const unwrapping = yield* make({ curve, keyAgreement: ofRecipient })
        const length = 1 + coordinateLengths[curve]
        const senders = new Set<string>()
        for (let i = 0; i < 3; i++) {
          const { encryptedDataKeys, plaintextDataKey } = yield* wrapping.onEncrypt(encryptionMaterials())
          const info = encryptedDataKeys[0]!.keyProviderInfo
          assert.deepStrictEqual(info.subarray(5, 5 + length), recipient.compressed)
          senders.add(info.subarray(9 + length).join())
          const { plaintextDataKey: again } = unwrapped(
            yield* unwrapping.onDecrypt(decryptionMaterials(), encryptedDataKeys)
          )
          assert.deepStrictEqual(DataKey.value(again), DataKey.value(plaintextDataKey!))
        }
        assert.strictEqual(senders.size, 3)
      }))

    it.effect("#rawprivatekeytostaticpublickey: either party reads what the other, or it itself, has written", () =>
      Effect.gen(function*() {
        const keyrings = [yield* make({ curve, keyAgreement: twoKeys }), yield* make({ curve, keyAgreement: theOther })]
        for (const writer of keyrings) {
          const { encryptedDataKeys } = yield* writer.onEncrypt(encryptionMaterials())
          for (const reader of keyrings) {
            unwrapped(yield* reader.onDecrypt(decryptionMaterials(), encryptedDataKeys))
          }
        }
      }))

    it.effect("#publickeydiscovery: reads what a static sender has written for it, and for no other", () =>
      Effect.gen(function*() {
        const reader = yield* make({ curve, keyAgreement: ofRecipient })
        const writer = yield* make({ curve, keyAgreement: twoKeys })
        const { encryptedDataKeys } = yield* writer.onEncrypt(encryptionMaterials())
        unwrapped(yield* reader.onDecrypt(decryptionMaterials(), encryptedDataKeys))
        const back = yield* (yield* make({ curve, keyAgreement: theOther })).onEncrypt(encryptionMaterials())
        const result = yield* reader.onDecrypt(decryptionMaterials(), back.encryptedDataKeys)
        assert.strictEqual(result._tag, "NotMine")
      }))

    it.effect("#ondecrypt: reads what a KMS ECDH keyring has wrapped", () =>
      Effect.gen(function*() {
        const edk = yield* wrapByHand(sender, recipient, keyBytes(32), { providerId: "aws-kms-ecdh" })
        for (const keyAgreement of [twoKeys, theOther, ofRecipient]) {
          const keyring = yield* make({ curve, keyAgreement })
          const { encryptedDataKey, plaintextDataKey } = unwrapped(
            yield* keyring.onDecrypt(decryptionMaterials(), [edk])
          )
          assert.strictEqual(encryptedDataKey, edk)
          assert.deepStrictEqual(DataKey.value(plaintextDataKey), keyBytes(32))
        }
      }))
  })
}

describe("RawEcdhKeyring", () => {
  const pair: Options = {
    curve: "P-256",
    keyAgreement: {
      _tag: "RawPrivateKeyToStaticPublicKey",
      senderPrivateKey: Redacted.make(alice.privatePem),
      recipientPublicKey: bob.publicPem
    }
  }
  const to = (recipientPublicKey: unknown, more = {}) => ({
    keyAgreement: { _tag: "EphemeralPrivateKeyToStaticPublicKey", recipientPublicKey, ...more }
  })
  const from = (recipientPrivateKey: unknown, more = {}) => ({
    keyAgreement: { _tag: "PublicKeyDiscovery", recipientPrivateKey, ...more }
  })
  const between = (senderPrivateKey: unknown, recipientPublicKey: unknown) => ({
    keyAgreement: { _tag: "RawPrivateKeyToStaticPublicKey", senderPrivateKey, recipientPublicKey }
  })

  it("has the curves of the specification but SM2", () => {
    assert.deepStrictEqual(RawEcdhKeyring.curves, ["P-256", "P-384", "P-521"])
  })

  it.effect("#onencrypt: PublicKeyDiscovery does not encrypt", () =>
    Effect.gen(function*() {
      const keyring = yield* make({ ...pair, ...from(Redacted.make(alice.privatePem)) } as Options)
      assert.deepStrictEqual(
        yield* failureOf(keyring.onEncrypt(encryptionMaterials())),
        misconfigured(
          "onEncrypt",
          "keyAgreement",
          "is PublicKeyDiscovery, which only decrypts: encrypt with another schema and the recipient's public key"
        )
      )
    }))

  it.effect("#ondecrypt: EphemeralPrivateKeyToStaticPublicKey does not decrypt", () =>
    Effect.gen(function*() {
      const keyring = yield* make({ ...pair, ...to(bob.publicPem) } as Options)
      const { encryptedDataKeys } = yield* keyring.onEncrypt(encryptionMaterials())
      assert.deepStrictEqual(
        yield* failureOf(keyring.onDecrypt(decryptionMaterials(), encryptedDataKeys)),
        misconfigured(
          "onDecrypt",
          "keyAgreement",
          "is EphemeralPrivateKeyToStaticPublicKey, which only encrypts: decrypt with PublicKeyDiscovery and the recipient's private key"
        )
      )
    }))

  const schemas = "RawPrivateKeyToStaticPublicKey, EphemeralPrivateKeyToStaticPublicKey or PublicKeyDiscovery"
  const publicBound =
    "must be PEM text or a Uint8Array of DER, in RawPrivateKeyToStaticPublicKey and EphemeralPrivateKeyToStaticPublicKey alone"
  const noKey = "is no valid PKCS #8 private key on P-256"
  const secret = Redacted.make(alice.privatePem)
  // The last part of PKCS #8 is the public key, in 70 bytes.
  const withoutPublicKey = concat(
    hex("3041"),
    alice.pkcs8.subarray(3, 27),
    hex("04273025"),
    alice.pkcs8.subarray(31, 68)
  )
  rejectsOptions("RawEcdhKeyring", "a raw ECDH keyring", make, pair, [
    ["no curve", { curve: undefined }, "curve", "must be P-256, P-384 or P-521, got undefined"],
    ["an unknown curve", { curve: "secp256k1" }, "curve", "must be P-256, P-384 or P-521, got \"secp256k1\""],
    [
      "the curve of AWS KMS in China",
      { curve: "SM2" },
      "curve",
      "is SM2, which AWS KMS has in China alone and this library does not support: P-256, P-384 or P-521"
    ],
    ["no schema", { keyAgreement: undefined }, "keyAgreement", `must be an object whose _tag is ${schemas}`],
    [
      "an unknown schema",
      { keyAgreement: { _tag: "Static" } },
      "keyAgreement",
      `must be an object whose _tag is ${schemas}`
    ],
    [
      "a key of another schema",
      to(bob.publicPem, { recipientPrivateKey: secret }),
      "keyAgreement.recipientPrivateKey",
      "must be a Redacted of PEM text, in PublicKeyDiscovery alone"
    ],
    ["an unknown part of a schema", from(secret, { curve: "P-256" }), "keyAgreement.curve", /^is no option/],
    ["no sender", between(undefined, bob.spki), "keyAgreement.senderPrivateKey", /^must be a Redacted of PEM text/],
    [
      "a sender that is not redacted",
      between(alice.privatePem, bob.spki),
      "keyAgreement.senderPrivateKey",
      /^must be a Redacted/
    ],
    ["no recipient", between(secret, undefined), "keyAgreement.recipientPublicKey", publicBound],
    ["a recipient that is no bytes", to([...bob.spki]), "keyAgreement.recipientPublicKey", publicBound],
    [
      "a recipient on another curve",
      to(other.spki),
      "keyAgreement.recipientPublicKey",
      "is a key on P-384, must be on P-256"
    ],
    [
      "a recipient that is not on the curve",
      between(secret, Buffer.from(bob.spki).fill(7, 90)),
      "keyAgreement.recipientPublicKey",
      "is no point of P-256"
    ],
    [
      "a bare point",
      to(bob.point),
      "keyAgreement.recipientPublicKey",
      "is no SubjectPublicKeyInfo of an uncompressed point of P-256"
    ],
    [
      "an RSA key for the recipient",
      to(rsaPublicKey),
      "keyAgreement.recipientPublicKey",
      "is no SubjectPublicKeyInfo of an uncompressed point of P-256"
    ],
    [
      "a private key for the recipient's public one",
      to(bob.privatePem),
      "keyAgreement.recipientPublicKey",
      "is a PEM \"PRIVATE KEY\", expected \"PUBLIC KEY\" (SubjectPublicKeyInfo, not encrypted)"
    ],
    [
      "a sender on another curve",
      between(Redacted.make(other.privatePem), bob.spki),
      "keyAgreement.senderPrivateKey",
      noKey
    ],
    [
      "a recipient's key on another curve",
      from(Redacted.make(other.privatePem)),
      "keyAgreement.recipientPrivateKey",
      noKey
    ],
    ["an RSA key", from(Redacted.make(rsaPrivateKey)), "keyAgreement.recipientPrivateKey", noKey],
    [
      "a damaged private key",
      from(Redacted.make(pemOf("PRIVATE KEY", alice.pkcs8.subarray(0, 100)))),
      "keyAgreement.recipientPrivateKey",
      noKey
    ],
    [
      "a private key without its public key",
      from(Redacted.make(pemOf("PRIVATE KEY", withoutPublicKey))),
      "keyAgreement.recipientPrivateKey",
      /^is not supported: EC private keys must include the public point/
    ],
    [
      "a private key of SEC 1",
      from(Redacted.make(pemOf("EC PRIVATE KEY", alice.pkcs8))),
      "keyAgreement.recipientPrivateKey",
      "is a PEM \"EC PRIVATE KEY\", expected \"PRIVATE KEY\" (PKCS #8 PrivateKeyInfo, not encrypted)"
    ],
    [
      "a private key in bytes",
      from(Redacted.make(alice.pkcs8)),
      "keyAgreement.recipientPrivateKey",
      /^must be a Redacted of PEM text/
    ]
  ])

  layersMake("RawEcdhKeyring", {
    layer: RawEcdhKeyring.layer(pair).pipe(Layer.provide([TestPrimitives.layer, keyAgreementLayer])),
    layerConfig: RawEcdhKeyring.layerConfig({
      curve: Config.schema(RawEcdhKeyring.Options.fields.curve, "CURVE"),
      keyAgreement: Config.all({
        _tag: Config.succeed("RawPrivateKeyToStaticPublicKey" as const),
        senderPrivateKey: Config.Redacted("SENDER"),
        recipientPublicKey: Config.String("RECIPIENT")
      })
    }).pipe(Layer.provide([
      TestPrimitives.layer,
      keyAgreementLayer,
      ConfigProvider.layer(
        ConfigProvider.fromUnknown({ CURVE: "P-256", SENDER: alice.privatePem, RECIPIENT: bob.publicPem })
      )
    ]))
  })
})
