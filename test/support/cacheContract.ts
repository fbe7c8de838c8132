/**
 * The tests that hold for every `MaterialsCache`, for the tests of each.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { CacheEntry, type MaterialsCache } from "effect-encryption-sdk/caching"
import { caching } from "./caching.ts"
import { decryptRequest, edk, encryptRequest, keyNumber } from "./scriptedManager.ts"

const tenant = (name: string, length = 1) => encryptRequest({ context: { tenant: name }, length })

/** The entries of a cache, in no order. */
const entriesOf = Effect.fnUntraced(function*(cache: MaterialsCache.MaterialsCache) {
  const keys: Array<string> = []
  yield* cache.deleteWhere(({ key }) => {
    keys.push(key)
    return false
  }, "deleted")
  return yield* Effect.forEach(keys, (key) => Effect.map(cache.get(key), (entry) => entry!))
})

/** `make` makes a cache that keeps this number of entries at least. */
export const cacheContract = (
  title: string,
  make: (capacity: number) => Effect.Effect<MaterialsCache.MaterialsCache, never, Scope.Scope>
) => {
  /** A caching manager over a new cache, with the causes of evictions. */
  const cached = Effect.gen(function*() {
    const made = yield* caching({ cache: yield* make(10) })
    const causes = () => made.events.flatMap((event) => event._tag === "Evicted" ? [event.cause] : [])
    return { ...made, causes }
  })

  describe(`${title}, as every materials cache`, () => {
    it.effect("get returns the entry that was put, and nothing for another key", () =>
      Effect.gen(function*() {
        const { cache, encrypt } = yield* cached
        assert.isTrue(cache.stores)
        assert.strictEqual(yield* cache.size, 0)
        yield* encrypt(tenant("a"))
        const [entry] = yield* entriesOf(cache)
        assert.isTrue(CacheEntry.isCacheEntry(entry))
        assert.strictEqual(yield* cache.get(entry!.metadata.key), entry)
        assert.strictEqual(yield* cache.get("no such key"), undefined)
        assert.strictEqual(yield* cache.size, 1)
        assert.strictEqual(keyNumber(yield* encrypt(tenant("a"))), 1)
      }))

    it.effect("keeps entries of both operations, each under its key", () =>
      Effect.gen(function*() {
        const { cache, count, decrypt, encrypt } = yield* cached
        for (const name of ["a", "b", "a", "b"]) yield* encrypt(tenant(name))
        for (const number of [7, 8, 7, 8]) yield* decrypt(decryptRequest({ edks: [edk(number)] }))
        assert.strictEqual(count(), 4)
        assert.strictEqual(yield* cache.size, 4)
      }))

    it.effect("put replaces the entry under its key, and stores none that is evicted", () =>
      Effect.gen(function*() {
        const { cache, causes, cmm, encrypt } = yield* cached
        yield* encrypt(tenant("a"))
        const [first] = yield* entriesOf(cache)
        yield* cmm.invalidate({ encryptionContext: { tenant: "a" } })
        assert.isTrue(CacheEntry.isEvicted(first!))
        yield* cache.put(first!)
        assert.strictEqual(yield* cache.size, 0, "an evicted entry is not stored again")
        yield* encrypt(tenant("a"))
        const [second] = yield* entriesOf(cache)
        assert.notStrictEqual(second, first)
        assert.deepStrictEqual(causes(), ["invalidated"])
      }))

    it.effect("delete evicts this very entry, and leaves one that took its place", () =>
      Effect.gen(function*() {
        const { cache, causes, encrypt } = yield* cached
        yield* encrypt(tenant("a"))
        const [first] = yield* entriesOf(cache)
        yield* cache.delete(first!, "deleted")
        assert.strictEqual(yield* cache.size, 0)
        yield* encrypt(tenant("a"))
        yield* cache.delete(first!, "deleted")
        assert.strictEqual(yield* cache.size, 1)
        assert.deepStrictEqual(causes(), ["deleted"])
      }))

    it.effect("deleteWhere and clear evict what they say, with the cause", () =>
      Effect.gen(function*() {
        const { cache, causes, encrypt } = yield* cached
        for (const name of ["a", "b", "c"]) yield* encrypt(tenant(name))
        const entries = yield* entriesOf(cache)
        assert.strictEqual(
          yield* cache.deleteWhere((metadata) => metadata.encryptionContext["tenant"] !== "b", "invalidated"),
          2
        )
        assert.strictEqual(keyNumber(yield* encrypt(tenant("b"))), 2)
        yield* cache.clear
        assert.strictEqual(yield* cache.size, 0)
        assert.deepStrictEqual(causes(), ["invalidated", "invalidated", "cleared"])
        assert.isTrue(entries.every(CacheEntry.isEvicted))
      }))

    it.effect("what it keeps is evicted when its scope closes", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const cache = yield* Scope.provide(make(10), scope)
        const { encrypt } = yield* caching({ cache })
        yield* encrypt(tenant("a"))
        const entries = yield* entriesOf(cache)
        assert.lengthOf(entries, 1)
        yield* Scope.close(scope, Exit.void)
        assert.isTrue(entries.every(CacheEntry.isEvicted))
        assert.strictEqual(yield* cache.size, 0)
      }))
  })
}
