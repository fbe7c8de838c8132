import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber } from "effect"
import { CacheEntry, CachingCmm, LocalCache, MaterialsCache, MaterialsCacheError } from "effect-encryption-sdk/caching"
import { FaultyCache } from "effect-encryption-sdk/testing"
import { TestClock } from "../support/TestClock.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { cacheContract } from "../support/cacheContract.ts"
import { caching } from "../support/caching.ts"
import { inspect } from "../support/inspect.ts"
import { encryptRequest, keyNumber, scriptedManager } from "../support/scriptedManager.ts"

/** A caching manager over a faulty cache, with the script of the faults. */
const faulty = Effect.fnUntraced(
  function*(options: Parameters<typeof caching>[0] = {}, faults?: FaultyCache.Options) {
    const { cache, script } = yield* FaultyCache.make(faults)
    return { ...(yield* caching({ ...options, cache })), script }
  }
)

/** The numbers of the calls whose data keys some equal requests get, one after another. */
const keys = ({ encrypt }: { readonly encrypt: Effect.Success<ReturnType<typeof faulty>>["encrypt"] }, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => Effect.map(encrypt(encryptRequest()), keyNumber))

const settle = TestClock.adjust(0)

cacheContract("LocalCache", (capacity) => Effect.orDie(LocalCache.make({ capacity })))
cacheContract(
  "FaultyCache without a script",
  (capacity) => Effect.map(FaultyCache.make({ capacity }), ({ cache }) => cache)
)

describe("FaultyCache", () => {
  it.effect("without a script does what the cache under it does", () =>
    Effect.gen(function*() {
      const under = yield* LocalCache.make({ capacity: 10 })
      const made = yield* faulty({}, { cache: under })
      assert.isUndefined(made.cache.getUnsafe)
      assert.isTrue(made.cache.stores)
      assert.deepStrictEqual(yield* keys(made, 3), [1, 1, 1])
      assert.strictEqual(yield* under.size, 1)
      assert.strictEqual(yield* made.cache.size, 1)
      assert.deepStrictEqual(yield* made.cmm.invalidate({ encryptionContext: { tenant: "a" } }), {
        evicted: 1,
        isConfirmed: true
      })
      assert.deepStrictEqual(yield* keys(made, 1), [2])
      yield* made.cache.clear
      assert.strictEqual(yield* under.size, 0)
      assert.isEmpty(made.events.filter(({ _tag }) => _tag === "CacheFault"))
    }))

  it.effect("gives way to other fibers where it is told to", () =>
    Effect.gen(function*() {
      const made = yield* faulty()
      yield* made.script.when({}, FaultyCache.giveWay)
      const size = yield* Effect.forkChild(made.cache.size, { startImmediately: true })
      assert.isUndefined(size.pollUnsafe())
      assert.strictEqual(yield* Fiber.join(size), 0)
      const answers = yield* Effect.forEach(Array.from({ length: 10 }), () => made.encrypt(encryptRequest()), {
        concurrency: "unbounded"
      })
      assert.strictEqual(new Set(answers.map(keyNumber)).size, 1)
    }))

  it.effect("is a null cache over a null cache", () =>
    Effect.gen(function*() {
      const made = yield* faulty({}, { capacity: 0 })
      assert.isFalse(made.cache.stores)
      assert.deepStrictEqual(yield* keys(made, 2), [1, 2])
    }))

  it.effect("logs its calls: which, when, and what became of them", () =>
    Effect.gen(function*() {
      const made = yield* faulty()
      yield* made.script.when({ operation: "get", nth: 2 }, FaultyCache.fail)
      yield* made.script.when({ operation: "get", nth: 3 }, FaultyCache.die("bug"))
      yield* made.script.when({ operation: "get", nth: 4 }, FaultyCache.hang)
      yield* made.script.when({ operation: "clear" }, FaultyCache.delay("10 seconds"))
      yield* keys(made, 1)
      yield* TestClock.adjust("1 second")
      yield* keys(made, 2)
      const fourth = yield* Effect.forkChild(keys(made, 1))
      const clear = yield* Effect.forkChild(made.cache.clear, { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fourth)
      const calls = yield* made.script.calls
      const key = calls[0]!.key
      assert.strictEqual(typeof key, "string")
      assert.deepStrictEqual(
        calls.filter(({ operation }) => operation !== "put" && operation !== "delete").map(
          ({ operation, outcome, startedAt }) => [operation, startedAt, outcome]
        ),
        [
          ["get", 0, { _tag: "Answered", at: 0 }],
          ["get", 1000, { _tag: "Failed", at: 1000 }],
          ["get", 1000, { _tag: "Died", at: 1000 }],
          ["clear", 1000, { _tag: "Pending" }],
          ["get", 1000, { _tag: "Interrupted", at: 2000 }]
        ]
      )
      assert.isTrue(calls.every((call) => call.key === (call.operation === "clear" ? undefined : key)))
      assert.deepStrictEqual(calls.map(({ number }) => number), calls.map((_, index) => index + 1))
      assert.strictEqual(yield* made.script.count(), calls.length)
      assert.strictEqual(yield* made.script.count("get"), 4)
      yield* made.script.clearLog
      assert.strictEqual(yield* made.script.count(), 0)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(clear)
      assert.strictEqual(yield* made.script.count(), 0, "what outlives clearLog is not logged")
    }))

  it.effect("a rule applies by operation, key, metadata, number and times, and to nothing else", () =>
    Effect.gen(function*() {
      const made = yield* faulty()
      const tenant = (name: string) =>
        Effect.map(made.encrypt(encryptRequest({ context: { tenant: name } })), keyNumber)
      yield* made.script.when({ operation: "get", times: 1 }, FaultyCache.lose)
      yield* tenant("a")
      assert.strictEqual(yield* tenant("a"), 1)
      const key = (yield* made.script.calls)[0]!.key
      yield* made.script.when({ operation: "get", key }, FaultyCache.lose)
      assert.deepStrictEqual(yield* Effect.all([tenant("b"), tenant("a"), tenant("b")]), [2, 3, 2])
      yield* made.script.clearRules
      assert.strictEqual(yield* tenant("a"), 3)
      yield* made.script.when({
        predicate: (call, metadata) => call.operation === "put" && metadata?.encryptionContext["tenant"] === "c"
      }, FaultyCache.lose)
      assert.deepStrictEqual(yield* Effect.all([tenant("c"), tenant("d"), tenant("c"), tenant("d")]), [4, 5, 6, 5])
    }))

  it.effect("a call passes through every rule that applies, the earlier first", () =>
    Effect.gen(function*() {
      const { cache, script } = yield* FaultyCache.make()
      yield* script.when({}, FaultyCache.fail)
      yield* script.when({}, FaultyCache.delay("1 second"))
      const fiber = yield* Effect.forkChild(Effect.exit(cache.size), { startImmediately: true })
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(fiber)))
    }))

  it.effect("the layer provides the program's cache and its script", () =>
    Effect.gen(function*() {
      const script = yield* FaultyCache.FaultyCache
      const cache = yield* MaterialsCache.MaterialsCache
      yield* script.when({ operation: "size" }, FaultyCache.fail)
      const error = yield* Effect.flip(cache.size)
      assert.instanceOf(error, MaterialsCacheError)
      assert.strictEqual(error.message, "materials cache: size failed")
      assert.strictEqual(yield* script.count("size"), 1)
    }).pipe(Effect.provide(FaultyCache.layer({ capacity: 1 }))))

  it.effect.each<FaultyCache.Options>([
    { capacity: -1 },
    { capacity: "1" as never },
    { cache: {} as never },
    { size: 1 } as never
  ])("a wrong option is a defect: %j", (options) =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(FaultyCache.make(options))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    }))

  it.effect("prints no context values", () =>
    Effect.gen(function*() {
      const made = yield* faulty()
      yield* made.encrypt(encryptRequest({ context: { key: "classified" } }))
      const text = inspect([yield* made.script.calls, made.script], { depth: 10, showHidden: true })
      assert.notInclude(text, "classified")
    }))
})

describe("a caching manager over a cache that", () => {
  for (
    const [title, behaviour, fault] of [
      ["fails", FaultyCache.fail, "failed"],
      ["dies", FaultyCache.die(new Error("bug")), "died"],
      ["hangs", FaultyCache.hang, "timedOut"]
    ] as const
  ) {
    for (const operation of ["get", "put"] as const) {
      it.effect(`${title} on ${operation} fetches for each request`, () =>
        Effect.gen(function*() {
          const made = yield* faulty()
          yield* made.script.when({ operation }, behaviour)
          const numbers: Array<number> = []
          for (let i = 0; i < 3; i++) {
            const fiber = yield* Effect.forkChild(keys(made, 1))
            yield* TestClock.adjust("1 second")
            numbers.push(...yield* Fiber.join(fiber))
          }
          assert.deepStrictEqual(numbers, [1, 2, 3])
          assert.deepStrictEqual(
            made.events.flatMap((event) => event._tag === "CacheFault" ? [[event.operation, event.fault]] : []),
            [[operation, fault], [operation, fault], [operation, fault]]
          )
        }))
    }
  }

  it.effect("is slow is waited for, up to the time-out", () =>
    Effect.gen(function*() {
      const made = yield* faulty()
      yield* keys(made, 1)
      yield* made.script.when({ operation: "get" }, FaultyCache.delay("999 millis"))
      const fiber = yield* Effect.forkChild(keys(made, 1))
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [1])
    }))

  it.effect("waits for the test goes on when the test says so", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const made = yield* faulty()
      yield* made.script.when({ operation: "get" }, FaultyCache.after(Deferred.await(gate)))
      const fiber = yield* Effect.forkChild(keys(made, 1))
      yield* settle
      assert.isUndefined(fiber.pollUnsafe())
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* Fiber.join(fiber), [1])
    }))

  it.effect("loses entries fetches anew; what is lost is zeroed, or is still there", () =>
    Effect.gen(function*() {
      const made = yield* faulty({}, {})
      yield* made.script.when({ operation: "put", times: 1 }, FaultyCache.lose)
      yield* made.script.when({ operation: "get", nth: 3 }, FaultyCache.lose)
      assert.deepStrictEqual(yield* keys(made, 4), [1, 2, 3, 3])
      assert.deepStrictEqual(
        made.events.flatMap((event) => event._tag === "Evicted" ? [event.cause] : []),
        ["capacity", "replaced"]
      )
    }))

  it.effect("forgets what it is told to delete", () =>
    Effect.gen(function*() {
      const made = yield* faulty()
      yield* keys(made, 1)
      for (const operation of ["deleteWhere", "clear", "delete", "size"] as const) {
        yield* made.script.when({ operation }, FaultyCache.lose)
      }
      assert.strictEqual(yield* made.cache.size, 0)
      assert.deepStrictEqual(yield* made.cmm.invalidate({}), { evicted: 0, isConfirmed: true })
      yield* made.cache.clear
      yield* made.script.clearRules
      assert.strictEqual(yield* made.cache.size, 1)
      assert.deepStrictEqual(yield* keys(made, 1), [2], "the manager serves nothing that it has invalidated")
    }))

  it.effect("answers stale entries serves none that is too old, spent or evicted", () =>
    Effect.gen(function*() {
      const made = yield* faulty({ policy: { maxAge: "30 seconds", maxMessagesEncrypted: 3 } })
      yield* made.script.when({}, FaultyCache.stale)
      assert.deepStrictEqual(yield* keys(made, 2), [1, 1])
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* keys(made, 1), [2], "the stale one is too old")
      assert.deepStrictEqual(yield* keys(made, 1), [3], "the stale one was evicted; the fresh one is not answered")
      yield* made.script.clearRules
      assert.deepStrictEqual(yield* keys(made, 3), [3, 3, 4])
    }))

  it.effect("mixes entries up serves none of another key", () =>
    Effect.gen(function*() {
      const made = yield* faulty()
      yield* made.encrypt(encryptRequest({ context: { tenant: "other" } }))
      yield* made.script.when({}, FaultyCache.mixUp)
      assert.deepStrictEqual(yield* keys(made, 2), [2, 3])
    }))

  it.effect("is shared by two managers may be scripted too", () =>
    Effect.gen(function*() {
      const { cache, script } = yield* FaultyCache.make()
      const make = Effect.gen(function*() {
        const { count, manager } = scriptedManager()
        const cmm = yield* CachingCmm.make({
          policy: { maxAge: "1 minute" },
          materialsManager: manager,
          cache,
          partitionId: "p"
        })
        return { count, encrypt: cmm.getEncryptionMaterials }
      }).pipe(Effect.provide(TestPrimitives.layer))
      const [one, other] = [yield* make, yield* make]
      yield* one.encrypt(encryptRequest())
      yield* other.encrypt(encryptRequest())
      assert.deepStrictEqual([one.count(), other.count()], [1, 0])
      yield* script.when({ operation: "get" }, () => Effect.succeed("no entry" as unknown as CacheEntry.CacheEntry))
      yield* other.encrypt(encryptRequest())
      assert.deepStrictEqual([one.count(), other.count()], [1, 1], "a behaviour of the test's own")
    }))
})
