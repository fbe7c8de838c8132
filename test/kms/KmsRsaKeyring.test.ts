/** Sections are those of framework/aws-kms/aws-kms-rsa-keyring.md. */
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Effect, Layer, Redacted } from "effect"
import { AlgorithmSuite, DataKey, type EncryptedDataKey, Keyring } from "effect-encryption-sdk"
import { Primitives } from "effect-encryption-sdk/crypto"
import { EncryptionContextCodec } from "effect-encryption-sdk/message"
import { Kms, KmsError, KmsRsaKeyring } from "effect-encryption-sdk/kms"
import { failureOf } from "../support/client.ts"
import {
  dataKeyArrays,
  errorsOf,
  keyBytes,
  keyringContract,
  layersMake,
  passesOver,
  printsNone,
  rejectsOptions,
  unwrapped
} from "../support/keyringContract.ts"
import { malformed } from "../support/kmsKeyring.ts"
import { decryptionMaterials, encryptionMaterials, exampleContext } from "../support/materials.ts"
import { isZero, recordingPrimitives } from "../support/recordingPrimitives.ts"
import { unsignedSuites } from "../support/suites.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const { subtle } = globalThis.crypto
const name = "KmsRsaKeyring"
const providerId = "aws-kms-rsa"
const mrk = "mrk-1234abcd12ab34cd56ef1234567890ab"
const arn = `arn:aws:kms:us-east-1:111122223333:key/${mrk}`
const replica = arn.replace("us-east-1", "eu-central-1")
const hashes = { RSAES_OAEP_SHA_1: "SHA-1", RSAES_OAEP_SHA_256: "SHA-256" } as const
const algorithms = ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"] as const
type Algorithm = typeof algorithms[number]

const pemOf = (der: ArrayBuffer) =>
  `-----BEGIN PUBLIC KEY-----\n${Buffer.from(der).toString("base64")}\n-----END PUBLIC KEY-----\n`

const generate = async (modulusLength = 2048) => {
  const algorithm = { name: "RSA-OAEP", modulusLength, publicExponent: Uint8Array.of(1, 0, 1), hash: "SHA-256" }
  const { privateKey, publicKey } = await subtle.generateKey(algorithm, true, ["encrypt", "decrypt"])
  const spki = await subtle.exportKey("spki", publicKey)
  return { spki, pkcs8: await subtle.exportKey("pkcs8", privateKey), pem: pemOf(spki) }
}
const mine = await generate()
const other = await generate()
const small = await generate(1024)

const oaep = { name: "RSA-OAEP" }

const encryptByHand = async (plaintext: Uint8Array, algorithm: Algorithm = "RSAES_OAEP_SHA_256", { spki } = mine) => {
  const key = await subtle.importKey("spki", spki, { ...oaep, hash: hashes[algorithm] }, false, ["encrypt"])
  return new Uint8Array(await subtle.encrypt(oaep, key, new Uint8Array(plaintext)))
}

const decryptByHand = async (ciphertext: Uint8Array, algorithm: Algorithm = "RSAES_OAEP_SHA_256") => {
  const key = await subtle.importKey("pkcs8", mine.pkcs8, { ...oaep, hash: hashes[algorithm] }, false, ["decrypt"])
  return new Uint8Array(await subtle.decrypt(oaep, key, new Uint8Array(ciphertext)))
}

const digestOf = async (context: Readonly<Record<string, string>>) =>
  new Uint8Array(await subtle.digest("SHA-384", new Uint8Array(EncryptionContextCodec.encode(context))))

/** An encrypted data key that the keyring under test had no part in. */
const wrapByHand = (
  dataKey: Uint8Array,
  { context = exampleContext, info = arn, prefix = digestOf(context) }: {
    readonly context?: Readonly<Record<string, string>>
    readonly info?: string
    readonly prefix?: Promise<Uint8Array>
  } = {}
): Effect.Effect<EncryptedDataKey.EncryptedDataKey> =>
  Effect.promise(async () => ({
    keyProviderId: providerId,
    keyProviderInfo: Buffer.from(info),
    ciphertext: await encryptByHand(Uint8Array.from([...await prefix, ...dataKey]))
  }))

type Request = Parameters<Kms.Operations["decrypt"]>[0]

/** AWS KMS with the private key of `mine` alone, and what it was asked. */
const makeKms = (respondAs = (keyId: string) => keyId) => {
  const requests: Array<Request> = []
  const plaintexts: Array<Uint8Array> = []
  const decrypt: Kms.Operations["decrypt"] = (request) => {
    requests.push(request)
    const algorithm = request.encryptionAlgorithm as Algorithm
    return Effect.tryPromise({
      try: () => decryptByHand(request.ciphertextBlob, algorithm),
      catch: () =>
        new KmsError({
          operation: "Decrypt",
          keyId: request.keyId,
          failure: "InvalidCiphertext",
          code: "InvalidCiphertextException",
          description: "",
          isRetryable: false
        })
    }).pipe(Effect.map((plaintext) => {
      plaintexts.push(plaintext)
      return { keyId: respondAs(request.keyId), plaintext: DataKey.make(plaintext) }
    }))
  }
  return { requests, plaintexts, layer: Layer.succeed(Kms.KmsDecrypt, Kms.KmsDecrypt.of({ decrypt })) }
}

const options = (overrides: Partial<KmsRsaKeyring.Options> = {}): KmsRsaKeyring.Options => ({
  keyId: arn,
  encryptionAlgorithm: "RSAES_OAEP_SHA_256",
  publicKey: mine.pem,
  ...overrides
})

const make = (overrides: Partial<KmsRsaKeyring.Options> = {}, kms = makeKms()) =>
  Effect.provide(KmsRsaKeyring.make(options(overrides)), [TestPrimitives.layer, kms.layer])

const { misconfigured, notUnwrapped } = errorsOf(name)
const invalid = { failure: "InvalidCiphertext", code: "InvalidCiphertextException", isRetryable: false } as const

keyringContract({
  title: "KmsRsaKeyring",
  name,
  make: Effect.gen(function*() {
    const kms = makeKms()
    const recording = recordingPrimitives(yield* Primitives.Primitives)
    const keyring = yield* Effect.provideService(
      Effect.provide(KmsRsaKeyring.make(options()), kms.layer),
      Primitives.Primitives,
      recording.service
    )
    const unwrappedKeys: Array<Uint8Array> = []
    return {
      keyring: Keyring.make({
        ...keyring,
        onDecrypt: (materials, encryptedDataKeys) =>
          Effect.tap(keyring.onDecrypt(materials, encryptedDataKeys), (result) =>
            Effect.sync(() => {
              if (result._tag === "Unwrapped") unwrappedKeys.push(DataKey.value(result.plaintextDataKey))
            }))
      }),
      wrapByHand,
      dataKeys: Effect.map(dataKeyArrays(recording), (made) => [...made, ...kms.plaintexts, ...unwrappedKeys])
    }
  }).pipe(Effect.provide(TestPrimitives.layer)),
  bindsContext: true,
  rejects: invalid.code,
  contextCode: "EncryptionContextDigestMismatch",
  suites: unsignedSuites,
  invalidKeys: [
    [keyBytes(31), "PlaintextLengthMismatch"],
    [keyBytes(33), "PlaintextLengthMismatch"],
    [new Uint8Array(32), "InvalidDataKey"]
  ]
})

describe("KmsRsaKeyring.make", () => {
  const gone = new Uint8Array(294)
  structuredClone(gone.buffer, { transfer: [gone.buffer] })
  rejectsOptions(
    name,
    "a KMS RSA keyring",
    (given: KmsRsaKeyring.Options) =>
      Effect.provide(KmsRsaKeyring.make(given), [TestPrimitives.layer, makeKms().layer]),
    options(),
    [
      // #initialization: MUST NOT be null or empty, MUST be valid, MUST NOT be an alias.
      ["no key", { keyId: undefined }, "keyId", "must be a key ARN"],
      ["null for a key", { keyId: null }, "keyId", "must be a key ARN"],
      ["an empty key", { keyId: "" }, "keyId", /must be a key ARN, got ""/],
      ["an alias ARN", { keyId: arn.replace(`key/${mrk}`, "alias/orders") }, "keyId", /must be a key ARN, got "arn/],
      ["an alias", { keyId: "alias/orders" }, "keyId", /must be a key ARN, got "alias/],
      ["a bare key id, whose messages nothing would read", { keyId: mrk }, "keyId", /must be a key ARN, got "mrk-/],
      ["another service's ARN", { keyId: arn.replace("kms", "s3") }, "keyId", /must be a key ARN/],
      [
        "a public key whose memory is gone",
        { publicKey: gone },
        "publicKey",
        "is a view of a buffer that was transferred"
      ],
      // #supported-padding-schemes
      [
        "no algorithm",
        { encryptionAlgorithm: undefined },
        "encryptionAlgorithm",
        /must be one of RSAES_OAEP_SHA_1, RSAES/
      ],
      [
        "an algorithm that is not for RSA",
        { encryptionAlgorithm: "SYMMETRIC_DEFAULT" },
        "encryptionAlgorithm",
        /must be/
      ],
      ["SHA-512", { encryptionAlgorithm: "RSAES_OAEP_SHA_512" }, "encryptionAlgorithm", /must be one of/],
      // #initialization: MUST have a modulus of at least 2048 bits.
      ["a key of 1024 bits", { publicKey: small.pem }, "publicKey", /modulus of 1024 bits, at least 2048/],
      ["a key of 1024 bits as DER", { publicKey: new Uint8Array(small.spki) }, "publicKey", /modulus of 1024 bits/],
      ["no PEM", { publicKey: "key" }, "publicKey", /is no PEM text/],
      ["an empty key", { publicKey: new Uint8Array() }, "publicKey", /./],
      ["DER that is none", { publicKey: keyBytes(100) }, "publicKey", /is no valid SubjectPublicKeyInfo/],
      ["a number for a key", { publicKey: 1 }, "publicKey", "must be PEM text, or DER bytes"],
      ["an empty grant token", { grantTokens: [""] }, "grantTokens[0]", /not empty/]
    ]
  )

  const kms = makeKms().layer
  layersMake(name, {
    layer: Layer.provide(KmsRsaKeyring.layer(options()), [TestPrimitives.layer, kms]),
    "layer with DER, as GetPublicKey returns it": Layer.provide(
      KmsRsaKeyring.layer(options({ publicKey: new Uint8Array(mine.spki) })),
      [TestPrimitives.layer, kms]
    ),
    layerConfig: Layer.provide(
      KmsRsaKeyring.layerConfig({
        keyId: Config.String("ARN"),
        encryptionAlgorithm: Config.succeed("RSAES_OAEP_SHA_1" as const),
        publicKey: Config.String("PEM")
      }),
      [TestPrimitives.layer, kms, ConfigProvider.layer(ConfigProvider.fromUnknown({ ARN: arn, PEM: mine.pem }))]
    )
  })

  it.effect("makeEncryptOnly needs no KMS, writes what the whole keyring reads, and does not decrypt", () =>
    Effect.gen(function*() {
      const { publicKey = "", encryptionAlgorithm, keyId } = options()
      const writer = yield* KmsRsaKeyring.makeEncryptOnly({ keyId, encryptionAlgorithm, publicKey })
      const byLayer = yield* Layer.build(KmsRsaKeyring.layerEncryptOnly({ keyId, encryptionAlgorithm, publicKey }))
      for (const keyring of [writer, Context.get(byLayer, Keyring.Keyring)]) {
        const { encryptedDataKeys, plaintextDataKey } = yield* keyring.onEncrypt(encryptionMaterials())
        const result = unwrapped(yield* (yield* make()).onDecrypt(decryptionMaterials(), encryptedDataKeys))
        assert.deepStrictEqual(DataKey.value(result.plaintextDataKey), DataKey.value(plaintextDataKey!))
        const error = yield* failureOf(keyring.onDecrypt(decryptionMaterials(), encryptedDataKeys))
        const description = "only encrypts: make one with KmsRsaKeyring.make to decrypt"
        assert.deepStrictEqual(error, misconfigured("onDecrypt", "keyring", description))
      }
    }).pipe(Effect.scoped, Effect.provide(TestPrimitives.layer)))

  it.effect("makeEncryptOnly is not made without a public key, or with grant tokens", () =>
    Effect.gen(function*() {
      const { encryptionAlgorithm, keyId } = options()
      for (const extra of [{}, { publicKey: mine.pem, grantTokens: [] }]) {
        const error = yield* failureOf(KmsRsaKeyring.makeEncryptOnly({ keyId, encryptionAlgorithm, ...extra } as never))
        if (error.reason._tag !== "KeyringMisconfigured") return assert.fail(error.reason._tag)
        assert.strictEqual(error.reason.field, "publicKey" in extra ? "grantTokens" : "publicKey")
      }
    }).pipe(Effect.provide(TestPrimitives.layer)))
})

const signing = AlgorithmSuite.all.filter(({ signature }) => signature !== undefined).map((suite) =>
  [`0x0${suite.id.toString(16)}`, suite] as const
)

const signsMessage = (suite: AlgorithmSuite.AlgorithmSuite) =>
  `is ${suite.name}, which signs: a KMS RSA keyring takes only suites that do not, such as ` +
  "ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY"

describe("KmsRsaKeyring.onEncrypt", () => {
  it.effect("#onencrypt: fails without a public key, and makes no data key", () =>
    Effect.gen(function*() {
      const keyring = yield* make({ publicKey: undefined })
      assert.deepStrictEqual(
        yield* failureOf(keyring.onEncrypt(encryptionMaterials())),
        misconfigured("onEncrypt", "publicKey", "is missing: this keyring can only decrypt")
      )
    }))

  it.effect.each(signing)("#onencrypt: fails with %s, which signs", ([, algorithmSuite]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* failureOf((yield* make()).onEncrypt(encryptionMaterials({ algorithmSuite }))),
        misconfigured("onEncrypt", "algorithmSuite", signsMessage(algorithmSuite))
      )
    }))

  it.effect.each(algorithms)(
    "#onencrypt: %s of digest and data key, under the configured key ARN, without a call",
    (algorithm) =>
      Effect.gen(function*() {
        const kms = makeKms()
        const keyring = yield* make({ encryptionAlgorithm: algorithm }, kms)
        const materials = yield* keyring.onEncrypt(encryptionMaterials())
        const [edk] = materials.encryptedDataKeys
        assert.strictEqual(edk!.keyProviderId, providerId)
        assert.strictEqual(Buffer.from(edk!.keyProviderInfo).toString(), arn)
        const plaintext = yield* Effect.promise(() =>
          decryptByHand(edk!.ciphertext, algorithm).catch(() => assert.fail("is of another algorithm"))
        )
        const digest = yield* Effect.promise(() => digestOf(exampleContext))
        assert.deepStrictEqual(plaintext.subarray(0, 48), digest)
        assert.deepStrictEqual(plaintext.subarray(48), DataKey.value(materials.plaintextDataKey!))
        assert.deepStrictEqual(kms.requests, [])
        unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), materials.encryptedDataKeys))
      })
  )

  it.effect("zeroes the copy of the data key that it encrypts", () =>
    Effect.gen(function*() {
      const given: Array<Uint8Array> = []
      const primitives = yield* Primitives.Primitives
      const keyring = yield* Effect.provideService(
        KmsRsaKeyring.makeEncryptOnly(options() as never),
        Primitives.Primitives,
        {
          ...primitives,
          rsaEncrypt: (key, padding, plaintext) => {
            given.push(Redacted.value(plaintext))
            return primitives.rsaEncrypt(key, padding, plaintext)
          }
        }
      )
      yield* keyring.onEncrypt(encryptionMaterials())
      assert.deepStrictEqual(given.map(({ length }) => length), [80])
      assert.isTrue(given.every(isZero))
    }).pipe(Effect.scoped, Effect.provide(TestPrimitives.layer)))
})

describe("KmsRsaKeyring.onDecrypt", () => {
  passesOver(name, make(), [
    [
      "another key provider",
      { keyProviderId: "aws-kms", keyProviderInfo: Buffer.from(arn), ciphertext: keyBytes(256) },
      "its key provider is not aws-kms-rsa"
    ],
    [
      "another key",
      { keyProviderId: providerId, keyProviderInfo: Buffer.from(`${arn}9`), ciphertext: keyBytes(256) },
      "its key ARN is not configured"
    ],
    [
      "a multi-Region key of another account",
      {
        keyProviderId: providerId,
        keyProviderInfo: Buffer.from(arn.replace("1111", "2222")),
        ciphertext: keyBytes(256)
      },
      "its key ARN is not configured"
    ]
  ])

  it.effect.each(algorithms)(
    "#ondecrypt: sends key, algorithm, ciphertext and grant tokens, and no context: %s",
    (algorithm) =>
      Effect.gen(function*() {
        const kms = makeKms()
        const keyring = yield* make({ encryptionAlgorithm: algorithm, grantTokens: ["one", "two"] }, kms)
        const { encryptedDataKeys } = yield* keyring.onEncrypt(encryptionMaterials())
        unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), encryptedDataKeys))
        assert.deepStrictEqual(kms.requests, [{
          keyId: arn,
          encryptionContext: {},
          grantTokens: ["one", "two"],
          encryptionAlgorithm: algorithm,
          ciphertextBlob: encryptedDataKeys[0]!.ciphertext
        }])
      })
  )

  it.effect("#ondecrypt: another replica's is decrypted under the configured one", () =>
    Effect.gen(function*() {
      const kms = makeKms()
      const keyring = yield* make({}, kms)
      const edk = yield* wrapByHand(keyBytes(32), { info: replica })
      const result = unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), [edk]))
      assert.deepStrictEqual(DataKey.value(result.plaintextDataKey), keyBytes(32))
      assert.deepStrictEqual(kms.requests.map(({ keyId }) => keyId), [arn])
    }))

  it.effect.each(signing)(
    "#ondecrypt: fails with %s, which signs, before any call",
    ([, algorithmSuite]) =>
      Effect.gen(function*() {
        const kms = makeKms()
        const keyring = yield* make({}, kms)
        const edk = yield* wrapByHand(keyBytes(32))
        assert.deepStrictEqual(
          yield* failureOf(keyring.onDecrypt(decryptionMaterials({ algorithmSuite }), [edk])),
          misconfigured("onDecrypt", "algorithmSuite", signsMessage(algorithmSuite))
        )
        assert.deepStrictEqual(kms.requests, [])
      })
  )

  it.effect("#ondecrypt: fails where there is a data key already", () =>
    Effect.gen(function*() {
      const materials = { ...decryptionMaterials(), plaintextDataKey: DataKey.make(keyBytes(32)) }
      assert.deepStrictEqual(
        yield* failureOf((yield* make()).onDecrypt(materials, [])),
        misconfigured("onDecrypt", "materials", "have a data key already")
      )
    }))

  it.effect.each(malformed)(
    "#ondecrypt: %s instead of a key ARN fails onDecrypt, and nothing is called",
    ([, bad]) =>
      Effect.gen(function*() {
        const kms = makeKms()
        const keyring = yield* make({}, kms)
        const edks = [yield* wrapByHand(keyBytes(32)), { ...bad, keyProviderId: providerId }]
        const { reason } = yield* failureOf(keyring.onDecrypt(decryptionMaterials(), edks))
        if (reason._tag !== "DataKeyNotUnwrapped") return assert.fail(reason._tag)
        assert.deepInclude(reason.encryptedDataKeys[1], { _tag: "Attempted", code: "KeyProviderInfoNotAKeyArn" })
        assert.deepStrictEqual(kms.requests, [])
        // The same text of another key provider is no name of an RSA key.
        unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), [{ ...bad, keyProviderId: "aws-kms" }, edks[0]!]))
      })
  )

  const row = (index: number, refusal: object) => ({
    _tag: "Attempted" as const,
    keyring: name,
    index,
    keyProviderId: providerId,
    keyProviderInfo: arn,
    ...refusal
  })

  it.effect("#ondecrypt: a response under another key's name is rejected, also a replica's, and its plaintext zeroed", () =>
    Effect.gen(function*() {
      const kms = makeKms(() => replica)
      const keyring = yield* make({}, kms)
      const edk = yield* wrapByHand(keyBytes(32))
      assert.deepStrictEqual(
        yield* failureOf(keyring.onDecrypt(decryptionMaterials(), [edk])),
        notUnwrapped([row(0, { failure: "InvalidAnswer", code: "KeyIdMismatch", isRetryable: false })] as never)
      )
      assert.isTrue(kms.plaintexts.length === 1 && kms.plaintexts.every(isZero))
    }))

  it.effect("#ondecrypt: errors are collected, and the first that unwraps is returned", () =>
    Effect.gen(function*() {
      const keyring = yield* make()
      const foreign = yield* Effect.promise(() => encryptByHand(keyBytes(80), "RSAES_OAEP_SHA_256", other))
      const wrongContext = yield* wrapByHand(keyBytes(32), { context: { purpose: "another" } })
      const short = yield* wrapByHand(new Uint8Array(), { prefix: Promise.resolve(keyBytes(47)) })
      const bad = [{ ...wrongContext, ciphertext: foreign }, wrongContext, short]
      const rows = [
        row(0, invalid),
        row(1, {
          failure: "InvalidCiphertext",
          code: "EncryptionContextDigestMismatch",
          description: "it was wrapped for another encryption context",
          isRetryable: false
        }),
        row(2, { failure: "InvalidAnswer", code: "PlaintextLengthMismatch", isRetryable: false })
      ]
      const error = yield* failureOf(keyring.onDecrypt(decryptionMaterials(), bad))
      assert.deepStrictEqual(error, notUnwrapped(rows as never))
      printsNone([error], keyBytes(32))
      const good = yield* wrapByHand(keyBytes(32))
      const result = unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), [...bad, good]))
      assert.strictEqual(result.encryptedDataKey, good)
    }))

  it.effect("#encryption-context-digest: a single changed bit of the digest does not pass", () =>
    Effect.gen(function*() {
      const keyring = yield* make()
      const digest = yield* Effect.promise(() => digestOf(exampleContext))
      for (const index of [0, 23, 47]) {
        const prefix = Promise.resolve(digest.map((byte, at) => at === index ? byte ^ 1 : byte))
        const { reason } = yield* failureOf(
          keyring.onDecrypt(decryptionMaterials(), [yield* wrapByHand(keyBytes(32), { prefix })])
        )
        if (reason._tag !== "DataKeyNotUnwrapped") return assert.fail(reason._tag)
        assert.deepInclude(reason.encryptedDataKeys[0], { code: "EncryptionContextDigestMismatch" })
      }
    }))

  it.effect("a port that throws, or lies, fails the decrypt at once", () =>
    Effect.gen(function*() {
      const edk = yield* wrapByHand(keyBytes(32))
      for (
        const decrypt of [
          () => {
            throw new Error("a bug")
          },
          () => Effect.succeed({ keyId: arn })
        ]
      ) {
        const keyring = yield* Effect.provideService(
          KmsRsaKeyring.make(options()),
          Kms.KmsDecrypt,
          { decrypt } as never
        )
        const { reason } = yield* failureOf(keyring.onDecrypt(decryptionMaterials(), [edk, edk]))
        assert.strictEqual(reason._tag, "BrokenContract")
      }
    }).pipe(Effect.provide(TestPrimitives.layer)))
})
