/**
 * Every copy of a data key that the library makes is recorded: what an eviction must zero, and what it must not.
 */
import { assert, beforeEach, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { type CacheEntry, MaterialsCacheError } from "effect-encryption-sdk/caching"
import { vi } from "vitest"
import { TestClock } from "../support/TestClock.ts"
import { type Caching, caching, mapCache } from "../support/caching.ts"
import { encryptRequest, keyBytes } from "../support/scriptedManager.ts"

const copies: Array<Uint8Array> = []

vi.mock("../../src/model/DataKey.ts", async (importOriginal) => {
  const original = await importOriginal<typeof DataKey>()
  return {
    ...original,
    copy: (key: DataKey.DataKey) => {
      const copy = original.copy(key)
      copies.push(original.value(copy))
      return copy
    },
    copyFrom: (bytes: Uint8Array) => {
      const copy = original.copyFrom(bytes)
      copies.push(original.value(copy))
      return copy
    }
  }
})

beforeEach(() => {
  copies.length = 0
})

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

describe("promise 14: eviction zeroes the entry's own bytes at once, and no operation's", () => {
  for (
    const [cause, act] of [
      ["capacity", ({ encrypt }) => Effect.asVoid(encrypt(encryptRequest({ context: { tenant: "other" } })))],
      [
        "age",
        ({ encrypt }) => Effect.andThen(TestClock.adjust("10 minutes"), Effect.asVoid(encrypt(encryptRequest())))
      ],
      ["messages", ({ encrypt }) => Effect.asVoid(encrypt(encryptRequest()))],
      ["bytes", ({ encrypt }) => Effect.asVoid(encrypt(encryptRequest({ length: 1000 })))],
      ["cleared", ({ cache }) => cache.clear],
      ["deleted", ({ cache }) => Effect.asVoid(cache.deleteWhere(() => true, "deleted"))]
    ] as ReadonlyArray<
      readonly [CacheEntry.EvictionCause, (caching: Caching) => Effect.Effect<void, unknown, Scope.Scope>]
    >
  ) {
    it.effect(cause, () =>
      Effect.gen(function*() {
        const test = yield* caching({
          capacity: 1,
          sweepInterval: "1 hour",
          policy: {
            maxAge: "10 minutes",
            maxMessagesEncrypted: cause === "messages" ? 2 : 100,
            maxBytesEncrypted: 1000
          }
        })
        const scope = yield* Scope.make()
        const { materials } = yield* Effect.provideService(test.encrypt(encryptRequest()), Scope.Scope, scope)
        const running = DataKey.value(materials.plaintextDataKey)
        const [entry, copy] = copies
        assert.deepStrictEqual(entry, keyBytes(1))
        assert.strictEqual(copy, running)
        yield* act(test)
        assert.include(test.causes(), cause)
        assert.isTrue(isZero(entry!))
        assert.deepStrictEqual(running, keyBytes(1))
        yield* Scope.close(scope, Exit.void)
        assert.isTrue(isZero(running))
      }))
  }

  it.effect("replaced: by a manager that shares the cache and the partition", () =>
    Effect.gen(function*() {
      const one = yield* caching({ partitionId: "p" })
      const gate = yield* Deferred.make<void>()
      const other = yield* caching({
        partitionId: "p",
        cache: one.cache,
        script: { before: () => Deferred.await(gate) }
      })
      const fiber = yield* Effect.forkChild(other.encrypt(encryptRequest()), { startImmediately: true })
      yield* TestClock.adjust(0)
      yield* one.encrypt(encryptRequest())
      const [entry, running] = copies
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(fiber)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(one.causes(), ["replaced"])
      assert.isTrue(isZero(entry!))
      assert.deepStrictEqual(running, keyBytes(1))
    }))

  it.effect("an entry that its cache fails to store is zeroed too", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching({
        cache: mapCache({}, { put: () => Effect.fail(new MaterialsCacheError({ operation: "put" })) }).cache
      })
      yield* encrypt(encryptRequest())
      yield* TestClock.adjust(0)
      const [entry, running] = copies
      assert.isTrue(isZero(entry!))
      assert.deepStrictEqual(running, keyBytes(1))
    }))

  it.effect("the leftovers of a flight that nobody can join any more are zeroed too", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching({
        policy: { maxAge: "1 minute", maxMessagesEncrypted: 1 },
        script: { before: () => Effect.sleep("1 second") }
      })
      const fiber = yield* Effect.forkChild(
        Effect.scoped(Effect.forEach([1, 2, 3], () => encrypt(encryptRequest()), { concurrency: "unbounded" }))
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.strictEqual(copies.length, 6)
      assert.isTrue(copies.every(isZero))
    }))
})
