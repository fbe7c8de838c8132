import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { EncryptionSdk } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { TestClock } from "effect/testing"

const arn = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

const layer = EncryptionSdk.layer().pipe(
  Layer.provide(CachingCmm.layer({ policy: { maxAge: "5 minutes", maxMessagesEncrypted: 1000 } })),
  Layer.provide([KmsKeyring.layer({ generatorKeyId: arn }), LocalCache.layer({ capacity: 100 })]),
  Layer.provideMerge(ScriptedKms.layer({ keys: [{ arn }] })),
  Layer.provide(NodePrimitives.layerSynchronous)
)

it.effect("a data key serves until it is 5 minutes old", () =>
  Effect.gen(function*() {
    const sdk = yield* EncryptionSdk.EncryptionSdk
    yield* sdk.encrypt("order 1")
    yield* TestClock.adjust("299999 millis")
    yield* sdk.encrypt("order 2")
    yield* ScriptedKms.assertCalls({ GenerateDataKey: 1 })
    yield* TestClock.adjust("1 millis")
    yield* sdk.encrypt("order 3")
    yield* ScriptedKms.assertCalls({ GenerateDataKey: 2 })
  }).pipe(Effect.provide(layer)))

it.effect("a burst on a cold cache makes one call, and no key is left behind", () =>
  Effect.gen(function*() {
    const sdk = yield* EncryptionSdk.EncryptionSdk
    const kms = yield* ScriptedKms.ScriptedKms
    yield* kms.when({}, ScriptedKms.delay("20 millis"))
    const orders = Array.from({ length: 50 }, (_, index) => `order ${index}`)
    const fiber = yield* Effect.forkChild(
      Effect.forEach(orders, (order) => sdk.encrypt(order), { concurrency: "unbounded" })
    )
    yield* TestClock.adjust("20 millis")
    const results = yield* Fiber.join(fiber)
    yield* ScriptedKms.assertCalls({ GenerateDataKey: 1 })
    yield* ScriptedKms.assertAllReleased
    assert.strictEqual(results.filter(({ receipt }) => receipt._tag === "Joined").length, 49)
  }).pipe(Effect.provide(layer)))

it.effect("a throttled KMS fails those who wait, and the next request tries anew", () =>
  Effect.gen(function*() {
    const sdk = yield* EncryptionSdk.EncryptionSdk
    const kms = yield* ScriptedKms.ScriptedKms
    yield* kms.when({ operation: "GenerateDataKey", nth: 1 }, ScriptedKms.fail("Throttled"))
    const error = yield* Effect.flip(sdk.encrypt("order 1"))
    assert.isTrue(error.isRetryable)
    yield* sdk.encrypt("order 1")
  }).pipe(Effect.provide(layer)))

it.effect("a fetch that takes too long fails those who wait", () =>
  Effect.gen(function*() {
    const sdk = yield* EncryptionSdk.EncryptionSdk
    const kms = yield* ScriptedKms.ScriptedKms
    yield* kms.when({ operation: "GenerateDataKey" }, ScriptedKms.hang)
    const fiber = yield* Effect.forkChild(sdk.encrypt("order 1"))
    yield* TestClock.adjust("30 seconds")
    const error = yield* Effect.flip(Fiber.join(fiber))
    assert.strictEqual(error.message, "encrypt: materials manager: no answer within 30s")
  }).pipe(Effect.provide(layer)))
