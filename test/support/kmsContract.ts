/**
 * The tests that hold for every `Kms`, for the tests of each.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, type Scope } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { Kms, type KmsError } from "effect-encryption-sdk/kms"
import { flip } from "./bytes.ts"
import { failureOf as errorOf } from "./client.ts"

/** A key that was made for one test. */
export interface KmsKey {
  readonly arn: string
  /** Everything else that names it. */
  readonly names: ReadonlyArray<string>
  readonly disable: Effect.Effect<void>
  readonly scheduleDeletion: Effect.Effect<void>
}

interface Contract<R> {
  readonly title: string
  readonly layer: Layer.Layer<Kms.Ports | R>
  /** Makes a key in a Region. */
  readonly createKey: (region: "us-east-1" | "eu-central-1") => Effect.Effect<KmsKey, never, R | Scope.Scope>
  /** The code for a key that did not wrap the ciphertext. */
  readonly incorrectKey: readonly [code: string, failure: KmsError["failure"]]
  /** Whether it re-encrypts a ciphertext whose source key is named wrongly, as moto does. */
  readonly ignoresSourceKey?: true
  /** Whether it takes contexts for equal whose names and values are equal when they are joined, as moto does. */
  readonly joinsContext?: true
  /** Whether it needs real time. */
  readonly live?: true
}

export const context: Readonly<Record<string, string>> = { tenant: "a", "ключ": "значение", "😀": "𐍈" }

export const request = (keyId: string, encryptionContext: Readonly<Record<string, string>> = context) => ({
  keyId,
  encryptionContext,
  grantTokens: []
})

/** What is asserted of a call's failure. */
export const failureOf = <A, R>(call: Effect.Effect<A, KmsError, R>) =>
  Effect.map(errorOf(call), ({ code, failure, isRetryable, keyId, operation }) => ({
    code,
    failure,
    isRetryable,
    keyId,
    operation
  }))

/** Each of the calls with a key's name, for a ciphertext of any key. */
export const eachCall = Effect.fnUntraced(function*(wrappedBy: string) {
  const kms = yield* Kms.Kms
  const { ciphertextBlob, plaintext } = yield* kms.generateDataKey({ ...request(wrappedBy), numberOfBytes: 32 })
  return (
    name: string
  ): ReadonlyArray<readonly [KmsError["operation"], Effect.Effect<{ readonly keyId: string }, KmsError>]> => [
    ["GenerateDataKey", kms.generateDataKey({ ...request(name), numberOfBytes: 32 })],
    ["Encrypt", kms.encrypt({ ...request(name), plaintext })],
    ["Decrypt", kms.decrypt({ ...request(name), ciphertextBlob })]
  ]
})

/** Asserts that each of the calls fails with this code. */
export const allFail = Effect.fnUntraced(function*(
  calls: Effect.Success<ReturnType<typeof eachCall>>,
  name: string,
  code: string,
  failure: KmsError["failure"]
) {
  for (const [operation, call] of calls(name)) {
    assert.deepStrictEqual(yield* failureOf(call), { code, failure, isRetryable: false, keyId: name, operation })
  }
})

export const kmsContract = <R>(
  { createKey, ignoresSourceKey, incorrectKey, joinsContext, layer, live, title }: Contract<R>
) => {
  const test = live === true ? it.live : it.effect
  const invalidCiphertext = (keyId: string) => ({
    code: "InvalidCiphertextException",
    failure: "InvalidCiphertext",
    isRetryable: false,
    keyId,
    operation: "Decrypt"
  })

  describe(`${title}, as every Kms`, () => {
    test.each([16, 24, 32])(
      "makes a data key of %i bytes, and decrypts it under the context in any order",
      (length) =>
        Effect.gen(function*() {
          const kms = yield* Kms.Kms
          const { arn } = yield* createKey("us-east-1")
          const generated = yield* kms.generateDataKey({ ...request(arn), numberOfBytes: length })
          assert.strictEqual(generated.keyId, arn)
          assert.lengthOf(DataKey.value(generated.plaintext), length)
          assert.isFalse(DataKey.isAllZero(generated.plaintext))
          const before = generated.ciphertextBlob.slice()
          const reordered = Object.fromEntries(Object.entries(context).toReversed())
          const decrypted = yield* kms.decrypt({ ...request(arn, reordered), ciphertextBlob: generated.ciphertextBlob })
          assert.strictEqual(decrypted.keyId, arn)
          assert.deepStrictEqual(DataKey.value(decrypted.plaintext), DataKey.value(generated.plaintext))
          assert.notStrictEqual(DataKey.value(decrypted.plaintext), DataKey.value(generated.plaintext))
          assert.deepStrictEqual(generated.ciphertextBlob, before)
        }).pipe(Effect.provide(layer))
    )

    test("encrypts in the Region of the key, and leaves the plaintext as it is", () =>
      Effect.gen(function*() {
        const kms = yield* Kms.Kms
        const { arn } = yield* createKey("eu-central-1")
        assert.match(arn, /^arn:aws:kms:eu-central-1:/)
        const bytes = Uint8Array.from({ length: 32 }, (_, index) => index)
        const plaintext = DataKey.make(bytes.slice())
        const encrypted = yield* kms.encrypt({ ...request(arn), plaintext })
        assert.strictEqual(encrypted.keyId, arn)
        assert.deepStrictEqual(DataKey.value(plaintext), bytes)
        const decrypted = yield* kms.decrypt({ ...request(arn), ciphertextBlob: encrypted.ciphertextBlob })
        assert.deepStrictEqual(DataKey.value(decrypted.plaintext), bytes)
      }).pipe(Effect.provide(layer)))

    test("makes another data key and another ciphertext at every call", () =>
      Effect.gen(function*() {
        const kms = yield* Kms.Kms
        const { arn } = yield* createKey("us-east-1")
        const one = yield* kms.generateDataKey({ ...request(arn), numberOfBytes: 32 })
        const two = yield* kms.generateDataKey({ ...request(arn), numberOfBytes: 32 })
        assert.notDeepEqual(DataKey.value(one.plaintext), DataKey.value(two.plaintext))
        const wrapped = yield* Effect.all([1, 2].map(() => kms.encrypt({ ...request(arn), plaintext: one.plaintext })))
        assert.notDeepEqual(wrapped[0]!.ciphertextBlob, wrapped[1]!.ciphertextBlob)
      }).pipe(Effect.provide(layer)))

    test("knows a key by all its names, and returns its key ARN", () =>
      Effect.gen(function*() {
        const { arn, names } = yield* createKey("us-east-1")
        const calls = yield* eachCall(arn)
        for (const name of [arn, ...names]) {
          for (const [, call] of calls(name)) assert.strictEqual((yield* call).keyId, arn)
        }
      }).pipe(Effect.provide(layer)))

    test("another context is an InvalidCiphertextException, and so is a changed ciphertext", () =>
      Effect.gen(function*() {
        const kms = yield* Kms.Kms
        const { arn } = yield* createKey("us-east-1")
        const { ciphertextBlob } = yield* kms.generateDataKey({ ...request(arn), numberOfBytes: 32 })
        for (
          const wrong of [
            {},
            { ...context, tenant: "b" },
            { ...context, extra: "" },
            { tenant: "a" },
            ...joinsContext === true ? [] : [{ "tenanta": "", "ключ": "значение", "😀": "𐍈" }]
          ]
        ) {
          assert.deepStrictEqual(
            yield* failureOf(kms.decrypt({ ...request(arn, wrong), ciphertextBlob })),
            invalidCiphertext(arn)
          )
        }
        const changed = flip(ciphertextBlob, ciphertextBlob.length - 1, 1)
        assert.deepStrictEqual(
          yield* failureOf(kms.decrypt({ ...request(arn), ciphertextBlob: changed })),
          invalidCiphertext(arn)
        )
      }).pipe(Effect.provide(layer)))

    test(`a key that did not wrap it is ${incorrectKey[0]}`, () =>
      Effect.gen(function*() {
        const kms = yield* Kms.Kms
        const [one, two] = [yield* createKey("us-east-1"), yield* createKey("us-east-1")]
        const { ciphertextBlob } = yield* kms.generateDataKey({ ...request(one.arn), numberOfBytes: 32 })
        const [code, failure] = incorrectKey
        assert.deepInclude(yield* failureOf(kms.decrypt({ ...request(two.arn), ciphertextBlob })), { code, failure })
      }).pipe(Effect.provide(layer)))

    test("a key that there is not is a NotFoundException, one of another Region included", () =>
      Effect.gen(function*() {
        const { arn } = yield* createKey("us-east-1")
        const calls = yield* eachCall(arn)
        const none = "00000000-0000-4000-8000-000000000000"
        for (
          const name of [
            arn.replace(/[^/]+$/, none),
            arn.replace("us-east-1", "eu-central-1"),
            none,
            "alias/none",
            arn.replace(/key\/.*$/, "alias/none")
          ]
        ) {
          yield* allFail(calls, name, "NotFoundException", "KeyNotFound")
        }
      }).pipe(Effect.provide(layer)))

    for (
      const [state, change, code] of [
        ["disabled", "disable", "DisabledException"],
        ["pending deletion", "scheduleDeletion", "KMSInvalidStateException"]
      ] as const
    ) {
      test(`a key that is ${state} is a ${code}`, () =>
        Effect.gen(function*() {
          const key = yield* createKey("us-east-1")
          const calls = yield* eachCall(key.arn)
          yield* key[change]
          yield* allFail(calls, key.arn, code, "KeyUnavailable")
        }).pipe(Effect.provide(layer)))
    }

    test("makes a data key without its plaintext, which decrypts to the length that was wanted", () =>
      Effect.gen(function*() {
        const kms = yield* Kms.Kms
        const { generateDataKeyWithoutPlaintext } = yield* Kms.KmsWithoutPlaintext
        const { arn, names } = yield* createKey("eu-central-1")
        const wrapped = yield* Effect.all(
          [16, 32].map((numberOfBytes) => generateDataKeyWithoutPlaintext({ ...request(arn), numberOfBytes }))
        )
        for (const [index, { ciphertextBlob, keyId, ...rest }] of wrapped.entries()) {
          assert.deepStrictEqual([keyId, rest], [arn, {}])
          const { plaintext } = yield* kms.decrypt({ ...request(arn), ciphertextBlob })
          assert.lengthOf(DataKey.value(plaintext), [16, 32][index]!)
          assert.isFalse(DataKey.isAllZero(plaintext))
        }
        const missing = yield* failureOf(
          generateDataKeyWithoutPlaintext({ ...request(`${names.at(-1)!}-none`), numberOfBytes: 32 })
        )
        assert.deepInclude(missing, { code: "NotFoundException", operation: "GenerateDataKeyWithoutPlaintext" })
      }).pipe(Effect.provide(layer)))

    test("re-encrypts under another key and another context, and the old ciphertext stays as it is", () =>
      Effect.gen(function*() {
        const kms = yield* Kms.Kms
        const { reEncrypt } = yield* Kms.KmsWithoutPlaintext
        const [one, two] = [yield* createKey("us-east-1"), yield* createKey("us-east-1")]
        const source = yield* kms.generateDataKey({ ...request(one.arn), numberOfBytes: 32 })
        const before = source.ciphertextBlob.slice()
        const other = { purpose: "archive" }
        const from = { ciphertextBlob: source.ciphertextBlob, sourceKeyId: one.arn, sourceEncryptionContext: context }
        for (const [to, encryptionContext] of [[two, context], [one, other], [two, other]] as const) {
          const moved = yield* reEncrypt({ ...request(to.arn, encryptionContext), ...from })
          assert.deepInclude(moved, { keyId: to.arn, sourceKeyId: one.arn })
          const { ciphertextBlob } = moved
          const decrypted = yield* kms.decrypt({ ...request(to.arn, encryptionContext), ciphertextBlob })
          assert.deepStrictEqual(DataKey.value(decrypted.plaintext), DataKey.value(source.plaintext))
        }
        assert.deepStrictEqual(source.ciphertextBlob, before)
        const wrongContext = { ...from, sourceEncryptionContext: other }
        const wrongKey = { ...from, sourceKeyId: two.arn }
        const failing = (fields: typeof from) => failureOf(reEncrypt({ ...request(two.arn), ...fields }))
        assert.deepInclude(yield* failing(wrongContext), {
          code: "InvalidCiphertextException",
          operation: "ReEncrypt"
        })
        if (ignoresSourceKey !== true) assert.deepInclude(yield* failing(wrongKey), { code: incorrectKey[0] })
      }).pipe(Effect.provide(layer)))

    test("a size that AWS KMS does not take is a ValidationException", () =>
      Effect.gen(function*() {
        const kms = yield* Kms.Kms
        const { arn } = yield* createKey("us-east-1")
        assert.deepStrictEqual(yield* failureOf(kms.generateDataKey({ ...request(arn), numberOfBytes: 1025 })), {
          code: "ValidationException",
          failure: "Rejected",
          isRetryable: false,
          keyId: arn,
          operation: "GenerateDataKey"
        })
      }).pipe(Effect.provide(layer)))
  })
}
