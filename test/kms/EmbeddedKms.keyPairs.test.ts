/**
 * RSA keys and keys for key agreement of the embedded KMS. The oracle of the keys is node:crypto, in test/node.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { Kms, type KmsError } from "effect-encryption-sdk/kms"
import { EmbeddedKms, EmbeddedKmsError } from "effect-encryption-sdk/kms/development-only"
import { fromBase64, isZero, toBase64 } from "../support/bytes.ts"
import { failureOf as errorOf } from "../support/client.ts"
import { infoOf } from "../support/embeddedKms.ts"
import { inspect } from "../support/inspect.ts"
import { failureOf, request } from "../support/kmsContract.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const account = "arn:aws:kms:us-east-1:111122223333:key/"
const rsa = `${account}11111111-12ab-34cd-56ef-1234567890ab`
const otherRsa = `${account}22222222-12ab-34cd-56ef-1234567890ab`
const p256 = `${account}33333333-12ab-34cd-56ef-1234567890ab`
const p384 = `${account}44444444-12ab-34cd-56ef-1234567890ab`
const otherP256 = `${account}55555555-12ab-34cd-56ef-1234567890ab`
const symmetric = `${account}66666666-12ab-34cd-56ef-1234567890ab`

const keys: ReadonlyArray<EmbeddedKms.KeyOptions> = [
  { arn: rsa, keySpec: "RSA_2048", aliases: ["alias/rsa"] },
  { arn: otherRsa, keySpec: "RSA_2048" },
  { arn: p256, keySpec: "ECC_NIST_P256" },
  { arn: otherP256, keySpec: "ECC_NIST_P256" },
  { arn: p384, keySpec: "ECC_NIST_P384" },
  { arn: symmetric }
]
const embedded = (options?: EmbeddedKms.Options) => EmbeddedKms.layer(options).pipe(Layer.provide(TestPrimitives.layer))

/** The keys of this file are made once. */
let keyStore: Redacted.Redacted | undefined
const withKeys = Layer.unwrap(Effect.gen(function*() {
  keyStore ??= yield* EmbeddedKms.EmbeddedKms.use(({ exportKeys }) => exportKeys).pipe(
    Effect.provide(embedded({ keys }))
  )
  return embedded({ keyStore })
}))

const empty = {}
const algorithms = ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"] as const
const plaintext = (length: number) => DataKey.make(Uint8Array.from({ length }, (_, index) => index + 1))

const calls = Effect.all({ kms: Kms.Kms, agreement: Kms.KmsKeyAgreement, without: Kms.KmsWithoutPlaintext })

const codeOf = (call: Effect.Effect<unknown, KmsError>) =>
  Effect.map(failureOf(call), ({ code, failure, isRetryable }) => {
    assert.isFalse(isRetryable)
    assert.strictEqual(failure, code === "InvalidCiphertextException" ? "InvalidCiphertext" : "Rejected")
    return code
  })

describe("EmbeddedKms and RSA keys", () => {
  it.effect.each(algorithms)(
    "%s: encrypts, and decrypts again, under any name",
    (encryptionAlgorithm) =>
      Effect.gen(function*() {
        const { kms } = yield* calls
        const key = plaintext(32)
        const encrypted = yield* kms.encrypt({ ...request("alias/rsa", empty), plaintext: key, encryptionAlgorithm })
        assert.strictEqual(encrypted.keyId, rsa)
        assert.lengthOf(encrypted.ciphertextBlob, 256)
        const again = yield* kms.encrypt({ ...request(rsa, empty), plaintext: key, encryptionAlgorithm })
        assert.notDeepEqual(again.ciphertextBlob, encrypted.ciphertextBlob)
        const { ciphertextBlob } = encrypted
        const decrypted = yield* kms.decrypt({ ...request(rsa, empty), ciphertextBlob, encryptionAlgorithm })
        assert.strictEqual(decrypted.keyId, rsa)
        assert.deepStrictEqual(DataKey.value(decrypted.plaintext), DataKey.value(key))
      }).pipe(Effect.provide(withKeys))
  )

  it.effect.each([["RSAES_OAEP_SHA_1", 214], ["RSAES_OAEP_SHA_256", 190]] as const)(
    "%s: takes at most %i bytes",
    ([encryptionAlgorithm, max]) =>
      Effect.gen(function*() {
        const { kms } = yield* calls
        const encrypt = (length: number) =>
          kms.encrypt({ ...request(rsa, empty), plaintext: plaintext(length), encryptionAlgorithm })
        const { ciphertextBlob } = yield* encrypt(max)
        const decrypted = yield* kms.decrypt({ ...request(rsa, empty), ciphertextBlob, encryptionAlgorithm })
        assert.lengthOf(DataKey.value(decrypted.plaintext), max)
        assert.strictEqual(yield* codeOf(encrypt(max + 1)), "ValidationException")
        assert.strictEqual(yield* codeOf(encrypt(0)), "ValidationException")
      }).pipe(Effect.provide(withKeys))
  )

  it.effect("a ciphertext of another key, another padding, another length or altered is an InvalidCiphertextException", () =>
    Effect.gen(function*() {
      const { kms } = yield* calls
      const [sha1, sha256] = algorithms
      const { ciphertextBlob } = yield* kms.encrypt({
        ...request(rsa, empty),
        plaintext: plaintext(32),
        encryptionAlgorithm: sha256
      })
      const altered = ciphertextBlob.slice()
      altered[100]! ^= 1
      for (
        const [keyId, blob, encryptionAlgorithm] of [
          [otherRsa, ciphertextBlob, sha256],
          [rsa, ciphertextBlob, sha1],
          [rsa, altered, sha256],
          [rsa, ciphertextBlob.subarray(1), sha256],
          [rsa, new Uint8Array([...ciphertextBlob, 0]), sha256],
          [rsa, new Uint8Array(256).fill(0xff), sha256],
          [rsa, new Uint8Array(), sha256]
        ] as const
      ) {
        const call = kms.decrypt({ ...request(keyId, empty), ciphertextBlob: blob, encryptionAlgorithm })
        assert.strictEqual(yield* codeOf(call), "InvalidCiphertextException")
      }
    }).pipe(Effect.provide(withKeys)))

  it.effect("takes no encryption context: a ValidationException", () =>
    Effect.gen(function*() {
      const { kms } = yield* calls
      const encryptionAlgorithm = "RSAES_OAEP_SHA_256"
      for (
        const call of [
          kms.encrypt({ ...request(rsa), plaintext: plaintext(32), encryptionAlgorithm }),
          kms.decrypt({ ...request(rsa), ciphertextBlob: new Uint8Array(256), encryptionAlgorithm })
        ]
      ) {
        assert.strictEqual(yield* codeOf(call), "ValidationException")
      }
    }).pipe(Effect.provide(withKeys)))
})

describe("EmbeddedKms and keys for key agreement", () => {
  it.effect("two keys of one curve agree on a secret, whichever of them KMS uses", () =>
    Effect.gen(function*() {
      const { agreement } = yield* calls
      const publicKeyOf = (keyId: string) => Effect.map(agreement.getPublicKey(request(keyId)), (key) => key.publicKey)
      const derive = Effect.fnUntraced(function*(own: string, peer: string) {
        const response = yield* agreement.deriveSharedSecret({ ...request(own), publicKey: yield* publicKeyOf(peer) })
        assert.strictEqual(response.keyId, own)
        return Redacted.value(response.sharedSecret)
      })
      const [one, two] = [yield* derive(p256, otherP256), yield* derive(otherP256, p256)]
      assert.lengthOf(one, 32)
      assert.deepStrictEqual(one, two)
      assert.isFalse(isZero(one))
      assert.notDeepEqual(yield* derive(p256, p256), one)
    }).pipe(Effect.provide(withKeys)))

  it.effect("a public key of another kind or curve, off the curve or unreadable is a ValidationException", () =>
    Effect.gen(function*() {
      const { agreement } = yield* calls
      const own = (yield* agreement.getPublicKey(request(otherP256))).publicKey
      const altered = own.slice()
      altered[altered.length - 1]! ^= 1
      for (
        const publicKey of [
          (yield* agreement.getPublicKey(request(p384))).publicKey,
          (yield* agreement.getPublicKey(request(rsa))).publicKey,
          altered,
          own.subarray(0, own.length - 1),
          new TextEncoder().encode(toBase64(own)),
          new Uint8Array(),
          undefined as unknown as Uint8Array
        ]
      ) {
        const call = agreement.deriveSharedSecret({ ...request(p256), publicKey })
        assert.strictEqual(yield* codeOf(call), "ValidationException")
      }
    }).pipe(Effect.provide(withKeys)))

  it.effect("getPublicKey returns spec and usage, and a copy of the key", () =>
    Effect.gen(function*() {
      const { agreement } = yield* calls
      for (
        const [keyId, arn, keySpec, keyUsage, length] of [
          ["alias/rsa", rsa, "RSA_2048", "ENCRYPT_DECRYPT", 294],
          [p256, p256, "ECC_NIST_P256", "KEY_AGREEMENT", 91],
          [p384, p384, "ECC_NIST_P384", "KEY_AGREEMENT", 120]
        ] as const
      ) {
        const { publicKey, ...response } = yield* agreement.getPublicKey(request(keyId))
        assert.deepStrictEqual(response, { keyId: arn, keySpec, keyUsage })
        assert.lengthOf(publicKey, length)
        const before = publicKey.slice()
        publicKey.fill(0)
        assert.deepStrictEqual((yield* agreement.getPublicKey(request(keyId))).publicKey, before)
      }
    }).pipe(Effect.provide(withKeys)))
})

/** Every call with a key that it does not fit, and the code. */
const misfits: ReadonlyArray<
  readonly [
    title: string,
    code: string,
    call: (services: Effect.Success<typeof calls>) => Effect.Effect<unknown, KmsError>
  ]
> = [
  ...[rsa, p256].flatMap((keyId) =>
    [
      [
        `GenerateDataKey with ${keyId === rsa ? "RSA" : "key agreement"}`,
        "InvalidKeyUsageException",
        ({ kms }: Effect.Success<typeof calls>) => kms.generateDataKey({ ...request(keyId, empty), numberOfBytes: 32 })
      ],
      [
        `GenerateDataKeyWithoutPlaintext with ${keyId === rsa ? "RSA" : "key agreement"}`,
        "InvalidKeyUsageException",
        ({ without }: Effect.Success<typeof calls>) =>
          without.generateDataKeyWithoutPlaintext({ ...request(keyId, empty), numberOfBytes: 32 })
      ]
    ] as const
  ),
  [
    "Encrypt with RSA and no algorithm",
    "InvalidKeyUsageException",
    ({ kms }) => kms.encrypt({ ...request(rsa, empty), plaintext: plaintext(32) })
  ],
  [
    "Decrypt with RSA and no algorithm",
    "InvalidKeyUsageException",
    ({ kms }) => kms.decrypt({ ...request(rsa, empty), ciphertextBlob: new Uint8Array(256) })
  ],
  [
    "Encrypt with a symmetric key and an algorithm of RSA",
    "InvalidKeyUsageException",
    ({ kms }) =>
      kms.encrypt({ ...request(symmetric), plaintext: plaintext(32), encryptionAlgorithm: "RSAES_OAEP_SHA_1" })
  ],
  [
    "Decrypt with key agreement",
    "InvalidKeyUsageException",
    ({ kms }) =>
      kms.decrypt({
        ...request(p256, empty),
        ciphertextBlob: new Uint8Array(256),
        encryptionAlgorithm: "RSAES_OAEP_SHA_256"
      })
  ],
  [
    "Encrypt with an algorithm that there is not",
    "ValidationException",
    ({ kms }) =>
      kms.encrypt({ ...request(rsa, empty), plaintext: plaintext(32), encryptionAlgorithm: "toString" as never })
  ],
  [
    "GetPublicKey of a symmetric key",
    "UnsupportedOperationException",
    ({ agreement }) => agreement.getPublicKey(request(symmetric))
  ],
  [
    "DeriveSharedSecret with RSA",
    "InvalidKeyUsageException",
    ({ agreement }) => agreement.deriveSharedSecret({ ...request(rsa), publicKey: new Uint8Array(91) })
  ],
  [
    "DeriveSharedSecret with a symmetric key",
    "InvalidKeyUsageException",
    ({ agreement }) => agreement.deriveSharedSecret({ ...request(symmetric), publicKey: new Uint8Array(91) })
  ]
]

describe("EmbeddedKms and keys of every kind", () => {
  it.effect.each(misfits)("%s is an %s", ([, code, call]) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* codeOf(call(yield* calls)), code)
    }).pipe(Effect.provide(withKeys)))

  it.effect("a key pair that is disabled, pending deletion or deleted does nothing", () =>
    Effect.gen(function*() {
      const { agreement, kms } = yield* calls
      const control = yield* EmbeddedKms.EmbeddedKms
      const encryptionAlgorithm = "RSAES_OAEP_SHA_256"
      const { publicKey } = yield* agreement.getPublicKey(request(otherP256))
      const { ciphertextBlob } = yield* kms.encrypt({
        ...request(rsa, empty),
        plaintext: plaintext(32),
        encryptionAlgorithm
      })
      const each: ReadonlyArray<Effect.Effect<unknown, KmsError>> = [
        kms.encrypt({ ...request(rsa, empty), plaintext: plaintext(32), encryptionAlgorithm }),
        kms.decrypt({ ...request(rsa, empty), ciphertextBlob, encryptionAlgorithm }),
        agreement.getPublicKey(request(rsa)),
        agreement.getPublicKey(request(p256)),
        agreement.deriveSharedSecret({ ...request(p256), publicKey })
      ]
      const codes = Effect.forEach(each, (call) => Effect.map(failureOf(call), ({ code }) => code))
      for (
        const [state, code] of [["Disabled", "DisabledException"], [
          "PendingDeletion",
          "KMSInvalidStateException"
        ]] as const
      ) {
        for (const key of [rsa, p256]) yield* control.setKeyState(key, state)
        assert.deepStrictEqual(yield* codes, each.map(() => code))
      }
      for (const key of [rsa, p256]) yield* control.setKeyState(key, "Enabled")
      for (const call of each) yield* call
      for (const key of [rsa, p256]) yield* control.deleteKey(key)
      assert.deepStrictEqual(yield* codes, each.map(() => "NotFoundException"))
    }).pipe(Effect.provide(withKeys)))

  it.effect("they are described by spec and usage", () =>
    Effect.gen(function*() {
      const control = yield* EmbeddedKms.EmbeddedKms
      const agreement = { keyUsage: "KEY_AGREEMENT" } as const
      assert.deepStrictEqual(yield* control.keys, [
        infoOf(rsa, { keySpec: "RSA_2048", aliases: ["alias/rsa"] }),
        infoOf(otherRsa, { keySpec: "RSA_2048" }),
        infoOf(p256, { keySpec: "ECC_NIST_P256", ...agreement }),
        infoOf(otherP256, { keySpec: "ECC_NIST_P256", ...agreement }),
        infoOf(p384, { keySpec: "ECC_NIST_P384", ...agreement }),
        infoOf(symmetric)
      ])
      assert.deepStrictEqual(yield* control.describeKey("alias/rsa"), (yield* control.keys)[0])
    }).pipe(Effect.provide(withKeys)))

  it.effect.each(["SM2", "ECC_SECG_P256K1", "HMAC_256", "rsa_2048", "toString", 2048])(
    "the key spec %s is an error that names the field and what is allowed",
    (keySpec) =>
      Effect.gen(function*() {
        const control = yield* EmbeddedKms.EmbeddedKms
        const options = { keySpec: keySpec as "RSA_2048" }
        const allowed =
          /must be one of SYMMETRIC_DEFAULT, RSA_2048, RSA_3072, RSA_4096, ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_P521$/
        for (
          const [error, field] of [
            [yield* errorOf(control.createKey(options)), "keySpec"],
            [yield* errorOf(Layer.build(embedded({ keys: [options] }))), "keys[0].keySpec"]
          ] as const
        ) {
          assert.instanceOf(error, EmbeddedKmsError)
          assert.strictEqual(error.field, field)
          assert.match(error.description, allowed)
          assert.include(error.description, String(keySpec))
        }
        assert.deepStrictEqual(yield* control.keys, [])
      }).pipe(Effect.provide(embedded()))
  )

  it.effect("replicas have the key material of their primary, and a state of their own", () =>
    Effect.gen(function*() {
      const { agreement, kms } = yield* calls
      const control = yield* EmbeddedKms.EmbeddedKms
      const encryptionAlgorithm = "RSAES_OAEP_SHA_256"
      for (const keySpec of ["RSA_2048", "ECC_NIST_P256"] as const) {
        const primary = yield* control.createKey({ keySpec, multiRegion: true, replicaRegions: ["eu-central-1"] })
        const replica = primary.replace("us-east-1", "eu-central-1")
        const later = yield* control.replicateKey(replica, "ap-south-1")
        const keys = yield* Effect.forEach([primary, replica, later], (keyId) => agreement.getPublicKey(request(keyId)))
        assert.deepStrictEqual(keys.map(({ keyId }) => keyId), [primary, replica, later])
        assert.deepStrictEqual(keys[1]!.publicKey, keys[0]!.publicKey)
        assert.deepStrictEqual(keys[2]!.publicKey, keys[0]!.publicKey)
        if (keySpec === "RSA_2048") {
          const { ciphertextBlob } = yield* kms.encrypt({
            ...request(primary, empty),
            plaintext: plaintext(32),
            encryptionAlgorithm
          })
          yield* control.deleteKey(primary)
          const decrypted = yield* kms.decrypt({ ...request(later, empty), ciphertextBlob, encryptionAlgorithm })
          assert.deepStrictEqual(DataKey.value(decrypted.plaintext), DataKey.value(plaintext(32)))
        }
        yield* control.setKeyState(replica, "Disabled")
        yield* agreement.getPublicKey(request(later))
      }
    }).pipe(Effect.provide(embedded())))

  it.effect("an export holds the secrets as PKCS #8, and nothing prints them", () =>
    Effect.gen(function*() {
      const { agreement } = yield* calls
      const control = yield* EmbeddedKms.EmbeddedKms
      const keyStore = yield* control.exportKeys
      const exported = JSON.parse(Redacted.value(keyStore)) as { readonly keys: ReadonlyArray<{ material: string }> }
      for (const { material } of exported.keys.slice(0, 5)) {
        assert.strictEqual(fromBase64(material)[0], 0x30)
        const { publicKey } = yield* agreement.getPublicKey(request(p256))
        const texts = [keyStore, control, agreement, yield* control.keys, publicKey].map((value) =>
          inspect(value, { depth: 10, showHidden: true })
        )
        for (const text of texts) assert.notInclude(text, material)
      }
    }).pipe(Effect.provide(withKeys)))
})
