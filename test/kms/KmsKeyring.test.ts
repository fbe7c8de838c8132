import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Effect, Exit, Fiber, Layer, References, Result, Schema, Scope } from "effect"
import type { EncryptedDataKey, KeyringError } from "effect-encryption-sdk"
import { DataKey, Keyring } from "effect-encryption-sdk"
import { Kms, KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { TestClock } from "../support/TestClock.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import {
  keyBytes,
  keyringContract,
  layersMake,
  printsNone,
  rejectsOptions,
  skipped,
  unwrapped
} from "../support/keyringContract.ts"
import { decryptionMaterials, encryptionMaterials, exampleContext } from "../support/materials.ts"

const keyId = "1234abcd-12ab-34cd-56ef-1234567890ab"
const one = `arn:aws:kms:us-east-1:111122223333:key/${keyId}`
const two = "arn:aws:kms:us-east-1:111122223333:key/mrk-22222222222222222222222222222222"
const three = "arn:aws:kms:eu-central-1:111122223333:key/33333333-3333-3333-3333-333333333333"
const alias = "alias/orders"
const aliasArn = "arn:aws:kms:us-east-1:111122223333:alias/orders"

const TestKms = ScriptedKms.layer({ keys: [{ arn: one, aliases: [alias] }, { arn: two }, { arn: three }] }).pipe(
  Layer.provide(TestPrimitives.layer)
)

const encryptionContext = { tenant: "a", purpose: "test" }

const toEncrypt = (fields: Parameters<typeof encryptionMaterials>[0] = {}) =>
  encryptionMaterials({ encryptionContext, ...fields })
const toDecrypt = (fields: Parameters<typeof decryptionMaterials>[0] = {}) =>
  decryptionMaterials({ encryptionContext, ...fields })

const edk = (
  keyProviderId: string,
  keyProviderInfo: string | Uint8Array,
  ciphertext: Uint8Array = Uint8Array.of(1, 2, 3)
): EncryptedDataKey.EncryptedDataKey => ({
  keyProviderId,
  keyProviderInfo: typeof keyProviderInfo === "string" ? new TextEncoder().encode(keyProviderInfo) : keyProviderInfo,
  ciphertext
})

const infos = (encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>) =>
  encryptedDataKeys.map(({ keyProviderId, keyProviderInfo }) =>
    `${keyProviderId} ${new TextDecoder().decode(keyProviderInfo)}`
  )

/** What a keyring over these keys wraps, the data key's bytes included. */
const wrapped = (options: KmsKeyring.Options, materials = toEncrypt()) =>
  Effect.gen(function*() {
    const keyring = yield* KmsKeyring.make(options)
    const { encryptedDataKeys, plaintextDataKey } = yield* keyring.onEncrypt(materials)
    return { encryptedDataKeys, bytes: DataKey.value(plaintextDataKey!).slice() }
  }).pipe(Effect.scoped)

const reasonOf = <A, R>(effect: Effect.Effect<A, KeyringError.KeyringError, R>) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.strictEqual(error.keyring, "KmsKeyring")
    return error
  })

keyringContract({
  title: "KmsKeyring",
  name: "KmsKeyring",
  make: Effect.gen(function*() {
    const services = yield* Layer.build(TestKms)
    const kms = Context.get(services, Kms.Kms)
    const script = Context.get(services, ScriptedKms.ScriptedKms)
    return {
      keyring: yield* Effect.provideContext(KmsKeyring.make({ generatorKeyId: one, keyIds: [two] }), services),
      wrapByHand: (dataKey) =>
        kms.encrypt({
          keyId: one,
          encryptionContext: exampleContext,
          grantTokens: [],
          plaintext: DataKey.make(new Uint8Array(dataKey))
        }).pipe(
          Effect.orDie,
          Effect.map(({ ciphertextBlob }) => edk("aws-kms", one, ciphertextBlob))
        ),
      dataKeys: Effect.map(script.handedOut, (handedOut) => handedOut.map(({ bytes }) => bytes))
    }
  }),
  bindsContext: true,
  rejects: "InvalidCiphertextException",
  alsoRejects: ["IncorrectKeyException"],
  invalidKeys: [
    [keyBytes(16), "PlaintextLengthMismatch"],
    [keyBytes(33), "PlaintextLengthMismatch"],
    [new Uint8Array(32), "PlaintextAllZero"]
  ]
})

describe("KmsKeyring.make", () => {
  rejectsOptions(
    "KmsKeyring",
    "a KMS keyring",
    (options: KmsKeyring.Options) => Effect.provide(KmsKeyring.make(options), TestKms),
    {},
    [
      ["no key", {}, "generatorKeyId", "is missing, and so are keyIds: at least one key must be named"],
      ["an empty list", { keyIds: [] }, "generatorKeyId", /at least one key/],
      ["an empty name", { generatorKeyId: "" }, "generatorKeyId", /is empty/],
      ["a line break", { generatorKeyId: `${one}\n` }, "generatorKeyId", /white space/],
      ["a number", { generatorKeyId: 1 }, "generatorKeyId", "must be a string, got number"],
      [
        "another service's ARN",
        { keyIds: [one, "arn:aws:s3:::bucket"] },
        "keyIds[1]",
        /"arn:aws:s3:::bucket" is an ARN of the service "s3"/
      ],
      ["null", { keyIds: [null] }, "keyIds[0]", "must be a string, got object"],
      ["a text for a list", { keyIds: one }, "keyIds", /must be an array/],
      [
        "the generator key twice",
        { generatorKeyId: one, keyIds: [two, one] },
        "keyIds[1]",
        /which generatorKeyId names already/
      ],
      ["an additional key twice", { keyIds: [one, two, one] }, "keyIds[2]", /which keyIds\[0\] names already/],
      ["an empty grant token", { generatorKeyId: one, grantTokens: ["a", ""] }, "grantTokens[1]", /not empty/],
      ["a text for grant tokens", { generatorKeyId: one, grantTokens: "a" }, "grantTokens", /must be an array/]
    ]
  )

  it.effect("takes every kind of key identifier, calls nothing, and keeps no array of the caller's", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const keyIds = [two]
      const keyring = yield* KmsKeyring.make({ generatorKeyId: alias, keyIds })
      keyIds.push("not a key")
      for (const generatorKeyId of [one, alias, aliasArn, keyId, two]) yield* KmsKeyring.make({ generatorKeyId })
      assert.strictEqual(yield* script.count(), 0)
      assert.isTrue(Keyring.isKeyring(keyring))
      assert.strictEqual(keyring.name, "KmsKeyring")
      const { encryptedDataKeys } = yield* Effect.scoped(keyring.onEncrypt(toEncrypt()))
      assert.deepStrictEqual(infos(encryptedDataKeys), [`aws-kms ${one}`, `aws-kms ${two}`])
    }).pipe(Effect.provide(TestKms)))

  layersMake("KmsKeyring", {
    layer: KmsKeyring.layer({ generatorKeyId: one }).pipe(Layer.provide(TestKms)),
    layerConfig: KmsKeyring.layerConfig({
      generatorKeyId: Config.String("GENERATOR"),
      keyIds: Config.schema(Schema.Array(Schema.String), "KEYS")
    }).pipe(
      Layer.provide([TestKms, ConfigProvider.layer(ConfigProvider.fromUnknown({ GENERATOR: one, KEYS: [two] }))])
    )
  })
})

describe("KmsKeyring.onEncrypt", () => {
  it.effect("calls with the names, the context and the grant tokens that it was given, and lists key ARNs", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const materials = toEncrypt()
      const { encryptedDataKeys } = yield* wrapped(
        { generatorKeyId: alias, keyIds: [two, three], grantTokens: ["token-1", "token-2"] },
        materials
      )
      assert.deepStrictEqual(infos(encryptedDataKeys), [`aws-kms ${one}`, `aws-kms ${two}`, `aws-kms ${three}`])
      assert.deepStrictEqual(
        (yield* script.calls).map(({ encryptionContextKeys, grantTokens, keyId, operation }) => [
          operation,
          keyId,
          encryptionContextKeys,
          grantTokens
        ]),
        [
          ["GenerateDataKey", alias, ["tenant", "purpose"], ["token-1", "token-2"]],
          ["Encrypt", two, ["tenant", "purpose"], ["token-1", "token-2"]],
          ["Encrypt", three, ["tenant", "purpose"], ["token-1", "token-2"]]
        ]
      )
      assert.deepStrictEqual(materials, toEncrypt())
    }).pipe(Effect.provide(TestKms)))

  it.effect("each key alone unwraps what it wrapped", () =>
    Effect.gen(function*() {
      const { bytes, encryptedDataKeys } = yield* wrapped({ generatorKeyId: one, keyIds: [two, three] })
      for (const [index, key] of [one, two, three].entries()) {
        const keyring = yield* KmsKeyring.make({ keyIds: [key] })
        const answer = unwrapped(yield* keyring.onDecrypt(toDecrypt(), encryptedDataKeys))
        assert.deepStrictEqual(DataKey.value(answer.plaintextDataKey), bytes)
        assert.strictEqual(answer.encryptedDataKey, encryptedDataKeys[index])
      }
    }).pipe(Effect.provide(TestKms)))

  it.effect("wraps under the additional keys in parallel, and keeps their order", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({ operation: "Encrypt", keyId: two }, ScriptedKms.delay("300 millis"))
      yield* script.when({ operation: "Encrypt", keyId: three }, ScriptedKms.delay("200 millis"))
      yield* script.when({ operation: "Encrypt", keyId: aliasArn }, ScriptedKms.delay("100 millis"))
      const fiber = yield* Effect.forkChild(wrapped({ generatorKeyId: one, keyIds: [two, three, aliasArn] }))
      // In steps, so that each answer is there in its own time also where cryptography is asynchronous.
      for (let step = 0; step < 3; step++) yield* TestClock.adjust("100 millis")
      const { encryptedDataKeys } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(infos(encryptedDataKeys), [one, two, three, one].map((arn) => `aws-kms ${arn}`))
      assert.deepStrictEqual((yield* script.calls).map(({ outcome, startedAt }) => [startedAt, outcome]), [
        [0, { _tag: "Answered", at: 0 }],
        [0, { _tag: "Answered", at: 300 }],
        [0, { _tag: "Answered", at: 200 }],
        [0, { _tag: "Answered", at: 100 }]
      ])
    }).pipe(Effect.provide(TestKms)))

  it.effect("wraps a data key that is there already under all keys, the generator's first, and leaves it as it is", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const bytes = Uint8Array.from({ length: 32 }, (_, index) => index)
      const plaintextDataKey = DataKey.make(bytes)
      const before = edk("other", "info")
      for (
        const [options, expected] of [
          [{ generatorKeyId: one, keyIds: [two] }, [one, two]],
          [{ keyIds: [three, one] }, [three, one]]
        ] as const
      ) {
        yield* script.clearLog
        const keyring = yield* KmsKeyring.make(options)
        const materials = toEncrypt({ plaintextDataKey, encryptedDataKeys: [before] })
        const result = yield* Effect.scoped(keyring.onEncrypt(materials))
        assert.strictEqual(result.plaintextDataKey, plaintextDataKey)
        assert.deepStrictEqual(bytes, Uint8Array.from({ length: 32 }, (_, index) => index))
        assert.strictEqual(result.encryptedDataKeys[0], before)
        assert.deepStrictEqual(infos(result.encryptedDataKeys.slice(1)), expected.map((arn) => `aws-kms ${arn}`))
        assert.deepStrictEqual(
          { ...result, encryptedDataKeys: [] },
          { ...materials, encryptedDataKeys: [] }
        )
        assert.strictEqual(yield* script.count("GenerateDataKey"), 0)
        assert.strictEqual(yield* script.count("Encrypt"), 2)
        const answer = unwrapped(yield* keyring.onDecrypt(toDecrypt(), result.encryptedDataKeys))
        assert.deepStrictEqual(DataKey.value(answer.plaintextDataKey), bytes)
      }
    }).pipe(Effect.provide(TestKms)))

  it.effect("without generator key and without data key there is nothing to wrap", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const keyring = yield* KmsKeyring.make({ keyIds: [one] })
      const error = yield* reasonOf(Effect.scoped(keyring.onEncrypt(toEncrypt())))
      assert.strictEqual(error.operation, "onEncrypt")
      assert.deepInclude(error.reason, { _tag: "KeyringMisconfigured", field: "generatorKeyId" })
      assert.strictEqual(yield* script.count(), 0)
    }).pipe(Effect.provide(TestKms)))

  it.effect.each(
    [
      ["GenerateDataKey", "AccessDenied", false],
      ["GenerateDataKey", "Throttled", true],
      ["Encrypt", "KeyUnavailable", false],
      ["Encrypt", "Unreachable", true]
    ] as const
  )(
    "%s that fails with %s fails the whole, isRetryable: %s",
    ([operation, failure, isRetryable]) =>
      Effect.gen(function*() {
        const script = yield* ScriptedKms.ScriptedKms
        yield* script.when({ operation, nth: 1 }, ScriptedKms.fail(failure, { code: "Code" }))
        const error = yield* reasonOf(wrapped({ generatorKeyId: one, keyIds: [two, three] }))
        assert.strictEqual(error.operation, "onEncrypt")
        assert.strictEqual(error.isRetryable, isRetryable)
        assert.deepInclude(error.reason, {
          _tag: "DataKeyNotWrapped",
          keyName: operation === "Encrypt" ? two : one,
          failure,
          code: "Code",
          isRetryable
        })
        assert.strictEqual(yield* script.unreleased, 0)
      }).pipe(Effect.provide(TestKms))
  )

  it.effect.each<[ScriptedKms.Operation, Partial<ScriptedKms.Response>, string]>([
    ["GenerateDataKey", { keyId: aliasArn }, "KeyIdNotAKeyArn"],
    ["GenerateDataKey", { keyId }, "KeyIdNotAKeyArn"],
    ["GenerateDataKey", { keyId: "" }, "KeyIdNotAKeyArn"],
    ["GenerateDataKey", { plaintext: DataKey.make(new Uint8Array(31).fill(1)) }, "PlaintextLengthMismatch"],
    ["GenerateDataKey", { plaintext: DataKey.make(new Uint8Array(33).fill(1)) }, "PlaintextLengthMismatch"],
    ["GenerateDataKey", { plaintext: DataKey.make(new Uint8Array(0)) }, "PlaintextLengthMismatch"],
    ["GenerateDataKey", { plaintext: DataKey.make(new Uint8Array(32)) }, "PlaintextAllZero"],
    ["GenerateDataKey", { ciphertextBlob: new Uint8Array(0) }, "CiphertextBlobEmpty"],
    ["Encrypt", { keyId: alias }, "KeyIdNotAKeyArn"],
    ["Encrypt", { ciphertextBlob: new Uint8Array(0) }, "CiphertextBlobEmpty"]
  ])("%s that answers %j is refused", ([operation, answer, code]) =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({ operation }, ScriptedKms.tamper(() => answer))
      const error = yield* reasonOf(wrapped({ generatorKeyId: one, keyIds: [two] }))
      assert.deepInclude(error.reason, {
        _tag: "DataKeyNotWrapped",
        keyName: operation === "Encrypt" ? two : one,
        failure: "InvalidAnswer",
        code,
        isRetryable: false
      })
      assert.strictEqual(yield* script.unreleased, 0)
      assert.isTrue((yield* script.handedOut).length > 0)
    }).pipe(Effect.provide(TestKms)))
})

describe("KmsKeyring.onDecrypt", () => {
  it.effect("tries only the encrypted data keys whose key ARN is configured, in order, under that ARN", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const { bytes, encryptedDataKeys } = yield* wrapped({ generatorKeyId: one, keyIds: [two, three] })
      const keyring = yield* KmsKeyring.make({ generatorKeyId: three, keyIds: [two], grantTokens: ["token"] })
      yield* script.clearLog
      const answer = unwrapped(yield* keyring.onDecrypt(toDecrypt(), [edk("raw", "name"), ...encryptedDataKeys]))
      assert.strictEqual(answer.encryptedDataKey, encryptedDataKeys[1])
      assert.deepStrictEqual(DataKey.value(answer.plaintextDataKey), bytes)
      assert.deepStrictEqual(
        (yield* script.calls).map(({ encryptionContextKeys, grantTokens, keyId, operation }) => [
          operation,
          keyId,
          encryptionContextKeys,
          grantTokens
        ]),
        [["Decrypt", two, ["tenant", "purpose"], ["token"]]]
      )
    }).pipe(Effect.provide(TestKms)))

  it.effect("goes on to the next where one fails, and zeroes what it does not hand out", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const { bytes, encryptedDataKeys } = yield* wrapped({ generatorKeyId: one, keyIds: [two, three] })
      const keyring = yield* KmsKeyring.make({ keyIds: [one, two, three] })
      yield* script.when({ operation: "Decrypt", keyId: one }, ScriptedKms.fail("Throttled"))
      yield* script.when({ operation: "Decrypt", keyId: two }, ScriptedKms.tamper(() => ({ keyId: one })))
      const scope = yield* Scope.make()
      const answer = unwrapped(yield* Scope.provide(keyring.onDecrypt(toDecrypt(), encryptedDataKeys), scope))
      assert.strictEqual(answer.encryptedDataKey, encryptedDataKeys[2])
      assert.deepStrictEqual(DataKey.value(answer.plaintextDataKey), bytes)
      assert.strictEqual(yield* script.unreleased, 1)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* script.unreleased, 0)
    }).pipe(Effect.provide(TestKms)))

  it.effect("where none unwraps, reports a row for each", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: one, keyIds: [two, three] })
      const keyring = yield* KmsKeyring.make({ keyIds: [one, two] })
      yield* script.when({ operation: "Decrypt", keyId: one }, ScriptedKms.fail("Throttled"))
      const error = yield* reasonOf(
        Effect.scoped(
          keyring.onDecrypt(toDecrypt({ encryptionContext: {} }), [edk("raw", "name"), ...encryptedDataKeys])
        )
      )
      assert.strictEqual(error.operation, "onDecrypt")
      assert.isTrue(error.isRetryable)
      const { reason } = error
      assert.strictEqual(reason._tag, "DataKeyNotUnwrapped")
      if (reason._tag !== "DataKeyNotUnwrapped") return
      const row = { keyring: "KmsKeyring", keyProviderId: "aws-kms" }
      assert.deepStrictEqual([...reason.encryptedDataKeys], [
        {
          _tag: "Skipped",
          ...row,
          index: 0,
          keyProviderId: "raw",
          keyProviderInfo: "name",
          description: "its key provider is not aws-kms"
        },
        {
          _tag: "Attempted",
          ...row,
          index: 1,
          keyProviderInfo: one,
          failure: "Throttled",
          code: "ThrottlingException",
          description: "scripted",
          isRetryable: true
        },
        {
          _tag: "Attempted",
          ...row,
          index: 2,
          keyProviderInfo: two,
          failure: "InvalidCiphertext",
          code: "InvalidCiphertextException",
          isRetryable: false
        },
        {
          _tag: "Skipped",
          ...row,
          index: 3,
          keyProviderInfo: three,
          description: "its key ARN is not configured"
        }
      ])
    }).pipe(Effect.provide(TestKms)))

  it.effect.each<[string, Partial<ScriptedKms.Response>]>([
    ["KeyIdMismatch", { keyId: two }],
    ["KeyIdMismatch", { keyId: aliasArn }],
    ["KeyIdMismatch", { keyId: "" }],
    ["PlaintextLengthMismatch", { plaintext: DataKey.make(new Uint8Array(16).fill(1)) }],
    ["PlaintextLengthMismatch", { plaintext: DataKey.make(new Uint8Array(0)) }],
    ["PlaintextAllZero", { plaintext: DataKey.make(new Uint8Array(32)) }]
  ])(
    "%s in an answer is a failed attempt, and the plaintext is zeroed at once",
    ([code, answer]) =>
      Effect.gen(function*() {
        const script = yield* ScriptedKms.ScriptedKms
        const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: one })
        const keyring = yield* KmsKeyring.make({ generatorKeyId: one })
        yield* script.clearLog
        yield* script.when({}, ScriptedKms.tamper(() => answer))
        const error = yield* reasonOf(keyring.onDecrypt(toDecrypt(), encryptedDataKeys))
        assert.isFalse(error.isRetryable)
        assert.strictEqual(error.reason._tag, "DataKeyNotUnwrapped")
        if (error.reason._tag !== "DataKeyNotUnwrapped") return
        assert.deepInclude(error.reason.encryptedDataKeys[0], { failure: "InvalidAnswer", code, isRetryable: false })
        assert.lengthOf(yield* script.handedOut, 1)
        assert.strictEqual(yield* script.unreleased, 0)
      }).pipe(Effect.provide(TestKms))
  )

  it.effect("what is not its own is not tried, and each has its reason", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const keyring = yield* KmsKeyring.make({ generatorKeyId: one })
      const noArn = "its key provider information is no key ARN"
      const cases: ReadonlyArray<readonly [EncryptedDataKey.EncryptedDataKey, string]> = [
        [edk("AWS-KMS", one), "its key provider is not aws-kms"],
        [edk("", one), "its key provider is not aws-kms"],
        [edk("aws-kms", aliasArn), noArn],
        [edk("aws-kms", keyId), noArn],
        [edk("aws-kms", ""), noArn],
        [edk("aws-kms", "arn:aws:s3:::bucket"), noArn],
        [edk("aws-kms", Uint8Array.of(0xff, 0xfe)), noArn],
        [edk("aws-kms", two), "its key ARN is not configured"],
        [
          edk("aws-kms", one.toUpperCase().replace("ARN:AWS:KMS", "arn:aws:kms").replace(":KEY/", ":key/")),
          "its key ARN is not configured"
        ],
        [edk("aws-kms", one.replace("us-east-1", "us-east-2")), "its key ARN is not configured"]
      ]
      const rows = skipped(yield* keyring.onDecrypt(toDecrypt(), cases.map(([edk]) => edk)))
      assert.deepStrictEqual(
        rows.map(({ description, index }) => [index, description]),
        cases.map(([, description], index) => [
          index,
          description
        ])
      )
      assert.deepStrictEqual(skipped(yield* keyring.onDecrypt(toDecrypt(), [])), [])
      assert.strictEqual(yield* script.count(), 0)
    }).pipe(Effect.provide(TestKms)))

  const exact = "its key ARN is not configured, and names are compared exactly: "
  const configure = `. If this is the key that is meant, configure its key ARN ${one}`
  it.effect.each<[KmsKeyring.Options, string]>([
    [{ generatorKeyId: alias }, `${exact}${alias} is an alias, which encrypts but does not decrypt${configure}`],
    [{ keyIds: [aliasArn] }, `${exact}${aliasArn} is an alias, which encrypts but does not decrypt${configure}`],
    [{ generatorKeyId: keyId }, `${exact}${keyId} is the key id of that ARN alone${configure}`],
    [
      { generatorKeyId: two, keyIds: [alias, keyId] },
      `${exact}${alias} is an alias, which encrypts but does not decrypt, ${keyId} is the key id of that ARN alone${configure}`
    ],
    [{ keyIds: [two, aliasArn.replace("us-east-1", "us-west-2")] }, "its key ARN is not configured"],
    [{ keyIds: [aliasArn.replace("111122223333", "444455556666")] }, "its key ARN is not configured"],
    [{ keyIds: [aliasArn.replace(":aws:", ":aws-cn:")] }, "its key ARN is not configured"],
    [{ keyIds: ["mrk-22222222222222222222222222222222"] }, "its key ARN is not configured"]
  ])(
    "a name that is no key ARN does not decrypt, and is named: %j",
    ([options, description]) =>
      Effect.gen(function*() {
        const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: alias })
        const script = yield* ScriptedKms.ScriptedKms
        const keyring = yield* KmsKeyring.make(options)
        const rows = skipped(yield* keyring.onDecrypt(toDecrypt(), encryptedDataKeys))
        assert.deepStrictEqual(rows, [{
          _tag: "Skipped",
          keyring: "KmsKeyring",
          index: 0,
          keyProviderId: "aws-kms",
          keyProviderInfo: one,
          description
        }])
        assert.strictEqual(yield* script.count("Decrypt"), 0)
        const advised = yield* KmsKeyring.make({ generatorKeyId: one })
        assert.strictEqual((yield* advised.onDecrypt(toDecrypt(), encryptedDataKeys))._tag, "Unwrapped")
      }).pipe(Effect.provide(TestKms))
  )
})

describe("KmsKeyring and key material", () => {
  it.effect("an interruption while the additional keys wrap zeroes the data key and ends the calls", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({ operation: "Encrypt" }, ScriptedKms.hang)
      const fiber = yield* Effect.forkChild(wrapped({ generatorKeyId: one, keyIds: [two, three] }))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* script.unreleased, 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* script.unreleased, 0)
      assert.deepStrictEqual((yield* script.calls).map(({ outcome }) => outcome._tag), [
        "Answered",
        "Interrupted",
        "Interrupted"
      ])
    }).pipe(Effect.provide(TestKms)))

  it.effect("a call that hangs can be interrupted", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: one })
      const keyring = yield* KmsKeyring.make({ generatorKeyId: one })
      yield* script.clearLog
      yield* script.when({}, ScriptedKms.hang)
      const operations: ReadonlyArray<Effect.Effect<unknown, KeyringError.KeyringError, Scope.Scope>> = [
        keyring.onEncrypt(toEncrypt()),
        keyring.onDecrypt(toDecrypt(), encryptedDataKeys)
      ]
      for (const operation of operations) {
        const fiber = yield* Effect.forkChild(Effect.scoped(operation), { startImmediately: true })
        assert.isUndefined(fiber.pollUnsafe())
        yield* Fiber.interrupt(fiber)
      }
      assert.deepStrictEqual((yield* script.calls).map(({ outcome }) => outcome._tag), ["Interrupted", "Interrupted"])
    }).pipe(Effect.provide(TestKms)))

  it.effect("the failure of one additional key ends the others' calls", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({ operation: "Encrypt", keyId: two }, ScriptedKms.hang)
      yield* script.when({ operation: "Encrypt", keyId: three }, ScriptedKms.fail("KeyNotFound"))
      const error = yield* reasonOf(wrapped({ generatorKeyId: one, keyIds: [two, three] }))
      assert.deepInclude(error.reason, { keyName: three, failure: "KeyNotFound" })
      assert.deepStrictEqual((yield* script.calls).map(({ outcome }) => outcome._tag), [
        "Answered",
        "Interrupted",
        "Failed"
      ])
      assert.strictEqual(yield* script.unreleased, 0)
    }).pipe(Effect.provide(TestKms)))

  it.effect("wherever an interruption falls, nothing that was handed out is left behind", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: one })
      const keyring = yield* KmsKeyring.make({ generatorKeyId: one, keyIds: [two] })
      let interrupted = 0
      let ended = 0
      const operations: ReadonlyArray<Effect.Effect<unknown, KeyringError.KeyringError, Scope.Scope>> = [
        keyring.onEncrypt(toEncrypt()),
        keyring.onDecrypt(toDecrypt(), encryptedDataKeys)
      ]
      for (const operation of operations) {
        let steps = 0
        for (let done = false; !done; steps++) {
          // With a budget of three, of which resuming takes two, a fiber gives way after every single step.
          const fiber = yield* Effect.forkChild(
            Effect.provideService(Effect.exit(Effect.scoped(operation)), References.MaxOpsBeforeYield, 3)
          )
          for (let step = 0; step < steps; step++) yield* Effect.yieldNow
          done = fiber.pollUnsafe() !== undefined
          yield* Fiber.interrupt(fiber)
          if (done) ended++
          else interrupted++
          assert.strictEqual(yield* script.unreleased, 0, `interrupted after ${steps} steps`)
        }
      }
      assert.strictEqual(ended, 2)
      assert.isAbove(interrupted, 30)
      assert.isAbove((yield* script.handedOut).length, 10)
    }).pipe(Effect.provide(TestKms)))

  it.effect("a defect of Kms is a defect, and no failure of the keyring", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({}, ScriptedKms.die("a bug"))
      const exit = yield* Effect.exit(wrapped({ generatorKeyId: one }))
      assert.isTrue(Exit.hasDies(exit) && !Exit.hasFails(exit))
    }).pipe(Effect.provide(TestKms)))

  it.effect("nothing that a keyring gives prints a data key or a context value", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const keyring = yield* KmsKeyring.make({ generatorKeyId: one, keyIds: [two] })
      const materials = yield* keyring.onEncrypt(toEncrypt())
      const answer = yield* keyring.onDecrypt(toDecrypt(), materials.encryptedDataKeys)
      const secret = DataKey.value(materials.plaintextDataKey!)
      const error = yield* Effect.flip(
        keyring.onDecrypt(toDecrypt({ encryptionContext: { tenant: "classified" } }), materials.encryptedDataKeys)
      )
      printsNone([keyring, materials.plaintextDataKey, answer, error, yield* script.calls], secret, ["classified"])
    }).pipe(Effect.provide(TestKms)))

  it.effect("a Kms of the user's own is all that a keyring needs", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const own = Kms.Kms.of({
        generateDataKey: ({ keyId, numberOfBytes }) =>
          Effect.sync(() => {
            asked.push(keyId)
            return {
              keyId: one,
              plaintext: DataKey.make(new Uint8Array(numberOfBytes).fill(7)),
              ciphertextBlob: Uint8Array.of(9)
            }
          }),
        encrypt: () => Effect.die("not asked for"),
        decrypt: () => Effect.die("not asked for")
      })
      const keyring = yield* Effect.provideService(KmsKeyring.make({ generatorKeyId: alias }), Kms.Kms, own)
      const { encryptedDataKeys } = yield* keyring.onEncrypt(toEncrypt())
      assert.deepStrictEqual(asked, [alias])
      assert.deepStrictEqual(encryptedDataKeys, [edk("aws-kms", one, Uint8Array.of(9))])
    }))

  it.effect("control of the keys reaches the keyring: a disabled key, a deleted one", () =>
    Effect.gen(function*() {
      const control = yield* EmbeddedKms.EmbeddedKms
      const keyring = yield* KmsKeyring.make({ generatorKeyId: one })
      const { encryptedDataKeys } = yield* keyring.onEncrypt(toEncrypt())
      const attempt = Effect.map(Effect.result(keyring.onDecrypt(toDecrypt(), encryptedDataKeys)), (result) =>
        Result.isFailure(result) && result.failure.reason._tag === "DataKeyNotUnwrapped"
          ? result.failure.reason.encryptedDataKeys.map((row) =>
            row._tag === "Attempted" ? row.code : row._tag
          )
          : result._tag)
      assert.strictEqual(yield* attempt, "Success")
      yield* control.setKeyState(one, "Disabled")
      assert.deepStrictEqual(yield* attempt, ["DisabledException"])
      yield* control.deleteKey(one)
      assert.deepStrictEqual(yield* attempt, ["NotFoundException"])
    }).pipe(Effect.provide(TestKms)))
})
