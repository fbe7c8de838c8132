/** Bytes whose memory is gone are refused wherever they enter, by the name of their field: none passes for bytes of no length. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Result } from "effect"
import { CryptographicMaterialsManager, DataKey, type EncryptedDataKey, Keyring } from "effect-encryption-sdk"
import { EncryptedDataKeyCodec, MessageBody, MessageFooter, MessageHeader } from "effect-encryption-sdk/message"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import { toHex } from "../support/bytes.ts"
import { clientOf, decryptFailure, encryptFailure, fieldsOf, managerOf } from "../support/client.ts"
import { faults, gone, ways } from "../support/goneMemory.ts"
import { staticKeyring } from "../support/keyrings.ts"
import { pattern } from "../support/streams.ts"
import { signed, unsigned } from "../support/suites.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const dataKey = new Uint8Array(32).fill(0x42)
const encryptedDataKey: EncryptedDataKey.EncryptedDataKey = {
  keyProviderId: "static",
  keyProviderInfo: Uint8Array.of(1, 2, 3),
  ciphertext: Uint8Array.of(4, 5, 6, 7)
}

/** A keyring that answers these. */
const answering = (key: Uint8Array, edk: EncryptedDataKey.EncryptedDataKey): Keyring.Keyring =>
  Keyring.make({
    name: "Answering",
    onEncrypt: (materials) =>
      Effect.succeed({ ...materials, plaintextDataKey: DataKey.make(key), encryptedDataKeys: [edk] }),
    onDecrypt: (_, encryptedDataKeys) =>
      Effect.succeed({
        _tag: "Unwrapped" as const,
        plaintextDataKey: DataKey.make(key),
        encryptedDataKey: encryptedDataKeys[0]!
      })
  })

const rawAes = (wrappingKey: Uint8Array) =>
  Effect.provide(
    RawAesKeyring.make({ keyNamespace: "test", keyName: "key", wrappingKey: Redacted.make(wrappingKey) }),
    TestPrimitives.layer
  )

describe.each(Object.keys(ways))("memory that was %s", (way) => {
  const description = faults[way]!

  it.effect("arguments of the client", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(staticKeyring(dataKey))
      const { message } = yield* sdk.encrypt(pattern(32))
      const plaintextFault = { _tag: "InvalidOption", field: "plaintext", description }
      const messageFault = { _tag: "InvalidOption", field: "message", description }
      assert.deepStrictEqual(fieldsOf(yield* encryptFailure(sdk.encrypt(gone(way, pattern(32))))), plaintextFault)
      assert.deepStrictEqual(fieldsOf(yield* decryptFailure(sdk.decrypt(gone(way, message)))), messageFault)
      assert.deepStrictEqual(fieldsOf(yield* decryptFailure(sdk.inspect(gone(way, message)))), messageFault)
    }))

  it.effect("messages that codecs read", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(staticKeyring(dataKey))
      const { header, message } = yield* sdk.encrypt(pattern(32))
      const lost = gone(way, message)
      const failureOf = (result: Result.Result<unknown, Error>) =>
        Result.match(result, { onFailure: (error) => error, onSuccess: () => undefined })
      for (
        const failure of [
          failureOf(MessageHeader.decode(lost)),
          failureOf(MessageBody.decode(header, lost, 100)),
          failureOf(MessageFooter.decode(signed, lost, 100))
        ]
      ) {
        assert.strictEqual(failure?.name, "MalformedMessage")
        assert.include(failure?.message, description)
      }
    }))

  it.effect("what codecs write: they throw, and never write a field of no length", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(staticKeyring(dataKey))
      const { header } = yield* sdk.encrypt(pattern(32), { algorithmSuite: unsigned })
      const lost = gone(way, pattern(32))
      assert.throws(() => MessageHeader.encode({ ...header, messageId: lost }), TypeError)
      assert.throws(() => MessageHeader.encode({ ...header, suiteData: lost }), TypeError)
      assert.throws(
        () => MessageHeader.encode({ ...header, authentication: { iv: undefined, tag: lost } }),
        TypeError
      )
      assert.throws(() => MessageFooter.encode(lost), TypeError)
      for (const field of ["keyProviderInfo", "ciphertext"] as const) {
        assert.throws(() => EncryptedDataKeyCodec.encode({ ...encryptedDataKey, [field]: lost }), TypeError)
      }
    }))

  it.effect("what a keyring answers", () =>
    Effect.gen(function*() {
      const lost = gone(way, pattern(32))
      const failsWith = (field: string, key: Uint8Array, edk: Partial<EncryptedDataKey.EncryptedDataKey>) =>
        Effect.gen(function*() {
          const sdk = yield* clientOf(answering(key, { ...encryptedDataKey, ...edk }))
          assert.deepStrictEqual(fieldsOf(yield* encryptFailure(sdk.encrypt("a"))), {
            _tag: "InvalidMaterials",
            field,
            description
          })
        })
      yield* failsWith("plaintextDataKey", lost, {})
      yield* failsWith("encryptedDataKeys.keyProviderInfo", new Uint8Array(dataKey), { keyProviderInfo: lost })
      yield* failsWith("encryptedDataKeys.ciphertext", new Uint8Array(dataKey), { ciphertext: lost })
      const { message } = yield* (yield* clientOf(staticKeyring(dataKey))).encrypt("a")
      const reader = yield* clientOf(answering(lost, encryptedDataKey))
      assert.deepStrictEqual(fieldsOf(yield* decryptFailure(reader.decrypt(message))), {
        _tag: "InvalidMaterials",
        field: "plaintextDataKey",
        description
      })
    }))

  it.effect("a data key that goes after it was handed over: zeroing it is no defect", () =>
    Effect.gen(function*() {
      const { go, view } = ways[way]!(dataKey)
      const manager = yield* managerOf(answering(view, encryptedDataKey))
      const going = CryptographicMaterialsManager.make({
        ...manager,
        getEncryptionMaterials: (request) => Effect.tap(manager.getEncryptionMaterials(request), () => Effect.sync(go))
      })
      const sdk = yield* clientOf(staticKeyring(dataKey))
      assert.deepStrictEqual(
        fieldsOf(yield* encryptFailure(sdk.encrypt("a", { algorithmSuite: unsigned, materialsManager: going }))),
        { _tag: "InvalidMaterials", field: "plaintextDataKey", description }
      )
    }))

  it.effect("raw wrapping keys, and encrypted data keys that a keyring is given", () =>
    Effect.gen(function*() {
      const { reason } = yield* Effect.flip(rawAes(gone(way, dataKey)))
      assert.deepStrictEqual(fieldsOf(reason), { _tag: "KeyringMisconfigured", field: "wrappingKey", description })

      const keyring = yield* rawAes(dataKey)
      const { header } = yield* (yield* clientOf(keyring)).encrypt("a", { algorithmSuite: unsigned })
      const [edk] = header.encryptedDataKeys
      const materials = { algorithmSuite: unsigned, encryptionContext: {}, requiredEncryptionContextKeys: [] }
      for (
        const [lost, name] of [
          [{ ...edk!, ciphertext: gone(way, edk!.ciphertext) }, "ciphertext"],
          [{ ...edk!, keyProviderInfo: gone(way, edk!.keyProviderInfo) }, "key provider information"]
        ] as const
      ) {
        const result = yield* keyring.onDecrypt(materials, [lost])
        if (result._tag !== "NotMine") throw new Error(result._tag)
        assert.strictEqual(result.skipped[0]?.description, `its ${name} ${description}`)
        // The next one is tried.
        assert.strictEqual((yield* keyring.onDecrypt(materials, [lost, edk!]))._tag, "Unwrapped")
      }
    }))
})

it.effect("memory that was made smaller or larger, and still holds the bytes, is taken", () =>
  Effect.gen(function*() {
    const sdk = yield* clientOf(staticKeyring(dataKey))
    const roundTrip = (plaintext: Uint8Array) =>
      Effect.map(
        Effect.flatMap(sdk.encrypt(plaintext), ({ message }) => sdk.decrypt(message)),
        (result) => toHex(result.plaintext)
      )
    const buffer = new ArrayBuffer(40, { maxByteLength: 64 })
    const view = new Uint8Array(buffer, 8, 16)
    const tracking = new Uint8Array(buffer, 8)
    tracking.set(pattern(32))
    for (const length of [40, 64, 24]) {
      buffer.resize(length)
      assert.strictEqual(yield* roundTrip(view), toHex(pattern(16)))
      assert.strictEqual(yield* roundTrip(tracking), toHex(new Uint8Array(tracking)))
      assert.strictEqual(tracking.length, length - 8)
    }
    buffer.resize(8)
    assert.strictEqual(yield* roundTrip(tracking), "", "of no length, and in its buffer")
    assert.strictEqual(yield* roundTrip(new Uint8Array(0)), "")
  }))
