/** Listeners that call back: events are facts about steps that are complete. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Deferred, Effect, Exit, Fiber, Schema, Scope } from "effect"
import { DataKey, EncryptionContext } from "effect-encryption-sdk"
import { type CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { TestClock } from "../support/TestClock.ts"
import { inBrowser } from "../support/TestPrimitives.ts"
import { arbitraryInt } from "../support/arbitraryBytes.ts"
import { caching, mapCache, settle } from "../support/caching.ts"
import { decryptRequest, encryptRequest, keyNumber } from "../support/scriptedManager.ts"

const zeroed = (key: Uint8Array | undefined): boolean => key!.every((byte) => byte === 0)

describe("a listener of a manager", () => {
  for (const heard of ["FetchStarted", "Admitted", "Fetched", "Stored"] as const) {
    it.effect(`that encrypts when it hears ${heard}: no data key serves more messages than it may`, () =>
      Effect.gen(function*() {
        const keys: Array<number> = []
        let left = 3
        const made = yield* caching({
          policy: { maxAge: "1 minute", maxMessagesEncrypted: 2 },
          onEvent: (event) => {
            if (event._tag === heard && left-- > 0) Effect.runFork(ask)
          }
        })
        const ask: Effect.Effect<void, unknown> = Effect.scoped(
          Effect.map(made.encrypt(encryptRequest()), (response) => void keys.push(keyNumber(response)))
        )
        for (let i = 0; i < 4; i++) yield* ask
        yield* settle
        assert.isAtLeast(keys.length, 4)
        for (const key of keys) assert.isAtMost(keys.filter((other) => other === key).length, 2, `data key ${key}`)
      }))
  }

  it.effect("that encrypts when a fetch starts, with one message for each data key", () =>
    Effect.gen(function*() {
      const keys: Array<number> = []
      let left = 1
      const made = yield* caching({
        policy: { maxAge: "1 minute", maxMessagesEncrypted: 1 },
        onEvent: (event) => {
          if (event._tag === "FetchStarted" && left-- > 0) Effect.runFork(ask)
        }
      })
      const ask: Effect.Effect<void, unknown> = Effect.scoped(
        Effect.map(made.encrypt(encryptRequest()), (response) => void keys.push(keyNumber(response)))
      )
      yield* ask
      yield* settle
      assert.deepStrictEqual(keys.toSorted((a, b) => a - b), [1, 2])
    }))

  it.effect("hears one event after the other, also those that it causes", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      let depth = 0
      let left = 5
      const made = yield* caching({
        onEvent: ({ _tag }) => {
          depth++
          log.push(`${depth} ${_tag}`)
          if (_tag === "Admitted" && left-- > 0) Effect.runFork(Effect.scoped(made.encrypt(encryptRequest())))
          depth--
        }
      })
      yield* made.encrypt(encryptRequest())
      yield* settle
      assert.deepStrictEqual(log.filter((line) => !line.startsWith("1 ")), [])
      assert.strictEqual(log.filter((line) => line === "1 Admitted").length, 6)
      assert.deepStrictEqual(log.slice(0, 2), ["1 FetchStarted", "1 Admitted"])
    }))

  it.effect("that decrypts while a seed lands has its answer", () =>
    Effect.gen(function*() {
      const served: Array<string> = []
      let left = 1
      const made = yield* caching({
        seedDecryptCache: true,
        onEvent: (event) => {
          if (event._tag !== "Stored" || left-- <= 0) return
          Effect.runFork(
            Effect.scoped(Effect.map(made.decrypt(decryptRequest()), ({ receipt }) => void served.push(receipt._tag)))
          )
        }
      })
      yield* made.encrypt(encryptRequest())
      yield* settle
      assert.strictEqual(served.length, 1)
    }))

  for (const heard of ["FetchStarted", "Waiting", "Fetched"] as const) {
    it.effect(`that interrupts a waiter when it hears ${heard} leaves no key`, () =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const keys: Array<Uint8Array> = []
        let victim: Fiber.Fiber<unknown, unknown> | undefined
        const { calls, encrypt } = yield* caching({
          script: { before: () => Deferred.await(gate) },
          onEvent: (event) => {
            if (event._tag === heard) victim?.interruptUnsafe()
          }
        })
        victim = yield* Effect.forkChild(Effect.scoped(Effect.andThen(
          encrypt(encryptRequest()),
          ({ materials }) => {
            keys.push(DataKey.value(materials.plaintextDataKey))
            return Effect.never
          }
        )))
        const other = yield* Effect.forkChild(Effect.exit(Effect.scoped(encrypt(encryptRequest()))))
        yield* settle
        yield* Deferred.succeed(gate, undefined)
        yield* settle
        victim.interruptUnsafe()
        assert.isTrue(Exit.isFailure(yield* Fiber.await(victim)))
        assert.isTrue(Exit.isSuccess(yield* Fiber.join(other)))
        for (const key of keys) assert.isTrue(zeroed(key))
        for (const { key } of calls) assert.isTrue(key === undefined || zeroed(key))
      }))
  }

  it.effect("whose requests never end lets others have their turn", () =>
    Effect.gen(function*() {
      let heard = 0
      let isOn = true
      // A context whose entry key is remembered: in Chromium, digests that follow on each other leave timers no turn at all.
      const request = encryptRequest({ context: EncryptionContext.check({ tenant: "a" }) })
      const made = yield* caching({
        onEvent: ({ _tag }) => {
          if (_tag === "Admitted" && isOn) {
            heard++
            Effect.runFork(Effect.scoped(made.encrypt(request)))
          }
        }
      })
      yield* made.encrypt(request)
      const hasHeard = () => heard > 100
      for (let turn = 0; turn < 10_000 && !hasHeard(); turn++) yield* Effect.yieldNow
      isOn = false
      assert.isTrue(hasHeard())
    }))
})

describe("a listener of a cache", () => {
  it.effect("that warms what was evicted, and clear ends", () =>
    Effect.gen(function*() {
      const self: { cmm?: CachingCmm.CachingCmm } = {}
      let warmed = 0
      const cache = yield* LocalCache.make({
        capacity: 100,
        onEviction: ({ metadata: { encryptionContext } }) => {
          warmed++
          Effect.runFork(self.cmm!.warm({ encryptionContext }))
        }
      })
      const { cmm } = yield* caching({ cache })
      self.cmm = cmm
      for (let i = 0; i < 10; i++) yield* cmm.warm({ encryptionContext: { tenant: String(i) } })
      assert.deepStrictEqual(yield* cmm.clear, { evicted: 10, isConfirmed: true })
      yield* settle
      assert.deepStrictEqual([warmed, yield* cache.size], [10, 10])
      yield* cache.clear
      yield* settle
      assert.deepStrictEqual([warmed, yield* cache.size], [20, 10])
    }))

  it.effect("hears of an eviction by a manager when the request is admitted", () =>
    Effect.gen(function*() {
      const self: { cmm?: CachingCmm.CachingCmm } = {}
      const keys: Array<number> = []
      let left = 1
      const ask = Effect.suspend(() => self.cmm!.getEncryptionMaterials(encryptRequest())).pipe(
        Effect.map((response) => void keys.push(keyNumber(response))),
        Effect.scoped
      )
      const cache = yield* LocalCache.make({
        capacity: 100,
        onEviction: () => {
          if (left-- > 0) Effect.runFork(ask)
        }
      })
      const { cmm } = yield* caching({ cache, policy: { maxAge: "1 minute", maxMessagesEncrypted: 2 } })
      self.cmm = cmm
      for (let i = 0; i < 4; i++) yield* ask
      yield* settle
      for (const key of keys) assert.isAtMost(keys.filter((other) => other === key).length, 2, `data key ${key}`)
      assert.strictEqual(keys.length, 5)
    }))
})

const acts = ["encrypt", "decrypt", "encrypt another", "invalidate", "clear", "warm", "interrupt", "none"] as const

describe("listeners that do anything at any event", () => {
  it.effect.prop(
    "keep no key, strand no request, and take no data key over its limits",
    {
      script: Arbitrary.schema(Schema.Array(Schema.Literals(acts)).check(Schema.isMaxLength(40))),
      messages: arbitraryInt(1, 4),
      latency: arbitraryInt(0, 1),
      local: Arbitrary.schema(Schema.Boolean),
      requests: arbitraryInt(1, 8)
    },
    ({ latency, local, messages, requests, script }) =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const cache = local ? yield* Scope.provide(LocalCache.make({ capacity: 2 }), scope) : mapCache().cache
        const served = new Map<number, number>()
        const arrays: Array<Uint8Array> = []
        const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
        const run = (effect: Effect.Effect<unknown, unknown>) => void fibers.push(Effect.runFork(effect))
        let next = 0
        const listen = (): void => {
          const act = script[next++]
          if (act === "encrypt") run(encrypt("a"))
          if (act === "encrypt another") run(encrypt("b"))
          if (act === "decrypt") run(Effect.scoped(made.decrypt(decryptRequest())))
          if (act === "invalidate") run(made.cmm.invalidate({ encryptionContext: { tenant: "a" } }))
          if (act === "clear") run(made.cmm.clear)
          if (act === "warm") run(made.cmm.warm({ encryptionContext: { tenant: "a" } }))
          if (act === "interrupt") fibers[next % Math.max(1, fibers.length)]?.interruptUnsafe()
        }
        const made = yield* Scope.provide(
          caching({
            cache,
            seedDecryptCache: true,
            policy: { maxAge: "1 minute", maxMessagesEncrypted: messages },
            script: { before: () => latency === 0 ? Effect.void : Effect.sleep(100) },
            onEvent: listen
          }),
          scope
        )
        const encrypt = (tenant: string): Effect.Effect<void, unknown> =>
          Effect.scoped(Effect.map(made.encrypt(encryptRequest({ context: { tenant } })), (response) => {
            const number = keyNumber(response)
            served.set(number, (served.get(number) ?? 0) + 1)
            arrays.push(DataKey.value(response.materials.plaintextDataKey))
          }))
        for (let i = 0; i < requests; i++) run(encrypt("a"))
        // Ten fetches one after the other, and more than the requests that the script can make.
        for (let i = 0; i < 20; i++) yield* TestClock.adjust(100)
        for (const fiber of fibers) assert.isDefined(fiber.pollUnsafe(), "a request is stranded")
        for (const [number, times] of served) assert.isAtMost(times, messages, `data key ${number}`)
        yield* Scope.close(scope, Exit.void)
        for (const key of arrays) assert.isTrue(zeroed(key))
        for (const { key } of made.calls) assert.isTrue(key === undefined || zeroed(key))
      }),
    { timeout: 120_000, arbitrary: { seed: "listeners", runs: inBrowser ? 30 : 100 } }
  )
})
