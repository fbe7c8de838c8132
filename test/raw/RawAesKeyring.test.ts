import { EncryptionContextCodec } from "effect-encryption-sdk/message"
import { gcm } from "@noble/ciphers/aes.js"
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Deferred, Effect, Exit, Fiber, Layer, Redacted, Scope } from "effect"
import { DataKey, type EncryptedDataKey, Keyring } from "effect-encryption-sdk"
import { Primitives, PrimitivesError } from "effect-encryption-sdk/crypto"
import { RawAesKeyring, WrappingKey } from "effect-encryption-sdk/raw"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { flip } from "../support/bytes.ts"
import { inspect } from "../support/inspect.ts"
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
import { decryptionMaterials, encryptionMaterials, exampleContext } from "../support/materials.ts"
import { isZero, recordingPrimitives } from "../support/recordingPrimitives.ts"

const options = (overrides: Partial<RawAesKeyring.Options> = {}): RawAesKeyring.Options => ({
  keyNamespace: "test namespace",
  keyName: "key ⅰ",
  wrappingKey: Redacted.make(keyBytes(32)),
  ...overrides
})
const make = (overrides: Partial<RawAesKeyring.Options> = {}) =>
  Effect.provide(RawAesKeyring.make(options(overrides)), TestPrimitives.layer)

const suffix = (tagBits: number, ivLength: number, iv: Uint8Array) => {
  const head = Buffer.alloc(8)
  head.writeUInt32BE(tagBits)
  head.writeUInt32BE(ivLength, 4)
  return Buffer.concat([head, iv])
}

/** An encrypted data key from another AES-GCM alone. */
const wrapByHand = (
  dataKey: Uint8Array,
  wrappingKey = keyBytes(32),
  keyName = "key ⅰ"
): EncryptedDataKey.EncryptedDataKey => {
  const iv = crypto.getRandomValues(new Uint8Array(12))
  return {
    keyProviderId: "test namespace",
    keyProviderInfo: Buffer.concat([Buffer.from(keyName), suffix(128, 12, iv)]),
    ciphertext: gcm(wrappingKey, iv, EncryptionContextCodec.encode(exampleContext)).encrypt(dataKey)
  }
}

const { misconfigured, notUnwrapped } = errorsOf("RawAesKeyring")
const rejected = { failure: "InvalidCiphertext", code: "AuthenticationFailed", isRetryable: false } as const

for (const length of [16, 24, 32]) {
  keyringContract({
    title: `RawAesKeyring with ${8 * length} bits`,
    name: "RawAesKeyring",
    make: Effect.gen(function*() {
      const recording = recordingPrimitives()
      const given = options({ wrappingKey: Redacted.make(keyBytes(length)) })
      return {
        keyring: yield* Effect.provide(RawAesKeyring.make(given), recording.layer),
        wrapByHand: (dataKey) => Effect.succeed(wrapByHand(dataKey, keyBytes(length))),
        dataKeys: dataKeyArrays(recording)
      }
    }),
    bindsContext: true,
    rejects: rejected.code,
    invalidKeys: [keyBytes(16), new Uint8Array(32), new Uint8Array(0)].map((key) => [key, "InvalidDataKey"])
  })
}

const wiped = () => {
  const secret = Redacted.make(keyBytes(32))
  Redacted.wipeUnsafe(secret)
  return secret
}

describe("RawAesKeyring", () => {
  for (const length of [16, 24, 32]) {
    it.effect(`with ${8 * length} bits, wraps as the specification says, so that another AES-GCM unwraps`, () =>
      Effect.gen(function*() {
        const keyring = yield* make({ wrappingKey: Redacted.make(keyBytes(length)) })
        const materials = yield* keyring.onEncrypt(encryptionMaterials())
        const edk = materials.encryptedDataKeys[0]!
        assert.strictEqual(edk.keyProviderId, "test namespace")
        const iv = edk.keyProviderInfo.subarray(-12)
        assert.deepStrictEqual(
          edk.keyProviderInfo,
          new Uint8Array(Buffer.concat([Buffer.from("key ⅰ"), suffix(128, 12, iv)]))
        )
        assert.strictEqual(edk.ciphertext.length, 32 + 16)
        const dataKey = gcm(keyBytes(length), iv, EncryptionContextCodec.encode(exampleContext)).decrypt(edk.ciphertext)
        assert.deepStrictEqual(dataKey, DataKey.value(materials.plaintextDataKey!))
      }))
  }

  it.effect("every IV is new", () =>
    Effect.gen(function*() {
      const keyring = yield* make()
      const [one, two] = [
        yield* keyring.onEncrypt(encryptionMaterials()),
        yield* keyring.onEncrypt(encryptionMaterials())
      ]
      assert.notDeepEqual(one.encryptedDataKeys[0]!.keyProviderInfo, two.encryptedDataKeys[0]!.keyProviderInfo)
    }))

  it.effect("any changed byte of the IV is an attempt that failed; another key too", () =>
    Effect.gen(function*() {
      const keyring = yield* make()
      const { encryptedDataKeys: [edk] } = yield* keyring.onEncrypt(encryptionMaterials())
      const attempted = notUnwrapped(attempts("RawAesKeyring", [edk!], rejected))
      const length = edk!.keyProviderInfo.length
      for (let i = length - 12; i < length; i++) {
        const changed = { ...edk!, keyProviderInfo: flip(edk!.keyProviderInfo, i, 1) }
        assert.deepStrictEqual(yield* Effect.flip(keyring.onDecrypt(decryptionMaterials(), [changed])), attempted)
      }
      const other = yield* make({ wrappingKey: Redacted.make(keyBytes(32).fill(1)) })
      assert.deepStrictEqual(yield* Effect.flip(other.onDecrypt(decryptionMaterials(), [edk!])), attempted)
    }))

  const iv = new Uint8Array(12).fill(7)
  const named = (keyName: string, rest: Uint8Array) => Buffer.concat([Buffer.from(keyName), rest])
  const own = { keyProviderId: "test namespace", ciphertext: new Uint8Array(48) }
  const notMine: ReadonlyArray<readonly [string, EncryptedDataKey.EncryptedDataKey, string]> = [
    [
      "another namespace",
      { ...own, keyProviderId: "aws-kms", keyProviderInfo: named("key ⅰ", suffix(128, 12, iv)) },
      "its key provider is not test namespace"
    ],
    [
      "another name",
      { ...own, keyProviderInfo: named("key ⅱ", suffix(128, 12, iv)) },
      "its key name is not this keyring's"
    ],
    [
      "a longer name that begins with this one",
      { ...own, keyProviderInfo: named("key ⅰ and more", suffix(128, 12, iv)) },
      "its key name is not this keyring's"
    ],
    [
      "a shorter name that this one begins with",
      { ...own, keyProviderInfo: named("key", suffix(128, 12, iv)) },
      "its key name is not this keyring's"
    ],
    [
      "a raw RSA keyring of the same namespace and name",
      { ...own, keyProviderInfo: named("key ⅰ", new Uint8Array(0)) },
      "its key provider information is too short for a raw AES keyring's"
    ],
    [
      "a raw RSA keyring of the same namespace and a long name",
      { ...own, keyProviderInfo: named("a name of more than twenty bytes", new Uint8Array(0)) },
      "its key name is not this keyring's"
    ],
    [
      "information too short by one byte to hold an IV",
      { ...own, keyProviderInfo: new Uint8Array(19) },
      "its key provider information is too short for a raw AES keyring's"
    ],
    [
      "another tag length",
      { ...own, keyProviderInfo: named("key ⅰ", suffix(96, 12, iv)) },
      "its tag length is not 128 bits"
    ],
    [
      "another IV length",
      { ...own, keyProviderInfo: named("key ⅰ", suffix(128, 16, iv)) },
      "its IV length is not 12 bytes"
    ],
    [
      "an IV of another length than it says",
      { ...own, keyProviderInfo: named("key ⅰ", suffix(128, 12, new Uint8Array(16))) },
      "its key name is not this keyring's"
    ],
    [
      "a ciphertext without room for a tag",
      { ...own, keyProviderInfo: named("key ⅰ", suffix(128, 12, iv)), ciphertext: new Uint8Array(15) },
      "its ciphertext is too short to hold a tag"
    ]
  ]
  passesOver("RawAesKeyring", make(), notMine)

  it.effect("a context that cannot be serialised fails, and names the key alone", () =>
    Effect.gen(function*() {
      const keyring = yield* make()
      const encryptionContext = { "the key": "\ud800 the value" }
      for (
        const [operation, effect] of [
          ["onEncrypt", Effect.asVoid(keyring.onEncrypt(encryptionMaterials({ encryptionContext })))],
          [
            "onDecrypt",
            Effect.asVoid(keyring.onDecrypt(decryptionMaterials({ encryptionContext }), [wrapByHand(keyBytes(32))]))
          ]
        ] as const
      ) {
        assert.deepStrictEqual(
          yield* Effect.flip(effect),
          misconfigured(
            operation,
            "encryptionContext",
            "encryption context: key \"the key\": value is not well-formed Unicode"
          )
        )
      }
    }))

  rejectsOptions("RawAesKeyring", "a raw AES keyring", make, options(), [
    ...badNames(65_515),
    ["bytes that are not redacted", { wrappingKey: keyBytes(32) }, "wrappingKey", "must be a Redacted of a Uint8Array"],
    ["text", { wrappingKey: Redacted.make("x".repeat(32)) }, "wrappingKey", "must be a Redacted of a Uint8Array"],
    ["a secret that was wiped", { wrappingKey: wiped() }, "wrappingKey", "must be a Redacted of a Uint8Array"],
    ["a key of zeroes", { wrappingKey: Redacted.make(new Uint8Array(32)) }, "wrappingKey", "is all zero"],
    ...[0, 15, 17, 33].map((length) =>
      [
        `a key of ${length} bytes`,
        { wrappingKey: Redacted.make(keyBytes(length)) },
        "wrappingKey",
        `is ${length} bytes, must be 16, 24 or 32`
      ] as const
    )
  ])

  it.effect("the copy of the key is zeroed, though the import throws where it should fail", () =>
    Effect.gen(function*() {
      const primitives = yield* Primitives.Primitives
      const copies: Array<Uint8Array> = []
      const exit = yield* Effect.exit(Effect.provideService(RawAesKeyring.make(options()), Primitives.Primitives, {
        ...primitives,
        importAesKey: (key) => {
          copies.push(Redacted.value(key))
          throw new Error("a fault")
        }
      }))
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(copies.length, 1)
      assert.isTrue(copies.every((copy) => copy.every((byte) => byte === 0)))
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("names of the greatest lengths fit", () =>
    Effect.gen(function*() {
      const keyring = yield* make({ keyNamespace: "x".repeat(65_535), keyName: "y".repeat(65_515) })
      const { encryptedDataKeys } = yield* keyring.onEncrypt(encryptionMaterials())
      assert.strictEqual(encryptedDataKeys[0]!.keyProviderInfo.length, 65_535)
      unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), encryptedDataKeys))
    }))
})

describe("RawAesKeyring as a layer", () => {
  layersMake("RawAesKeyring", {
    layer: RawAesKeyring.layer(options()).pipe(Layer.provide(TestPrimitives.layer))
  })

  const configured = (env: Record<string, string>) =>
    RawAesKeyring.layerConfig({
      keyNamespace: Config.String("NAMESPACE"),
      keyName: Config.String("NAME"),
      wrappingKey: WrappingKey.config("WRAPPING_KEY")
    }).pipe(
      Layer.provide([TestPrimitives.layer, ConfigProvider.layer(ConfigProvider.fromUnknown(env))])
    )

  it.effect("layerConfig reads the wrapping key from base64 text", () =>
    Effect.gen(function*() {
      const keyring = yield* Keyring.Keyring
      const answer = unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), [wrapByHand(keyBytes(32))]))
      assert.deepStrictEqual(DataKey.value(answer.plaintextDataKey), keyBytes(32))
    }).pipe(Effect.provide(configured({
      NAMESPACE: "test namespace",
      NAME: "key ⅰ",
      WRAPPING_KEY: Buffer.from(keyBytes(32)).toString("base64")
    }))))

  it.effect.each<readonly [string, string, string]>([
    ["no base64", "c2VjcmV0 secret!", "WRAPPING_KEY"],
    ["another length", Buffer.from(keyBytes(20)).toString("base64"), "expected a key of 16, 24 or 32 bytes, got 20"]
  ])("a key that is %s fails without being quoted", ([, text, says]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        Layer.build(configured({ NAMESPACE: "test namespace", NAME: "key ⅰ", WRAPPING_KEY: text }))
      )
      assert.strictEqual(error._tag, "ConfigError")
      assert.include(String(error), says)
      assert.notInclude(inspect(error, { depth: 20 }), text)
      assert.notInclude(JSON.stringify(error), text)
    }))
})

describe("the key material of a RawAesKeyring", () => {
  it.effect("the caller's key stays as it is; the copy is zero once it is imported; nothing works afterwards", () =>
    Effect.gen(function*() {
      const recording = recordingPrimitives()
      const mine = keyBytes(32)
      const scope = yield* Scope.make()
      const keyring = yield* RawAesKeyring.make(options({ wrappingKey: Redacted.make(mine) })).pipe(
        Effect.provide(recording.layer),
        Effect.provideService(Scope.Scope, scope)
      )
      const copies = recording.arrays("importAesKey")
      assert.strictEqual(copies.length, 1)
      assert.notStrictEqual(copies[0], mine)
      assert.notStrictEqual(copies[0]!.buffer, mine.buffer)
      assert.isTrue(isZero(copies[0]!))
      assert.deepStrictEqual(mine, keyBytes(32))

      // What becomes of the caller's array is the caller's business.
      mine.fill(0)
      unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), [wrapByHand(keyBytes(32))]))
      mine.set(keyBytes(32))

      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(mine, keyBytes(32))
      for (
        const effect of [
          Effect.asVoid(keyring.onEncrypt(encryptionMaterials())),
          Effect.asVoid(keyring.onDecrypt(decryptionMaterials(), [wrapByHand(keyBytes(32))]))
        ]
      ) {
        const { reason } = yield* Effect.flip(effect)
        assert.strictEqual(reason._tag, "KeyringMisconfigured")
        assert.include(reason.message, "wrappingKey: was dropped when the scope closed")
      }
    }))

  it.effect("a Buffer is copied too", () =>
    Effect.gen(function*() {
      const recording = recordingPrimitives()
      const mine = Buffer.from(keyBytes(32))
      yield* RawAesKeyring.make(options({ wrappingKey: Redacted.make(mine) })).pipe(Effect.provide(recording.layer))
      assert.isTrue(isZero(recording.arrays("importAesKey")[0]!))
      assert.deepStrictEqual(new Uint8Array(mine), keyBytes(32))
    }))

  it.effect("the copy is zero where the import fails", () =>
    Effect.gen(function*() {
      const recording = recordingPrimitives()
      yield* Effect.flip(
        RawAesKeyring.make(options({ wrappingKey: Redacted.make(keyBytes(31)) })).pipe(Effect.provide(recording.layer))
      )
      assert.deepStrictEqual(recording.arrays("importAesKey"), [new Uint8Array(31)])
    }))

  it.effect("what an unwrapping left behind that failed halfway is zero at once", () =>
    Effect.gen(function*() {
      const recording = recordingPrimitives({
        open: (_, jobs) =>
          Effect.suspend(() => {
            for (const job of jobs) job.output.set(keyBytes(32))
            return Effect.fail(new PrimitivesError({ method: "open", reason: "Failed", description: "" }))
          })
      })
      const keyring = yield* Effect.provide(RawAesKeyring.make(options()), recording.layer)
      yield* Effect.flip(keyring.onDecrypt(decryptionMaterials(), [wrapByHand(keyBytes(32))]))
      assert.deepStrictEqual(recording.arrays("open"), [new Uint8Array(32)])
    }))

  zeroesWhenInterrupted((begun) => {
    const recording = recordingPrimitives({ seal: () => Effect.andThen(begun, Effect.never) })
    return Effect.map(Effect.provide(RawAesKeyring.make(options()), recording.layer), (keyring) => ({
      keyring,
      dataKeys: dataKeyArrays(recording)
    }))
  })

  it.effect("under interruption: a data key is zero when unwrapping it is interrupted halfway", () =>
    Effect.gen(function*() {
      const opening = yield* Deferred.make<void>()
      const recording = recordingPrimitives({
        open: (_, jobs) =>
          Effect.gen(function*() {
            for (const job of jobs) job.output.set(keyBytes(32))
            yield* Deferred.succeed(opening, undefined)
            return yield* Effect.never
          })
      })
      const keyring = yield* Effect.provide(RawAesKeyring.make(options()), recording.layer)
      const fiber = yield* Effect.forkChild(
        Effect.scoped(keyring.onDecrypt(decryptionMaterials(), [wrapByHand(keyBytes(32))]))
      )
      yield* Deferred.await(opening)
      assert.deepStrictEqual(recording.arrays("open"), [keyBytes(32)])
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(recording.arrays("open"), [new Uint8Array(32)])
    }))

  it.effect("under interruption: the copy of the wrapping key is zero when its import is interrupted", () =>
    Effect.gen(function*() {
      const importing = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const recording = recordingPrimitives({
        importAesKey: (key) =>
          Deferred.succeed(importing, undefined).pipe(
            Effect.andThen(Deferred.await(go)),
            Effect.andThen(TestPrimitives.make.importAesKey(key))
          )
      })
      const fiber = yield* Effect.forkChild(
        Effect.scoped(Effect.provide(RawAesKeyring.make(options()), recording.layer))
      )
      yield* Deferred.await(importing)
      assert.deepStrictEqual(recording.arrays("importAesKey"), [keyBytes(32)])
      const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(interruption)
      assert.deepStrictEqual(recording.arrays("importAesKey"), [new Uint8Array(32)])
    }))

  it.effect("prints no secret", () =>
    Effect.gen(function*() {
      const secret = Buffer.from("a secret of 32 bytes, as it were")
      const given = options({ wrappingKey: Redacted.make(secret) })
      const keyring = yield* Effect.provide(RawAesKeyring.make(given), TestPrimitives.layer)
      const { plaintextDataKey } = yield* keyring.onEncrypt(encryptionMaterials())
      printsNone([keyring, given, plaintextDataKey], secret, ["a secret"])
    }))
})
