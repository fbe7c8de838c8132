import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Effect, Exit, Fiber, Layer, Metric, Scope } from "effect"
import { DataKey, InvalidOption } from "effect-encryption-sdk"
import { Kms } from "effect-encryption-sdk/kms"
import { KmsGovernor, KmsGovernorMetrics } from "effect-encryption-sdk/kms/governor"
import * as RateLimiter from "effect/persistence/RateLimiter"
import { callKms } from "../../../src/kms/calls.ts"
import { failureOf } from "../../support/client.ts"
import { arn, callsOf, directedKms, governed, keyIn, kmsError } from "../../support/governedKms.ts"
import { TestClock } from "../../support/TestClock.ts"

const fork = <A, E>(call: Effect.Effect<A, E>) => Effect.forkChild(call, { startImmediately: true })

describe("options of a governor", () => {
  const cases: ReadonlyArray<readonly [object, string, string]> = [
    [{}, "rate", "must be a number from 0.01 to 1000000, got undefined"],
    [{ rate: 0 }, "rate", "must be a number from 0.01 to 1000000, got 0"],
    [{ rate: "10" }, "rate", "must be a number from 0.01 to 1000000, got \"10\""],
    [{ rate: 1, rates: { Decrypt: -1 } }, "rates.Decrypt", "must be a number from 0.01 to 1000000, got -1"],
    [{ rate: 1, rates: { Decryptt: 1 } }, "rates.Decryptt", "is no option of a governor: did you mean Decrypt?"],
    [
      { rate: 1, regions: { "us-east-1": 0 } },
      "regions",
      "must be an object of Regions and their rates, which are numbers from 0.01 to 1000000"
    ],
    [{ rate: 1, concurrency: 0 }, "concurrency", "must be an integer of at least 1, got 0"],
    [{ rate: 1, deadline: 0 }, "deadline", "must be a positive, finite Duration, got 0"],
    [{ rate: 1, adaptation: { decrease: 1 } }, "adaptation.decrease", "must be between 0 and 1, got 1"],
    [{ rate: 1, adaptation: { floor: 0 } }, "adaptation.floor", "must be above 0 and at most 1, got 0"],
    [{ rate: 1, retries: { share: 2 } }, "retries.share", "must be from 0 to 1, got 2"],
    [{ rate: 1, retries: { burst: -1 } }, "retries.burst", "must be an integer of at least 0, got -1"],
    [{ rate: 1, circuit: { failures: 0.5 } }, "circuit.failures", "must be an integer of at least 1, got 0.5"],
    [{ rate: 1, store: { localShare: 1.5 } }, "store.localShare", "must be above 0 and at most 1, got 1.5"],
    [{ rate: 1, store: { prefix: "" } }, "store.prefix", "must be a string that is not empty"],
    [{ rate: 1, limit: 1 }, "limit", "is no option of a governor"]
  ]
  it.effect.each(cases)("%j", ([options, field, description]) =>
    Effect.gen(function*() {
      const error = yield* failureOf(KmsGovernor.make(options as KmsGovernor.Options))
      assert.deepStrictEqual(error, new InvalidOption({ field, description }))
    }))

  it.effect("layers make all ports, from configuration and over a store too, under one rate", () =>
    Effect.gen(function*() {
      const configuration = ConfigProvider.layer(ConfigProvider.fromUnknown({ RATE: "30" }))
      const options = { rate: Config.Number("RATE") }
      const layers = [
        KmsGovernor.layer({ rate: 30 }),
        Layer.provide(KmsGovernor.layerConfig(options), configuration),
        Layer.provide(KmsGovernor.layerShared({ rate: 30 }), Layer.fresh(RateLimiter.layerStoreMemory)),
        KmsGovernor.layerSharedConfig(options).pipe(
          Layer.provide([configuration, Layer.fresh(RateLimiter.layerStoreMemory)])
        )
      ]
      for (const [index, layer] of layers.entries()) {
        const { operations, sent } = directedKms()
        const context = yield* Layer.build(Layer.provide(layer, Kms.layer(operations)))
        const { decrypt, generateDataKey } = Context.get(context, Kms.Kms)
        const { generateDataKeyWithoutPlaintext, reEncrypt } = Context.get(context, Kms.KmsWithoutPlaintext)
        const request = {
          keyId: arn,
          grantTokens: [],
          encryptionContext: {},
          ciphertextBlob: Uint8Array.of(1),
          numberOfBytes: 1
        }
        const calls: ReadonlyArray<Effect.Effect<object, unknown>> = [
          decrypt(request),
          Context.get(context, Kms.KmsDecrypt).decrypt(request),
          generateDataKey(request),
          generateDataKeyWithoutPlaintext(request),
          reEncrypt({ ...request, sourceKeyId: keyIn("eu-west-1"), sourceEncryptionContext: {} })
        ]
        for (const call of calls) yield* fork(call)
        assert.lengthOf(sent, 3, `layer ${index}`)
        yield* TestClock.adjust("1 second")
        assert.lengthOf(sent, 5)
      }
    }))
})

describe("a Kms of the user's own under a governor", () => {
  const outcomes = (call: () => unknown) => {
    const calls = { decrypt: call as Kms.Operations["decrypt"] }
    const request = { keyId: arn, grantTokens: [], encryptionContext: {}, ciphertextBlob: Uint8Array.of(1) }
    return Effect.gen(function*() {
      const { decrypt } = (yield* KmsGovernor.make({ rate: 1000 })).govern(calls)
      return [
        yield* Effect.exit(callKms("decrypt", () => calls.decrypt(request))),
        yield* Effect.exit(callKms("decrypt", () => decrypt(request)))
      ] as const
    })
  }
  const thrown = new Error("of the test")
  const cases: ReadonlyArray<readonly [string, () => unknown]> = [
    ["throws", () => {
      throw thrown
    }],
    ["returns no Effect", () => Promise.resolve(1)],
    ["fails with another error", () => Effect.fail("other")],
    ["dies", () => Effect.die(thrown)],
    ["returns nothing", () => Effect.succeed(undefined)],
    ["returns a response without a plaintext", () => Effect.succeed({ keyId: arn })],
    ["fails as it should", () => Effect.fail(kmsError("AccessDenied"))]
  ]
  for (const [title, call] of cases) {
    it.effect(`that ${title} is seen as it is without one`, () =>
      Effect.gen(function*() {
        const [plain, under] = yield* outcomes(call)
        assert.isTrue(Exit.isFailure(plain))
        assert.deepStrictEqual(under, plain)
      }))
  }

  it.effect("its responses pass through untouched, and the governor has the calls that it has", () =>
    Effect.gen(function*() {
      const response = { keyId: arn, plaintext: DataKey.make(new Uint8Array(1)), extra: 1 }
      const governor = yield* KmsGovernor.make({ rate: 1 })
      const calls = governor.govern({ decrypt: () => Effect.succeed(response), other: 1 })
      assert.deepStrictEqual(Object.keys(calls), ["decrypt"])
      assert.strictEqual(yield* (calls.decrypt as Kms.Operations["decrypt"])({ keyId: arn } as never), response)
    }))
})

describe("the end of a governor", () => {
  it.effect("calls that wait fail, and so do later ones", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const kms = directedKms()
      const governor = yield* Scope.provide(KmsGovernor.make({ rate: 1 }), scope)
      const { decrypt } = callsOf(governor.govern(kms.operations))
      yield* decrypt()
      const waiting = yield* fork(failureOf(decrypt()))
      yield* Scope.close(scope, Exit.void)
      for (const error of [yield* Fiber.join(waiting), yield* failureOf(decrypt())]) {
        assert.deepStrictEqual([error.code, error.isRetryable], ["GovernorClosed", false])
      }
      yield* TestClock.adjust("5 seconds")
      assert.lengthOf(kms.sent, 1)
    }))
})

describe("metrics", () => {
  const read = <A extends { readonly value?: unknown; readonly count?: unknown }>(metric: Metric.Metric<never, A>) =>
    Effect.map(Metric.value(metric), ({ count, value }) => Number(value ?? count))

  it.effect("show calls in flight, calls that wait, their time, the rate, throttles and ends", () =>
    Effect.gen(function*() {
      const region = "ap-south-1"
      const { decrypt } = yield* governed(
        { rate: 10, adaptation: { decrease: 0.5 }, retries: { maxAttempts: 1 } },
        (number) =>
          Effect.andThen(Effect.sleep("50 millis"), number === 3 ? Effect.fail(kmsError("Throttled")) : Effect.void)
      )
      const key = keyIn(region)
      for (let call = 0; call < 3; call++) yield* fork(Effect.result(decrypt(key)))
      yield* fork(Effect.result(KmsGovernor.background(decrypt(key))))
      const { calls, inFlight, rate, throttles, waiting, waitTime } = KmsGovernorMetrics
      assert.deepStrictEqual(
        [
          yield* read(inFlight({ region })),
          yield* read(waiting({ region, priority: "request" })),
          yield* read(waiting({ region, priority: "background" })),
          yield* read(rate({ region, quota: "symmetric" }))
        ],
        [1, 2, 1, 10]
      )
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(
        [
          yield* read(inFlight({ region })),
          yield* read(waiting({ region, priority: "request" })),
          yield* read(waiting({ region, priority: "background" })),
          yield* read(throttles({ region, operation: "Decrypt" })),
          yield* read(calls({ region, operation: "Decrypt", outcome: "succeeded" })),
          yield* read(calls({ region, operation: "Decrypt", outcome: "throttled" }))
        ],
        [0, 0, 0, 1, 3, 1]
      )
      assert.isBelow(yield* read(rate({ region, quota: "symmetric" })), 10)
      const { count, max } = yield* Metric.value(waitTime({ region, priority: "request" }))
      assert.deepStrictEqual([count, max], [3, 200])
    }))

  it.effect("name no key, and no more Regions than 64 and `other`", () =>
    Effect.gen(function*() {
      const { decrypt } = yield* governed({ rate: 1000 })
      for (let index = 0; index < 100; index++) {
        yield* decrypt(
          keyIn(`qq-${String.fromCharCode(97 + Math.floor(index / 10))}${String.fromCharCode(97 + index % 10)}-1`)
        )
      }
      const regions = (yield* Metric.snapshot)
        .filter(({ id }) => id === "effect_encryption_sdk_kms_governor_calls")
        .map(({ attributes }) => String(attributes?.["region"]))
      assert.include(regions, "other")
      assert.lengthOf(regions.filter((region) => region.startsWith("qq-")), 64)
      assert.isFalse(regions.some((region) => region.includes("1234abcd")))
    }))
})
