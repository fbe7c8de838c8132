/** Whatever others do with what they are given, and with what they gave: messages, keyrings and the client stay as they are. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Redacted } from "effect"
import {
  CryptographicMaterialsManager,
  DataKey,
  type EncryptedDataKey,
  type EncryptionSdk,
  Keyring,
  MultiKeyring
} from "effect-encryption-sdk"
import { MessageHeader } from "effect-encryption-sdk/message"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import { toHex } from "../support/bytes.ts"
import { cachingClient } from "../support/cachingClient.ts"
import { clientOf, encryptFailure, fieldsOf, managerOf } from "../support/client.ts"
import { recordingKeyring, staticKeyring } from "../support/keyrings.ts"
import { spoil } from "../support/spoil.ts"
import { chunksOf, collect, observe, pattern, unverifiedOf } from "../support/streams.ts"
import { signed, unsigned } from "../support/suites.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const encryptionContext = { tenant: "a" }
const plaintext = pattern(95)

const rawAes = (name: string) =>
  Effect.provide(
    RawAesKeyring.make({
      keyNamespace: "test",
      keyName: name,
      wrappingKey: Redacted.make(new Uint8Array(32).fill(name.charCodeAt(0)))
    }),
    TestPrimitives.layer
  )

/** A header, as text that says all of it. */
const textOf = (header: MessageHeader.MessageHeader) => toHex(MessageHeader.encode(header))

for (const algorithmSuite of [signed, unsigned]) {
  describe(algorithmSuite.name, () => {
    const options = { algorithmSuite, encryptionContext, frameLength: 10 }

    it.effect("what onHeader is given, and each piece of a message that was written", () =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(recordingKeyring().keyring)
        const hooks: EncryptionSdk.StreamOptions = { onHeader: (metadata) => Effect.sync(() => spoil(metadata)) }
        const read = () =>
          Effect.gen(function*() {
            const { released: message } = yield* observe(
              sdk.encryptStream(chunksOf(plaintext, 7), { ...options, ...hooks })
            )
            const isRead = <A, E>(reading: Effect.Effect<A, E>, expected = plaintext) =>
              Effect.map(Effect.exit(reading), (exit) => assert.deepStrictEqual<unknown>(exit, Exit.succeed(expected)))
            yield* isRead(Effect.map(sdk.decrypt(message), ({ plaintext }) => plaintext))
            yield* isRead(collect(sdk.decryptStream(chunksOf(message, 50), hooks)))
            yield* isRead(collect(unverifiedOf(sdk.decryptStreamUnverified(chunksOf(message, 50), hooks))))
            if (algorithmSuite === signed) return
            const source = {
              length: message.length,
              read: (offset: number, length: number) => Effect.sync(() => message.slice(offset, offset + length))
            }
            yield* isRead(collect(sdk.decryptRange(source, { offset: 3 }, hooks)), plaintext.slice(3))
          })
        yield* read()
        // The client's memory is what it was.
        yield* read()
      }))

    it.effect("results, cached or not: the next ones of the same data key are right", () =>
      Effect.gen(function*() {
        for (const sdk of [yield* clientOf(recordingKeyring().keyring), (yield* cachingClient()).sdk]) {
          const messages: Array<Uint8Array> = []
          for (let time = 0; time < 3; time++) {
            const encrypted = yield* sdk.encrypt(plaintext, options)
            messages.push(new Uint8Array(encrypted.message))
            spoil(encrypted)
          }
          for (const message of [...messages, ...messages]) {
            const decrypted = yield* sdk.decrypt(message)
            assert.deepStrictEqual(decrypted.plaintext, plaintext)
            assert.strictEqual(textOf(decrypted.header), toHex(message).slice(0, textOf(decrypted.header).length))
            assert.strictEqual(decrypted.encryptionContext["tenant"], "a")
            spoil(decrypted)
            spoil(yield* sdk.inspect(message))
          }
        }
      }))

    it.effect("a manager's requests, and what it is answered by the manager below it", () =>
      Effect.gen(function*() {
        const base = yield* managerOf(recordingKeyring().keyring)
        const manager = CryptographicMaterialsManager.make({
          getEncryptionMaterials: (request) =>
            Effect.tap(base.getEncryptionMaterials({ ...request }), () => Effect.sync(() => spoil(request))),
          decryptMaterials: (request) =>
            Effect.tap(base.decryptMaterials({ ...request }), () => Effect.sync(() => spoil(request)))
        })
        const sdk = yield* clientOf(staticKeyring(new Uint8Array(32).fill(1)))
        const { message } = yield* sdk.encrypt(plaintext, { ...options, materialsManager: manager })
        for (let time = 0; time < 2; time++) {
          const { header, plaintext: decrypted } = yield* sdk.decrypt(message, { materialsManager: manager })
          assert.deepStrictEqual(decrypted, plaintext)
          assert.strictEqual(textOf(header), toHex(message).slice(0, textOf(header).length))
        }
      }))
  })
}

/** A keyring around one that spoils what it was given once that has answered, and what it answered earlier. */
const spoiling = (keyring: Keyring.Keyring) => {
  const given: Array<unknown> = []
  const spoilAll = Effect.sync(() => given.splice(0).forEach((value) => spoil(value)))
  return {
    spoilAll,
    keyring: Keyring.make({
      name: keyring.name,
      onEncrypt: (materials) =>
        Effect.tap(keyring.onEncrypt({ ...materials }), (answer) => {
          given.push(answer)
          return Effect.sync(() => spoil(materials))
        }),
      onDecrypt: (materials, encryptedDataKeys) => {
        const copies = encryptedDataKeys.map((edk) => ({
          ...edk,
          keyProviderInfo: edk.keyProviderInfo.slice(),
          ciphertext: edk.ciphertext.slice()
        }))
        return Effect.tap(keyring.onDecrypt({ ...materials }, copies), (answer) => {
          given.push(answer)
          return Effect.sync(() => spoil([materials, encryptedDataKeys]))
        })
      }
    })
  }
}

describe("keyrings", () => {
  it.effect("that change what they are given, during the operation and after it", () =>
    Effect.gen(function*() {
      const { keyring, spoilAll } = spoiling(yield* rawAes("a"))
      const manager = yield* managerOf(keyring)
      /** Spoils the keyring's answers before the client looks at the materials. */
      const late = CryptographicMaterialsManager.make({
        getEncryptionMaterials: (request) => Effect.tap(manager.getEncryptionMaterials(request), () => spoilAll),
        decryptMaterials: (request) => Effect.tap(manager.decryptMaterials(request), () => spoilAll)
      })
      const sdk = yield* clientOf(keyring)
      for (const materialsManager of [manager, late]) {
        const { header, message } = yield* sdk.encrypt(plaintext, { encryptionContext, materialsManager })
        assert.strictEqual(textOf(header), toHex(message).slice(0, textOf(header).length))
        for (let time = 0; time < 2; time++) {
          const decrypted = yield* sdk.decrypt(message, { materialsManager })
          assert.deepStrictEqual(decrypted.plaintext, plaintext)
          assert.strictEqual(textOf(decrypted.header), textOf(header))
        }
      }
    }))

  it.effect("that change what they are given and answer that: refused, by the name of the field", () =>
    Effect.gen(function*() {
      for (
        const [field, change] of [
          ["encryptionContext", { encryptionContext: { tenant: "b" } }],
          ["algorithmSuite", { algorithmSuite: unsigned }],
          ["signingKey", { signingKey: undefined }]
        ] as const
      ) {
        const sdk = yield* clientOf(Keyring.make({
          ...staticKeyring(new Uint8Array(32).fill(1)),
          name: "Changing",
          onEncrypt: (materials) =>
            Effect.sync(() =>
              Object.assign(materials, change, {
                plaintextDataKey: DataKey.make(new Uint8Array(32).fill(1)),
                encryptedDataKeys: [{
                  keyProviderId: "p",
                  keyProviderInfo: new Uint8Array(1),
                  ciphertext: new Uint8Array(1)
                }]
              })
            )
        }))
        assert.deepStrictEqual(fieldsOf(yield* encryptFailure(sdk.encrypt("a", { encryptionContext }))), {
          _tag: "InvalidMaterials",
          field,
          description: "was changed by the keyring Changing"
        })
      }
    }))

  it.effect("of a multi-keyring: none changes what the next one is given", () =>
    Effect.gen(function*() {
      const [first, second] = [yield* rawAes("a"), yield* rawAes("b")]
      const writer = yield* clientOf(second)
      const { message } = yield* writer.encrypt(plaintext, { encryptionContext })
      const { keyring } = spoiling(first)
      const reader = yield* clientOf(yield* MultiKeyring.make({ children: [keyring, keyring, second] }))
      for (let time = 0; time < 2; time++) {
        const { header, plaintext: decrypted } = yield* reader.decrypt(message)
        assert.deepStrictEqual(decrypted, plaintext)
        assert.strictEqual(textOf(header), toHex(message).slice(0, textOf(header).length))
      }
    }))

  it.effect("materials have bytes of their own: those of the keyring's encrypted data keys may change", () =>
    Effect.gen(function*() {
      const edk: EncryptedDataKey.EncryptedDataKey = Object.freeze({
        keyProviderId: "p",
        keyProviderInfo: Uint8Array.of(1),
        ciphertext: Uint8Array.of(2)
      })
      const manager = yield* managerOf(Keyring.make({
        name: "p",
        onEncrypt: (materials) =>
          Effect.succeed({
            ...materials,
            plaintextDataKey: DataKey.make(new Uint8Array(32).fill(1)),
            encryptedDataKeys: [edk]
          }),
        onDecrypt: () => Effect.succeed({ _tag: "NotMine", skipped: [] })
      }))
      const { materials } = yield* manager.getEncryptionMaterials({
        encryptionContext,
        commitmentPolicy: "RequireEncryptRequireDecrypt",
        algorithmSuite: unsigned,
        requiredEncryptionContextKeys: [],
        maxPlaintextLength: 1
      })
      spoil(edk)
      assert.deepStrictEqual(materials.encryptedDataKeys, [{
        keyProviderId: "p",
        keyProviderInfo: Uint8Array.of(1),
        ciphertext: Uint8Array.of(2)
      }])
    }))
})
