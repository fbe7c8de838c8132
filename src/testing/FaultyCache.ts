/**
 * A materials cache for tests: another cache, by default a local one, which keeps a log of its calls and does what a test
 * tells it to: fail, die, hang, be slow, lose entries, return old or wrong ones. A program under a caching manager must go
 * on all the same, with more calls of the key provider and never over a limit.
 *
 * It has no `getUnsafe`, so that a manager takes it for an asynchronous cache, as a user's own may be. A call suspends only
 * where a rule says so: with `giveWay`, `delay`, `after` or `hang`. Its time is the Clock's, so that `TestClock` drives it.
 *
 * ```ts
 * const cache = yield* FaultyCache.FaultyCache
 * yield* cache.when({ operation: "get", nth: 2 }, FaultyCache.lose)
 * yield* cache.when({ operation: "put" }, FaultyCache.hang)
 * // … the program under test …
 * yield* ScriptedKms.assertCalls({ GenerateDataKey: 2 })
 * ```
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { optionsOf } from "../model/errors/optionsOf.ts"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type NamesOf, optionNames } from "../internal/optionNames.ts"
import * as CacheEntry from "../caching/CacheEntry.ts"
import type { EntryMetadata } from "../caching/EntryMetadata.ts"
import * as LocalCache from "../caching/LocalCache.ts"
import * as MaterialsCache from "../caching/MaterialsCache.ts"
import { MaterialsCacheError } from "../caching/MaterialsCacheError.ts"
import * as Script from "./internal/script.ts"

/** The operations of a materials cache. */
export type Operation = MaterialsCacheError["operation"]

/** A call in the log. Holds no values of the encryption context. */
export interface Call extends Script.LoggedCall<Operation> {
  /** The key of a `get`, or of the entry of a `put` or a `delete`; undefined for the other operations. */
  readonly key: string | undefined
}

/**
 * State of a call: pending, succeeded (`Answered`), failed, interrupted by its caller, or died of a defect. `at` is in milliseconds of the
 * Clock.
 */
export type Outcome = Call["outcome"]

/** Conditions of a rule. Those that are left out do not matter; an empty matcher means every call. */
export interface Matcher extends Script.Turn {
  readonly operation?: Operation | undefined
  /** The stored key. */
  readonly key?: string | undefined
  /** A condition of the test's own. Has the metadata of the entry where the operation is `put` or `delete`. */
  readonly predicate?: ((call: Call, metadata: EntryMetadata | undefined) => boolean) | undefined
}

/** Second argument of a behaviour. */
export interface Request {
  readonly call: Call
  /** The entry of a `put` or a `delete`. */
  readonly entry: CacheEntry.CacheEntry | undefined
  /** For each key, the first entry that was ever put under it, evicted or not. */
  readonly oldest: ReadonlyMap<string, CacheEntry.CacheEntry>
}

/** Makes of a real operation what happens instead. It must succeed with what the operation succeeds with. */
export type Behaviour = (
  real: Effect.Effect<unknown, MaterialsCacheError>,
  request: Request
) => Effect.Effect<unknown, MaterialsCacheError>

/** The script and the log. */
export interface FaultyCache extends Script.Control<Matcher, Behaviour, Call> {}

/** The tag of the service. */
export const FaultyCache: Context.Service<FaultyCache, FaultyCache> = /*#__PURE__*/ Context.Service<FaultyCache>(
  "effect-encryption-sdk/testing/FaultyCache"
)

/** Options of a faulty cache. */
export const Options = /*#__PURE__*/ Schema.Struct({
  /** The cache that the faults are over. Default: a local cache of its own. */
  cache: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(MaterialsCache.isMaterialsCache)),
  /** The capacity of the local cache. Default 1000. */
  capacity: /*#__PURE__*/ Schema.optional(Schema.Number),
  /**
   * The operations that throw when they are called, instead of returning an Effect: a bug that every cache can have. They are in no
   * log, and rules do not apply to them.
   */
  throwing: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.Array(
    /*#__PURE__*/ Schema.Literals(["get", "put", "delete", "deleteWhere"])
  ))
})

/** See the schema of the same name. */
export type Options = typeof Options.Type

/** The cache and its script. */
export interface Services {
  readonly cache: MaterialsCache.MaterialsCache
  readonly script: FaultyCache
}

/** The services as values. A wrong option is a defect. */
export const make: (options?: Options) => Effect.Effect<Services, never, Scope.Scope> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options: Options = {}) {
    const { cache: given, capacity = 1000, throwing = [] } = yield* Effect.orDie(checkOptions(options))
    const real = given ?? (yield* Effect.orDie(LocalCache.make({ capacity })))
    const oldest = new Map<string, CacheEntry.CacheEntry>()
    const script = makeScript(oldest)
    const perform = <A>(
      operation: Operation,
      key: string | undefined,
      entry: CacheEntry.CacheEntry | undefined,
      effect: Effect.Effect<A, MaterialsCacheError>
    ): Effect.Effect<A, MaterialsCacheError> => script.perform({ operation, key }, entry, effect)

    const cache = MaterialsCache.make({
      stores: real.stores,
      get: (key) => perform("get", key, undefined, real.get(key)),
      put: (entry) =>
        Effect.suspend(() => {
          const { key } = entry.metadata
          if (!oldest.has(key)) oldest.set(key, entry)
          return perform("put", key, entry, real.put(entry))
        }),
      delete: (entry, cause) => perform("delete", entry.metadata.key, entry, real.delete(entry, cause)),
      deleteWhere: (predicate, cause) =>
        perform("deleteWhere", undefined, undefined, real.deleteWhere(predicate, cause)),
      clear: perform("clear", undefined, undefined, real.clear),
      size: perform("size", undefined, undefined, real.size)
    })

    const throws = () => {
      throw new Error("scripted")
    }
    const thrown = Object.fromEntries(throwing.map((operation) => [operation, throws]))
    return { cache: MaterialsCache.make({ ...cache, ...thrown }), script: FaultyCache.of(script.control) }
  }
)

const checkOptions = /*#__PURE__*/ optionsOf(Options, "a faulty cache", {
  cache: "must be a materials cache",
  capacity: "must be a number",
  throwing: "must be a list of get, put, delete and deleteWhere"
})

const matcherNames = /*#__PURE__*/ optionNames(
  "a rule",
  {
    operation: true,
    key: true,
    predicate: true,
    nth: true,
    times: true
  } satisfies NamesOf<Matcher>
)

const makeScript = (oldest: Request["oldest"]) =>
  Script.make({
    matcher: matcherNames,
    fits: ({ key, operation, predicate }: Matcher, call: Call, entry: CacheEntry.CacheEntry | undefined) =>
      (operation === undefined || operation === call.operation) &&
      (key === undefined || key === call.key) &&
      (predicate === undefined || predicate(call, entry?.metadata)),
    input: (call, entry): Request => ({ call, entry, oldest }),
    failure: (_error: MaterialsCacheError) => ({}),
    keep: (_call, _answer: unknown) => undefined
  })

/** The program's materials cache, and the script that drives it. A wrong option is a defect. */
export const layer = (options?: Options): Layer.Layer<MaterialsCache.MaterialsCache | FaultyCache> =>
  Layer.effectContext(
    Effect.map(
      make(options),
      ({ cache, script }) => Context.add(Context.make(MaterialsCache.MaterialsCache, cache), FaultyCache, script)
    )
  )

/** Nothing is done, and the call fails. */
export const fail: Behaviour = (_real, { call }) =>
  Effect.fail(new MaterialsCacheError({ operation: call.operation, cause: new Error("scripted") }))

/** Nothing is done, and the call dies of a defect, as it would of a bug in a cache. */
export const die = (defect: unknown): Behaviour => () => Effect.die(defect)

/** The call never ends. It can be interrupted. */
export const hang: Behaviour = () => Effect.never

/** The call takes longer by a duration, before anything is done. */
export const delay = (duration: Duration.Input): Behaviour => (real) => Effect.delay(real, duration)

/**
 * The call gives way to other fibers before anything is done, as a call that leaves the process does.
 *
 * **Gotchas**
 *
 * `TestClock.adjust` does not wait for fibers that give way. A test that forks a request and moves the clock by the time-out
 * of the manager calls `TestClock.adjust(0)` in between.
 */
export const giveWay: Behaviour = (real) => Effect.andThen(Effect.yieldNow, real)

/** The call waits for an effect before anything is done: for a latch that the test opens, say. */
export const after = (effect: Effect.Effect<unknown>): Behaviour => (real) => Effect.andThen(effect, real)

/**
 * Entries are lost: a `get` finds none, a `put` evicts its entry at once, and a `delete`, `deleteWhere` or `clear` does not
 * take effect, though the cache responds as if it had.
 */
export const lose: Behaviour = (_real, { call: { operation }, entry }) => {
  switch (operation) {
    case "put":
      return entry === undefined ? Effect.void : CacheEntry.evict(entry, "capacity")
    case "deleteWhere":
    case "size":
      return Effect.succeed(0)
    default:
      return Effect.undefined
  }
}

/**
 * A `get` returns the first entry that was ever put under the key, whatever happened to it since: replaced, evicted,
 * expired. Other operations are as they are.
 */
export const stale: Behaviour = (real, { call, oldest }) =>
  call.operation === "get" ? Effect.sync(() => oldest.get(call.key ?? "")) : real

/** A `get` returns an entry that was put under another key, where there is one. Other operations are as they are. */
export const mixUp: Behaviour = (real, { call, oldest }) =>
  call.operation === "get"
    ? Effect.sync(() => [...oldest.values()].find(({ metadata }) => metadata.key !== call.key))
    : real
