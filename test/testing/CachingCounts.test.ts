import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Metric } from "effect"
import { CachingCounts, FaultyCache } from "effect-encryption-sdk/testing"
import { TestClock } from "../support/TestClock.ts"
import { caching } from "../support/caching.ts"
import { decryptRequest, encryptRequest, failed } from "../support/scriptedManager.ts"

const none = { succeeded: 0, failed: 0, deadline: 0, abandoned: 0 }

describe("CachingCounts", () => {
  it.effect("reads nothing where nothing was counted", () =>
    Effect.gen(function*() {
      const nothing: CachingCounts.OperationCounts = {
        requests: { hit: 0, joined: 0, miss: 0, bypassed: 0 },
        bypasses: {},
        fetches: { request: none, refresh: none },
        evictions: {},
        entries: 0,
        flights: 0,
        waiters: 0
      }
      assert.deepStrictEqual(yield* CachingCounts.read, { encrypt: nothing, decrypt: nothing, faults: {} })
    }).pipe(CachingCounts.isolate))

  it.effect("reads what managers counted, for encryption and decryption apart", () =>
    Effect.gen(function*() {
      const { cmm, decrypt, encrypt } = yield* caching({
        policy: { maxAge: "2 minutes" },
        fetchDeadline: "10 seconds",
        script: {
          before: (call) => call === 4 ? Effect.fail(failed()) : call === 5 ? Effect.never : Effect.sleep("1 second")
        }
      })
      const run = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(Effect.exit(effect))
          yield* TestClock.adjust(0)
          const during = yield* CachingCounts.read
          yield* TestClock.adjust("20 seconds")
          yield* Fiber.join(fiber)
          return during
        })
      const during = yield* run(Effect.all([
        encrypt(encryptRequest()),
        encrypt(encryptRequest()),
        decrypt(decryptRequest()),
        encrypt(encryptRequest({ length: undefined }))
      ], { concurrency: "unbounded" }))
      assert.deepInclude(during.encrypt, { flights: 1, waiters: 2, entries: 0 })
      assert.deepInclude(during.decrypt, { flights: 1, waiters: 1, entries: 0 })
      const context = { tenant: "other" }
      yield* run(encrypt(encryptRequest({ context })))
      yield* run(encrypt(encryptRequest({ context })))
      yield* run(encrypt(encryptRequest()))
      yield* cmm.clear
      assert.deepStrictEqual(yield* CachingCounts.read, {
        encrypt: {
          requests: { hit: 1, joined: 1, miss: 3, bypassed: 1 },
          bypasses: { UnknownPlaintextLength: 1 },
          fetches: { request: { succeeded: 1, failed: 1, deadline: 1, abandoned: 0 }, refresh: none },
          evictions: { cleared: 1 },
          entries: 0,
          flights: 0,
          waiters: 0
        },
        decrypt: {
          requests: { hit: 0, joined: 0, miss: 1, bypassed: 0 },
          bypasses: {},
          fetches: { request: { ...none, succeeded: 1 }, refresh: none },
          evictions: { cleared: 1 },
          entries: 0,
          flights: 0,
          waiters: 0
        },
        faults: {}
      })
    }).pipe(CachingCounts.isolate))

  it.effect("reads refreshes and faults", () =>
    Effect.gen(function*() {
      const { cache, script } = yield* FaultyCache.make()
      const { encrypt } = yield* caching({
        cache,
        policy: { maxAge: "1 minute", maxMessagesEncrypted: 10 },
        refreshAhead: { budgetShare: 0.5 }
      })
      yield* script.when({ operation: "get", nth: [2, 3] }, FaultyCache.fail)
      for (let i = 0; i < 12; i++) yield* encrypt(encryptRequest())
      const { encrypt: counts, faults } = yield* CachingCounts.read
      assert.deepStrictEqual(faults, { get: 2 })
      assert.strictEqual(counts.requests.hit + counts.requests.joined + counts.requests.miss, 12)
      assert.strictEqual(counts.fetches.refresh.succeeded, 1)
      assert.strictEqual(counts.fetches.request.succeeded, counts.requests.miss)
      assert.strictEqual(counts.evictions.replaced, 3)
    }).pipe(CachingCounts.isolate))

  it.effect("is isolated from what others count, in every run anew", () =>
    Effect.gen(function*() {
      const program = CachingCounts.isolate(Effect.gen(function*() {
        const { encrypt } = yield* caching()
        yield* encrypt(encryptRequest())
        return (yield* CachingCounts.read).encrypt.requests.miss
      }))
      assert.deepStrictEqual([yield* program, yield* program], [1, 1])
      assert.strictEqual((yield* CachingCounts.read).encrypt.requests.miss, 0)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))
})
