/** What the model found once, as the smallest programs that show it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { CacheEntry, LocalCache, MaterialsCache, MaterialsCacheError } from "effect-encryption-sdk/caching"
import { TestClock } from "effect/testing"
import { caching, mapCache } from "../../support/caching.ts"
import { decryptRequest, encryptRequest } from "../../support/scriptedManager.ts"

/** A user's own cache that takes its time. */
const slowCache = (latency: { readonly get: number; readonly put: number }) => {
  const seen: Array<CacheEntry.CacheEntry> = []
  const { cache } = mapCache({}, {
    get: () => Effect.as(Effect.sleep(latency.get), undefined),
    put: (entry) => Effect.andThen(Effect.sync(() => seen.push(entry)), Effect.sleep(latency.put)),
    delete: () => Effect.void
  })
  return { cache, seen }
}

describe("found by the model", () => {
  it.effect("a receipt does not count the reservation of a waiter that was interrupted", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching({ script: { before: () => Effect.sleep("1 second") } })
      const [first, second] = [
        yield* Effect.forkChild(encrypt(encryptRequest({ length: 4 }))),
        yield* Effect.forkChild(encrypt(encryptRequest({ length: 5 })))
      ]
      yield* TestClock.adjust(0)
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("1 second")
      const receipts = [(yield* Fiber.join(second)).receipt, (yield* encrypt(encryptRequest({ length: 6 }))).receipt]
      assert.deepStrictEqual(
        receipts.map((receipt) => "usage" in receipt && receipt.usage),
        [{ messages: 1, bytes: 5n }, { messages: 2, bytes: 11n }]
      )
    }))

  it.effect("an invalidation by a pair that is reproduced, and not stored, closes the flight", () =>
    Effect.gen(function*() {
      const { cache, cmm, decrypt } = yield* caching({ script: { before: () => Effect.sleep("1 second") } })
      const fiber = yield* Effect.forkChild(decrypt(decryptRequest({ expected: { region: "z" } })))
      yield* TestClock.adjust(0)
      yield* cmm.invalidate({ encryptionContext: { region: "z" } })
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).receipt._tag, "Unoffered")
      assert.strictEqual(yield* cache.size, 0)
    }))

  for (const operation of ["encrypt", "decrypt"] as const) {
    it.effect(`a byte budget of 0 is never past its share: no refresh with each ${operation}`, () =>
      Effect.gen(function*() {
        const { calls, decrypt, encrypt } = yield* caching({
          policy: { maxAge: "10 minutes", maxBytesEncrypted: 0 },
          refreshAhead: { gracePeriod: "1 minute" }
        })
        const one = operation === "encrypt" ? encrypt(encryptRequest({ length: 0 })) : decrypt(decryptRequest())
        for (let i = 0; i < 5; i++) yield* Effect.asVoid(one as Effect.Effect<unknown>)
        assert.strictEqual(calls.length, 1)
      }))
  }

  it.effect("a request that is looked up while the manager closes is not admitted, and nothing is fetched", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { cache } = slowCache({ get: 100, put: 0 })
      const { calls, encrypt, events } = yield* Effect.provideService(caching({ cache }), Scope.Scope, scope)
      const fiber = yield* Effect.forkChild(Effect.flip(encrypt(encryptRequest())))
      yield* TestClock.adjust(50)
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust(100)
      assert.strictEqual(calls.length, 0)
      assert.strictEqual((yield* Fiber.join(fiber)).message, "encrypt: materials manager: its scope is closed")
      assert.deepStrictEqual(events, [], "and the cache did nothing wrong")
    }))

  it.effect("an entry that is on its way into the cache is zeroed when the manager closes", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { cache, seen } = slowCache({ get: 0, put: 100 })
      const { encrypt } = yield* Effect.provideService(caching({ cache }), Scope.Scope, scope)
      yield* Effect.forkChild(encrypt(encryptRequest()))
      yield* TestClock.adjust(50)
      assert.deepStrictEqual(seen.map(CacheEntry.isEvicted), [false])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(seen.map(CacheEntry.isEvicted), [true])
    }))

  it.effect("an entry whose put failed leaves the cache that stored it all the same: its capacity stays its capacity", () =>
    Effect.gen(function*() {
      const local = yield* LocalCache.make({ capacity: 2 })
      const cache = MaterialsCache.make({
        ...local,
        put: (entry) => Effect.andThen(local.put(entry), Effect.fail(new MaterialsCacheError({ operation: "put" })))
      })
      const { encrypt } = yield* caching({ cache })
      for (const tenant of ["a", "b", "c", "d"]) yield* encrypt(encryptRequest({ context: { tenant } }))
      assert.strictEqual(yield* local.size, 0)
    }))
})
