/**
 * Access to a cache that may fail, throw, die or hang: never an operation's failure, always an event.
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { CachingEvent } from "../CachingEvent.ts"
import type { EvictionCause, EvictionEvent } from "../EntryMetadata.ts"
import type { MaterialsCache } from "../MaterialsCache.ts"
import type { MaterialsCacheError } from "../MaterialsCacheError.ts"
import type { Background } from "../../internal/background.ts"
import type { Entry, Owner } from "./entry.ts"
import { type Instant, nowUnsafe } from "../../internal/instant.ts"
import { ofIncomplete } from "./limits.ts"
import { afterStep, step } from "./steps.ts"

/** The part of a manager that caches are used with. */
export interface CacheAccess {
  readonly background: Background
  readonly clock: Clock.Clock
  /** Time limit of an operation of a cache. */
  readonly cacheTimeout: Duration.Duration
  readonly emit: (event: CachingEvent) => void
  readonly owner: Owner
  /** The entries on their way into a cache, where control reaches them as well. */
  readonly inTransit: Map<Entry, MaterialsCache>
}

/**
 * The response of a cache; undefined where it fails, throws, dies or takes too long, or the manager is closed. Its fibers are
 * never waited for. The cache is called in the fiber that is guarded.
 */
export const attempt = <A>(
  { background, cacheTimeout, emit }: CacheAccess,
  operation: MaterialsCacheError["operation"],
  call: () => Effect.Effect<A, MaterialsCacheError>
): Effect.Effect<A | undefined> =>
  Effect.suspend(() => {
    if (background.closed) return Effect.undefined
    const fiber = background.fork(Effect.suspend(call))
    const settle = (exit: Exit.Exit<A, MaterialsCacheError>): A | undefined => {
      if (Exit.isSuccess(exit)) return exit.value
      // What is interrupted because the manager closes is not the cache's fault.
      if (!background.closed) {
        emit({ _tag: "CacheFault", operation, fault: Cause.hasDies(exit.cause) ? "died" : "failed" })
      }
      return undefined
    }
    const done = fiber.pollUnsafe()
    if (done !== undefined) return Effect.succeed(settle(done))
    return Effect.timeoutOption(Fiber.await(fiber), cacheTimeout).pipe(
      Effect.map((exit) => {
        if (Option.isSome(exit)) return settle(exit.value)
        fiber.interruptUnsafe()
        emit({ _tag: "CacheFault", operation, fault: "timedOut" })
        return undefined
      }),
      Effect.onInterrupt(() => Effect.sync(() => fiber.interruptUnsafe()))
    )
  })

/** The owner of a manager's entries: an eviction from a cache is an event. */
const ownerOf = (common: Omit<Owner, "onEvicted">, emit: CacheAccess["emit"]): Owner => ({
  ...common,
  onEvicted: (entry, event) => {
    if (entry.stored) emitEvicted(emit, entry, event)
  }
})

/** The owners of whole materials, and of those that lack a wrapping. */
export const ownersOf = (
  whole: Omit<Owner, "onEvicted">,
  maxAgeIncomplete: Duration.Input | undefined,
  emit: CacheAccess["emit"]
): { readonly owner: Owner; readonly incompleteOwner: Owner } => {
  const limits = ofIncomplete(whole.limits, maxAgeIncomplete)
  const maxAge = Duration.millis(limits.maxAgeMillis)
  return { owner: ownerOf(whole, emit), incompleteOwner: ownerOf({ ...whole, limits, maxAge }, emit) }
}

const emitEvicted = (
  emit: CacheAccess["emit"],
  { metadata: { key, operation } }: Entry,
  { age, cause, usage }: EvictionEvent
): void => emit({ _tag: "Evicted", operation, key, cause, age, usage })

/** Evicts an entry at once, and deletes it from its cache after the step, without waiting for that. */
export const evict = (
  access: CacheAccess,
  entry: Entry,
  cache: MaterialsCache,
  cause: EvictionCause,
  now: Instant
): void => {
  entry.evict(cause, now)
  const { background } = access
  afterStep(() => {
    if (!background.closed) background.fork(attempt(access, "delete", () => cache.delete(entry, cause)))
  })
}

/**
 * Puts an entry into its cache; no request waits for that. Where the put fails, or the manager closes meanwhile, the entry
 * is evicted. The cache must delete it, since it may have stored the handle all the same; and once more where the entry
 * was evicted on its way. `onEnd` is called last, whichever way the put ends.
 */
export const put = (access: CacheAccess, entry: Entry, cache: MaterialsCache, onEnd: () => void): void => {
  access.inTransit.set(entry, cache)
  const putting = Effect.onExit(
    attempt(access, "put", () => Effect.as(cache.put(entry), true)),
    (exit) =>
      Effect.sync(() =>
        step(() => {
          access.inTransit.delete(entry)
          arrive(access, entry, cache, Exit.isSuccess(exit) && exit.value === true)
          onEnd()
        })
      )
  )
  afterStep(() => access.background.fork(putting))
}

/** The end of an entry's way into its cache. */
const arrive = (
  access: CacheAccess,
  entry: Entry,
  cache: MaterialsCache,
  isStored: boolean
): void => {
  const { background, clock, emit } = access
  const { eviction, metadata: { key, operation } } = entry
  const now = nowUnsafe(clock)
  if (!isStored) return evict(access, entry, cache, background.closed ? "scope" : "deleted", now)
  entry.stored = true
  emit({ _tag: "Stored", operation, key })
  if (eviction === undefined) return
  emitEvicted(emit, entry, eviction)
  evict(access, entry, cache, eviction.cause, now)
}
