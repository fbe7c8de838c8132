/** framework/aws-kms/aws-kms-hierarchical-keyring.md: the cache of branch keys */
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Effect, Exit, Fiber, Layer, Metric, Redacted, Scope } from "effect"
import {
  BranchKeyAdmin,
  BranchKeyCache,
  BranchKeyMetrics,
  BranchKeyStorage,
  BranchKeyStore
} from "effect-encryption-sdk/hierarchical"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { cached, failure, readOf, scriptedStore, settle } from "../support/branchKeyCache.ts"
import { counting, singleKey, storeOver, TestStore } from "../support/branchKeys.ts"
import { isZero } from "../support/bytes.ts"
import { failureOf } from "../support/client.ts"
import { printsNone } from "../support/keyringContract.ts"
import { TestClock } from "../support/TestClock.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const down = failure(new BranchKeyStorage.StorageFailed({ code: "Down", description: "", isRetryable: true }))
const all = { concurrency: "unbounded" } as const

describe("a branch key cache", () => {
  it.effect("a thousand cold requests over ten branch keys are ten reads of the storage and ten calls of KMS", () =>
    Effect.gen(function*() {
      const admin = yield* BranchKeyAdmin.BranchKeyAdmin
      const script = yield* ScriptedKms.ScriptedKms
      const { reads, storage } = counting(yield* BranchKeyStorage.BranchKeyStorage)
      const store = yield* storeOver(storage, singleKey)
      const ids = yield* Effect.forEach(Array.from({ length: 10 }), () => admin.createKey())
      yield* script.clearLog
      yield* script.when({ operation: "Decrypt" }, ScriptedKms.delay("50 millis"))
      const cache = yield* BranchKeyCache.make({ maxAge: "1 hour" })
      const requests = Array.from({ length: 1000 }, (_, index) => ids[index % 10]!)
      const fiber = yield* Effect.forkChild(
        Effect.forEach(
          requests,
          ({ branchKeyId, version }) =>
            Effect.scoped(
              Effect.map(cache.get({ store, partitionId: "" }, branchKeyId), (key) =>
                assert.strictEqual(key.version, version))
            ),
          all
        )
      )
      yield* TestClock.adjust("50 millis")
      yield* Fiber.join(fiber)
      assert.lengthOf(reads, 10)
      assert.strictEqual(new Set(reads).size, 10)
      yield* ScriptedKms.assertCalls({ Decrypt: 10 })
      yield* ScriptedKms.assertAllReleased
      assert.strictEqual(yield* cache.size, 10)
    }).pipe(Effect.provide(TestStore)))

  it.effect("each request has a copy, which is zeroed with its scope, and the next is served all the same", () =>
    Effect.gen(function*() {
      const { arrays, cache, get, source } = yield* cached()
      const scopes = [yield* Scope.make(), yield* Scope.make()]
      const keys = yield* Effect.forEach(scopes, (scope) => Scope.provide(cache.get(source, "a"), scope))
      const [one, two] = keys.map(({ key }) => Redacted.value(key))
      assert.notStrictEqual(one, two)
      assert.isTrue(arrays.every(isZero), "what the store returned is zeroed at once")
      one!.fill(9)
      assert.strictEqual(readOf(keys[1]!), 1)
      printsNone([cache, keys], two!)
      yield* Scope.close(scopes[0]!, Exit.void)
      assert.isTrue(isZero(one!))
      assert.isFalse(isZero(two!))
      assert.strictEqual(yield* get(), 1)
      yield* Scope.close(scopes[1]!, Exit.void)
      assert.isTrue(isZero(two!))
      assert.strictEqual(yield* get(), 1)
    }))

  it.effect("serves until the maximum age, and an entry of exactly that age not", () =>
    Effect.gen(function*() {
      const { cache, get } = yield* cached({ maxAge: "1 minute" })
      assert.strictEqual(yield* get(), 1)
      yield* TestClock.adjust("59999 millis")
      assert.strictEqual(yield* get(), 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* cache.size, 1, "nothing runs without a request")
      assert.strictEqual(yield* get("b"), 2)
      assert.strictEqual(yield* cache.size, 1, "a request for another branch key drops what is expired")
      assert.strictEqual(yield* get(), 3)
    }))

  it.effect("counts age from the beginning of the read, so that no state of the store lives longer", () =>
    Effect.gen(function*() {
      const { get } = yield* cached(
        { maxAge: "1 minute" },
        (read) => read === 1 ? Effect.sleep("20 seconds") : Effect.void
      )
      const fiber = yield* Effect.forkChild(get())
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), 1)
      yield* TestClock.adjust("39999 millis")
      assert.strictEqual(yield* get(), 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* get(), 2)
    }))

  it.effect("a read that takes longer than the maximum age serves those who wait for it, and is not kept", () =>
    Effect.gen(function*() {
      const { cache, get, reads } = yield* cached({ maxAge: "5 seconds" }, () => Effect.sleep("10 seconds"))
      const first = yield* Effect.forkChild(get())
      yield* TestClock.adjust("6 seconds")
      const second = yield* Effect.forkChild(get())
      yield* settle
      assert.lengthOf(reads, 2, "none joins a read that is as old as the maximum age")
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* Fiber.join(first), 1)
      assert.strictEqual(yield* cache.size, 0)
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual(yield* Fiber.join(second), 2)
    }))

  it.effect("a clock that is set back makes no entry younger", () =>
    Effect.gen(function*() {
      const { get } = yield* cached({ maxAge: "1 minute" })
      yield* TestClock.setTime(1_000_000)
      assert.strictEqual(yield* get(), 1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* get(), 2)
    }))

  it.effect("requests at once, also at expiry, are one read", () =>
    Effect.gen(function*() {
      const { get, reads } = yield* cached({}, () => Effect.sleep("10 millis"))
      for (const round of [1, 2]) {
        const fiber = yield* Effect.forkChild(Effect.forEach(Array.from({ length: 100 }), () => get(), all))
        yield* TestClock.adjust("10 millis")
        assert.deepStrictEqual(yield* Fiber.join(fiber), Array.from({ length: 100 }, () => round))
        assert.lengthOf(reads, round)
        yield* TestClock.adjust("1 minute")
      }
    }))

  it.effect("active version and named version, ids, partitions and stores are kept apart, whatever the texts are", () =>
    Effect.gen(function*() {
      const { cache } = yield* cached()
      const named = (name: string) => scriptedStore(() => Effect.void, name).store
      const version = "00000001-1111-4111-8111-111111111111"
      const requests = [
        ["p", "orders", "a", undefined],
        ["p", "orders", "a", version],
        ["p", "orders", `a\u0000${version}`, undefined],
        ["p", "orders\u0000a", "", undefined],
        ["p\u0000orders", "a", "b", undefined],
        ["p", "orders\u0000a", "b", undefined],
        ["p", "orders", "a\u0000b", undefined],
        ["p1", "orders", "a", undefined],
        ["p", "1orders", "a", undefined]
      ] as const
      for (const [partitionId, name, id, version] of requests) {
        const key = yield* cache.get({ store: named(name), partitionId }, id, version)
        assert.strictEqual(key.branchKeyId, id)
      }
      assert.strictEqual(yield* cache.size, requests.length)
    }))

  it.effect("keeps as many as its capacity, and drops the least recently used", () =>
    Effect.gen(function*() {
      const { cache, get, reads } = yield* cached({ capacity: 2 })
      yield* get("a")
      yield* get("b")
      yield* get("a")
      yield* get("c")
      assert.strictEqual(yield* cache.size, 2)
      yield* get("a")
      assert.deepStrictEqual(reads, ["a", "b", "c"])
      yield* get("b")
      assert.deepStrictEqual(reads, ["a", "b", "c", "b"])
    }))

  it.effect("a source with a maximum age of its own reads again what is as old", () =>
    Effect.gen(function*() {
      const { get } = yield* cached({ maxAge: "1 minute" })
      const strict = { maxAge: "10 seconds" } as const
      assert.strictEqual(yield* get("a"), 1)
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* get("a", strict), 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* get("a"), 1)
      assert.strictEqual(yield* get("a", strict), 2)
      assert.strictEqual(yield* get("a"), 2, "what it read serves the others")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* get("a", { maxAge: "1 hour" }), 3, "the cache's own holds for all")
    }))

  it.effect("a failure is that of all who wait for it, and is not kept", () =>
    Effect.gen(function*() {
      const { cache, get, reads } = yield* cached({}, (read) =>
        read === 1
          ? Effect.andThen(Effect.sleep("10 millis"), Effect.fail(down))
          : read === 2
          ? Effect.die("bug")
          : Effect.void)
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(Effect.exit(get())))
      yield* TestClock.adjust("10 millis")
      for (const fiber of fibers) {
        assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.fail(down))
      }
      assert.lengthOf(reads, 1)
      assert.strictEqual(yield* cache.size, 0)
      assert.deepStrictEqual(yield* Effect.exit(get()), Exit.die("bug"))
      assert.strictEqual(yield* get(), 3)
    }))

  it.effect("warm reads each branch key that is not there, once", () =>
    Effect.gen(function*() {
      const { cache, get, reads, source } = yield* cached()
      yield* get("b")
      yield* cache.warm(source, ["a", "b", "a", "c"])
      assert.deepStrictEqual(reads, ["b", "a", "c"])
      assert.strictEqual(yield* get("c"), 3)
      assert.lengthOf(reads, 3)
      const failing = yield* cached({}, () => Effect.fail(down))
      assert.strictEqual(yield* failureOf(failing.cache.warm(failing.source, ["a"])), down)
      for (const id of [undefined, null, 1]) {
        const error = yield* failureOf(cache.warm(source, [id as unknown as string]))
        assert.deepInclude(error.reason, { _tag: "InvalidOption", field: "branchKeyId" })
      }
    }))

  it.effect("is not made with wrong options", () =>
    Effect.gen(function*() {
      const rows: ReadonlyArray<readonly [object, string, RegExp]> = [
        [{ maxAge: undefined }, "maxAge", /^must be a positive, finite Duration/],
        [{ maxAge: 0 }, "maxAge", /^must be a positive, finite Duration/],
        [{ maxAge: "-1 second" }, "maxAge", /^must be a positive, finite Duration/],
        [{ maxAge: Infinity }, "maxAge", /^must be a positive, finite Duration/],
        [{ capacity: 0 }, "capacity", /^must be an integer from 1 to/],
        [{ capacity: 1.5 }, "capacity", /^must be an integer from 1 to/],
        [{ refreshAhead: 0 }, "refreshAhead", /^must be a share between 0 and 1/],
        [{ refreshAhead: 1 }, "refreshAhead", /^must be a share between 0 and 1/],
        [{ refreshAhead: NaN }, "refreshAhead", /^must be a share between 0 and 1/],
        [{ fetchDeadline: "0 millis" }, "fetchDeadline", /^must be a positive, finite Duration/],
        [{ ttl: 1 }, "ttl", /^is no option of a branch key cache/]
      ]
      for (const [change, field, description] of rows) {
        const error = yield* failureOf(BranchKeyCache.make({ maxAge: "1 hour", ...change }))
        assert.strictEqual(error.field, field)
        assert.match(error.description, description)
      }
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("layers make it, from configuration too", () =>
    Effect.gen(function*() {
      const layer = BranchKeyCache.layerConfig({ maxAge: "1 hour", capacity: Config.Int("CAPACITY") }).pipe(
        Layer.provide(TestPrimitives.layer),
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ CAPACITY: "1" })))
      )
      const cache = Context.get(yield* Layer.build(layer), BranchKeyCache.BranchKeyCache)
      const source = { store: scriptedStore().store, partitionId: "" }
      yield* cache.warm(source, ["a", "b"])
      assert.strictEqual(yield* cache.size, 1)
      const plain = yield* Layer.build(Layer.provide(BranchKeyCache.layer({ maxAge: 1 }), TestPrimitives.layer))
      assert.isTrue(BranchKeyCache.isBranchKeyCache(Context.get(plain, BranchKeyCache.BranchKeyCache)))
      assert.isFalse(BranchKeyCache.isBranchKeyCache({ ...cache }))
    }))

  it.effect("counts requests, reads, evictions and entries, apart from those of data keys", () =>
    Effect.gen(function*() {
      const { cache, get } = yield* cached(
        { capacity: 2 },
        (read) => read === 2 ? Effect.fail(down) : Effect.sleep("10 millis")
      )
      const both = yield* Effect.forkChild(Effect.all([get(), get()], all))
      yield* TestClock.adjust("10 millis")
      yield* Fiber.join(both)
      yield* get()
      yield* Effect.exit(get("b"))
      const version = "00000003-1111-4111-8111-111111111111"
      const more = yield* Effect.forkChild(Effect.all([get("a", {}, version), get("c")], all))
      yield* settle
      const flights = { operation: "version" }
      assert.strictEqual((yield* Metric.value(BranchKeyMetrics.flights(flights))).value, 1)
      yield* TestClock.adjust("10 millis")
      yield* Fiber.join(more)
      yield* cache.clear
      const counts = yield* Effect.forEach([
        BranchKeyMetrics.requests({ operation: "active", outcome: "hit" }),
        BranchKeyMetrics.requests({ operation: "active", outcome: "joined" }),
        BranchKeyMetrics.requests({ operation: "active", outcome: "miss" }),
        BranchKeyMetrics.requests({ operation: "version", outcome: "miss" }),
        BranchKeyMetrics.fetches({ operation: "active", trigger: "request", outcome: "succeeded" }),
        BranchKeyMetrics.fetches({ operation: "active", trigger: "request", outcome: "failed" }),
        BranchKeyMetrics.evictions({ operation: "active", cause: "capacity" }),
        BranchKeyMetrics.evictions({ operation: "active", cause: "cleared" }),
        BranchKeyMetrics.evictions({ operation: "version", cause: "cleared" })
      ], (metric) => Effect.map(Metric.value(metric), ({ count }) => count))
      assert.deepStrictEqual(counts, [1, 1, 3, 1, 2, 1, 1, 1, 1])
      assert.strictEqual((yield* Metric.value(BranchKeyMetrics.entries({ operation: "active" }))).value, 0)
      assert.strictEqual((yield* Metric.value(BranchKeyMetrics.flights(flights))).value, 0)
      const ids = (yield* Metric.snapshot).map(({ id }) => id)
      assert.isTrue(ids.every((id) => id.startsWith("effect_encryption_sdk_branch_key_cache_")), ids.join())
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))
})

describe("invalidate and clear", () => {
  it.effect("drop a branch key with its versions, or all", () =>
    Effect.gen(function*() {
      const { cache, get } = yield* cached()
      const version = "00000002-1111-4111-8111-111111111111"
      yield* get("a")
      yield* get("a", {}, version)
      yield* get("a", { partitionId: "q" })
      yield* get("b")
      yield* cache.invalidate("a")
      assert.strictEqual(yield* cache.size, 1)
      assert.strictEqual(yield* get("b"), 4)
      assert.strictEqual(yield* get("a"), 5)
      yield* cache.clear
      assert.strictEqual(yield* cache.size, 0)
      assert.strictEqual(yield* get("b"), 6)
    }))

  for (const how of ["invalidate", "clear"] as const) {
    it.effect(`a read in flight serves those who wait for it, and is not kept: ${how}`, () =>
      Effect.gen(function*() {
        const { cache, get, reads } = yield* cached({}, () => Effect.sleep("10 seconds"))
        const drop = how === "clear" ? cache.clear : cache.invalidate("a")
        const first = yield* Effect.forkChild(get())
        yield* TestClock.adjust("5 seconds")
        yield* drop
        const second = yield* Effect.forkChild(get())
        yield* settle
        assert.lengthOf(reads, 2, "none joins what was read before")
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* Fiber.join(first), 1)
        assert.strictEqual(yield* cache.size, 0)
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* Fiber.join(second), 2)
        assert.strictEqual(yield* get(), 2)
      }))
  }

  it.effect("after a rotation and an invalidation the next request has the new version", () =>
    Effect.gen(function*() {
      const admin = yield* BranchKeyAdmin.BranchKeyAdmin
      const store = yield* BranchKeyStore.BranchKeyStore
      const cache = yield* BranchKeyCache.make({ maxAge: "1 hour" })
      const { branchKeyId, version } = yield* admin.createKey()
      const active = Effect.scoped(
        Effect.map(cache.get({ store, partitionId: "" }, branchKeyId), ({ version }) => version)
      )
      assert.strictEqual(yield* active, version)
      const { version: next } = yield* admin.versionKey(branchKeyId)
      assert.strictEqual(yield* active, version, "the cache does not know")
      yield* cache.invalidate(branchKeyId)
      assert.strictEqual(yield* active, next)
    }).pipe(Effect.provide(TestStore)))
})
