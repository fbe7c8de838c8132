/**
 * A materials cache for tests: another cache, by default a local one, which keeps a log of its calls and does what a test
 * tells it to: fail, die, hang, be slow, lose entries, answer old or wrong ones. A program under a caching manager must go
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
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as CacheEntry from "../caching/CacheEntry.ts"
import type { EntryMetadata } from "../caching/EntryMetadata.ts"
import * as LocalCache from "../caching/LocalCache.ts"
import * as MaterialsCache from "../caching/MaterialsCache.ts"
import { MaterialsCacheError } from "../caching/MaterialsCacheError.ts"
import * as rules from "./internal/rules.ts"

/** The operations of a materials cache. */
export type Operation = MaterialsCacheError["operation"]

/** One call, as the log keeps it. Holds no values of the encryption context. */
export interface Call {
  /** From 1, over all operations, in the order in which the calls were made. */
  readonly number: number
  readonly operation: Operation
  /** The key of a `get`, or of the entry of a `put` or a `delete`; undefined for the other operations. */
  readonly key: string | undefined
  /** When the call was made: milliseconds of the Clock. */
  readonly startedAt: number
  readonly outcome: Outcome
}

/**
 * What became of a call: it still runs, was answered, failed, was interrupted by its caller, or died of a defect. `at` is in
 * milliseconds of the Clock.
 */
export type Outcome =
  | { readonly _tag: "Pending" }
  | { readonly _tag: "Answered" | "Failed" | "Interrupted" | "Died"; readonly at: number }

/** Which calls a rule is about. What is left out does not matter; an empty matcher means every call. */
export interface Matcher {
  readonly operation?: Operation | undefined
  /** The stored key. */
  readonly key?: string | undefined
  /** A condition of the test's own. Has the metadata of the entry where the operation is `put` or `delete`. */
  readonly predicate?: ((call: Call, metadata: EntryMetadata | undefined) => boolean) | undefined
  /** Which of the calls that fit all of the above, counted from 1 since the rule was given. */
  readonly nth?: number | ReadonlyArray<number> | undefined
  /** Only the first so many of the calls that fit all of the above. */
  readonly times?: number | undefined
}

/** What a behaviour can draw on. */
export interface Request {
  readonly call: Call
  /** The entry of a `put` or a `delete`. */
  readonly entry: CacheEntry.CacheEntry | undefined
  /** For each key, the first entry that was ever put under it, evicted or not. */
  readonly oldest: ReadonlyMap<string, CacheEntry.CacheEntry>
}

/** Makes of a real operation what happens instead. What it answers must be what the operation answers. */
export type Behaviour = (
  real: Effect.Effect<unknown, MaterialsCacheError>,
  request: Request
) => Effect.Effect<unknown, MaterialsCacheError>

/** The script and the log. */
export interface FaultyCache {
  /**
   * Adds a rule. A call to which several rules apply passes through all of them: an earlier rule's behaviour is what a
   * later one takes for real. So a delay that is added after a failure makes it a slow failure.
   */
  readonly when: (matcher: Matcher, behaviour: Behaviour) => Effect.Effect<void>
  /** Forgets all rules. */
  readonly clearRules: Effect.Effect<void>
  /** How many calls were made, of one operation or of all, whatever became of them. */
  readonly count: (operation?: Operation) => Effect.Effect<number>
  /** The calls so far, in the order in which they were made. */
  readonly calls: Effect.Effect<ReadonlyArray<Call>>
  /** Forgets the calls. Calls that still run are not logged any more. */
  readonly clearLog: Effect.Effect<void>
}

/** The tag of the service. */
export const FaultyCache: Context.Service<FaultyCache, FaultyCache> = /*#__PURE__*/ Context.Service<FaultyCache>(
  "effect-encryption-sdk/testing/FaultyCache"
)

/** Over which cache the faults are. */
export interface FaultyCacheOptions {
  /** Default: a local cache of its own. */
  readonly cache?: MaterialsCache.MaterialsCache | undefined
  /** The capacity of the local cache. Default 1000. */
  readonly capacity?: number | undefined
}

/** The cache and its script. */
export interface Services {
  readonly cache: MaterialsCache.MaterialsCache
  readonly script: FaultyCache
}

/** The services as values. A wrong option is a defect. */
export const make: (options?: FaultyCacheOptions) => Effect.Effect<Services, never, Scope.Scope> = /*#__PURE__*/ Effect
  .fnUntraced(function*(options: FaultyCacheOptions = {}) {
    const real = options.cache ?? (yield* Effect.orDie(LocalCache.make({ capacity: options.capacity ?? 1000 })))
    const script = rules.make<Matcher, Behaviour>()
    const oldest = new Map<string, CacheEntry.CacheEntry>()
    let log: Array<Call> = []

    const perform = <A>(
      operation: Operation,
      key: string | undefined,
      entry: CacheEntry.CacheEntry | undefined,
      effect: Effect.Effect<A, MaterialsCacheError>
    ): Effect.Effect<A, MaterialsCacheError> =>
      Effect.flatMap(Clock.Clock, (clock) => {
        // The log of this moment: a call that outlives clearLog is written into the one that nobody reads any more.
        const calls = log
        const index = calls.length
        const call: Call = {
          number: index + 1,
          operation,
          key,
          startedAt: clock.currentTimeMillisUnsafe(),
          outcome: { _tag: "Pending" }
        }
        calls.push(call)
        const behaviours = script.behaviours(({ key, operation, predicate }) =>
          (operation === undefined || operation === call.operation) &&
          (key === undefined || key === call.key) &&
          (predicate === undefined || predicate(call, entry?.metadata))
        )
        const request: Request = { call, entry, oldest }
        const scripted = behaviours.reduce<Effect.Effect<unknown, MaterialsCacheError>>(
          (inner, behaviour) => behaviour(inner, request),
          effect
        )
        return Effect.onExit(scripted, (exit) =>
          Effect.sync(() => {
            calls[index] = { ...call, outcome: { _tag: outcomeOf(exit), at: clock.currentTimeMillisUnsafe() } }
          })) as Effect.Effect<A, MaterialsCacheError>
      })

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

    const service = FaultyCache.of({
      when: (matcher, behaviour) => Effect.sync(() => script.add(matcher, behaviour)),
      clearRules: Effect.sync(script.clear),
      count: (operation) =>
        Effect.sync(() => log.filter((call) => operation === undefined || call.operation === operation).length),
      calls: Effect.sync(() => [...log]),
      clearLog: Effect.sync(() => {
        log = []
      })
    })

    return { cache, script: service }
  })

/** The program's materials cache, and the script that drives it. A wrong option is a defect. */
export const layer = (options?: FaultyCacheOptions): Layer.Layer<MaterialsCache.MaterialsCache | FaultyCache> =>
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

/** The call takes so much longer, before anything is done. */
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
 * take effect, though the cache answers as if it had.
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
 * A `get` answers the first entry that was ever put under the key, whatever happened to it since: replaced, evicted,
 * expired. Other operations are as they are.
 */
export const stale: Behaviour = (real, { call, oldest }) =>
  call.operation === "get" ? Effect.sync(() => oldest.get(call.key ?? "")) : real

/** A `get` answers an entry that was put under another key, where there is one. Other operations are as they are. */
export const mixUp: Behaviour = (real, { call, oldest }) =>
  call.operation === "get"
    ? Effect.sync(() => [...oldest.values()].find(({ metadata }) => metadata.key !== call.key))
    : real

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): "Answered" | "Failed" | "Interrupted" | "Died" =>
  Exit.isSuccess(exit)
    ? "Answered"
    : exit.cause.reasons.some((reason) => reason._tag === "Fail")
    ? "Failed"
    : Exit.hasInterrupts(exit)
    ? "Interrupted"
    : "Died"
