/**
 * The port to a cache of cryptographic materials.
 *
 * `LocalCache` keeps entries in memory, `NullCache` keeps none, and a program can bring its own with `make`. A cache is a
 * value; `MaterialsCache.MaterialsCache` is the tag for the one that a program uses.
 *
 * Specification: framework/cryptographic-materials-cache.md
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { CacheEntry } from "./CacheEntry.ts"
import type { EntryMetadata, EvictionCause } from "./EntryMetadata.ts"
import type { MaterialsCacheError } from "./MaterialsCacheError.ts"

const TypeId = "~effect-encryption-sdk/caching/MaterialsCache" as const

/**
 * A cache of opaque handles within this process, by their keys (`entry.metadata.key`).
 *
 * A manager decides by itself whether an entry may be used, whatever a cache returns: an entry that is too old, spent,
 * evicted, of the wrong kind or stored under another key counts as a miss. A cache that fails, dies or takes too long
 * is a miss too, and never makes an operation fail.
 */
export interface MaterialsCache {
  readonly [TypeId]: typeof TypeId
  /** False for a cache that keeps nothing: then each request goes straight to the underlying manager. */
  readonly stores: boolean
  /** The entry under the key, which thereby becomes the most recently used. */
  readonly get: (key: string) => Effect.Effect<CacheEntry | undefined, MaterialsCacheError>
  /**
   * The same without an Effect, for a cache that lives in this process's memory. A manager then looks up and decides in
   * one step, so that its counts are exact, and applies no time-out. Does not look at the entry's age. A request that finds nothing
   * to use may look up twice.
   */
  readonly getUnsafe?: ((key: string) => CacheEntry | undefined) | undefined
  /**
   * Stores the entry under its key. Evicts the entry that was there before, with the cause `replaced`, and whatever must
   * make room, with the cause `capacity`. An entry that is evicted already is not stored.
   */
  readonly put: (entry: CacheEntry) => Effect.Effect<void, MaterialsCacheError>
  /** Evicts this very entry; another one that is stored under the same key by now stays. */
  readonly delete: (entry: CacheEntry, cause: EvictionCause) => Effect.Effect<void, MaterialsCacheError>
  /** Evicts the entries whose metadata fit, and returns their number. */
  readonly deleteWhere: (
    predicate: (metadata: EntryMetadata) => boolean,
    cause: EvictionCause
  ) => Effect.Effect<number, MaterialsCacheError>
  /** Evicts everything, with the cause `cleared`. */
  readonly clear: Effect.Effect<void, MaterialsCacheError>
  /** The number of entries. */
  readonly size: Effect.Effect<number, MaterialsCacheError>
}

/** Whether a value is a materials cache. */
export const isMaterialsCache = (value: unknown): value is MaterialsCache =>
  typeof value === "object" && value !== null && TypeId in value

/**
 * A cache from its operations. For each entry that it drops or replaces, an implementation calls `CacheEntry.evict`,
 * which zeroes the entry's key.
 *
 * **Gotchas**
 *
 * Operations are interrupted at the manager's time-out and when its scope closes. Drop and evict in one step that cannot be
 * interrupted, so that no entry has left the cache with its key in memory.
 */
export const make = (implementation: Omit<MaterialsCache, typeof TypeId>): MaterialsCache => ({
  stores: implementation.stores,
  get: (key) => implementation.get(key),
  getUnsafe: implementation.getUnsafe === undefined ? undefined : (key) => implementation.getUnsafe?.(key),
  put: (entry) => implementation.put(entry),
  delete: (entry, cause) => implementation.delete(entry, cause),
  deleteWhere: (predicate, cause) => implementation.deleteWhere(predicate, cause),
  clear: implementation.clear,
  size: implementation.size,
  [TypeId]: TypeId
})

/** The materials cache that this program uses. */
export const MaterialsCache: Context.Service<MaterialsCache, MaterialsCache> = /*#__PURE__*/ Context.Service<
  MaterialsCache
>("effect-encryption-sdk/caching/MaterialsCache")
