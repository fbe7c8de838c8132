/**
 * A materials cache in this process's memory: a capacity, least recently used eviction, and a sweep that evicts what is
 * expired or spent.
 *
 * Specification: framework/local-cryptographic-materials-cache.md
 */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { optionsOf } from "../model/errors/optionsOf.ts"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { isFunction, shown } from "../internal/options.ts"
import type { InvalidOption } from "../model/errors/Reasons.ts"
import type { CacheEntry } from "./CacheEntry.ts"
import type { EvictionCause, EvictionEvent } from "./EntryMetadata.ts"
import { type Configured, configured } from "./internal/configured.ts"
import { PositiveDuration, positiveDuration } from "./internal/durations.ts"
import type { Entry } from "./internal/entry.ts"
import { type Instant, nowUnsafe } from "./internal/instant.ts"
import * as MaterialsCache from "./MaterialsCache.ts"

/** Options of a local cache. */
export interface Options {
  /** The most entries that are kept. 0 keeps none, as the null cache does. */
  readonly capacity: number
  /** Interval at which everything that is expired or spent is evicted. Default 60 seconds. */
  readonly sweepInterval?: Duration.Input | undefined
  /** Called for each eviction. What it throws is thrown away. */
  readonly onEviction?: ((event: EvictionEvent) => void) | undefined
}

/**
 * A cache that lives as long as its scope: when that closes, every entry is evicted and zeroed. Fails where the capacity
 * is no integer from 0 to 2^53 - 1, the interval is not positive and finite, or an option does not exist.
 *
 * The sweep runs on the Clock, and only while there are entries, so that an idle process is not kept alive by it.
 */
export const make: (
  options: Options
) => Effect.Effect<MaterialsCache.MaterialsCache, InvalidOption, Scope.Scope> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options) {
    const { capacity, onEviction, sweepInterval } = yield* checkOptions(options)
    const clock = yield* Clock.Clock
    const store = makeStore(capacity, onEviction, clock)
    const sweeper = makeSweeper(
      Duration.fromInputUnsafe(sweepInterval ?? "60 seconds"),
      store,
      clock,
      yield* Effect.context()
    )
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        store.close()
        return sweeper.stop
      })
    )
    return MaterialsCache.make({
      stores: capacity > 0,
      get: (key) => Effect.sync(() => unlessExpired(store.get(key), nowUnsafe(clock))),
      getUnsafe: store.get,
      put: (entry) =>
        Effect.sync(() => {
          store.put(entry as Entry)
          sweeper.start()
        }),
      delete: (entry, cause) => Effect.sync(() => store.delete(entry, cause)),
      deleteWhere: (predicate, cause) =>
        Effect.sync(() => store.evictWhere((entry) => predicate(entry.metadata), cause)),
      clear: Effect.sync(() => void store.evictWhere(() => true, "cleared")),
      size: Effect.sync(() => store.entries.size)
    })
  }
)

const isCapacity = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

const checkOptions = /*#__PURE__*/ optionsOf(
  /*#__PURE__*/ Schema.Struct({
    capacity: /*#__PURE__*/ Schema.declare(isCapacity),
    sweepInterval: PositiveDuration,
    onEviction: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(isFunction))
  }),
  "a local cache",
  {
    capacity: (value) => `must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}, got ${shown(value)}`,
    sweepInterval: positiveDuration,
    onEviction: "must be a function"
  }
)

/** The entries of one cache, in the order of use. */
const makeStore = (capacity: number, onEviction: Options["onEviction"], clock: Clock.Clock) => {
  // A Map keeps the order of insertion: the first key is the least recently used one.
  const entries = new Map<string, Entry>()
  let newest: Entry | undefined
  let closed = false

  const evictWhere = (predicate: (entry: Entry) => boolean, cause: EvictionCause): number => {
    const now = nowUnsafe(clock)
    let count = 0
    for (const entry of entries.values()) {
      if (predicate(entry) && entry.evict(cause, now)) count++
    }
    return count
  }

  const get = (key: string): Entry | undefined => {
    const entry = entries.get(key)
    if (entry !== undefined && entry !== newest) {
      entries.delete(key)
      entries.set(key, entry)
      newest = entry
    }
    return entry
  }

  // Whatever evicts an entry, it leaves the cache in the same step. One function for all entries.
  const onEvicted = (event: EvictionEvent, entry: Entry): void => {
    if (entries.get(entry.metadata.key) === entry) entries.delete(entry.metadata.key)
    try {
      onEviction?.(event)
    } catch {
      // A listener's fault is not the cache's.
    }
  }

  return {
    entries,
    evictWhere,
    get,
    put: (entry: Entry): void => {
      const { key } = entry.metadata
      if (entry.evicted || entries.get(key) === entry) return
      const now = nowUnsafe(clock)
      if (closed || capacity === 0) {
        entry.evict(closed ? "scope" : "capacity", now)
        return
      }
      entries.get(key)?.evict("replaced", now)
      entry.onEvicted(onEvicted)
      entries.set(key, entry)
      newest = entry
      if (entries.size > capacity) entries.values().next().value?.evict("capacity", now)
    },
    delete: (entry: CacheEntry, cause: EvictionCause): void => {
      const current = entries.get(entry.metadata.key)
      if (current === entry) current.evict(cause, nowUnsafe(clock))
    },
    close: (): void => {
      closed = true
      evictWhere(() => true, "scope")
    }
  }
}

/** The entry, unless it is expired, and evicted for that. */
const unlessExpired = (entry: Entry | undefined, now: Instant): Entry | undefined => {
  if (!entry?.isExpired(now)) return entry
  entry.evict("age", now)
  return undefined
}

/** Sweeps from a start on for as long as there are entries. */
const makeSweeper = (
  interval: Duration.Duration,
  { entries, evictWhere }: ReturnType<typeof makeStore>,
  clock: Clock.Clock,
  context: Context.Context<never>
) => {
  let sweeper: Fiber.Fiber<void> | undefined
  const sweep = Effect.gen(function*() {
    do {
      yield* Effect.sleep(interval)
      const now = nowUnsafe(clock)
      evictWhere((entry) => entry.isExpired(now), "age")
      evictWhere((entry) => entry.isSpent(), "messages")
    } while (entries.size > 0)
    sweeper = undefined
  })
  return {
    start: (): void => {
      // The fiber may end before the assignment only if the sleep did not suspend, which a positive interval excludes.
      if (entries.size > 0) sweeper ??= Effect.runForkWith(context)(sweep)
    },
    stop: Effect.suspend((): Effect.Effect<void> => sweeper === undefined ? Effect.void : Fiber.interrupt(sweeper))
  }
}

/** `make` as the program's materials cache. */
export const layer = (options: Options): Layer.Layer<MaterialsCache.MaterialsCache, InvalidOption> =>
  Layer.effect(MaterialsCache.MaterialsCache, make(options))

/** `layer` with options from configuration, each as a value or as a `Config`. */
export const layerConfig = (
  options: Configured<Options>
): Layer.Layer<MaterialsCache.MaterialsCache, InvalidOption | Config.ConfigError> =>
  Layer.effect(MaterialsCache.MaterialsCache, Effect.flatMap(configured(options), make))
