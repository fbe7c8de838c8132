/**
 * Branch keys in memory, for as long as they may be used there. A hierarchical keyring has a cache of its own; several keyrings
 * can share one.
 *
 * Specification: framework/aws-kms/aws-kms-hierarchical-keyring.md#cache-type
 */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { Primitives } from "../crypto/Primitives.ts"
import { Background } from "../internal/background.ts"
import { makeBrand } from "../internal/brand.ts"
import { type Configured, configured } from "../internal/configured.ts"
import { nowUnsafe } from "../internal/instant.ts"
import * as DataKey from "../model/DataKey.ts"
import { optionsOf } from "../model/errors/optionsOf.ts"
import { InvalidOption } from "../model/errors/Reasons.ts"
import { StorageFailed } from "./BranchKeyStorage.ts"
import type { BranchKeyStore } from "./BranchKeyStore.ts"
import type { BranchKeyStoreError } from "./BranchKeyStoreError.ts"
import { bounds, fields, MaxAge } from "./internal/cacheOptions.ts"
import { type CachedBranchKey, CachedKeys } from "./internal/cachedKeys.ts"
import * as flights from "./internal/keyFlights.ts"
import { fail } from "./internal/records.ts"

export type { CachedBranchKey } from "./internal/cachedKeys.ts"

/** Options of a cache of branch keys. */
export interface Options {
  /**
   * Age at which a branch key is dropped, and is not served any more, counted from the beginning of the read that it came from. So no
   * program goes on for longer than this with a version that is not the active one any more, or with a KMS key that it may not
   * use any more.
   */
  readonly maxAge: Duration.Input
  /** The most branch keys that are kept, active ones and other versions together. The least recently used leaves. Default 1,000. */
  readonly capacity?: number | undefined
  /**
   * Share of its age, between 0 and 1, past which a branch key that serves a request is renewed in the background. The exact share is
   * drawn for each, from the first half of what is left. Default: none is, and a request waits for the next read.
   */
  readonly refreshAhead?: number | undefined
  /**
   * Time that a request waits for a read at most, from its own start; then it fails. None joins a read that is as old. Default 30
   * seconds.
   */
  readonly fetchDeadline?: Duration.Input | undefined
}

/** Branch keys of a store, and the requests that share what is cached of them. */
export interface Source {
  readonly store: BranchKeyStore
  /** Requests share branch keys where they share a cache, and have equal partition IDs and logical key store names. */
  readonly partitionId: string
  /** Age in place of the cache's, where it is less: an entry that is as old is read again. Default: the cache's. */
  readonly maxAge?: Duration.Input | undefined
}

/** A cache of branch keys. */
export interface BranchKeyCache {
  /**
   * The active version of a branch key, or the version that is named, and whether it was cached. Requests for one branch key at once
   * are one read of the store. The key is a copy, which is zeroed when the scope closes.
   */
  readonly get: (
    source: Source,
    branchKeyId: string,
    version?: string
  ) => Effect.Effect<CachedBranchKey, BranchKeyStoreError, Scope.Scope>
  /** Reads the active versions of branch keys before traffic, those that are not cached: a check of readiness. */
  readonly warm: (source: Source, branchKeyIds: ReadonlyArray<string>) => Effect.Effect<void, BranchKeyStoreError>
  /**
   * Drops all versions of a branch key, whatever their source: right after a rotation, the next request finds the new active
   * version. Reads in flight serve the requests that wait for them, and nothing of them is kept.
   */
  readonly invalidate: (branchKeyId: string) => Effect.Effect<void>
  /** `invalidate` for all branch keys. */
  readonly clear: Effect.Effect<void>
  /** Number of branch keys in the cache. */
  readonly size: Effect.Effect<number>
}

/** The tag of a cache that keyrings of this program share. */
export const BranchKeyCache: Context.Service<BranchKeyCache, BranchKeyCache> = /*#__PURE__*/ Context.Service<
  BranchKeyCache
>("effect-encryption-sdk/hierarchical/BranchKeyCache")

/**
 * A cache that lives as long as its scope: when that closes, every key in it is zeroed, reads in flight end, and further requests
 * fail. Fails with `InvalidOption`.
 *
 * **Gotchas**
 *
 * Time is that of the Clock, and the cache has no timers for its entries: what is expired is zeroed at the next request, whatever
 * that is for. In a process without requests it stays in memory, and is not served.
 */
export const make: (
  options: Options
) => Effect.Effect<BranchKeyCache, InvalidOption, Primitives | Scope.Scope> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options: Options) {
    const { capacity = 1000, fetchDeadline = "30 seconds", maxAge, refreshAhead } = yield* checkOptions(options)
    const { randomBytes } = yield* Primitives
    // The fiber that makes the cache is not the parent of what the cache does later.
    const context = Context.omit(Tracer.ParentSpan)(yield* Effect.context())
    const maxAgeMillis = Duration.toMillis(Duration.fromInputUnsafe(maxAge))
    const fetching: flights.Fetching = {
      background: new Background(context),
      clock: yield* Clock.Clock,
      context,
      cached: new CachedKeys(capacity, maxAgeMillis, context),
      open: new Map(),
      unsettled: new Set(),
      maxAgeMillis,
      fetchDeadline: Duration.fromInputUnsafe(fetchDeadline),
      drawRefreshShare: refreshAhead === undefined
        ? Effect.succeed(Infinity)
        : Effect.map(randomBytes(1), ([random]) => refreshAhead + (1 - refreshAhead) * (random! / 512))
    }
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        flights.shutdown(fetching)
        fetching.cached.evictWhere(() => true, "scope")
      })
    )
    const drop = (cause: "invalidated" | "cleared", fits: (item: { readonly branchKeyId: string }) => boolean) =>
      Effect.sync(() => {
        flights.closeWhere(fetching, fits)
        fetching.cached.evictWhere(fits, cause)
      })
    return caches.mark<BranchKeyCache>({
      get: (source, branchKeyId, version) => get(fetching, source, branchKeyId, version),
      warm: (source, branchKeyIds) =>
        Effect.suspend(() =>
          Effect.forEach(new Set(branchKeyIds), (id) => Effect.scoped(get(fetching, source, id, undefined)), {
            concurrency: maxReads,
            discard: true
          })
        ),
      invalidate: (branchKeyId) => drop("invalidated", (item) => item.branchKeyId === branchKeyId),
      clear: drop("cleared", () => true),
      size: Effect.sync(() => fetching.cached.size)
    })
  }
)

const caches = /*#__PURE__*/ makeBrand()

/** Whether a value is a cache that `make` has made. A copy of one is not. */
export const isBranchKeyCache = (value: unknown): value is BranchKeyCache =>
  typeof value === "object" && value !== null && caches.has(value)

/** `make` as the cache that keyrings of this program share. */
export const layer = (options: Options): Layer.Layer<BranchKeyCache, InvalidOption, Primitives> =>
  Layer.effect(BranchKeyCache, make(options))

/** `layer` with options from configuration, each as a value or as a `Config`. */
export const layerConfig = (
  options: Configured<Options>
): Layer.Layer<BranchKeyCache, InvalidOption | Config.ConfigError, Primitives> =>
  Layer.effect(BranchKeyCache, Effect.flatMap(configured(options), make))

/** Number of reads that one request to warm makes at a time. */
const maxReads = 10

const checkOptions = /*#__PURE__*/ optionsOf(
  /*#__PURE__*/ Schema.Struct({ ...fields, maxAge: MaxAge }),
  "a branch key cache",
  bounds
)

/** A key of an entry that no other request has: texts of any length and content stay apart. */
const keyOf = (parts: ReadonlyArray<string>): string => parts.map((part) => `${part.length}:${part}`).join("")

const get = (
  fetching: flights.Fetching,
  { maxAge, partitionId, store }: Source,
  branchKeyId: string,
  version: string | undefined
): Effect.Effect<CachedBranchKey, BranchKeyStoreError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) => {
    if (typeof branchKeyId !== "string") return failNoText(branchKeyId)
    const claim: flights.Claim = { branchKey: undefined, released: false }
    const key = keyOf([
      partitionId,
      store.info.logicalKeyStoreName,
      branchKeyId,
      ...version === undefined ? [] : [version]
    ])
    const request: flights.Request = { key, store, branchKeyId, version }
    const maxAgeMillis = maxAge === undefined
      ? fetching.maxAgeMillis
      : Math.min(fetching.maxAgeMillis, Duration.toMillis(Duration.fromInputUnsafe(maxAge)))
    return Effect.andThen(
      // The scope knows of the claim before there is a key in it.
      Effect.addFinalizer(() => Effect.sync(() => release(claim))),
      Effect.suspend(() => serve(fetching, request, claim, maxAgeMillis, restore))
    )
  })

const serve = (
  fetching: flights.Fetching,
  request: flights.Request,
  claim: flights.Claim,
  maxAgeMillis: number,
  restore: flights.Restore
): Effect.Effect<CachedBranchKey, BranchKeyStoreError> => {
  const { background, cached, clock } = fetching
  if (background.closed) return failClosed(request)
  const now = nowUnsafe(clock)
  cached.evictExpired(now)
  const entry = cached.get(request.key)
  const ageMillis = entry?.ageMillis(now) ?? Infinity
  const branchKey = ageMillis < maxAgeMillis ? entry?.copy() : undefined
  if (entry === undefined || branchKey === undefined) {
    return flights.join(fetching, request, claim, maxAgeMillis, now, restore)
  }
  flights.give(claim, branchKey)
  flights.count(fetching, request, "Hit")
  if (entry.isDueForRefresh(ageMillis, maxAgeMillis)) flights.refresh(fetching, request, entry, now)
  // Of a scope that is closed the key is zeroed already.
  return claim.released ? Effect.interrupt : Effect.succeed({ ...branchKey, outcome: "Hit" })
}

const failNoText = (branchKeyId: never): Effect.Effect<never, BranchKeyStoreError> =>
  fail(
    { operation: "getActive", branchKeyId },
    new InvalidOption({ field: "branchKeyId", description: "must be a string" })
  )

const failClosed = ({ branchKeyId, version }: flights.Request): Effect.Effect<never, BranchKeyStoreError> =>
  fail(
    { operation: version === undefined ? "getActive" : "getVersion", branchKeyId },
    new StorageFailed({ code: "CacheClosed", description: "the scope of the cache is closed", isRetryable: false })
  )

const release = (claim: flights.Claim): void => {
  claim.released = true
  if (claim.branchKey !== undefined) DataKey.zero(claim.branchKey.key)
}
