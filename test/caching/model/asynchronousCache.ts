/** A user's own cache as bad as the port allows: slow, failing, forgetful, and late. */
import { Effect } from "effect"
import { CacheEntry, MaterialsCache, MaterialsCacheError } from "effect-encryption-sdk/caching"

/** What the operations do, one after another, and then again from the first. */
export interface Behaviour {
  readonly latency: number
  readonly fault:
    | "none"
    | "fails"
    | "dies"
    /** Throws when it is called, instead of returning an Effect. */
    | "throws"
    | "hangs"
    /** The operation is done, and its answer is lost. */
    | "fails after it was done"
    /** Answers an entry that was asked for by another key, or that is gone. */
    | "answers another entry"
    /** Evicts another entry, as a cache does that needs room. */
    | "makes room"
}

export const asynchronousCache = (behaviours: ReadonlyArray<Behaviour>) => {
  const entries = new Map<string, CacheEntry.CacheEntry>()
  /** Every entry that it was ever given. */
  const given = new Set<CacheEntry.CacheEntry>()
  let operations = 0

  // What has left the cache must be evicted, also when it is interrupted in between: so much a cache owes.
  const drop = (entry: CacheEntry.CacheEntry, cause: CacheEntry.EvictionCause): Effect.Effect<void> =>
    Effect.uninterruptible(Effect.suspend(() => {
      if (entries.get(entry.metadata.key) === entry) entries.delete(entry.metadata.key)
      return Effect.asVoid(CacheEntry.evict(entry, cause))
    }))

  const act = <A>(
    operation: MaterialsCacheError["operation"],
    effect: Effect.Effect<A>,
    another: Effect.Effect<A> = effect
  ): Effect.Effect<A, MaterialsCacheError> => {
    const { fault, latency } = behaviours[operations++ % behaviours.length]!
    const failure = new MaterialsCacheError({ operation })
    if (fault === "throws") throw failure
    return Effect.suspend(() => {
      const [oldest] = entries.values()
      const done = {
        none: effect,
        fails: Effect.fail(failure),
        dies: Effect.die(failure),
        hangs: Effect.never,
        "fails after it was done": Effect.andThen(effect, Effect.fail(failure)),
        "answers another entry": another,
        "makes room": Effect.andThen(oldest === undefined ? Effect.void : drop(oldest, "capacity"), effect)
      }[fault]
      return latency === 0 ? done : Effect.delay(done, latency)
    })
  }

  const cache = MaterialsCache.make({
    stores: true,
    get: (key) =>
      act(
        "get",
        Effect.sync(() => entries.get(key)),
        Effect.sync(() => [...entries.values()].find(({ metadata }) => metadata.key !== key) ?? [...given].at(-1))
      ),
    put: (entry) => {
      given.add(entry)
      return act(
        "put",
        Effect.uninterruptible(Effect.suspend(() => {
          const replaced = entries.get(entry.metadata.key)
          if (CacheEntry.isEvicted(entry)) return Effect.void
          entries.set(entry.metadata.key, entry)
          return replaced === undefined ? Effect.void : Effect.asVoid(CacheEntry.evict(replaced, "replaced"))
        }))
      )
    },
    delete: (entry, cause) => act("delete", drop(entry, cause)),
    deleteWhere: (predicate, cause) =>
      act(
        "deleteWhere",
        Effect.suspend(() => {
          const fitting = [...entries.values()].filter(({ metadata }) => predicate(metadata))
          return Effect.as(Effect.forEach(fitting, (entry) => drop(entry, cause), { discard: true }), fitting.length)
        })
      ),
    clear: Effect.suspend(() =>
      act("clear", Effect.forEach([...entries.values()], (entry) => drop(entry, "cleared"), { discard: true }))
    ),
    size: Effect.sync(() => entries.size)
  })
  return {
    cache,
    given,
    close: Effect.suspend(() =>
      Effect.forEach([...entries.values()], (entry) => drop(entry, "scope"), { discard: true })
    )
  }
}
