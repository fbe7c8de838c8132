/**
 * A materials cache in this process's memory: a capacity, least recently used eviction, and a sweep that evicts what is
 * expired or spent.
 *
 * Specification: framework/local-cryptographic-materials-cache.md
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { InvalidOption } from "../model/errors/Reasons.ts"
import * as internal from "./internal/cacheEntry.ts"
import { nowUnsafe } from "./internal/instant.ts"
import type { CacheEntry } from "./CacheEntry.ts"
import type { EvictionCause, EvictionEvent } from "./EntryMetadata.ts"
import { positiveDuration } from "./internal/positiveDuration.ts"
import * as MaterialsCache from "./MaterialsCache.ts"

/** How a local cache is made. */
export interface LocalCacheOptions {
  /** The most entries that are kept. 0 keeps none, as the null cache does. */
  readonly capacity: number
  /** How often everything that is expired or spent is evicted. Default 60 seconds. */
  readonly sweepInterval?: Duration.Input | undefined
  /** Called for each eviction. What it throws is thrown away. */
  readonly onEviction?: ((event: EvictionEvent) => void) | undefined
}

/**
 * A cache that lives as long as its scope: when that closes, every entry is evicted and zeroed. Fails where the capacity
 * is no integer from 0 to 2^53 - 1, or the interval is not positive and finite.
 *
 * The sweep runs on the Clock, and only while there are entries, so that an idle process is not kept alive by it.
 */
export const make: (
  options: LocalCacheOptions
) => Effect.Effect<MaterialsCache.MaterialsCache, InvalidOption, Scope.Scope> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options) {
    const { capacity, onEviction } = options
    if (!Number.isSafeInteger(capacity) || capacity < 0) {
      return yield* new InvalidOption({
        field: "capacity",
        description: `must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}, got ${String(capacity)}`
      })
    }
    const sweepInterval = yield* positiveDuration("sweepInterval", options.sweepInterval ?? "60 seconds")

    const clock = yield* Clock.Clock
    const context = yield* Effect.context()
    // A Map keeps the order of insertion: the first key is the least recently used one.
    const entries = new Map<string, internal.Entry>()
    let newest: internal.Entry | undefined
    let closed = false
    let sweeper: Fiber.Fiber<void> | undefined

    const evictWhere = (predicate: (entry: internal.Entry) => boolean, cause: EvictionCause): number => {
      const now = nowUnsafe(clock)
      let count = 0
      for (const entry of entries.values()) {
        if (predicate(entry) && entry.evict(cause, now)) count++
      }
      return count
    }

    const sweep = Effect.gen(function*() {
      do {
        yield* Effect.sleep(sweepInterval)
        const now = nowUnsafe(clock)
        evictWhere((entry) => entry.isExpired(now), "age")
        evictWhere((entry) => entry.isSpent(), "messages")
      } while (entries.size > 0)
      sweeper = undefined
    })

    const getUnsafe = (key: string): internal.Entry | undefined => {
      const entry = entries.get(key)
      if (entry !== undefined && entry !== newest) {
        entries.delete(key)
        entries.set(key, entry)
        newest = entry
      }
      return entry
    }

    // Whoever evicts an entry, it leaves the cache in the same step.
    const evicted = (event: EvictionEvent, entry: internal.Entry): void => {
      if (entries.get(entry.metadata.key) === entry) entries.delete(entry.metadata.key)
      try {
        onEviction?.(event)
      } catch {
        // A listener's fault is not the cache's.
      }
    }

    const putUnsafe = (handle: CacheEntry): void => {
      const entry = handle as internal.Entry
      if (entry.evicted || entries.get(entry.metadata.key) === entry) return
      const now = nowUnsafe(clock)
      if (closed || capacity === 0) {
        entry.evict(closed ? "scope" : "capacity", now)
        return
      }
      entries.get(entry.metadata.key)?.evict("replaced", now)
      entry.onEvicted(evicted)
      entries.set(entry.metadata.key, entry)
      newest = entry
      if (entries.size > capacity) entries.values().next().value?.evict("capacity", now)
      if (sweeper === undefined) {
        // The fiber may end before the assignment only if the sleep did not suspend, which a positive interval excludes.
        sweeper = Effect.runForkWith(context)(sweep)
      }
    }

    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        closed = true
        evictWhere(() => true, "scope")
        return sweeper === undefined ? Effect.void : Fiber.interrupt(sweeper)
      })
    )

    return MaterialsCache.make({
      stores: capacity > 0,
      get: (key) =>
        Effect.sync(() => {
          const entry = getUnsafe(key)
          if (entry === undefined) return undefined
          const now = nowUnsafe(clock)
          if (!entry.isExpired(now)) return entry
          entry.evict("age", now)
          return undefined
        }),
      getUnsafe,
      put: (entry) => Effect.sync(() => putUnsafe(entry)),
      delete: (entry, cause) =>
        Effect.sync(() => {
          const current = entries.get(entry.metadata.key)
          if (current === entry) current.evict(cause, nowUnsafe(clock))
        }),
      deleteWhere: (predicate, cause) => Effect.sync(() => evictWhere((entry) => predicate(entry.metadata), cause)),
      clear: Effect.sync(() => void evictWhere(() => true, "cleared")),
      size: Effect.sync(() => entries.size)
    })
  }
)

/** The program's materials cache, in memory. */
export const layer = (options: LocalCacheOptions): Layer.Layer<MaterialsCache.MaterialsCache, InvalidOption> =>
  Layer.effect(MaterialsCache.MaterialsCache, make(options))
