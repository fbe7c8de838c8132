import { EncryptionContextCodec } from "effect-encryption-sdk/message"
import { gcm } from "@noble/ciphers/aes.js"
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Deferred, Effect, Exit, Fiber, Layer, Redacted, Scope } from "effect"
import { AlgorithmSuite, DataKey, EncryptedDataKey, Keyring } from "effect-encryption-sdk"
import { PrimitivesError } from "effect-encryption-sdk/crypto"
import { RawAesKeyring, WrappingKey } from "effect-encryption-sdk/raw"
import {
  Attempted,
  DataKeyNotUnwrapped,
  KeyringError,
  KeyringMisconfigured,
  Skipped
} from "../../src/model/errors/KeyringError.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { flip } from "../support/bytes.ts"
import { inspect } from "../support/inspect.ts"
import { decryptionMaterials, encryptionMaterials, exampleContext } from "../support/materials.ts"
import { isZero, recordingPrimitives } from "../support/recordingPrimitives.ts"

const keyBytes = (length: number) => Uint8Array.from({ length }, (_, i) => 3 + i)
const options = (overrides: Partial<RawAesKeyring.Options> = {}): RawAesKeyring.Options => ({
  keyNamespace: "test namespace",
  keyName: "key ⅰ",
  wrappingKey: Redacted.make(keyBytes(32)),
  ...overrides
})
const make = (overrides: Partial<RawAesKeyring.Options> = {}) =>
  Effect.provide(RawAesKeyring.make(options(overrides)), TestPrimitives.layer)

const unwrapped = (answer: Keyring.OnDecryptResult) => {
  if (answer._tag !== "Unwrapped") return assert.fail(`answered ${answer._tag}`)
  return answer
}

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

const failure = (reports: ReadonlyArray<typeof Attempted.Type | typeof Skipped.Type>) =>
  new KeyringError({
    keyring: "RawAesKeyring",
    operation: "onDecrypt",
    reason: new DataKeyNotUnwrapped({ encryptedDataKeys: reports })
  })

const row = (index: number, keyProviderInfo = "key ⅰ") => ({
  keyring: "RawAesKeyring",
  index,
  keyProviderId: "test namespace",
  keyProviderInfo: `${keyProviderInfo}…`
})

describe("RawAesKeyring", () => {
  for (const length of [16, 24, 32]) {
    it.effect.each(AlgorithmSuite.all)(
      `with ${8 * length} bits, a data key for $name comes back`,
      (algorithmSuite) =>
        Effect.gen(function*() {
          const keyring = yield* make({ wrappingKey: Redacted.make(keyBytes(length)) })
          const materials = yield* keyring.onEncrypt(encryptionMaterials({ algorithmSuite }))
          const answer = unwrapped(
            yield* keyring.onDecrypt(decryptionMaterials({ algorithmSuite }), materials.encryptedDataKeys)
          )
          assert.strictEqual(DataKey.value(materials.plaintextDataKey!).length, algorithmSuite.dataKeyLength)
          assert.deepStrictEqual(DataKey.value(answer.plaintextDataKey), DataKey.value(materials.plaintextDataKey!))
          assert.strictEqual(answer.encryptedDataKey, materials.encryptedDataKeys[0])
        })
    )

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

    it.effect(`with ${8 * length} bits, unwraps what another AES-GCM wrapped`, () =>
      Effect.gen(function*() {
        const keyring = yield* make({ wrappingKey: Redacted.make(keyBytes(length)) })
        const dataKey = keyBytes(32).toReversed()
        const answer = unwrapped(
          yield* keyring.onDecrypt(decryptionMaterials(), [wrapByHand(dataKey, keyBytes(length))])
        )
        assert.deepStrictEqual(DataKey.value(answer.plaintextDataKey), dataKey)
      }))
  }

  it.effect("keeps the data key that materials have, appends to their encrypted data keys, changes nothing else", () =>
    Effect.gen(function*() {
      const keyring = yield* make()
      const plaintextDataKey = DataKey.make(keyBytes(32))
      const other: EncryptedDataKey.EncryptedDataKey = {
        keyProviderId: "other",
        keyProviderInfo: Uint8Array.of(1),
        ciphertext: Uint8Array.of(2)
      }
      const input = encryptionMaterials({
        plaintextDataKey,
        encryptedDataKeys: [other],
        requiredEncryptionContextKeys: ["purpose"]
      })
      const before = { ...input }
      const output = yield* keyring.onEncrypt(input)
      assert.strictEqual(output.plaintextDataKey, plaintextDataKey)
      assert.strictEqual(output.encryptedDataKeys.length, 2)
      assert.strictEqual(output.encryptedDataKeys[0], other)
      assert.deepStrictEqual({ ...output, encryptedDataKeys: [other] }, before)
      assert.deepStrictEqual(input, before)
      assert.deepStrictEqual(DataKey.value(plaintextDataKey), keyBytes(32))
      const answer = unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), output.encryptedDataKeys))
      assert.deepStrictEqual(DataKey.value(answer.plaintextDataKey), keyBytes(32))
      assert.strictEqual(answer.encryptedDataKey, output.encryptedDataKeys[1])
    }))

  it.effect("every data key and every IV is new", () =>
    Effect.gen(function*() {
      const keyring = yield* make()
      const one = yield* keyring.onEncrypt(encryptionMaterials())
      const two = yield* keyring.onEncrypt(encryptionMaterials())
      assert.notDeepEqual(DataKey.value(one.plaintextDataKey!), DataKey.value(two.plaintextDataKey!))
      assert.notDeepEqual(one.encryptedDataKeys[0]!.keyProviderInfo, two.encryptedDataKeys[0]!.keyProviderInfo)
    }))

  it.effect("the context is bound to the data key", () =>
    Effect.gen(function*() {
      const keyring = yield* make()
      const { encryptedDataKeys } = yield* keyring.onEncrypt(encryptionMaterials())
      for (const encryptionContext of [{}, { ...exampleContext, purpose: "Test" }, { ...exampleContext, more: "" }]) {
        assert.deepStrictEqual(
          yield* Effect.flip(keyring.onDecrypt(decryptionMaterials({ encryptionContext }), encryptedDataKeys)),
          failure([{
            _tag: "Attempted",
            ...row(0),
            failure: "InvalidCiphertext",
            code: "AuthenticationFailed",
            isRetryable: false
          }])
        )
      }
      const reordered = Object.fromEntries(Object.entries(exampleContext).toReversed())
      yield* keyring.onDecrypt(decryptionMaterials({ encryptionContext: reordered }), encryptedDataKeys)
    }))

  it.effect("any changed byte of ciphertext, tag or IV is an attempt that failed; another key too", () =>
    Effect.gen(function*() {
      const keyring = yield* make()
      const { encryptedDataKeys: [edk] } = yield* keyring.onEncrypt(encryptionMaterials())
      const attempted = failure([{
        _tag: "Attempted",
        ...row(0),
        failure: "InvalidCiphertext",
        code: "AuthenticationFailed",
        isRetryable: false
      }])
      for (let i = 0; i < edk!.ciphertext.length; i++) {
        const changed = { ...edk!, ciphertext: flip(edk!.ciphertext, i, 1) }
        assert.deepStrictEqual(yield* Effect.flip(keyring.onDecrypt(decryptionMaterials(), [changed])), attempted)
      }
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
  it.effect.each(notMine)("is not mine: %s", ([, edk, description]) =>
    Effect.gen(function*() {
      const keyring = yield* make()
      const answer = yield* keyring.onDecrypt(decryptionMaterials(), [edk])
      if (answer._tag !== "NotMine") return assert.fail(`answered ${answer._tag}`)
      assert.deepStrictEqual(answer.skipped, [{
        _tag: "Skipped",
        keyring: "RawAesKeyring",
        index: 0,
        keyProviderId: edk.keyProviderId,
        keyProviderInfo: EncryptedDataKey.printableInfo(edk.keyProviderInfo),
        description
      }])
    }))

  it.effect("no encrypted data keys are none of mine", () =>
    Effect.gen(function*() {
      const keyring = yield* make()
      assert.deepStrictEqual(yield* keyring.onDecrypt(decryptionMaterials(), []), { _tag: "NotMine", skipped: [] })
    }))

  it.effect("tries its own in order until one unwraps", () =>
    Effect.gen(function*() {
      const keyring = yield* make()
      const broken = wrapByHand(keyBytes(32), keyBytes(32).fill(1))
      const foreign = { ...broken, keyProviderId: "foreign" }
      const good = wrapByHand(keyBytes(32))
      const answer = unwrapped(
        yield* keyring.onDecrypt(decryptionMaterials(), [foreign, broken, good, wrapByHand(keyBytes(32).fill(9))])
      )
      assert.strictEqual(answer.encryptedDataKey, good)
      assert.deepStrictEqual(DataKey.value(answer.plaintextDataKey), keyBytes(32))
    }))

  it.effect("a data key of another length, or of zeroes, is refused; every encrypted data key has its row", () =>
    Effect.gen(function*() {
      const keyring = yield* make()
      const edks = [
        wrapByHand(keyBytes(16)),
        wrapByHand(new Uint8Array(32)),
        { ...wrapByHand(keyBytes(32)), keyProviderId: "foreign" },
        wrapByHand(keyBytes(32), keyBytes(32).fill(1)),
        wrapByHand(new Uint8Array(0))
      ]
      const invalid = { failure: "InvalidAnswer", code: "InvalidDataKey", isRetryable: false } as const
      const error = yield* Effect.flip(keyring.onDecrypt(decryptionMaterials(), edks))
      assert.deepStrictEqual(
        error,
        failure([
          { _tag: "Attempted", ...row(0), ...invalid },
          { _tag: "Attempted", ...row(1), ...invalid },
          {
            _tag: "Skipped",
            ...row(2),
            keyProviderId: "foreign",
            description: "its key provider is not test namespace"
          },
          {
            _tag: "Attempted",
            ...row(3),
            failure: "InvalidCiphertext",
            code: "AuthenticationFailed",
            isRetryable: false
          },
          { _tag: "Attempted", ...row(4), ...invalid }
        ])
      )
      assert.isFalse(error.isRetryable)
    }))

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
          new KeyringError({
            keyring: "RawAesKeyring",
            operation,
            reason: new KeyringMisconfigured({
              field: "encryptionContext",
              description: "encryption context: key \"the key\": value is not well-formed Unicode"
            })
          })
        )
      }
    }))

  const bad: ReadonlyArray<
    readonly [string, Partial<Record<keyof RawAesKeyring.Options, unknown>>, string, string]
  > = [
    ["no namespace", { keyNamespace: undefined }, "keyNamespace", "must be a string, got undefined"],
    ["an empty namespace", { keyNamespace: "" }, "keyNamespace", "must not be empty"],
    [
      "the namespace of AWS KMS",
      { keyNamespace: "aws-kms" },
      "keyNamespace",
      "must not start with \"aws-kms\", which belongs to the KMS keyrings"
    ],
    [
      "a namespace that begins with it",
      { keyNamespace: "aws-kms-hierarchy" },
      "keyNamespace",
      "must not start with \"aws-kms\", which belongs to the KMS keyrings"
    ],
    ["a broken namespace", { keyNamespace: "\udc00" }, "keyNamespace", "is not well-formed Unicode"],
    [
      "a long namespace",
      { keyNamespace: "é".repeat(32_768) },
      "keyNamespace",
      "is 65536 bytes of UTF-8, at most 65535 fit"
    ],
    ["an empty name", { keyName: "" }, "keyName", "must not be empty"],
    ["a broken name", { keyName: "a\ud800" }, "keyName", "is not well-formed Unicode"],
    ["a long name", { keyName: "x".repeat(65_516) }, "keyName", "is 65516 bytes of UTF-8, at most 65515 fit"],
    ["bytes that are not redacted", { wrappingKey: keyBytes(32) }, "wrappingKey", "must be a Redacted of a Uint8Array"],
    ["text", { wrappingKey: Redacted.make("x".repeat(32)) }, "wrappingKey", "must be a Redacted of a Uint8Array"],
    ["a key of zeroes", { wrappingKey: Redacted.make(new Uint8Array(32)) }, "wrappingKey", "is all zero"],
    ...[0, 15, 17, 33].map((length) =>
      [
        `a key of ${length} bytes`,
        { wrappingKey: Redacted.make(keyBytes(length)) },
        "wrappingKey",
        `is ${length} bytes, must be 16, 24 or 32`
      ] as const
    )
  ]
  it.effect.each(bad)("is not made of %s", ([, overrides, field, description]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* Effect.flip(make(overrides as Partial<RawAesKeyring.Options>)),
        new KeyringError({
          keyring: "RawAesKeyring",
          operation: "make",
          reason: new KeyringMisconfigured({ field, description })
        })
      )
    }))

  it.effect("names of the greatest lengths fit", () =>
    Effect.gen(function*() {
      const keyring = yield* make({ keyNamespace: "x".repeat(65_535), keyName: "y".repeat(65_515) })
      const { encryptedDataKeys } = yield* keyring.onEncrypt(encryptionMaterials())
      assert.strictEqual(encryptedDataKeys[0]!.keyProviderInfo.length, 65_535)
      unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), encryptedDataKeys))
    }))
})

describe("RawAesKeyring as a layer", () => {
  it.effect("layer", () =>
    Effect.gen(function*() {
      const keyring = yield* Keyring.Keyring
      assert.isTrue(Keyring.isKeyring(keyring))
      assert.strictEqual(keyring.name, "RawAesKeyring")
      const { encryptedDataKeys } = yield* keyring.onEncrypt(encryptionMaterials())
      unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), encryptedDataKeys))
    }).pipe(Effect.provide(RawAesKeyring.layer(options()).pipe(Layer.provide(TestPrimitives.layer)))))

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
        assert.isTrue(Exit.hasDies(yield* Effect.exit(effect)))
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

  it.effect("a data key that it made is zero after the scope, and its bytes are there until then", () =>
    Effect.gen(function*() {
      const recording = recordingPrimitives()
      const keyring = yield* Effect.provide(RawAesKeyring.make(options()), recording.layer)
      const key = yield* Effect.scoped(Effect.gen(function*() {
        const { plaintextDataKey } = yield* keyring.onEncrypt(encryptionMaterials())
        const key = recording.arrays("randomBytes").find((array) => array.length === 32)!
        assert.strictEqual(DataKey.value(plaintextDataKey!), key)
        assert.isFalse(isZero(key))
        return key
      }))
      assert.isTrue(isZero(key))
    }))

  it.effect("a data key that it was given is left alone", () =>
    Effect.gen(function*() {
      const keyring = yield* make()
      const key = keyBytes(32)
      yield* Effect.scoped(keyring.onEncrypt(encryptionMaterials({ plaintextDataKey: DataKey.make(key) })))
      assert.deepStrictEqual(key, keyBytes(32))
    }))

  it.effect("an unwrapped data key is zero after the scope, and a refused one at once", () =>
    Effect.gen(function*() {
      const recording = recordingPrimitives()
      const keyring = yield* Effect.provide(RawAesKeyring.make(options()), recording.layer)
      const outputs = yield* Effect.scoped(Effect.gen(function*() {
        const answer = unwrapped(
          yield* keyring.onDecrypt(decryptionMaterials(), [wrapByHand(keyBytes(16)), wrapByHand(keyBytes(32))])
        )
        const outputs = recording.arrays("open")
        assert.deepStrictEqual(outputs, [new Uint8Array(16), keyBytes(32)])
        assert.strictEqual(DataKey.value(answer.plaintextDataKey), outputs[1])
        return outputs
      }))
      assert.deepStrictEqual(outputs, [new Uint8Array(16), new Uint8Array(32)])
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

  it.effect("under interruption: a data key is zero when wrapping it is interrupted", () =>
    Effect.gen(function*() {
      const sealing = yield* Deferred.make<void>()
      const recording = recordingPrimitives({
        seal: () => Effect.andThen(Deferred.succeed(sealing, undefined), Effect.never)
      })
      const keyring = yield* Effect.provide(RawAesKeyring.make(options()), recording.layer)
      const fiber = yield* Effect.forkChild(Effect.scoped(keyring.onEncrypt(encryptionMaterials())))
      yield* Deferred.await(sealing)
      const key = recording.arrays("randomBytes").find((array) => array.length === 32)!
      assert.isFalse(isZero(key))
      yield* Fiber.interrupt(fiber)
      assert.isTrue(isZero(key))
    }))

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
      const printed: ReadonlyArray<unknown> = [keyring, given, plaintextDataKey]
      for (const value of printed) {
        for (
          const text of [
            String(value),
            JSON.stringify(value),
            inspect(value, { depth: 20, showHidden: true })
          ]
        ) {
          assert.notInclude(text, "a secret")
          assert.notInclude(text, [...secret.subarray(0, 4)].join(","))
          assert.notInclude(text, [...secret.subarray(0, 4)].join(", "))
          assert.notInclude(text, secret.toString("hex", 0, 4))
        }
      }
    }))
})
