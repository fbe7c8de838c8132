import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Result } from "effect"
import { EncryptionSdk } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { KmsGovernor } from "effect-encryption-sdk/kms/governor"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { CallPriority, CurrentPriority, withPriority } from "../../../src/internal/callPriority.ts"
import * as branchKeys from "../../support/branchKeyCache.ts"
import { caching } from "../../support/caching.ts"
import { arn, governed, kmsError } from "../../support/governedKms.ts"
import { encryptRequest } from "../../support/scriptedManager.ts"
import { TestClock } from "../../support/TestClock.ts"
import { TestPrimitives } from "../../support/TestPrimitives.ts"

const keys = (letter: string, count: number) => Array.from({ length: count }, (_, index) => `${letter}${index}`)
const fork = <A, E, R>(call: Effect.Effect<A, E, R>) => Effect.forkChild(call, { startImmediately: true })

describe("requests and work in the background", () => {
  it.effect("requests go first at the rate, in order, and the background goes when none waits", () =>
    Effect.gen(function*() {
      const { decrypt, ...kms } = yield* governed({ rate: 10 })
      yield* Effect.forEach(keys("b", 3), (key) => fork(KmsGovernor.background(decrypt(key))))
      yield* Effect.forEach(keys("r", 3), (key) => fork(decrypt(key)))
      yield* TestClock.adjust("350 millis")
      yield* fork(decrypt("late"))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(kms.keys(), ["b0", "r0", "r1", "r2", "late", "b1", "b2"])
      assert.deepStrictEqual(kms.times(), [0, 100, 200, 300, 400, 500, 600])
    }))

  it.effect("the background takes no place that a request waits for, of another quota too", () =>
    Effect.gen(function*() {
      const { decrypt, publicKey, ...kms } = yield* governed(
        { rate: 100, concurrency: 1, rates: { GetPublicKey: 1 } },
        () => Effect.sleep("50 millis")
      )
      yield* fork(publicKey("first"))
      yield* fork(KmsGovernor.background(decrypt("b")))
      yield* fork(publicKey("r"))
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(kms.keys(), ["first"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([kms.keys(), kms.times()], [["first", "r", "b"], [0, 1000, 1050]])
    }))

  it.effect("a call in the background that waits is promoted with its work, and then is behind those that waited", () =>
    Effect.gen(function*() {
      const { decrypt, ...kms } = yield* governed({ rate: 10 })
      const priority = new CallPriority(true)
      yield* fork(decrypt("first"))
      yield* fork(KmsGovernor.background(decrypt("b")))
      yield* fork(withPriority(decrypt("promoted"), priority))
      yield* fork(decrypt("r"))
      priority.promote()
      yield* fork(decrypt("last"))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(kms.keys(), ["first", "r", "promoted", "last", "b"])
    }))

  it.effect("the background is not tried again, and leaves the budget to requests", () =>
    Effect.gen(function*() {
      const { decrypt, sent } = yield* governed(
        { rate: 100, retries: { burst: 1, share: 0 } },
        (number) => number <= 2 ? Effect.fail(kmsError("Unreachable")) : Effect.void
      )
      const background = yield* fork(Effect.result(KmsGovernor.background(decrypt("b"))))
      assert.isDefined(background.pollUnsafe(), "it is tried again")
      assert.isTrue(Result.isFailure(yield* Fiber.join(background)))
      const request = yield* fork(decrypt("r"))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(request)
      assert.lengthOf(sent, 3)
    }))
})

describe("caches over a governor", () => {
  it.effect("what the cache serves never waits for the governor", () =>
    Effect.gen(function*() {
      const sdk = yield* EncryptionSdk.EncryptionSdk
      const script = yield* ScriptedKms.ScriptedKms
      const encrypt = (tenant: string) => sdk.encrypt("x", { encryptionContext: { tenant } })
      yield* encrypt("a")
      yield* script.when({}, ScriptedKms.hang)
      yield* Effect.forEach(keys("t", 5), (tenant) => fork(encrypt(tenant)))
      for (let message = 0; message < 20; message++) {
        assert.strictEqual((yield* encrypt("a")).receipt._tag, "Hit")
      }
      assert.lengthOf(yield* script.calls, 1)
    }).pipe(Effect.provide(
      EncryptionSdk.layer().pipe(
        Layer.provide(CachingCmm.layer({ policy: { maxAge: "5 minutes" } })),
        Layer.provide(LocalCache.layer({ capacity: 10 })),
        Layer.provide(KmsKeyring.layer({ generatorKeyId: arn })),
        Layer.provide(KmsGovernor.layer({ rate: 0.1 })),
        Layer.provideMerge(ScriptedKms.layer({ keys: [{ arn }] })),
        Layer.provide(TestPrimitives.layer)
      )
    )))

  /** A call that notes whether it is one in the background when it begins, and when it ends. */
  const noting = () => {
    const noted: Array<boolean> = []
    const note = Effect.map(CurrentPriority, ({ isBackground }) => void noted.push(isBackground))
    return { noted, call: (end: Effect.Effect<void>) => Effect.andThen(note, Effect.andThen(end, note)) }
  }

  it.effect("a fetch of the caching CMM for a request is one, a refresh ahead is in the background until it is joined", () =>
    Effect.gen(function*() {
      const { call, noted } = noting()
      const { encrypt } = yield* caching({
        randomBytes: (length: number) => Effect.succeed(new Uint8Array(length)),
        refreshAhead: { gracePeriod: "2 minutes" },
        fetchDeadline: "5 minutes",
        script: { before: (fetch) => call(fetch === 1 ? Effect.void : Effect.sleep("3 minutes")) }
      })
      yield* encrypt(encryptRequest())
      assert.deepStrictEqual(noted, [false, false])
      yield* TestClock.adjust("9 minutes")
      yield* encrypt(encryptRequest())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(noted.slice(2), [true])
      yield* TestClock.adjust("90 seconds")
      const joined = yield* fork(encrypt(encryptRequest()))
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* Fiber.join(joined)).receipt._tag, "Joined")
      assert.deepStrictEqual(noted.slice(2), [true, false])
    }))

  it.effect("a refresh of a branch key is in the background until a request joins it", () =>
    Effect.gen(function*() {
      const { call, noted } = noting()
      const { get } = yield* branchKeys.cached(
        { maxAge: "60 seconds", refreshAhead: 0.5 },
        (read) => call(read === 1 ? Effect.void : Effect.sleep("25 seconds"))
      )
      yield* get()
      yield* TestClock.adjust("59 seconds")
      yield* get()
      assert.deepStrictEqual(noted, [false, false, true])
      yield* TestClock.adjust("10 seconds")
      const joined = yield* fork(get())
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual(yield* Fiber.join(joined), 2)
      assert.deepStrictEqual(noted, [false, false, true, false])
    }))
})
