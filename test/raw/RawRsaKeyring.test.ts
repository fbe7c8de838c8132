import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Deferred, Effect, Exit, Fiber, Layer, Redacted, Scope } from "effect"
import { DataKey, type EncryptedDataKey } from "effect-encryption-sdk"
import { Primitives, PrimitivesError } from "effect-encryption-sdk/crypto"
import { RawAesKeyring, RawRsaKeyring } from "effect-encryption-sdk/raw"
import { hasPkcs1, TestPrimitives } from "../support/TestPrimitives.ts"
import {
  attempts,
  badNames,
  dataKeyArrays,
  errorsOf,
  keyBytes,
  keyringContract,
  layersMake,
  passesOver,
  printsNone,
  rejectsOptions,
  unwrapped,
  zeroesWhenInterrupted
} from "../support/keyringContract.ts"
import { decryptionMaterials, encryptionMaterials } from "../support/materials.ts"
import { isZero, recordingPrimitives } from "../support/recordingPrimitives.ts"

const { subtle } = globalThis.crypto

const pemOf = (label: string, der: ArrayBuffer) =>
  `-----BEGIN ${label}-----\n${
    Buffer.from(der).toString("base64").replaceAll(/.{64}(?!$)/g, "$&\n")
  }\n-----END ${label}-----\n`

const generate = async (modulusLength = 2048) => {
  const algorithm = { name: "RSA-OAEP", modulusLength, publicExponent: Uint8Array.of(1, 0, 1), hash: "SHA-256" }
  const { privateKey, publicKey } = await subtle.generateKey(algorithm, true, ["encrypt", "decrypt"])
  const spki = await subtle.exportKey("spki", publicKey)
  const pkcs8 = await subtle.exportKey("pkcs8", privateKey)
  return { spki, pkcs8, publicPem: pemOf("PUBLIC KEY", spki), privatePem: pemOf("PRIVATE KEY", pkcs8) }
}
const mine = await generate()
const other = await generate()
const small = await generate(1024)

const options = (overrides: Partial<RawRsaKeyring.Options> = {}): RawRsaKeyring.Options => ({
  keyNamespace: "test namespace",
  keyName: "rsa key",
  padding: "OAEP-SHA256",
  publicKey: mine.publicPem,
  privateKey: Redacted.make(mine.privatePem),
  ...overrides
})
const make = (overrides: Partial<RawRsaKeyring.Options> = {}) =>
  Effect.provide(RawRsaKeyring.make(options(overrides)), TestPrimitives.layer)

const oaep = { name: "RSA-OAEP" }

/** An encrypted data key that the keyring under test had no part in. */
const wrapByHand = (
  dataKey: Uint8Array,
  hash = "SHA-256",
  { spki } = mine
): Effect.Effect<EncryptedDataKey.EncryptedDataKey> =>
  Effect.promise(async () => {
    const key = await subtle.importKey("spki", spki, { ...oaep, hash }, false, ["encrypt"])
    return {
      keyProviderId: "test namespace",
      keyProviderInfo: Buffer.from("rsa key"),
      ciphertext: new Uint8Array(await subtle.encrypt(oaep, key, new Uint8Array(dataKey)))
    }
  })

const unwrapByHand = (ciphertext: Uint8Array, hash: string): Effect.Effect<Uint8Array> =>
  Effect.promise(async () => {
    const key = await subtle.importKey("pkcs8", mine.pkcs8, { ...oaep, hash }, false, ["decrypt"])
    return new Uint8Array(await subtle.decrypt(oaep, key, new Uint8Array(ciphertext)))
  })

const { misconfigured, notUnwrapped, notWrapped } = errorsOf("RawRsaKeyring")
const rejected = { failure: "InvalidCiphertext", code: "DecryptionFailed", isRetryable: false } as const
const hashes = { "OAEP-SHA1": "SHA-1", "OAEP-SHA256": "SHA-256", "OAEP-SHA384": "SHA-384", "OAEP-SHA512": "SHA-512" }

for (const padding of RawRsaKeyring.paddings.filter((padding) => padding !== "PKCS1" || hasPkcs1)) {
  keyringContract({
    title: `RawRsaKeyring with ${padding}`,
    name: "RawRsaKeyring",
    make: Effect.gen(function*() {
      const recording = recordingPrimitives()
      const keyring = yield* Effect.provide(RawRsaKeyring.make(options({ padding })), recording.layer)
      return {
        keyring,
        wrapByHand: (dataKey) =>
          padding === "PKCS1"
            ? Effect.gen(function*() {
              const key = yield* Effect.orDie(TestPrimitives.make.importRsaPublicKey(mine.publicPem, padding))
              return {
                keyProviderId: "test namespace",
                keyProviderInfo: Buffer.from("rsa key"),
                ciphertext: yield* Effect.orDie(
                  TestPrimitives.make.rsaEncrypt(key, padding, DataKey.make(new Uint8Array(dataKey)))
                )
              }
            })
            : wrapByHand(dataKey, hashes[padding]),
        dataKeys: dataKeyArrays(recording)
      }
    }),
    bindsContext: false,
    rejects: padding === "PKCS1" ? undefined : rejected.code,
    invalidKeys: [keyBytes(16), keyBytes(31), keyBytes(33), new Uint8Array(0), new Uint8Array(32)].map((key) => [
      key,
      "InvalidDataKey"
    ])
  })
}

describe("RawRsaKeyring", () => {
  it("has the five paddings of the specification", () => {
    assert.deepStrictEqual(RawRsaKeyring.paddings, ["PKCS1", "OAEP-SHA1", "OAEP-SHA256", "OAEP-SHA384", "OAEP-SHA512"])
  })

  for (const padding of RawRsaKeyring.paddings.filter((padding) => padding !== "PKCS1" || hasPkcs1)) {
    it.effect(`with ${padding}, wraps as the specification says`, () =>
      Effect.gen(function*() {
        const keyring = yield* make({ padding })
        const { encryptedDataKeys: [edk] } = yield* keyring.onEncrypt(encryptionMaterials())
        assert.strictEqual(edk!.keyProviderId, "test namespace")
        assert.deepStrictEqual(edk!.keyProviderInfo, new TextEncoder().encode("rsa key"))
        assert.strictEqual(edk!.ciphertext.length, 256)
      }))
  }

  it.effect.each(
    [
      { padding: "OAEP-SHA1", hash: "SHA-1" },
      { padding: "OAEP-SHA256", hash: "SHA-256" },
      { padding: "OAEP-SHA384", hash: "SHA-384" },
      { padding: "OAEP-SHA512", hash: "SHA-512" }
    ] as const
  )("$padding both ways with an implementation of its own", ({ hash, padding }) =>
    Effect.gen(function*() {
      const keyring = yield* make({ padding })
      const answer = unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), [yield* wrapByHand(keyBytes(32), hash)]))
      assert.deepStrictEqual(DataKey.value(answer.plaintextDataKey), keyBytes(32))
      const materials = yield* keyring.onEncrypt(encryptionMaterials({ plaintextDataKey: DataKey.make(keyBytes(32)) }))
      const dataKey = yield* unwrapByHand(materials.encryptedDataKeys[0]!.ciphertext, hash)
      assert.deepStrictEqual(dataKey, keyBytes(32))
    }))

  it.effect("without a public key it decrypts and does not encrypt", () =>
    Effect.gen(function*() {
      const keyring = yield* make({ publicKey: undefined })
      unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), [yield* wrapByHand(keyBytes(32))]))
      assert.deepStrictEqual(
        yield* Effect.flip(keyring.onEncrypt(encryptionMaterials())),
        misconfigured("onEncrypt", "publicKey", "is missing: this keyring can only decrypt")
      )
    }))

  it.effect("without a private key it encrypts and does not decrypt", () =>
    Effect.gen(function*() {
      const keyring = yield* make({ privateKey: undefined })
      const { encryptedDataKeys } = yield* keyring.onEncrypt(encryptionMaterials())
      assert.deepStrictEqual(
        yield* Effect.flip(keyring.onDecrypt(decryptionMaterials(), encryptedDataKeys)),
        misconfigured("onDecrypt", "privateKey", "is missing: this keyring can only encrypt")
      )
    }))

  it.effect("another key, another padding, changed bytes and a wrong length are attempts that failed", () =>
    Effect.gen(function*() {
      const keyring = yield* make()
      const good = yield* wrapByHand(keyBytes(32))
      const changed = Buffer.from(good.ciphertext)
      changed[200]! ^= 1
      const edks = [
        yield* wrapByHand(keyBytes(32), "SHA-256", other),
        yield* wrapByHand(keyBytes(32), "SHA-1"),
        { ...good, ciphertext: changed },
        { ...good, ciphertext: good.ciphertext.subarray(1) },
        { ...good, ciphertext: new Uint8Array(0) }
      ]
      assert.deepStrictEqual(
        yield* Effect.flip(keyring.onDecrypt(decryptionMaterials(), edks)),
        notUnwrapped(attempts("RawRsaKeyring", edks, rejected))
      )
      const answer = unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), [...edks, good]))
      assert.strictEqual(answer.encryptedDataKey, good)
    }))

  if (hasPkcs1) {
    it.effect(
      "PKCS1: wrong ciphertexts that unwrap to random bytes of another length are refused by their length",
      () =>
        Effect.gen(function*() {
          const keyring = yield* make({ padding: "PKCS1" })
          const { encryptedDataKeys: [edk] } = yield* keyring.onEncrypt(encryptionMaterials())
          let refusedByLength = 0
          for (let i = 1; i < 60; i++) {
            const ciphertext = new Uint8Array(edk!.ciphertext)
            ciphertext[i]! ^= 1
            const exit = yield* Effect.exit(keyring.onDecrypt(decryptionMaterials(), [{ ...edk!, ciphertext }]))
            // One wrong ciphertext in some 250 has random bytes of the right length.
            if (Exit.isSuccess(exit)) continue
            const error = yield* Effect.flip(exit)
            assert.strictEqual(error.reason._tag, "DataKeyNotUnwrapped")
            if (error.message.includes("InvalidAnswer (InvalidDataKey)")) refusedByLength++
          }
          assert.isTrue(refusedByLength > 40, `${refusedByLength} of 59`)
        })
    )
  }

  const iv = Buffer.concat([Buffer.from([0, 0, 0, 128, 0, 0, 0, 12]), Buffer.alloc(12, 7)])
  const own = {
    keyProviderId: "test namespace",
    keyProviderInfo: Buffer.from("rsa key"),
    ciphertext: new Uint8Array(256)
  }
  passesOver("RawRsaKeyring", make(), [
    ["another namespace", { ...own, keyProviderId: "other" }, "its key provider is not test namespace"],
    ["another name", { ...own, keyProviderInfo: Buffer.from("rsa kez") }, "its key name is not this keyring's"],
    ["a longer name", { ...own, keyProviderInfo: Buffer.from("rsa key 2") }, "its key name is not this keyring's"],
    ["a shorter name", { ...own, keyProviderInfo: Buffer.from("rsa ke") }, "its key name is not this keyring's"],
    [
      "a raw AES keyring of the same namespace and name",
      { ...own, keyProviderInfo: Buffer.concat([Buffer.from("rsa key"), iv]) },
      "its key name is not this keyring's"
    ]
  ])

  it.effect("AES and RSA keyrings of one namespace pass over each other's, under one name too", () =>
    Effect.gen(function*() {
      const aesOf = (keyName: string) =>
        RawAesKeyring.make({ keyNamespace: "test namespace", keyName, wrappingKey: Redacted.make(keyBytes(32)) }).pipe(
          Effect.provide(TestPrimitives.layer)
        )
      for (const keyName of ["rsa key", "aes key"]) {
        const aes = yield* aesOf(keyName)
        const rsa = yield* make()
        const fromRsa = yield* rsa.onEncrypt(encryptionMaterials())
        const fromBoth = yield* aes.onEncrypt(fromRsa)
        const [ofRsa, ofAes] = fromBoth.encryptedDataKeys
        const answers = [
          yield* rsa.onDecrypt(decryptionMaterials(), [ofAes!]),
          yield* aes.onDecrypt(decryptionMaterials(), [ofRsa!])
        ]
        assert.deepStrictEqual(answers.map((answer) => answer._tag), ["NotMine", "NotMine"])
        assert.strictEqual(
          unwrapped(yield* rsa.onDecrypt(decryptionMaterials(), fromBoth.encryptedDataKeys)).encryptedDataKey,
          ofRsa
        )
        assert.strictEqual(
          unwrapped(yield* aes.onDecrypt(decryptionMaterials(), fromBoth.encryptedDataKeys)).encryptedDataKey,
          ofAes
        )
      }
    }))

  rejectsOptions("RawRsaKeyring", "a raw RSA keyring", make, options(), [
    ...badNames(65_535),
    [
      "an unknown padding",
      { padding: "OAEP-MD5" },
      "padding",
      "must be one of PKCS1, OAEP-SHA1, OAEP-SHA256, OAEP-SHA384, OAEP-SHA512"
    ],
    [
      "no key",
      { publicKey: undefined, privateKey: undefined },
      "publicKey",
      "is missing, and so is privateKey: give at least one"
    ],
    [
      "a private key as the public one",
      { publicKey: mine.privatePem },
      "publicKey",
      "is a PEM \"PRIVATE KEY\", expected \"PUBLIC KEY\" (SubjectPublicKeyInfo, not encrypted)"
    ],
    [
      "a public key as the private one",
      { privateKey: Redacted.make(mine.publicPem) },
      "privateKey",
      "is a PEM \"PUBLIC KEY\", expected \"PRIVATE KEY\" (PKCS #8 PrivateKeyInfo, not encrypted)"
    ],
    [
      "a private key that is not redacted",
      { privateKey: mine.privatePem },
      "privateKey",
      "must be a Redacted of PEM text"
    ],
    [
      "a small modulus",
      { publicKey: small.publicPem },
      "publicKey",
      "has a modulus of 1024 bits, at least 2048 are needed"
    ],
    ["a public key that is no text", { publicKey: 1 }, "publicKey", "must be PEM text"],
    [
      "a private key in bytes",
      { privateKey: Redacted.make(Buffer.from(mine.privatePem)) },
      "privateKey",
      "must be a Redacted of PEM text"
    ],
    [
      "a private key from an environment variable, with \\n for line ends",
      { privateKey: Redacted.make(mine.privatePem.replaceAll("\n", "\\n")) },
      "privateKey",
      "has a backslash and an n where lines must end: put line ends in their place"
    ]
  ])

  it.effect("a padding that the runtime cannot do is named, and a wrapping that it refuses is typed", () =>
    Effect.gen(function*() {
      const unsupported = recordingPrimitives({
        importRsaPublicKey: () =>
          Effect.fail(
            new PrimitivesError({ method: "importRsaPublicKey", reason: "Unsupported", description: "no PKCS1 here" })
          )
      })
      assert.deepStrictEqual(
        yield* Effect.flip(Effect.provide(RawRsaKeyring.make(options({ padding: "PKCS1" })), unsupported.layer)),
        misconfigured("make", "padding", "no PKCS1 here")
      )
      const refusing = recordingPrimitives({
        rsaEncrypt: () => Effect.fail(new PrimitivesError({ method: "rsaEncrypt", reason: "Failed", description: "" }))
      })
      const keyring = yield* Effect.provide(RawRsaKeyring.make(options()), refusing.layer)
      assert.deepStrictEqual(
        yield* Effect.flip(keyring.onEncrypt(encryptionMaterials())),
        notWrapped("rsa key", { failure: "Rejected", code: "Failed", isRetryable: false })
      )
    }))

  layersMake("RawRsaKeyring", {
    layer: RawRsaKeyring.layer(options()).pipe(Layer.provide(TestPrimitives.layer)),
    layerConfig: RawRsaKeyring.layerConfig({
      keyNamespace: Config.succeed("test namespace"),
      keyName: Config.String("NAME"),
      padding: Config.schema(RawRsaKeyring.Options.fields.padding, "PADDING"),
      publicKey: Config.String("PUBLIC_KEY"),
      privateKey: Config.Redacted("PRIVATE_KEY")
    }).pipe(Layer.provide([
      TestPrimitives.layer,
      ConfigProvider.layer(
        ConfigProvider.fromUnknown({
          NAME: "rsa key",
          PADDING: "OAEP-SHA256",
          PUBLIC_KEY: mine.publicPem,
          PRIVATE_KEY: mine.privatePem
        })
      )
    ]))
  })
})

describe("the key material of a RawRsaKeyring", () => {
  it.effect("after the scope it does not decrypt", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const keyring = yield* make().pipe(Effect.provideService(Scope.Scope, scope))
      const edks = [yield* wrapByHand(keyBytes(32))]
      unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), edks))
      yield* Scope.close(scope, Exit.void)
      const { reason } = yield* Effect.flip(keyring.onDecrypt(decryptionMaterials(), edks))
      assert.strictEqual(reason._tag, "KeyringMisconfigured")
      assert.include(reason.message, "privateKey: was dropped when the scope closed")
    }))

  zeroesWhenInterrupted((begun) => {
    const recording = recordingPrimitives({ rsaEncrypt: () => Effect.andThen(begun, Effect.never) })
    return Effect.map(Effect.provide(RawRsaKeyring.make(options()), recording.layer), (keyring) => ({
      keyring,
      dataKeys: dataKeyArrays(recording)
    }))
  })

  it.effect("under interruption: a data key that arrives in spite of an interruption is zero", () =>
    Effect.gen(function*() {
      const unwrapping = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const answer = DataKey.make(keyBytes(32))
      const array = DataKey.value(answer)
      const primitives = Primitives.Primitives.of({
        ...TestPrimitives.make,
        rsaDecrypt: () =>
          Deferred.succeed(unwrapping, undefined).pipe(Effect.andThen(Deferred.await(go)), Effect.as(answer))
      })
      const keyring = yield* RawRsaKeyring.make(options()).pipe(
        Effect.provideService(Primitives.Primitives, primitives)
      )
      const fiber = yield* Effect.forkChild(
        Effect.scoped(keyring.onDecrypt(decryptionMaterials(), [yield* wrapByHand(keyBytes(32))]))
      )
      yield* Deferred.await(unwrapping)
      const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(interruption)
      assert.isTrue(isZero(array))
    }))

  it.effect("prints no secret", () =>
    Effect.gen(function*() {
      const given = options()
      const keyring = yield* Effect.provide(RawRsaKeyring.make(given), TestPrimitives.layer)
      printsNone([keyring, given], new Uint8Array(mine.pkcs8), [mine.privatePem.split("\n")[5]!])
    }))
})
