/**
 * What is known of a plaintext's length: what is charged, what fails, and what is left of a message that failed.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Layer, Result, Stream } from "effect"
import {
  AlgorithmSuite,
  CryptographicMaterialsManager,
  DefaultCmm,
  EncryptionSdk,
  Keyring,
  type Receipt
} from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { MessageLength } from "effect-encryption-sdk/message"
import { Arbitraries } from "effect-encryption-sdk/testing"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { arbitraryInt } from "../support/arbitraryBytes.ts"
import { clientOf, failureOf, fieldsOf, policyFor } from "../support/client.ts"
import { recordingKeyring } from "../support/keyrings.ts"
import { chunksOf, collect, observe, pattern } from "../support/streams.ts"
import { signed, unsigned } from "../support/suites.ts"

const cachingClient = () => {
  const recording = recordingKeyring()
  const layer = EncryptionSdk.layer().pipe(
    Layer.provide(CachingCmm.layer({ policy: { maxAge: "1 hour" } })),
    Layer.provide(LocalCache.layer({ capacity: 10 })),
    Layer.provide(Layer.succeed(Keyring.Keyring, recording.keyring)),
    Layer.provide(TestPrimitives.layer)
  )
  return { layer, recording }
}

/** Encrypts a stream, and answers the receipt that `onHeader` was told. */
const receiptOf = Effect.fnUntraced(
  function*(sdk: EncryptionSdk.EncryptionSdk, length: number, options: EncryptionSdk.EncryptStreamOptions) {
    let receipt: Receipt.Receipt | undefined
    yield* Stream.runDrain(sdk.encryptStream(chunksOf(pattern(length), 7), {
      algorithmSuite: unsigned,
      ...options,
      onHeader: (metadata) => Effect.sync(() => void (receipt = metadata.receipt))
    }))
    return receipt!
  }
)

const usage = (receipt: Receipt.Receipt) => "usage" in receipt ? receipt.usage : undefined

describe("lengths and the cache", () => {
  it.effect("an exact length is charged exactly, a bound is charged, and without either the cache is bypassed", () => {
    const { layer, recording } = cachingClient()
    return Effect.gen(function*() {
      const sdk = yield* EncryptionSdk.EncryptionSdk
      assert.deepStrictEqual(usage(yield* receiptOf(sdk, 30, { plaintextLength: 30 })), { messages: 1, bytes: 30n })
      const second = yield* receiptOf(sdk, 30, { maxPlaintextLength: 1000 })
      assert.strictEqual(second._tag, "Hit")
      assert.deepStrictEqual(usage(second), { messages: 2, bytes: 1030n })
      assert.deepStrictEqual(yield* receiptOf(sdk, 30, {}), { _tag: "Bypassed", reason: "UnknownPlaintextLength" })
      assert.strictEqual(recording.encryptions.length, 2)
      assert.deepStrictEqual(usage(yield* receiptOf(sdk, 0, { plaintextLength: 0 })), { messages: 3, bytes: 1030n })
    }).pipe(Effect.provide(layer))
  })

  it.effect("a decryption's receipt comes with its header", () => {
    const { layer } = cachingClient()
    return Effect.gen(function*() {
      const sdk = yield* EncryptionSdk.EncryptionSdk
      const { header, message } = yield* sdk.encrypt(pattern(30), {
        algorithmSuite: unsigned,
        encryptionContext: { tenant: "a" }
      })
      const seen: Array<EncryptionSdk.MessageMetadata> = []
      const decrypted = sdk.decryptStream(chunksOf(message, 7), {
        onHeader: (metadata) => Effect.sync(() => seen.push(metadata))
      })
      yield* Stream.runDrain(decrypted)
      yield* Stream.runDrain(decrypted)
      assert.deepStrictEqual(seen.map(({ receipt }) => receipt._tag), ["Miss", "Hit"])
      assert.deepStrictEqual(seen[0]!.header, header)
      assert.deepStrictEqual({ ...seen[0]!.encryptionContext }, { tenant: "a" })
      assert.strictEqual(seen[0]!.algorithmSuite, unsigned)
    }).pipe(Effect.provide(layer))
  })
})

describe("a plaintext of another length", () => {
  for (const suite of [unsigned, signed]) {
    for (const chunk of [1, 10, 10_000]) {
      const cases: ReadonlyArray<readonly [string, EncryptionSdk.EncryptStreamOptions, object]> = [
        ["longer", { plaintextLength: 30 }, { field: "plaintextLength", expected: 30 }],
        ["longer", { plaintextLength: 34 }, { field: "plaintextLength", expected: 34 }],
        ["longer", { plaintextLength: 0 }, { field: "plaintextLength", expected: 0 }],
        ["shorter", { plaintextLength: 36 }, { field: "plaintextLength", expected: 36, length: 35 }],
        ["longer", { maxPlaintextLength: 30 }, { field: "maxPlaintextLength", expected: 30 }],
        ["longer", { maxPlaintextLength: 0 }, { field: "maxPlaintextLength", expected: 0 }]
      ]
      for (const [what, options, fields] of cases) {
        it.effect(`${what} than ${JSON.stringify(options)} fails, in chunks of ${chunk}, ${suite.name}`, () =>
          Effect.gen(function*() {
            const sdk = yield* clientOf(recordingKeyring().keyring)
            const stream = sdk.encryptStream(chunksOf(pattern(35), chunk), {
              ...options,
              algorithmSuite: suite,
              frameLength: 10
            })
            const error = yield* failureOf(Stream.runDrain(stream))
            assert.deepStrictEqual(fieldsOf(error.reason), { _tag: "WrongPlaintextLength", ...fields })
            assert.include(
              error.message,
              what === "longer" && "maxPlaintextLength" in options ? "bound" : "maxPlaintextLength"
            )
            const { released } = yield* observe(stream)
            // Nothing of it passes for a message, not even under a reader that would take a message without a footer.
            assert.strictEqual((yield* Effect.flip(sdk.decrypt(released))).reason._tag, "MalformedMessage")
            assert.isFalse(Buffer.from(released).includes(Buffer.from("ffffffff000000", "hex")))
          }))
      }
    }
  }

  it.effect("a bound that is not reached is no fault, nor is one that is met", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      for (const maxPlaintextLength of [35, 36, 2 ** 53 - 1]) {
        const { ended, released } = yield* observe(
          sdk.encryptStream(chunksOf(pattern(35), 4), { maxPlaintextLength })
        )
        assert.isTrue(ended, `${maxPlaintextLength}`)
        assert.strictEqual((yield* sdk.decrypt(released)).plaintext.length, 35)
      }
    }))

  it.effect("lengths that are none, both at once, and options of other types are refused before a key is asked for", () =>
    Effect.gen(function*() {
      const recording = recordingKeyring()
      const sdk = yield* clientOf(recording.keyring)
      const wrong: ReadonlyArray<readonly [string, object]> = [
        ["plaintextLength", { plaintextLength: -1 }],
        ["plaintextLength", { plaintextLength: 1.5 }],
        ["plaintextLength", { plaintextLength: "10" }],
        ["plaintextLength", { plaintextLength: null }],
        ["maxPlaintextLength", { maxPlaintextLength: 2 ** 53 }],
        ["plaintextLength", { plaintextLength: 1, maxPlaintextLength: 1 }],
        ["frameLength", { frameLength: 0 }],
        ["frameLength", { frameLength: 1, plaintextLength: 2 ** 32 }],
        ["onHeader", { onHeader: {} }],
        ["onProgress", { onProgress: 1 }]
      ]
      for (const [field, options] of wrong) {
        const error = yield* Effect.flip(Stream.runDrain(sdk.encryptStream(Stream.empty, options)))
        assert.strictEqual(error.reason._tag === "InvalidOption" && error.reason.field, field, JSON.stringify(options))
      }
      const wrongToDecrypt: ReadonlyArray<readonly [string, object]> = [
        ["maxWithheldBytes", { maxWithheldBytes: -1 }],
        ["unsignedOnly", { unsignedOnly: "yes" }],
        ["onHeader", { onHeader: 1 }]
      ]
      for (const [field, options] of wrongToDecrypt) {
        const error = yield* Effect.flip(Stream.runDrain(sdk.decryptStream(Stream.empty, options)))
        assert.strictEqual(error.reason._tag === "InvalidOption" && error.reason.field, field, JSON.stringify(options))
      }
      assert.strictEqual(recording.encryptions.length, 0)
    }))

  it.effect("a manager's request has the length, the bound, or nothing", () =>
    Effect.gen(function*() {
      const asked: Array<number | undefined> = []
      const { keyring } = recordingKeyring()
      const base = yield* Effect.provide(DefaultCmm.make(keyring), TestPrimitives.layer)
      const materialsManager = CryptographicMaterialsManager.make({
        ...base,
        getEncryptionMaterials: (request) => {
          asked.push(request.maxPlaintextLength)
          return base.getEncryptionMaterials(request)
        }
      })
      const sdk = yield* clientOf(keyring)
      for (const options of [{ plaintextLength: 5 }, { maxPlaintextLength: 9 }, {}]) {
        yield* Stream.runDrain(sdk.encryptStream(chunksOf(pattern(5), 2), { ...options, materialsManager }))
      }
      assert.deepStrictEqual(asked, [5, 9, undefined])
    }))
})

describe("the length of a message", () => {
  for (const suite of AlgorithmSuite.all) {
    it.effect.prop(`is known before it is made: ${suite.name}`, [
      Arbitrary.all({
        length: arbitraryInt(0, 500),
        frameLength: arbitraryInt(1, 200),
        encryptionContext: Arbitraries.encryptionContext({ maxPairs: 3 })
      })
    ], ([{ encryptionContext, frameLength, length }]) =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(recordingKeyring({ encryptedDataKeys: 2 }).keyring, {
          commitmentPolicy: policyFor(suite)
        })
        const options = { algorithmSuite: suite, encryptionContext, frameLength }
        const { header, message } = yield* sdk.encrypt(pattern(length), options)
        const ciphertextLength = (size: object, context = encryptionContext) =>
          Result.getOrThrow(MessageLength.ciphertextLength(length, {
            ...options,
            encryptionContext: context,
            encryptedDataKeys: header.encryptedDataKeys,
            ...size
          }))
        assert.strictEqual(ciphertextLength({}), message.length)
        assert.strictEqual(ciphertextLength({}, header.encryptionContext), message.length)
        const sizes = header.encryptedDataKeys.map(({ ciphertext, keyProviderId, keyProviderInfo }) => ({
          keyProviderId,
          keyProviderInfo: { length: keyProviderInfo.length },
          ciphertext: { length: ciphertext.length }
        }))
        assert.strictEqual(ciphertextLength({ encryptedDataKeys: sizes }), message.length)
        const streamed = yield* collect(sdk.encryptStream(chunksOf(pattern(length), 33), options))
        assert.strictEqual(streamed.length, message.length)
      }), { arbitrary: { seed: `length-${suite.id}`, runs: suite.signature === undefined ? 30 : 8 } })
  }

  it.effect("counts the public key that it will have, of either curve", () =>
    Effect.gen(function*() {
      for (const suite of AlgorithmSuite.all.filter(({ signature }) => signature !== undefined)) {
        const sdk = yield* clientOf(recordingKeyring().keyring, { commitmentPolicy: policyFor(suite) })
        const { header: { encryptedDataKeys }, message } = yield* sdk.encrypt(pattern(10), { algorithmSuite: suite })
        const length = MessageLength.ciphertextLength(10, { algorithmSuite: suite, encryptedDataKeys })
        assert.deepStrictEqual(length, Result.succeed(message.length), suite.name)
      }
    }))

  it("is refused where there can be no such message", () => {
    const field = (length: number, options: object) => {
      const result = MessageLength.ciphertextLength(length, {
        algorithmSuite: unsigned,
        encryptedDataKeys: [],
        ...options
      })
      return Result.isFailure(result) ? ("field" in result.failure ? result.failure.field : "context") : result.success
    }
    assert.strictEqual(field(-1, {}), "plaintextLength")
    assert.strictEqual(field(0.5, {}), "plaintextLength")
    assert.strictEqual(field(1, { frameLength: 0 }), "frameLength")
    assert.strictEqual(field(2 ** 40, { frameLength: 1 }), "frameLength")
    assert.strictEqual(field(2 ** 53 - 1, { frameLength: 2 ** 32 - 1 }), "plaintextLength")
    assert.strictEqual(field(1, { algorithmSuite: {} }), "algorithmSuite")
    assert.strictEqual(field(1, { encryptionContext: new Map() }), "context")
    assert.isNumber(field(2 ** 40, { frameLength: 2 ** 16 }))
  })
})
