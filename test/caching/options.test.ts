/** The options of a caching manager: what is checked, and where they come from. */
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Layer, Redacted } from "effect"
import { CryptographicMaterialsManager } from "effect-encryption-sdk"
import { CachePolicy, CachingCmm, LocalCache, MaterialsCache, NullCache } from "effect-encryption-sdk/caching"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { caching } from "../support/caching.ts"
import { encryptRequest } from "../support/scriptedManager.ts"

describe("options of a caching manager", () => {
  for (
    const [options, message] of [
      [
        { partitionId: "" },
        "partitionId: must be a text of at least one character, and well-formed Unicode without U+0000"
      ],
      [
        { partitionId: "\ud800" },
        "partitionId: must be a text of at least one character, and well-formed Unicode without U+0000"
      ],
      [{ fetchDeadline: "0 seconds" }, "fetchDeadline: must be a positive, finite Duration, got \"0 seconds\""],
      [{ cacheTimeout: "Infinity" }, "cacheTimeout: must be a positive, finite Duration, got \"Infinity\""],
      [{ decryptCache: new Map() as never }, "decryptCache: must be a materials cache"],
      [{ cache: {} as never }, "cache: must be a materials cache"],
      [{ materialsManager: {} as never }, "materialsManager: must be a materials manager"],
      [{ evictRevoked: "yes" as never }, "evictRevoked: must be a boolean"],
      [{ seedDecryptCache: 1 as never }, "seedDecryptCache: must be a boolean"],
      [{ onEvent: "log" as never }, "onEvent: must be a function"],
      [
        { maxAge: "1 minute" } as never,
        "maxAge: is no option of a caching materials manager: did you mean policy.maxAge?"
      ],
      [{ cacheTimeout: Object.create(null) as never }, "cacheTimeout: must be a positive, finite Duration, got object"],
      [
        { cacheTimeout: "x".repeat(200) as never },
        `cacheTimeout: must be a positive, finite Duration, got "${"x".repeat(99)}…`
      ],
      [{ refreshAhead: true as never }, "refreshAhead: must be an object"],
      [{ refreshAhead: null as never }, "refreshAhead: must be an object"],
      [
        { refreshAhead: { grace: "1 minute" } as never },
        "refreshAhead.grace: is no option of refreshing ahead: did you mean gracePeriod?"
      ],
      [{ refreshAhead: { retry: 3 as never } }, "refreshAhead.retry: must be a Schedule"]
    ] as ReadonlyArray<readonly [Parameters<typeof caching>[0], string]>
  ) {
    it.effect(`rejects, and says: ${message}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(caching(options))
        assert.strictEqual(error._tag, "InvalidOption")
        assert.strictEqual(error.message, message)
      }))
  }

  it.effect("no policy is an error of the policy", () =>
    Effect.gen(function*() {
      const { cache, underlying: materialsManager } = yield* caching()
      const error = yield* Effect.flip(CachingCmm.make({ cache, materialsManager } as never))
      assert.strictEqual(error._tag, "InvalidPolicy")
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("an option is read once: what was checked is what is used", () =>
    Effect.gen(function*() {
      const { cache, underlying: materialsManager } = yield* caching()
      const partitions = ["p", ""]
      const cmm = yield* CachingCmm.make({
        cache,
        materialsManager,
        policy: { maxAge: "1 minute" },
        get partitionId() {
          return partitions.shift()
        }
      })
      assert.strictEqual(cmm.partitionId, "p")
      const capacities = [3, 0]
      const local = yield* LocalCache.make({
        get capacity() {
          return capacities.shift()!
        }
      })
      assert.isTrue(local.stores)
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("options that are undefined count as left out", () =>
    Effect.gen(function*() {
      const { cmm } = yield* caching({
        partitionId: undefined,
        decryptCache: undefined,
        refreshAhead: undefined,
        evictRevoked: undefined,
        seedDecryptCache: undefined,
        fetchDeadline: undefined,
        cacheTimeout: undefined
      })
      assert.match(cmm.partitionId, /^[0-9a-f]{32}$/)
    }))
})

describe("CachingCmm.layerConfig", () => {
  const stack = (options: Parameters<typeof CachingCmm.layerConfig>[0]) =>
    CachingCmm.layerConfig(options).pipe(
      Layer.provide(RawAesKeyring.layer({
        keyNamespace: "test",
        keyName: "key",
        wrappingKey: Redacted.make(new Uint8Array(32).fill(1))
      })),
      Layer.provide(LocalCache.layer({ capacity: 10 })),
      Layer.provide(TestPrimitives.layer)
    )
  const receipts = Effect.gen(function*() {
    const cmm = yield* CryptographicMaterialsManager.CryptographicMaterialsManager
    const { partitionId } = yield* CachingCmm.CachingCmm
    const tags: Array<string> = []
    for (let i = 0; i < 3; i++) tags.push((yield* cmm.getEncryptionMaterials(encryptRequest())).receipt._tag)
    return { partitionId, tags }
  })

  it.effect("takes each option as a value or from configuration", () =>
    Effect.gen(function*() {
      const layer = stack({
        policy: CachePolicy.config("cache"),
        partitionId: Config.String("partition"),
        evictRevoked: true
      })
      assert.deepStrictEqual(yield* Effect.provide(receipts, layer), {
        partitionId: "p",
        tags: ["Miss", "Hit", "Miss"]
      })
    }).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({
      partition: "p",
      cache: { maxAge: "5 minutes", maxMessagesEncrypted: "2" }
    })))))

  it.effect("fails where configuration is missing", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.provide(receipts, stack({ policy: CachePolicy.config("cache") })))
      assert.strictEqual(error._tag, "ConfigError")
      const missing = yield* Effect.flip(
        Effect.provide(receipts, stack({ policy: { maxAge: "1 minute" }, partitionId: Config.String("partition") }))
      )
      assert.strictEqual(missing._tag, "ConfigError")
    }).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({})))))
})

describe("the null cache", () => {
  it.effect("is one value, and the layer provides it", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* MaterialsCache.MaterialsCache, NullCache.make)
      assert.isFalse(NullCache.make.stores)
      assert.strictEqual(yield* NullCache.make.size, 0)
    }).pipe(Effect.provide(NullCache.layer)))
})
