/** Types of data key caching: units of thresholds, requirements of the manager's layers, what a cache must have. */
import { type Config, type DateTime, Duration, Effect, type Layer, type Schedule, type Scope } from "effect"
import type {
  AlgorithmSuite,
  CryptographicMaterialsManager,
  EncryptError,
  EncryptionContext,
  InvalidOption,
  Keyring,
  Receipt
} from "effect-encryption-sdk"
import {
  CacheEntry,
  CachePolicy,
  CachingCmm,
  type CachingEvent,
  CachingMetrics,
  type InvalidPolicy,
  LocalCache,
  MaterialsCache,
  type MaterialsCacheError,
  NullCache,
  type RefreshAhead
} from "effect-encryption-sdk/caching"
import type { Primitives } from "effect-encryption-sdk/crypto"
import { expectTypeOf } from "vitest"
import type { Fields } from "./Fields.ts"

type Manager = CryptographicMaterialsManager.CryptographicMaterialsManager

declare const cache: MaterialsCache.MaterialsCache
declare const entry: CacheEntry.CacheEntry
declare const caching: CachingCmm.CachingCmm
const policy = { maxAge: "5 minutes" }

// Layers.
expectTypeOf(CachingCmm.layer({ policy })).toEqualTypeOf<
  Layer.Layer<
    Manager | CachingCmm.CachingCmm,
    InvalidPolicy | InvalidOption,
    Keyring.Keyring | MaterialsCache.MaterialsCache | Primitives.Primitives
  >
>()
expectTypeOf(CachingCmm.layerManager({ policy })).toEqualTypeOf<
  Layer.Layer<
    Manager | CachingCmm.CachingCmm,
    InvalidPolicy | InvalidOption,
    Manager | MaterialsCache.MaterialsCache | Primitives.Primitives
  >
>()
declare const materialsManager: Manager
expectTypeOf(CachingCmm.make({ policy, cache, materialsManager })).toEqualTypeOf<
  Effect.Effect<CachingCmm.CachingCmm, InvalidPolicy | InvalidOption, Primitives.Primitives | Scope.Scope>
>()
expectTypeOf(LocalCache.layer({ capacity: 1 })).toEqualTypeOf<
  Layer.Layer<MaterialsCache.MaterialsCache, InvalidOption>
>()
expectTypeOf(LocalCache.make({ capacity: 1 })).toEqualTypeOf<
  Effect.Effect<MaterialsCache.MaterialsCache, InvalidOption, Scope.Scope>
>()
expectTypeOf(NullCache.layer).toEqualTypeOf<Layer.Layer<MaterialsCache.MaterialsCache>>()

// Options.
type Policy = CachePolicy.CachePolicy | Parameters<typeof CachePolicy.make>[0]
expectTypeOf<Fields<Parameters<typeof CachingCmm.layer>[0]>>().toEqualTypeOf<{
  readonly policy: Policy
  readonly partitionId?: string | undefined
  readonly decryptCache?: MaterialsCache.MaterialsCache | undefined
  readonly refreshAhead?: RefreshAhead.Options | undefined
  readonly evictRevoked?: boolean | undefined
  readonly seedDecryptCache?: boolean | undefined
  readonly fetchDeadline?: Duration.Input | undefined
  readonly maxAgeIncomplete?: Duration.Input | undefined
  readonly cacheTimeout?: Duration.Input | undefined
  readonly onEvent?: ((event: CachingEvent) => void) | undefined
}>()
expectTypeOf<Fields<RefreshAhead.Options>>().toEqualTypeOf<{
  readonly gracePeriod?: Duration.Input | undefined
  readonly budgetShare?: number | undefined
  readonly retry?: Schedule.Schedule<unknown> | undefined
}>()
expectTypeOf<Fields<Parameters<typeof LocalCache.layer>[0]>>().toEqualTypeOf<{
  readonly capacity: number
  readonly sweepInterval?: Duration.Input | undefined
  readonly onEviction?: ((event: CacheEntry.EvictionEvent) => void) | undefined
}>()
expectTypeOf<Fields<Parameters<typeof CachePolicy.make>[0]>>().toEqualTypeOf<{
  readonly maxAge?: Duration.Duration | string | undefined
  readonly maxMessagesEncrypted?: number | bigint | string | undefined
  readonly maxBytesEncrypted?: bigint | number | string | undefined
}>()

// Units: an age says its unit, a count is a number, bytes may be more than a number holds.
CachePolicy.make({ maxAge: Duration.minutes(5), maxMessagesEncrypted: 100, maxBytesEncrypted: 2n ** 40n })
// @ts-expect-error: a bare number is seconds to some, milliseconds to others
CachePolicy.make({ maxAge: 300 })
// @ts-expect-error: neither is a bigint
CachePolicy.make({ maxAge: 300n })
// @ts-expect-error: the same where the manager is made
CachingCmm.layer({ policy: { maxAge: 300 } })
// @ts-expect-error: a count is no duration
CachePolicy.make({ maxMessagesEncrypted: Duration.minutes(5) })
// @ts-expect-error: no such threshold
CachePolicy.make({ maxMessages: 100 })
// @ts-expect-error: the policy is not left out
CachingCmm.layer({})
// @ts-expect-error: no such option
CachingCmm.layer({ policy, capacity: 1 })
// @ts-expect-error: a partition is text
CachingCmm.layer({ policy, partitionId: 1 })
// @ts-expect-error: a cache has a capacity
LocalCache.layer({})
// @ts-expect-error: a capacity is a number of entries
LocalCache.layer({ capacity: "1 MiB" })
// @ts-expect-error: a listener is a function, not an effect
LocalCache.layer({ capacity: 1, onEviction: Effect.void })

// Policies.
expectTypeOf(CachePolicy.make(policy)).toEqualTypeOf<Effect.Effect<CachePolicy.CachePolicy, InvalidPolicy>>()
expectTypeOf(CachePolicy.config("cache")).toEqualTypeOf<Config.Config<CachePolicy.CachePolicy>>()
CachePolicy.rule((request) => {
  expectTypeOf(request.operation).toEqualTypeOf<"encrypt" | "decrypt">()
  expectTypeOf(request.encryptionContext).toEqualTypeOf<EncryptionContext.EncryptionContext>()
  expectTypeOf(request.algorithmSuite).toEqualTypeOf<AlgorithmSuite.AlgorithmSuite | undefined>()
  expectTypeOf(request.plaintextLength).toEqualTypeOf<number | undefined>()
  expectTypeOf(request.time).toEqualTypeOf<DateTime.Utc>()
  return request.operation === "encrypt" ? { maxAge: "1 minute" } : "bypass"
})
// @ts-expect-error: a rule bypasses or gives thresholds
CachePolicy.rule(() => "skip")
// @ts-expect-error: a rule is no effect
CachePolicy.rule(() => Effect.succeed("bypass"))
expectTypeOf(CachePolicy.tightest(CachePolicy.empty, CachePolicy.empty)).toEqualTypeOf<CachePolicy.CachePolicy>()
// @ts-expect-error: thresholds are no policy until they are checked
CachePolicy.tightest(CachePolicy.empty, policy)

// Control of a running manager.
expectTypeOf(caching).toExtend<Manager>()
expectTypeOf(caching.clear).toEqualTypeOf<Effect.Effect<CachingCmm.Invalidation>>()
expectTypeOf(caching.invalidate({ wrappingKey: "arn" })).toEqualTypeOf<
  Effect.Effect<CachingCmm.Invalidation, InvalidOption>
>()
expectTypeOf(caching.warm()).toEqualTypeOf<Effect.Effect<void, EncryptError>>()
// @ts-expect-error: all entries are cleared by clear
caching.invalidate()
// @ts-expect-error: no such selection
caching.invalidate({ partitionId: "a" })

// A cache of one's own.
expectTypeOf(cache.get("key")).toEqualTypeOf<Effect.Effect<CacheEntry.CacheEntry | undefined, MaterialsCacheError>>()
expectTypeOf(cache.size).toEqualTypeOf<Effect.Effect<number, MaterialsCacheError>>()
const { clear, delete: remove, deleteWhere, get, put, size } = cache
MaterialsCache.make({ stores: true, get, put, delete: remove, deleteWhere, clear, size })
// @ts-expect-error: every method is needed
MaterialsCache.make({ stores: true, get, put, delete: remove, clear, size })
// @ts-expect-error: an entry is a handle
MaterialsCache.make({ stores: true, get: () => Effect.succeed("entry"), put, delete: remove, deleteWhere, clear, size })
// @ts-expect-error: implementations are made by make, which checks them
const unbranded: MaterialsCache.MaterialsCache = { stores: true, get, put, delete: remove, deleteWhere, clear, size }
expectTypeOf(unbranded).toExtend<object>()

// Entries show metadata, and no material.
expectTypeOf<keyof CacheEntry.CacheEntry>().toEqualTypeOf<"metadata" | "toString">()
expectTypeOf(CacheEntry.evict(entry, "capacity")).toEqualTypeOf<Effect.Effect<boolean>>()
expectTypeOf(CacheEntry.usage(entry)).toEqualTypeOf<Effect.Effect<Receipt.Usage>>()
// @ts-expect-error: no such cause
CacheEntry.evict(entry, "expired")
expectTypeOf<CacheEntry.EvictionCause>().toEqualTypeOf<
  | "capacity"
  | "age"
  | "messages"
  | "bytes"
  | "replaced"
  | "deleted"
  | "invalidated"
  | "revoked"
  | "cleared"
  | "scope"
>()

// Events can be matched to the last one.
const tagOf = (event: CachingEvent): string | number => {
  switch (event._tag) {
    case "Bypassed":
      return event.reason
    case "Admitted":
      return event.outcome
    case "FetchStarted":
    case "Fetched":
      return event.trigger
    case "Waiting":
      return event.change
    case "Stored":
      return event.key
    case "Evicted":
      return event.cause
    case "CacheFault":
      return event.fault
    default:
      return event satisfies never
  }
}
expectTypeOf(tagOf).parameter(0).toEqualTypeOf<CachingEvent>()
expectTypeOf(CachingMetrics.requests).parameter(0).toEqualTypeOf<Readonly<Record<string, string>>>()
