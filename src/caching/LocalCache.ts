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
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { checker } from "../internal/options.ts"
import { InvalidOption } from "../model/errors/Reasons.ts"
import type { CacheEntry } from "./CacheEntry.ts"
import type { EvictionCause, EvictionEvent } from "./EntryMetadata.ts"
import { type Configured, configured } from "./internal/configured.ts"
import { PositiveDuration, positiveDuration } from "./internal/durations.ts"
import type { Entry } from "./internal/entry.ts"
import { nowUnsafe } from "./internal/instant.ts"
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
    yield* Effect.fromResult(Result.mapError(checkOptions(options), (invalid) => new InvalidOption(invalid)))
    const store = new Store(options, yield* Clock.Clock, yield* Effect.context())
    yield* Effect.addFinalizer(() => store.close())
    return MaterialsCache.make({
      stores: options.capacity > 0,
      get: (key) => Effect.sync(() => store.getUnexpired(key)),
      getUnsafe: (key) => store.get(key),
      put: (entry) => Effect.sync(() => store.put(entry as Entry)),
      delete: (entry, cause) => Effect.sync(() => store.delete(entry, cause)),
      deleteWhere: (predicate, cause) =>
        Effect.sync(() => store.evictWhere((entry) => predicate(entry.metadata), cause)),
      clear: Effect.sync(() => void store.evictWhere(() => true, "cleared")),
      size: Effect.sync(() => store.size)
    })
  }
)

const isCapacity = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

const isFunction = (value: unknown): value is () => void => typeof value === "function"

const checkOptions = /*#__PURE__*/ checker(
  /*#__PURE__*/ Schema.Struct({
    capacity: /*#__PURE__*/ Schema.declare(isCapacity),
    sweepInterval: PositiveDuration,
    onEviction: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(isFunction))
  }),
  "a local cache",
  {
    capacity: (value) => `must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}, got ${String(value)}`,
    sweepInterval: positiveDuration,
    onEviction: "must be a function, or left out"
  }
)

/** The entries of one cache. */
class Store {
  // A Map keeps the order of insertion: the first key is the least recently used one.
  readonly #entries = new Map<string, Entry>()
  readonly #capacity: number
  readonly #onEviction: Options["onEviction"]
  readonly #sweepInterval: Duration.Duration
  readonly #clock: Clock.Clock
  readonly #context: Context.Context<never>
  #newest: Entry | undefined
  #closed = false
  #sweeper: Fiber.Fiber<void> | undefined

  constructor({ capacity, onEviction, sweepInterval }: Options, clock: Clock.Clock, context: Context.Context<never>) {
    this.#capacity = capacity
    this.#onEviction = onEviction
    this.#sweepInterval = Duration.fromInputUnsafe(sweepInterval ?? "60 seconds")
    this.#clock = clock
    this.#context = context
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry !== undefined && entry !== this.#newest) {
      this.#entries.delete(key)
      this.#entries.set(key, entry)
      this.#newest = entry
    }
    return entry
  }

  getUnexpired(key: string): Entry | undefined {
    const entry = this.get(key)
    if (entry === undefined) return undefined
    const now = nowUnsafe(this.#clock)
    if (!entry.isExpired(now)) return entry
    entry.evict("age", now)
    return undefined
  }

  put(entry: Entry): void {
    const { key } = entry.metadata
    if (entry.evicted || this.#entries.get(key) === entry) return
    const now = nowUnsafe(this.#clock)
    if (this.#closed || this.#capacity === 0) {
      entry.evict(this.#closed ? "scope" : "capacity", now)
      return
    }
    this.#entries.get(key)?.evict("replaced", now)
    entry.onEvicted(this.#onEvicted)
    this.#entries.set(key, entry)
    this.#newest = entry
    if (this.#entries.size > this.#capacity) this.#entries.values().next().value?.evict("capacity", now)
    // The fiber may end before the assignment only if the sleep did not suspend, which a positive interval excludes.
    this.#sweeper ??= Effect.runForkWith(this.#context)(this.#sweep())
  }

  delete(entry: CacheEntry, cause: EvictionCause): void {
    const current = this.#entries.get(entry.metadata.key)
    if (current === entry) current.evict(cause, nowUnsafe(this.#clock))
  }

  evictWhere(predicate: (entry: Entry) => boolean, cause: EvictionCause): number {
    const now = nowUnsafe(this.#clock)
    let count = 0
    for (const entry of this.#entries.values()) {
      if (predicate(entry) && entry.evict(cause, now)) count++
    }
    return count
  }

  close(): Effect.Effect<unknown> {
    return Effect.suspend(() => {
      this.#closed = true
      this.evictWhere(() => true, "scope")
      return this.#sweeper === undefined ? Effect.void : Fiber.interrupt(this.#sweeper)
    })
  }

  // Whoever evicts an entry, it leaves the cache in the same step. One function for all entries.
  readonly #onEvicted = (event: EvictionEvent, entry: Entry): void => {
    if (this.#entries.get(entry.metadata.key) === entry) this.#entries.delete(entry.metadata.key)
    try {
      this.#onEviction?.(event)
    } catch {
      // A listener's fault is not the cache's.
    }
  }

  #sweep(): Effect.Effect<void> {
    return Effect.suspend(() =>
      Effect.flatMap(Effect.sleep(this.#sweepInterval), () => {
        const now = nowUnsafe(this.#clock)
        this.evictWhere((entry) => entry.isExpired(now), "age")
        this.evictWhere((entry) => entry.isSpent(), "messages")
        if (this.#entries.size > 0) return this.#sweep()
        this.#sweeper = undefined
        return Effect.void
      })
    )
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
