/** Results say which keys wrapped the data key of a message, and which encrypted data key opened it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import {
  CryptographicMaterialsManager,
  EncryptedDataKey,
  type EncryptionSdk,
  type Keyring,
  MultiKeyring
} from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import * as keyReferences from "../../src/client/keyReferences.ts"
import { clientOf, managerOf } from "../support/client.ts"
import { recordingKeyring } from "../support/keyrings.ts"
import { edk, one, TestKms, three, two } from "../support/kmsKeyring.ts"
import { concat } from "../support/bytes.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const reference = (index: number, keyProviderInfo: string) => ({ index, keyProviderId: "aws-kms", keyProviderInfo })

/** Keyrings over these keys of one KMS: all of them, and the last alone. */
const keyrings = Effect.all({
  all: KmsKeyring.make({ generatorKeyId: one, keyIds: [two, three] }),
  last: KmsKeyring.make({ keyIds: [three] })
})

const collect = <E, R>(stream: Stream.Stream<Uint8Array, E, R>) =>
  Effect.map(Stream.runCollect(stream), (chunks) => concat(...chunks))

describe("keys in results", () => {
  it.effect("are all that wrapped on encrypt, and the one that opened on decrypt", () =>
    Effect.gen(function*() {
      const { all, last } = yield* keyrings
      const { header, message, wrappingKeys } = yield* (yield* clientOf(all)).encrypt("a")
      assert.deepStrictEqual([...wrappingKeys], [reference(0, one), reference(1, two), reference(2, three)])
      const first = yield* (yield* clientOf(all)).decrypt(message)
      assert.deepStrictEqual(first.unwrappedDataKey, reference(0, one))
      const opened = yield* (yield* clientOf(last)).decrypt(message)
      assert.deepStrictEqual(opened.unwrappedDataKey, reference(2, three))
      assert.deepStrictEqual(header.encryptedDataKeys[2]!.keyProviderInfo, new TextEncoder().encode(three))
    }).pipe(Effect.provide(TestKms)))

  it.effect("are the same on a hit of the cache", () =>
    Effect.gen(function*() {
      const { all, last } = yield* keyrings
      const cached = Effect.fnUntraced(function*(keyring: Keyring.Keyring) {
        const manager = yield* CachingCmm.make({
          cache: yield* LocalCache.make({ capacity: 10 }),
          materialsManager: yield* managerOf(keyring),
          policy: { maxAge: "1 minute" }
        })
        return CryptographicMaterialsManager.make(manager)
      })
      const sdk = yield* clientOf(all)
      const materialsManager = yield* cached(all)
      const reading = yield* cached(last)
      const made = yield* sdk.encrypt("a", { materialsManager })
      const hit = yield* sdk.encrypt("b", { materialsManager })
      assert.deepStrictEqual([made.receipt._tag, hit.receipt._tag], ["Miss", "Hit"])
      assert.deepStrictEqual(hit.wrappingKeys, made.wrappingKeys)
      for (const [message, outcome] of [[made.message, "Miss"], [hit.message, "Hit"], [hit.message, "Hit"]] as const) {
        const { receipt, unwrappedDataKey } = yield* sdk.decrypt(message, { materialsManager: reading })
        assert.deepStrictEqual([receipt._tag, unwrappedDataKey], [outcome, reference(2, three)])
      }
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(TestKms, TestPrimitives.layer))))

  it.effect("are given to the header hooks of streams", () =>
    Effect.gen(function*() {
      const { all, last } = yield* keyrings
      const seen: Array<unknown> = []
      const writing = yield* clientOf(all)
      const reading = yield* clientOf(last)
      const message = yield* collect(
        writing.encryptStream(Stream.make(Uint8Array.of(1)), {
          algorithmSuite: (yield* writing.encrypt("a")).algorithmSuite,
          onHeader: ({ wrappingKeys }) => Effect.sync(() => seen.push(wrappingKeys.map(({ index }) => index)))
        })
      )
      const onHeader = ({ unwrappedDataKey }: EncryptionSdk.DecryptMetadata) =>
        Effect.sync(() => seen.push(unwrappedDataKey))
      yield* Stream.runDrain(reading.decryptStream(Stream.make(message), { onHeader }))
      yield* Stream.runDrain(reading.decryptStreamUnverified(Stream.make(message), { onHeader }))
      assert.deepStrictEqual(seen, [[0, 1, 2], reference(2, three), reference(2, three)])
    }).pipe(Effect.provide(TestKms)))

  it.effect("of a multi-keyring have their place in the message", () =>
    Effect.gen(function*() {
      const generator = recordingKeyring({ encryptedDataKeys: 2, name: "First" })
      const child = recordingKeyring({ name: "Second" })
      const sdk = yield* clientOf(yield* MultiKeyring.make({ generator: generator.keyring, children: [child.keyring] }))
      const { message } = yield* sdk.encrypt("a")
      const { unwrappedDataKey } = yield* (yield* clientOf(child.keyring)).decrypt(message)
      assert.deepStrictEqual([unwrappedDataKey.index, unwrappedDataKey.keyProviderId], [2, "Second"])
    }))

  it("are texts that print, and cannot change what later results hold", () => {
    const { ofList, ofUnwrapped } = keyReferences.make()
    const list = [edk("x\n\u{202e}", "a"), edk("p", Uint8Array.of(0x61, 0, 0xff))]
    assert.deepStrictEqual([...ofList(list)], [
      { index: 0, keyProviderId: "x\\u{a}\\u{202e}", keyProviderInfo: "a" },
      { index: 1, keyProviderId: "p", keyProviderInfo: "a…" }
    ])
    assert.strictEqual(ofList(list), ofList(list))
    assert.isTrue(Object.isFrozen(ofList(list)) && ofList(list).every((key) => Object.isFrozen(key)))
    const [first, second] = list
    const copy = EncryptedDataKey.copy(second!)
    assert.strictEqual(ofUnwrapped(copy, list).index, 1)
    assert.strictEqual(ofUnwrapped(copy, list.toReversed()).index, 0, "the place in this message")
    assert.isUndefined(ofUnwrapped(copy, [first!]).index)
  })
})
