/** The cache of a hierarchical keyring, its own or one that several share. */
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { Keyring } from "effect-encryption-sdk"
import { BranchKeyAdmin, BranchKeyCache, BranchKeyStore, HierarchicalKeyring } from "effect-encryption-sdk/hierarchical"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { TestStore } from "../support/branchKeys.ts"
import { clientOf, failureOf } from "../support/client.ts"
import { branchKeyId, maxAge, prepared } from "../support/hierarchicalKeyring.ts"
import { keyBytes, rejectsOptions, unwrapped } from "../support/keyringContract.ts"
import { decryptionMaterials, encryptionMaterials } from "../support/materials.ts"
import { TestClock } from "../support/TestClock.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

type Options = HierarchicalKeyring.Options

const calls = (script: ScriptedKms.ScriptedKms) => script.count("Decrypt")

describe("the cache of a hierarchical keyring", () => {
  it.effect("one read for many messages, and one more for their decryption", () =>
    Effect.gen(function*() {
      const { make, script } = yield* prepared
      const sdk = yield* clientOf(yield* make())
      yield* script.clearLog
      const { message } = yield* sdk.encrypt(keyBytes(10))
      for (let i = 0; i < 20; i++) yield* sdk.encrypt(keyBytes(10))
      assert.strictEqual(yield* calls(script), 1)
      for (let i = 0; i < 20; i++) yield* sdk.decrypt(message)
      assert.strictEqual(yield* calls(script), 2)
      yield* TestClock.adjust(maxAge)
      yield* sdk.encrypt(keyBytes(10))
      yield* sdk.decrypt(message)
      assert.strictEqual(yield* calls(script), 4)
    }))

  it.effect("warm lets the first message go without a call", () =>
    Effect.gen(function*() {
      const { make, script } = yield* prepared
      const keyring = yield* make({ branchKeyIdSupplier: () => Effect.succeed("tenant-b") })
      yield* keyring.warm(["tenant-a", "tenant-b"])
      assert.strictEqual(yield* keyring.cache.size, 2)
      yield* script.clearLog
      yield* keyring.onEncrypt(encryptionMaterials())
      assert.strictEqual(yield* calls(script), 0)
      assert.strictEqual((yield* failureOf(keyring.warm(["none"]))).reason._tag, "NotFound")
    }))

  it.effect("a rotation is seen at the maximum age, or after an invalidation", () =>
    Effect.gen(function*() {
      const { admin, make } = yield* prepared
      const keyring = yield* make()
      const version = Effect.map(
        keyring.onEncrypt(encryptionMaterials()),
        ({ encryptedDataKeys }) => encryptedDataKeys[0]!.ciphertext.subarray(28, 44).join()
      )
      const first = yield* version
      yield* admin.versionKey(branchKeyId)
      assert.strictEqual(yield* version, first)
      yield* keyring.cache.invalidate(branchKeyId)
      const second = yield* version
      assert.notStrictEqual(second, first)
      yield* admin.versionKey(branchKeyId)
      yield* TestClock.adjust(maxAge)
      assert.notStrictEqual(yield* version, second)
    }))

  it.effect("ends with the scope of the keyring: it fails then", () =>
    Effect.gen(function*() {
      const { make } = yield* prepared
      const scope = yield* Scope.make()
      const keyring = yield* Scope.provide(make(), scope)
      yield* keyring.onEncrypt(encryptionMaterials())
      yield* Scope.close(scope, Exit.void)
      const error = yield* failureOf(keyring.onEncrypt(encryptionMaterials()))
      assert.deepInclude(error.reason, { _tag: "DataKeyNotWrapped", code: "CacheClosed" })
    }))

  it.effect("a store that hangs fails the message at the deadline", () =>
    Effect.gen(function*() {
      const { make, script } = yield* prepared
      yield* script.when({ operation: "Decrypt" }, ScriptedKms.hang)
      const keyring = yield* make({ branchKeyId, fetchDeadline: "5 seconds" })
      const fiber = yield* Effect.forkChild(Effect.exit(keyring.onEncrypt(encryptionMaterials())))
      yield* TestClock.adjust("5 seconds")
      const error = yield* failureOf(Effect.flatten(Fiber.join(fiber)))
      assert.deepInclude(error.reason, { _tag: "DataKeyNotWrapped", code: "DeadlineExceeded", failure: "Unreachable" })
      assert.isTrue(error.isRetryable)
    }))

  it.effect("a supplier that never responds fails the message at the deadline, and is interrupted", () =>
    Effect.gen(function*() {
      const { make } = yield* prepared
      let interrupted = 0
      const keyring = yield* make({
        fetchDeadline: "5 seconds",
        branchKeyIdSupplier: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void interrupted++))
      })
      const fiber = yield* Effect.forkChild(Effect.exit(keyring.onEncrypt(encryptionMaterials())))
      yield* TestClock.adjust("5 seconds")
      const error = yield* failureOf(Effect.flatten(Fiber.join(fiber)))
      assert.deepInclude(error.reason, { _tag: "DataKeyNotWrapped", code: "DeadlineExceeded" })
      assert.strictEqual(interrupted, 1)
    }))
})

describe("a shared cache", () => {
  const sharing = Effect.gen(function*() {
    const parts = yield* prepared
    const cache = yield* Effect.provide(BranchKeyCache.make({ maxAge: "1 hour" }), TestPrimitives.layer)
    yield* parts.script.clearLog
    return { ...parts, cache }
  })

  it.effect("serves keyrings of one partition from one read, whatever they are for", () =>
    Effect.gen(function*() {
      const { cache, make, script } = yield* sharing
      const options = { cache, partitionId: "mine" }
      const one = yield* make({ ...options, branchKeyId })
      const two = yield* make({ ...options, branchKeyIdSupplier: () => Effect.succeed(branchKeyId) })
      yield* one.onEncrypt(encryptionMaterials())
      const { encryptedDataKeys } = yield* two.onEncrypt(encryptionMaterials())
      assert.strictEqual(yield* calls(script), 1)
      for (const keyring of [one, two]) unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), encryptedDataKeys))
      assert.strictEqual(yield* calls(script), 2)
      assert.deepStrictEqual([one.cache, one.partitionId], [cache, "mine"])
    }))

  it.effect("keeps keyrings of other partitions apart: each has a random one by default", () =>
    Effect.gen(function*() {
      const { cache, make, script } = yield* sharing
      const keyrings = [
        yield* make({ branchKeyId, cache }),
        yield* make({ branchKeyId, cache }),
        yield* make({ branchKeyId, cache, partitionId: "" })
      ]
      for (const keyring of keyrings) yield* keyring.onEncrypt(encryptionMaterials())
      assert.strictEqual(yield* calls(script), 3)
      assert.match(keyrings[0]!.partitionId, /^[0-9a-f]{32}$/)
      assert.notStrictEqual(keyrings[0]!.partitionId, keyrings[1]!.partitionId)
      yield* cache.invalidate(branchKeyId)
      assert.strictEqual(yield* cache.size, 0)
    }))

  it.effect("a keyring with a shorter maximum age reads again what is as old for it", () =>
    Effect.gen(function*() {
      const { cache, make, script } = yield* sharing
      const one = yield* make({ branchKeyId, cache, partitionId: "", maxAge: "1 hour" })
      const two = yield* make({ branchKeyId, cache, partitionId: "", maxAge: "1 minute" })
      yield* one.onEncrypt(encryptionMaterials())
      yield* TestClock.adjust("59 seconds")
      yield* two.onEncrypt(encryptionMaterials())
      assert.strictEqual(yield* calls(script), 1)
      yield* TestClock.adjust("1 second")
      yield* one.onEncrypt(encryptionMaterials())
      assert.strictEqual(yield* calls(script), 1)
      yield* two.onEncrypt(encryptionMaterials())
      assert.strictEqual(yield* calls(script), 2)
    }))

  it.effect("lives on when a keyring's scope closes", () =>
    Effect.gen(function*() {
      const { cache, make } = yield* sharing
      const scope = yield* Scope.make()
      const keyring = yield* Scope.provide(make({ branchKeyId, cache }), scope)
      yield* keyring.onEncrypt(encryptionMaterials())
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* cache.size, 1)
    }))
})

describe("options of the cache", () => {
  const cache = Effect.runSync(Effect.scoped(Effect.provide(BranchKeyCache.make({ maxAge: 1 }), TestPrimitives.layer)))
  rejectsOptions<Options>(
    "HierarchicalKeyring",
    "a hierarchical keyring",
    (options) => Effect.provide(HierarchicalKeyring.make(options), Layer.orDie(TestStore)),
    { branchKeyId, maxAge },
    [
      ["no maximum age", { maxAge: undefined }, "maxAge", "must be a positive, finite Duration, got undefined"],
      ["a maximum age of 0", { maxAge: 0 }, "maxAge", "must be a positive, finite Duration, got 0"],
      ["no capacity", { capacity: 0 }, "capacity", /^must be an integer from 1 to/],
      ["a share of 1", { refreshAhead: 1 }, "refreshAhead", /^must be a share between 0 and 1/],
      ["no deadline", { fetchDeadline: 0 }, "fetchDeadline", /^must be a positive, finite Duration/],
      ["another cache", { cache: {} }, "cache", "must be a cache that BranchKeyCache.make has made"],
      ["a copy of a cache", { cache: { ...cache } }, "cache", "must be a cache that BranchKeyCache.make has made"],
      ["a partition ID that is no text", { partitionId: 1 }, "partitionId", "must be a string, got number"],
      [
        "a cache, and a capacity",
        { cache, capacity: 1 },
        "capacity",
        "is an option of the keyring's own cache, and cache is another one"
      ],
      [
        "a cache, and refreshing ahead",
        { cache, refreshAhead: 0.5 },
        "refreshAhead",
        "is an option of the keyring's own cache, and cache is another one"
      ]
    ]
  )

  it.effect("a store without a logical name makes no keyring", () =>
    Effect.gen(function*() {
      for (
        const store of [{}, { info: {} }, {
          get info() {
            throw new Error("no")
          }
        }]
      ) {
        const error = yield* failureOf(
          HierarchicalKeyring.make({ branchKeyId, maxAge }).pipe(
            Effect.provideService(BranchKeyStore.BranchKeyStore, store as never),
            Effect.provide(TestPrimitives.layer)
          )
        )
        assert.deepInclude(error.reason, { _tag: "KeyringMisconfigured", field: "BranchKeyStore" })
      }
    }))

  it.effect("layers provide the keyring and its control, from configuration too", () =>
    Effect.gen(function*() {
      const layer = HierarchicalKeyring.layerConfig({
        branchKeyId: Config.String("ID"),
        maxAge: Config.Duration("AGE")
      })
      const services = yield* Layer.build(
        layer.pipe(
          Layer.provideMerge(TestStore),
          Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ ID: branchKeyId, AGE: "1 hour" })))
        )
      )
      const control = Context.get(services, HierarchicalKeyring.HierarchicalKeyring)
      assert.strictEqual(Context.get(services, Keyring.Keyring), control)
      yield* Context.get(services, BranchKeyAdmin.BranchKeyAdmin).createKey({
        branchKeyId,
        encryptionContext: { a: "b" }
      })
      yield* control.warm([branchKeyId])
      assert.strictEqual(yield* control.cache.size, 1)
    }))
})
