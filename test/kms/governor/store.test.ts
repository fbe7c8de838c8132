import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Metric } from "effect"
import { KmsGovernor, KmsGovernorMetrics } from "effect-encryption-sdk/kms/governor"
import * as RateLimiter from "effect/persistence/RateLimiter"
import { callsOf, directedKms, mostWithin } from "../../support/governedKms.ts"
import { TestClock } from "../../support/TestClock.ts"

type Store = RateLimiter.RateLimiterStore["Service"]
type TokenBucket = Store["tokenBucket"]

const fork = <A, E>(call: Effect.Effect<A, E>) => Effect.forkChild(Effect.result(call), { startImmediately: true })

/** A store in memory, whose responses a test directs, and the keys that it was called with. */
const directedStore = (change: (bucket: TokenBucket) => TokenBucket = (bucket) => bucket) => {
  const keys: Array<string> = []
  const layer = Layer.effect(
    RateLimiter.RateLimiterStore,
    Effect.map(RateLimiter.RateLimiterStore, (store) =>
      RateLimiter.RateLimiterStore.of({
        ...store,
        tokenBucket: (options) => {
          keys.push(options.key)
          return change(store.tokenBucket)(options)
        }
      }))
  ).pipe(Layer.provide(Layer.fresh(RateLimiter.layerStoreMemory)))
  return { keys, layer }
}

const process = Effect.fnUntraced(function*(options: KmsGovernor.Options) {
  const kms = directedKms()
  const governor = yield* KmsGovernor.makeShared(options)
  return { ...kms, ...callsOf(governor.govern(kms.operations)) }
})

const storeError = new RateLimiter.RateLimiterError({
  reason: new RateLimiter.RateLimitStoreError({ message: "gone" })
})

/** Calls at a load that is above all rates, in steps of 50 milliseconds. */
const load = Effect.fnUntraced(function*(
  processes: ReadonlyArray<{ readonly decrypt: () => Effect.Effect<unknown, unknown> }>,
  seconds: number,
  perStep = 3
) {
  for (let step = 0; step < seconds * 20; step++) {
    for (const { decrypt } of processes) {
      for (let call = 0; call < perStep; call++) yield* fork(decrypt())
    }
    yield* TestClock.adjust("50 millis")
  }
})

describe("a rate that processes share", () => {
  it.effect("is theirs together, and each has a part of it", () =>
    Effect.gen(function*() {
      const { layer } = directedStore()
      const processes = yield* Effect.provide(
        Effect.all([1, 2, 3].map(() => process({ rate: 30, deadline: "2 seconds" }))),
        layer
      )
      yield* load(processes, 10)
      const times = processes.flatMap((one) => one.times()).toSorted((a, b) => a - b)
      assert.isAtMost(mostWithin(times, 1000), 33)
      assert.isAtLeast(times.length, 290)
      for (const one of processes) assert.isAtLeast(one.times().length, 60)
    }), 60_000)

  it.effect("is in the store by prefix, Region and quota", () =>
    Effect.gen(function*() {
      const { keys, layer } = directedStore()
      const { decrypt, publicKey } = yield* Effect.provide(process({ rate: 10, store: { prefix: "account-1" } }), layer)
      yield* decrypt()
      yield* publicKey("alias/x")
      assert.deepStrictEqual(keys, ["account-1/kms/us-east-1/symmetric", "account-1/kms/default/GetPublicKey"])
    }))

  it.effect("takes no token for a call that has no place", () =>
    Effect.gen(function*() {
      const { keys, layer } = directedStore((bucket) => (options) => Effect.delay(bucket(options), "10 millis"))
      const kms = directedKms(() => Effect.never)
      const governor = yield* Effect.provide(KmsGovernor.makeShared({ rate: 100, concurrency: 2 }), layer)
      const { decrypt } = callsOf(governor.govern(kms.operations))
      for (let call = 0; call < 8; call++) yield* fork(decrypt())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([kms.sent.length, keys.length], [2, 2])
    }))

  it.effect("owes little, so that a call which cannot be in time fails at once", () =>
    Effect.gen(function*() {
      const { layer } = directedStore((bucket) => (options) =>
        Effect.map(bucket(options), ([, elapsed]) => [-1000, elapsed])
      )
      const { decrypt, sent } = yield* Effect.provide(process({ rate: 10, deadline: "5 seconds" }), layer)
      const result = yield* Effect.result(decrypt())
      assert.deepStrictEqual([result._tag, sent.length], ["Failure", 0])
      if (result._tag === "Failure") assert.strictEqual(result.failure.code, "GovernorRateExceeded")
    }))
})

describe("a store that is lost", () => {
  const faults: ReadonlyArray<readonly [string, TokenBucket]> = [
    ["fails", () => Effect.fail(storeError)],
    ["dies", () => Effect.die("of the test")],
    ["throws", () => {
      throw new Error("of the test")
    }],
    ["hangs", () => Effect.never],
    ["hangs, and cannot be interrupted", () => Effect.uninterruptible(Effect.never)],
    ["returns no numbers", () => Effect.succeed([Number.NaN, Number.NaN] as const)],
    ["owes more than a fleet can", () => Effect.succeed([-1e9, 0] as const)],
    ["has a token, in a thousand years", () => Effect.succeed([1, -3e13] as const)]
  ]
  for (const [title, fault] of faults) {
    it.effect(
      `one that ${title}: calls go on at the local share, with one warning, until it is back`,
      () =>
        Effect.gen(function*() {
          let isLost = false
          const warnings: Array<unknown> = []
          const logger = Logger.make(({ logLevel, message }) => {
            if (logLevel === "Warn") warnings.push(message)
          })
          const { keys, layer } = directedStore((bucket) => (options) => isLost ? fault(options) : bucket(options))
          const before = yield* Metric.value(KmsGovernorMetrics.storeLost({}))
          const { decrypt, times } = yield* Effect.provide(
            process({ rate: 100, deadline: "3 seconds", store: { localShare: 0.2, retryAfter: "4 seconds" } }),
            [layer, Logger.layer([logger])]
          )
          yield* load([{ decrypt }], 2, 8)
          assert.isAtLeast(mostWithin(times(), 1000), 95)
          isLost = true
          yield* load([{ decrypt }], 10, 8)
          const lost = times().filter((at) => at > 3500 && at < 11_500)
          assert.isAtMost(mostWithin(lost, 1000), 22)
          assert.isAtLeast(lost.length, 150)
          assert.lengthOf(warnings, 1)
          const after = yield* Metric.value(KmsGovernorMetrics.storeLost({}))
          assert.strictEqual(after.count - before.count, 1)
          isLost = false
          const asked = keys.length
          yield* load([{ decrypt }], 8, 8)
          assert.isAbove(keys.length, asked)
          assert.isAtLeast(mostWithin(times().filter((at) => at > 18_000), 1000), 90)
          assert.lengthOf(warnings, 1)
        }),
      60_000
    )
  }
})
