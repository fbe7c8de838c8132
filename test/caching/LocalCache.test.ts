import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Clock, Config, ConfigProvider, Duration, Effect, Exit, Schema, Scope } from "effect"
import { CacheEntry, LocalCache, MaterialsCache } from "effect-encryption-sdk/caching"
import { TestClock } from "../support/TestClock.ts"
import { inspect } from "../support/inspect.ts"
import { caching } from "../support/caching.ts"
import { decryptRequest, edk, encryptRequest, keyNumber } from "../support/scriptedManager.ts"

const tenant = (name: string | number, length = 1) => encryptRequest({ context: { tenant: String(name) }, length })

describe("options", () => {
  for (
    const [options, message] of [
      [{ capacity: -1 }, "capacity: must be an integer from 0 to 9007199254740991, got -1"],
      [{ capacity: 1.5 }, "capacity: must be an integer from 0 to 9007199254740991, got 1.5"],
      [{ capacity: Number.NaN }, "capacity: must be an integer from 0 to 9007199254740991, got NaN"],
      [{ capacity: "10" as never }, "capacity: must be an integer from 0 to 9007199254740991, got \"10\""],
      [
        { capacity: 1, sweepInterval: "0 seconds" },
        "sweepInterval: must be a positive, finite Duration, got \"0 seconds\""
      ],
      [{ capacity: 1, onEviction: true as never }, "onEviction: must be a function"],
      [{ capacity: 1, size: 1 } as never, "size: is no option of a local cache"],
      [undefined as never, "options: must be an object"],
      [
        { capacity: 1, sweepInterval: 0n as never },
        "sweepInterval: must be a positive, finite Duration, got 0"
      ],
      [
        { capacity: 1, sweepInterval: "soon" as never },
        "sweepInterval: must be a positive, finite Duration, got \"soon\""
      ]
    ] as const
  ) {
    it.effect(`rejects, and says: ${message}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(LocalCache.make(options))
        assert.strictEqual(error._tag, "InvalidOption")
        assert.strictEqual(error.message, message)
      }))
  }
})

describe("layerConfig", () => {
  const size = Effect.gen(function*() {
    const cache = yield* MaterialsCache.MaterialsCache
    const { encrypt } = yield* caching({ cache })
    for (const name of ["a", "b", "c"]) yield* encrypt(tenant(name))
    return yield* cache.size
  })

  it.effect("takes each option as a value or from configuration", () =>
    Effect.gen(function*() {
      const causes: Array<string> = []
      const layer = LocalCache.layerConfig({
        capacity: Config.Int("capacity"),
        sweepInterval: "1 hour",
        onEviction: ({ cause }) => causes.push(cause)
      })
      assert.strictEqual(yield* Effect.provide(size, layer), 2)
      assert.deepStrictEqual(causes, ["capacity", "scope", "scope"])
    }).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ capacity: 2 })))))

  it.effect("takes a configuration of all options, and checks them", () =>
    Effect.gen(function*() {
      const layer = LocalCache.layerConfig(Config.all({ capacity: Config.Int("capacity") }))
      const error = yield* Effect.flip(Effect.provide(size, layer))
      assert.strictEqual(error.message, "capacity: must be an integer from 0 to 9007199254740991, got -2")
    }).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ capacity: -2 })))))
})

describe("capacity", () => {
  it.effect("the least recently used entry makes room, for encryption and decryption alike", () =>
    Effect.gen(function*() {
      const { cache, decrypt, encrypt, evictions } = yield* caching({ capacity: 3 })
      yield* encrypt(tenant("a"))
      yield* decrypt(decryptRequest({ edks: [edk(7)] }))
      yield* encrypt(tenant("c"))
      yield* encrypt(tenant("a"))
      yield* encrypt(tenant("d"))
      assert.strictEqual(yield* cache.size, 3)
      assert.deepStrictEqual(
        evictions.map(({ cause, metadata }) => [cause, metadata.operation]),
        [["capacity", "decrypt"]]
      )
      yield* encrypt(tenant("e"))
      assert.deepStrictEqual(evictions.map(({ metadata }) => metadata.encryptionContext["tenant"]), ["a", "c"])
    }))

  it.effect.prop(
    "holds the most recently used entries and no others",
    {
      capacity: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 6 })),
      names: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 })))
    },
    ({ capacity, names }) =>
      Effect.gen(function*() {
        const { cache, count, encrypt } = yield* caching({ capacity })
        let recent: Array<number> = []
        let misses = 0
        for (const name of names) {
          if (!recent.includes(name)) misses++
          recent = [name, ...recent.filter((other) => other !== name)].slice(0, capacity)
          yield* encrypt(tenant(name))
          assert.strictEqual(count(), misses)
          assert.strictEqual(yield* cache.size, recent.length)
        }
      }).pipe(Effect.scoped),
    { arbitrary: { seed: "least recently used", runs: 200 } }
  )
})

describe("sweep", () => {
  it.effect("evicts everything that is expired, at each interval", () =>
    Effect.gen(function*() {
      const { cache, causes, encrypt } = yield* caching({
        policy: { maxAge: "90 seconds" },
        sweepInterval: "1 minute"
      })
      for (let i = 0; i < 50; i++) yield* encrypt(tenant(i))
      yield* TestClock.adjust("30 seconds")
      yield* encrypt(tenant("young"))
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* cache.size, 51, "nothing is expired at the first sweep")
      yield* TestClock.adjust("59999 millis")
      assert.strictEqual(yield* cache.size, 51, "between sweeps expired entries stay")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* cache.size, 0)
      assert.deepStrictEqual(causes(), Array.from({ length: 51 }, () => "age"))
    }))

  it.effect("evicts what is expired wherever it stands in the order of use", () =>
    Effect.gen(function*() {
      const { cache, encrypt, evictions } = yield* caching({
        policy: { maxAge: "90 seconds" },
        sweepInterval: "2 minutes"
      })
      yield* encrypt(tenant("old"))
      yield* TestClock.adjust("80 seconds")
      yield* encrypt(tenant("young"))
      yield* encrypt(tenant("old"))
      yield* TestClock.adjust("40 seconds")
      assert.deepStrictEqual(evictions.map(({ metadata }) => metadata.encryptionContext["tenant"]), ["old"])
      assert.strictEqual(yield* cache.size, 1)
    }))

  it.effect("evicts what was made after the clock was set back", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      let skew = 0
      const skewed: Clock.Clock = Object.assign(Object.create(clock) as Clock.Clock, {
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + skew
      })
      const { cache, encrypt } = yield* Effect.provideService(
        caching({ sweepInterval: "1 minute", policy: { maxAge: "10 minutes" } }),
        Clock.Clock,
        skewed
      )
      yield* encrypt(tenant("before"))
      skew = -5 * 60_000
      yield* encrypt(tenant("after"))
      // Ten minutes by the wall clock alone, for the second entry.
      skew = 4 * 60_000
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* cache.size, 1)
    }))

  it.effect("evicts a thousand entries in a step, and the rest in another", () =>
    Effect.gen(function*() {
      const left: Array<number> = []
      const cache = yield* LocalCache.make({
        capacity: 5000,
        sweepInterval: "1 minute",
        onEviction: () => left.push(Effect.runSync(cache.size))
      })
      const { cmm } = yield* caching({ cache, policy: { maxAge: "30 seconds" }, onEvent: undefined })
      for (let i = 0; i < 1200; i++) yield* cmm.warm({ encryptionContext: { tenant: String(i) } })
      yield* TestClock.adjust("1 minute")
      for (let turn = 0; turn < 100 && left.length < 1200; turn++) yield* Effect.yieldNow
      assert.strictEqual(left.length, 1200)
      assert.deepStrictEqual([...new Set(left)], [200, 0])
    }))

  it.effect("sleeps only while there are entries", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      let asleep = 0
      const counting: Clock.Clock = {
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
        currentTimeMillis: clock.currentTimeMillis,
        currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
        currentTimeNanos: clock.currentTimeNanos,
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
        monotonicTimeNanos: clock.monotonicTimeNanos,
        sleep: (duration) =>
          Effect.acquireUseRelease(
            Effect.sync(() => asleep++),
            () => clock.sleep(duration),
            () => Effect.sync(() => asleep--)
          )
      }
      const cache = yield* Effect.provideService(
        LocalCache.make({ capacity: 10, sweepInterval: "10 seconds" }),
        Clock.Clock,
        counting
      )
      const { encrypt } = yield* caching({ cache, policy: { maxAge: "15 seconds" } })
      assert.strictEqual(asleep, 0)
      for (let i = 0; i < 2; i++) {
        for (const name of ["a", "b"]) yield* encrypt(tenant(name))
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(asleep, 1, "one sweep for all entries")
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* cache.size, 0)
        assert.strictEqual(asleep, 0, "an idle process is not kept alive")
      }
    }))

  it.effect("takes 60 seconds between sweeps by default", () =>
    Effect.gen(function*() {
      const { cache, encrypt } = yield* caching({ policy: { maxAge: "1 second" } })
      yield* encrypt(tenant("a"))
      yield* TestClock.adjust("59999 millis")
      assert.strictEqual(yield* cache.size, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* cache.size, 0)
    }))

  it.effect("exists only while there are entries, and starts again with the next one", () =>
    Effect.gen(function*() {
      const { cache, encrypt } = yield* caching({ policy: { maxAge: "1 second" }, sweepInterval: "10 seconds" })
      for (let i = 0; i < 3; i++) {
        yield* encrypt(tenant("a"))
        assert.strictEqual(yield* cache.size, 1)
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* cache.size, 0)
        yield* TestClock.adjust("1 hour")
      }
    }))

  it.effect("goes by the larger of wall and monotonic time", () =>
    Effect.gen(function*() {
      const { cache, encrypt } = yield* caching({ policy: { maxAge: "10 minutes" }, sweepInterval: "1 minute" })
      yield* TestClock.setTime(Duration.toMillis("5 hours"))
      yield* encrypt(tenant("a"))
      yield* TestClock.adjust("9 minutes")
      assert.strictEqual(yield* cache.size, 1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* cache.size, 0)
    }))
})

describe("operations", () => {
  it.effect("get answers the entry, and never an expired one", () =>
    Effect.gen(function*() {
      const { cache, causes, encrypt } = yield* caching({ policy: { maxAge: "1 second" } })
      let key = ""
      yield* encrypt(tenant("a"))
      yield* cache.deleteWhere((metadata) => {
        key = metadata.key
        return false
      }, "deleted")
      const entry = yield* cache.get(key)
      assert.isTrue(CacheEntry.isCacheEntry(entry))
      assert.deepStrictEqual(yield* CacheEntry.usage(entry!), { messages: 1, bytes: 1n })
      assert.isFalse(yield* CacheEntry.isExpired(entry!))
      yield* TestClock.adjust("1 second")
      assert.isTrue(yield* CacheEntry.isExpired(entry!))
      assert.strictEqual(yield* cache.get(key), undefined)
      assert.deepStrictEqual(causes(), ["age"])
      assert.strictEqual(yield* cache.get("no such key"), undefined)
    }))

  it.effect("delete evicts this very entry, and leaves one that took its place", () =>
    Effect.gen(function*() {
      const { cache, causes, encrypt } = yield* caching()
      const current = Effect.gen(function*() {
        let key = ""
        yield* cache.deleteWhere((metadata) => {
          key = metadata.key
          return false
        }, "deleted")
        return (yield* cache.get(key))!
      })
      yield* encrypt(tenant("a"))
      const first = yield* current
      yield* cache.delete(first, "deleted")
      assert.strictEqual(yield* cache.size, 0)
      yield* encrypt(tenant("a"))
      yield* cache.delete(first, "deleted")
      assert.strictEqual(yield* cache.size, 1)
      yield* cache.put(first)
      assert.notStrictEqual(yield* current, first, "an evicted entry is not stored again")
      assert.deepStrictEqual(causes(), ["deleted"])
    }))

  it.effect("deleteWhere and clear answer for what they evict", () =>
    Effect.gen(function*() {
      const { cache, causes, encrypt } = yield* caching()
      for (const name of ["a", "b", "c"]) yield* encrypt(tenant(name))
      assert.strictEqual(
        yield* cache.deleteWhere((metadata) => metadata.encryptionContext["tenant"] !== "b", "invalidated"),
        2
      )
      assert.strictEqual(keyNumber(yield* encrypt(tenant("b"))), 2)
      yield* cache.clear
      assert.strictEqual(yield* cache.size, 0)
      assert.deepStrictEqual(causes(), ["invalidated", "invalidated", "cleared"])
    }))

  it.effect("an eviction says the age and the usage, and a listener that throws breaks nothing", () =>
    Effect.gen(function*() {
      const events: Array<CacheEntry.EvictionEvent> = []
      const cache = yield* LocalCache.make({
        capacity: 10,
        onEviction: (event) => {
          events.push(event)
          throw new Error("listener")
        }
      })
      const { encrypt } = yield* caching({ cache })
      for (const length of [5, 6]) yield* encrypt(tenant("a", length))
      yield* TestClock.adjust("3 seconds")
      yield* cache.clear
      assert.strictEqual(events.length, 1)
      assert.deepStrictEqual(events[0]!.usage, { messages: 2, bytes: 11n })
      assert.strictEqual(Duration.toMillis(events[0]!.age), 3000)
    }))

  it.effect("the sweep ends with the scope", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const cache = yield* Effect.provideService(LocalCache.make({ capacity: 1 }), Scope.Scope, scope)
      const { encrypt } = yield* caching({ cache })
      yield* encrypt(tenant("a"))
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* cache.size, 0)
    }))
})

describe("an entry", () => {
  it.effect.prop(
    "prints no key, whatever prints it",
    { call: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 }))) },
    ({ call }) =>
      Effect.gen(function*() {
        const { cache, encrypt } = yield* caching()
        for (let i = 0; i < call; i++) yield* encrypt(tenant(i))
        const printed: Array<string> = []
        const keys: Array<string> = []
        yield* cache.deleteWhere((metadata) => {
          keys.push(metadata.key)
          return false
        }, "deleted")
        for (const key of keys) {
          const entry = yield* cache.get(key)
          printed.push(
            String(entry),
            JSON.stringify(entry),
            inspect(entry, { depth: 10, showHidden: true })
          )
        }
        for (const text of printed) assert.notMatch(text, /a5a5a5|165, ?165|paWl/i)
      }).pipe(Effect.scoped),
    { arbitrary: { seed: "no key", runs: 5 } }
  )
})
