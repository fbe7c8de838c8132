/** Materials before traffic, and in reserve. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { AlgorithmSuite, EncryptError, MaterialsManagerFailed } from "effect-encryption-sdk"
import { CachePolicy, MaterialsCache, NullCache } from "effect-encryption-sdk/caching"
import { TestClock } from "../support/TestClock.ts"
import { caching, mapCache } from "../support/caching.ts"
import { encryptRequest, failed, keyNumber } from "../support/scriptedManager.ts"

describe("warm", () => {
  it.effect("fetches before traffic, charges nothing, and does not fetch again", () =>
    Effect.gen(function*() {
      const { calls, cmm, encrypt } = yield* caching({ policy: { maxAge: "1 minute", maxMessagesEncrypted: 2 } })
      yield* cmm.warm({ encryptionContext: { tenant: "a" } })
      yield* cmm.warm({ encryptionContext: { tenant: "a" } })
      assert.strictEqual(calls.length, 1)
      const answer = yield* encrypt(encryptRequest())
      assert.strictEqual(answer.receipt._tag, "Hit")
      if (answer.receipt._tag === "Hit") assert.deepStrictEqual(answer.receipt.usage, { messages: 1, bytes: 10n })
      yield* encrypt(encryptRequest())
      assert.strictEqual(calls.length, 1)
    }))

  it.effect("joins requests that are waiting already, and they join it", () =>
    Effect.gen(function*() {
      const { cmm, count, encrypt } = yield* caching({ script: { before: () => Effect.sleep("1 second") } })
      const fibers = [
        yield* Effect.forkChild(cmm.warm({ encryptionContext: { tenant: "a" } })),
        yield* Effect.forkChild(Effect.asVoid(encrypt(encryptRequest()))),
        yield* Effect.forkChild(cmm.warm({ encryptionContext: { tenant: "a" } }))
      ]
      yield* TestClock.adjust("1 second")
      yield* Effect.forEach(fibers, Fiber.join)
      assert.strictEqual(count(), 1)
    }))

  it.effect("fails as a request would: readiness", () =>
    Effect.gen(function*() {
      const { cmm } = yield* caching({
        script: {
          before: () => Effect.fail(new MaterialsManagerFailed({ description: "no permission", isRetryable: false }))
        }
      })
      const error = yield* Effect.flip(cmm.warm())
      assert.strictEqual(error.message, "encrypt: materials manager: no permission")
    }))

  it.effect("does nothing where nothing would be cached", () =>
    Effect.gen(function*() {
      const off = yield* caching({ cache: NullCache.make })
      yield* off.cmm.warm()
      const { cmm, count } = yield* caching()
      yield* cmm.warm({ algorithmSuite: AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_NO_KDF })
      assert.deepStrictEqual([off.count(), count()], [0, 0])
    }))
})

describe("warm, with data keys in reserve", () => {
  const tenant = { encryptionContext: { tenant: "a" } }
  const policy = { maxAge: "10 minutes", maxMessagesEncrypted: 2 } as const
  /** A key provider that is away after so many calls. */
  const away = (after: number) => ({ before: (call: number) => call > after ? Effect.fail(failed()) : Effect.void })

  for (const [kind, cache] of [["local", undefined], ["asynchronous", true]] as const) {
    it.effect(`requests go on while the key provider is away, each data key within its limits: ${kind} cache`, () =>
      Effect.gen(function*() {
        const { calls, cmm, encrypt } = yield* caching({
          policy,
          script: away(3),
          ...cache === undefined ? {} : { cache: mapCache({ get: 10, put: 10 }).cache }
        })
        const warming = yield* Effect.forkChild(cmm.warm({ ...tenant, dataKeys: 3 }))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(warming)
        const served: Array<number> = []
        for (let i = 0; i < 6; i++) {
          const fiber = yield* Effect.forkChild(encrypt(encryptRequest()))
          yield* TestClock.adjust("1 second")
          const response = yield* Fiber.join(fiber)
          assert.strictEqual(response.receipt._tag, "Hit")
          served.push(keyNumber(response))
        }
        assert.deepStrictEqual(served.toSorted((a, b) => a - b), [1, 1, 2, 2, 3, 3])
        assert.strictEqual(calls.length, 3)
        const last = yield* Effect.forkChild(Effect.exit(encrypt(encryptRequest())))
        yield* TestClock.adjust("1 second")
        assert.isTrue(Exit.isFailure(yield* Fiber.join(last)))
      }))
  }

  it.effect("fetches those that are not there, and no others", () =>
    Effect.gen(function*() {
      const { calls, cmm, encrypt } = yield* caching({ policy })
      yield* cmm.warm({ ...tenant, dataKeys: 3 })
      yield* cmm.warm({ ...tenant, dataKeys: 2 })
      assert.strictEqual(calls.length, 3)
      for (let i = 0; i < 4; i++) yield* encrypt(encryptRequest())
      assert.strictEqual(calls.length, 3)
      yield* cmm.warm({ ...tenant, dataKeys: 3 })
      assert.strictEqual(calls.length, 5)
      for (let i = 0; i < 6; i++) yield* encrypt(encryptRequest())
      assert.strictEqual(calls.length, 5)
    }))

  it.effect("are not forgotten where it is asked for fewer", () =>
    Effect.gen(function*() {
      const { calls, cmm, encrypt } = yield* caching({ policy })
      yield* cmm.warm({ ...tenant, dataKeys: 3 })
      yield* cmm.warm({ ...tenant, dataKeys: 2 })
      for (let i = 0; i < 6; i++) yield* encrypt(encryptRequest())
      assert.strictEqual(calls.length, 3)
    }))

  it.effect("a message that does not fit one of them is served by the next, and evicts the first", () =>
    Effect.gen(function*() {
      const { calls, causes, cmm, encrypt } = yield* caching({ policy: { maxAge: "1 minute", maxBytesEncrypted: 15 } })
      yield* cmm.warm({ ...tenant, dataKeys: 2 })
      for (const expected of [1, 2]) {
        const response = yield* encrypt(encryptRequest({ length: 10 }))
        assert.deepStrictEqual([response.receipt._tag, keyNumber(response)], ["Hit", expected])
      }
      assert.deepStrictEqual([calls.length, causes()], [2, ["bytes"]])
    }))

  it.effect("none is served past its age, nor after an invalidation", () =>
    Effect.gen(function*() {
      const { calls, cmm, encrypt } = yield* caching({ policy })
      yield* cmm.warm({ ...tenant, dataKeys: 3 })
      assert.deepStrictEqual(yield* cmm.invalidate(tenant), { evicted: 3, isConfirmed: true })
      assert.strictEqual((yield* encrypt(encryptRequest())).receipt._tag, "Miss")
      yield* cmm.warm({ ...tenant, dataKeys: 3 })
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual((yield* encrypt(encryptRequest())).receipt._tag, "Miss")
      assert.strictEqual(calls.length, 7)
    }))

  it.effect("are not looked up while the first one serves, and all of them within one time limit", () =>
    Effect.gen(function*() {
      let gets = 0
      let isHanging = false
      const { cache } = mapCache()
      const counting = MaterialsCache.make({
        ...cache,
        get: (key) => Effect.suspend(() => (gets++, isHanging ? Effect.never : cache.get(key)))
      })
      const { cmm, encrypt } = yield* caching({
        cache: counting,
        policy: { maxAge: "10 minutes", maxMessagesEncrypted: 50 },
        cacheTimeout: "1 second",
        fetchDeadline: "5 seconds"
      })
      yield* cmm.warm({ ...tenant, dataKeys: 100 })
      gets = 0
      for (let i = 0; i < 10; i++) assert.strictEqual((yield* encrypt(encryptRequest())).receipt._tag, "Hit")
      assert.strictEqual(gets, 10)
      isHanging = true
      const fiber = yield* Effect.forkChild(encrypt(encryptRequest()))
      yield* TestClock.adjust("2 seconds")
      assert.isDefined(fiber.pollUnsafe())
      assert.strictEqual((yield* Fiber.join(fiber)).receipt._tag, "Miss")
    }))

  it.effect("stay for other requests where one is bound more strictly", () =>
    Effect.gen(function*() {
      const made = yield* CachePolicy.make(policy)
      const { calls, causes, cmm, encrypt } = yield* caching({
        policy: CachePolicy.tightest(
          made,
          CachePolicy.rule(({ plaintextLength = 0 }) => plaintextLength >= 1000 ? { maxAge: "10 seconds" } : undefined)
        )
      })
      yield* cmm.warm({ ...tenant, dataKeys: 3 })
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual((yield* encrypt(encryptRequest({ length: 1000 }))).receipt._tag, "Miss")
      assert.deepStrictEqual([calls.length, causes()], [4, ["age"]])
    }))

  it.effect("those that were fetched serve where the fetch of another failed", () =>
    Effect.gen(function*() {
      const { calls, cmm, encrypt } = yield* caching({ policy, script: away(2) })
      yield* Effect.flip(cmm.warm({ ...tenant, dataKeys: 4 }))
      const made = calls.length
      for (let i = 0; i < 4; i++) assert.strictEqual((yield* encrypt(encryptRequest())).receipt._tag, "Hit")
      assert.strictEqual(calls.length, made)
    }))

  it.effect("serve one context alone", () =>
    Effect.gen(function*() {
      const { calls, cmm, encrypt } = yield* caching({ policy })
      yield* cmm.warm({ ...tenant, dataKeys: 3 })
      assert.strictEqual((yield* encrypt(encryptRequest({ context: { tenant: "b" } }))).receipt._tag, "Miss")
      assert.strictEqual(calls.length, 4)
    }))

  it.effect("a number that is none is an error", () =>
    Effect.gen(function*() {
      const { cmm } = yield* caching()
      for (const dataKeys of [0, -1, 1.5, 1001, NaN, "3" as unknown as number]) {
        const error = yield* Effect.flip(cmm.warm({ dataKeys }))
        assert.instanceOf(error, EncryptError)
        assert.strictEqual(error.message, "encrypt: dataKeys: must be an integer from 1 to 1000")
      }
    }))
})
