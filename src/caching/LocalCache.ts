/**
 * A materials cache in this process's memory: a capacity, least recently used eviction, and a sweep that evicts what is
 * expired. What is spent leaves it at once.
 *
 * Specification: framework/local-cryptographic-materials-cache.md
 */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
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
import { type Configured, configured } from "../internal/configured.ts"
import { PositiveDuration, positiveDuration } from "../internal/durations.ts"
import type { Entry } from "./internal/entry.ts"
import { Expiries } from "./internal/expiries.ts"
import { type Instant, nowUnsafe } from "../internal/instant.ts"
import { step, tell } from "./internal/steps.ts"
import { unreferenced } from "./internal/unreferenced.ts"
import * as MaterialsCache from "./MaterialsCache.ts"

/** Options of a local cache. */
export interface Options {
  /** The most entries that are kept. 0 keeps none, as the null cache does. */
  readonly capacity: number
  /** Interval at which everything that is expired is evicted, the oldest first, with turns of others in between. Default 60 seconds. */
  readonly sweepInterval?: Duration.Input | undefined
  /** Called for each eviction. What it throws is thrown away. */
  readonly onEviction?: ((event: EvictionEvent) => void) | undefined
}

/**
 * A cache that lives as long as its scope: when that closes, every entry is evicted and zeroed. Fails where the capacity
 * is no integer from 0 to 2^53 - 1, the interval is not positive and finite, or an option does not exist.
 *
 * The sweep runs on the Clock, and only while there are entries. It does not keep an otherwise finished process alive: what is
 * in memory ends with the process.
 *
 * **Gotchas**
 *
 * Under a Clock of your own, the sweep sleeps on that, which keeps a process alive if its timers do.
 */
export const make: (
  options: Options
) => Effect.Effect<MaterialsCache.MaterialsCache, InvalidOption, Scope.Scope> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options) {
    const { capacity, onEviction, sweepInterval } = yield* checkOptions(options)
    const clock = yield* Clock.Clock
    const store = new Store(capacity, onEviction, clock)
    const sweeper = makeSweeper(
      Duration.fromInputUnsafe(sweepInterval ?? "60 seconds"),
      store,
      Context.add(yield* Effect.context(), Clock.Clock, unreferenced(clock))
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
      getUnsafe: (key) => store.get(key),
      put: (entry) =>
        Effect.sync(() => {
          step(() => store.put(entry as Entry))
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
class Store {
  /** A Map keeps the order of insertion: the first key is the least recently used one. */
  readonly entries = new Map<string, Entry>()
  readonly #expiries = new Expiries()
  readonly #capacity: number
  readonly #onEviction: Options["onEviction"]
  readonly #clock: Clock.Clock
  #newest: Entry | undefined
  #closed = false

  constructor(capacity: number, onEviction: Options["onEviction"], clock: Clock.Clock) {
    this.#capacity = capacity
    this.#onEviction = onEviction
    this.#clock = clock
  }

  get(key: string): Entry | undefined {
    const { entries } = this
    const entry = entries.get(key)
    if (entry !== undefined && entry !== this.#newest) {
      entries.delete(key)
      entries.set(key, entry)
      this.#newest = entry
    }
    return entry
  }

  put(entry: Entry): void {
    const { entries } = this
    const { key } = entry.metadata
    if (entry.evicted || entries.get(key) === entry) return
    const now = nowUnsafe(this.#clock)
    if (this.#closed || this.#capacity === 0) {
      entry.evict(this.#closed ? "scope" : "capacity", now)
      return
    }
    entries.get(key)?.evict("replaced", now)
    entry.onEvicted(this.#onEvicted)
    entries.set(key, entry)
    this.#expiries.add(entry)
    this.#newest = entry
    if (entries.size > this.#capacity) entries.values().next().value?.evict("capacity", now)
  }

  delete(entry: CacheEntry, cause: EvictionCause): void {
    const current = this.entries.get(entry.metadata.key)
    if (current === entry) current.evict(cause, nowUnsafe(this.#clock))
  }

  /** Selects before it evicts: the predicate is another's code, which may use this cache. Returns the number of the evicted. */
  evictWhere(predicate: (entry: Entry) => boolean, cause: EvictionCause): number {
    return this.#evictAll(Array.from(this.entries.values()).filter((entry) => predicate(entry)), cause)
  }

  /** Evicts expired entries, `atMost` of them, and returns their number. */
  evictExpired(atMost: number): number {
    return this.#evictAll(this.#expiries.expired(nowUnsafe(this.#clock), atMost), "age")
  }

  close(): void {
    this.#closed = true
    this.evictWhere(() => true, "scope")
  }

  #evictAll(selected: ReadonlyArray<Entry>, cause: EvictionCause): number {
    const now = nowUnsafe(this.#clock)
    return step(() => selected.filter((entry) => entry.evict(cause, now)).length)
  }

  /** An entry leaves the cache in the step that evicts it. One function for all entries. */
  readonly #onEvicted = (event: EvictionEvent, entry: Entry): void => {
    if (this.entries.get(entry.metadata.key) === entry) this.entries.delete(entry.metadata.key)
    this.#expiries.delete(entry)
    if (this.#onEviction !== undefined) tell(this.#onEviction, event)
  }
}

/** The entry, unless it is expired, and evicted for that. */
const unlessExpired = (entry: Entry | undefined, now: Instant): Entry | undefined => {
  if (!entry?.isExpired(now)) return entry
  entry.evict("age", now)
  return undefined
}

/** The most entries that a sweep evicts before others have their turn: some milliseconds. */
const slice = 1000

/** Sweeps from a start on for as long as there are entries. */
const makeSweeper = (
  interval: Duration.Duration,
  store: Store,
  context: Context.Context<never>
) => {
  let sweeper: Fiber.Fiber<void> | undefined
  const sweep = Effect.gen(function*() {
    do {
      yield* Effect.sleep(interval)
      while (store.evictExpired(slice) === slice) yield* Effect.yieldNow
    } while (store.entries.size > 0)
    sweeper = undefined
  })
  return {
    start: (): void => {
      // The fiber may end before the assignment only if the sleep did not suspend, which a positive interval excludes.
      if (store.entries.size > 0) sweeper ??= Effect.runForkWith(context)(sweep)
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
