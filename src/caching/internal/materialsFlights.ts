import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Result from "effect/Result"
import type * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import * as AlgorithmSuite from "../../model/AlgorithmSuite.ts"
import type { MaterialsResponse } from "../../materials/CryptographicMaterialsManager.ts"
import * as DataKey from "../../model/DataKey.ts"
import * as EncryptionContext from "../../model/EncryptionContext.ts"
import { isTraced, withSpan } from "../../internal/tracing.ts"
import type { Receipt, Usage } from "../../model/Receipt.ts"
import type { CachingEvent } from "../CachingEvent.ts"
import type { EntryMetadata, EvictionCause, EvictionEvent } from "../EntryMetadata.ts"
import type { MaterialsCache } from "../MaterialsCache.ts"
import type { MaterialsCacheError } from "../MaterialsCacheError.ts"
import { copyMaterials, Entry, type Materials, type Owner, type RefreshPoint } from "./cacheEntry.ts"
import { elapsedMillis, type Instant, nowUnsafe } from "./instant.ts"

/** The thresholds that hold for one request. Decryption is bounded by age alone. */
export interface Limits {
  readonly maxAgeMillis: number
  readonly maxMessagesEncrypted: number
  readonly maxBytesEncrypted: bigint
}

/** A request that may be served from the cache. */
export interface CacheableRequest<M extends Materials, E> {
  /** The key under which its entry is stored. */
  readonly key: string
  /** Where materials are looked for besides, for entries that this manager alone may use. */
  readonly ownKey: string | undefined
  readonly operation: "encrypt" | "decrypt"
  readonly cache: MaterialsCache
  readonly encryptionContext: EncryptionContext.EncryptionContext
  readonly charge: Usage
  readonly limits: Limits
  /** Asks the underlying manager, without any knowledge of the plaintext. */
  readonly fetch: Effect.Effect<M, E, Scope.Scope>
  /** Asks the underlying manager for this request alone, as it came. */
  readonly fetchAlone: Effect.Effect<MaterialsResponse<M>, E, Scope.Scope>
  /** The public metadata of an entry with these materials. */
  readonly metadata: (materials: M) => EntryMetadata
  /** Called in the step in which materials land and are kept, with a copy of their own at hand. */
  readonly landed: ((materials: M, createdAt: Instant) => void) | undefined
  /** What a waiter fails with when the manager gives up. */
  readonly failure: (description: string) => E
}

/** Everything that flights need of their manager. */
export interface FlightsOptions {
  readonly clock: Clock.Clock
  readonly context: Context.Context<never>
  readonly fetchDeadline: Duration.Duration
  readonly cacheTimeout: Duration.Duration
  /** The manager's own threshold: a data key that has served so many messages is spent. */
  readonly maxMessagesEncrypted: number
  /** Draws the point at which the next entry is refreshed ahead; undefined where nothing is. */
  readonly refresh: {
    readonly drawPoint: Effect.Effect<RefreshPoint>
    readonly retry: Schedule.Schedule<unknown>
  } | undefined
  readonly emit: (event: CachingEvent) => void
  /** Told of every failed fetch, before its waiters are. */
  readonly onFailure: (key: string, cause: Cause.Cause<unknown>) => void
}

/** What a request has been handed so far: zeroed when its scope closes, whichever way the request ended. */
interface Claim<M extends Materials> {
  materials: M | undefined
}

type Delivery<M extends Materials> =
  | { readonly _tag: "Served"; readonly materials: M; readonly receipt: Receipt }
  | { readonly _tag: "Alone" }

interface Waiter {
  readonly charge: Usage
  readonly leader: boolean
  readonly claim: Claim<Materials>
  readonly delivery: Deferred.Deferred<Delivery<Materials>, unknown>
}

/** One fetch of materials, and those who wait for it. */
interface Flight {
  /** The manager's number of this fetch, from 1. */
  readonly fetch: number
  readonly request: CacheableRequest<Materials, unknown>
  readonly trigger: "request" | "refresh"
  readonly startedAt: Instant
  readonly waiters: Set<Waiter>
  reserved: Usage
  /** The fetch has answered, failed or been given up: nothing changes any more. */
  settled: boolean
  /** Set when the materials have landed and are on their way into the cache. */
  entry: Entry | undefined
  span: Tracer.Span | undefined
  fetching: Fiber.Fiber<unknown, unknown> | undefined
  deadline: Fiber.Fiber<unknown, unknown> | undefined
  readonly ended: Deferred.Deferred<void, unknown>
}

type Admission<M extends Materials> =
  | { readonly _tag: "Closed" }
  | { readonly _tag: "Served"; readonly materials: M; readonly receipt: Receipt }
  | { readonly _tag: "Waiting"; readonly flight: Flight; readonly waiter: Waiter }

type Threshold = "age" | "messages" | "bytes"

const noUsage: Usage = { messages: 0, bytes: 0n }

const plus = (a: Usage, b: Usage): Usage => ({ messages: a.messages + b.messages, bytes: a.bytes + b.bytes })

const minus = (a: Usage, b: Usage): Usage => ({ messages: a.messages - b.messages, bytes: a.bytes - b.bytes })

const exceeded = (usage: Usage, limits: Limits): Threshold | undefined =>
  usage.messages > limits.maxMessagesEncrypted
    ? "messages"
    : usage.bytes > limits.maxBytesEncrypted
    ? "bytes"
    : undefined

/**
 * Single flight with reservations, over any cache.
 *
 * The admission of a request is one synchronous step. Only open flights, which accept newcomers, are in `flights`: at most
 * one for each stored key.
 */
export const make = (options: FlightsOptions) => {
  const { clock, emit } = options
  const flights = new Map<string, Flight>()
  const unsettled = new Set<Flight>()
  const refreshing = new Set<string>()
  const fibers = new Set<Fiber.Fiber<unknown, unknown>>()
  let fetches = 0
  let closed = false

  // A fiber of the manager: with the context of its construction, so that nothing of a caller reaches it.
  const fork = <A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> => {
    const fiber = Effect.runForkWith(options.context)(effect)
    fibers.add(fiber)
    fiber.addObserver(() => fibers.delete(fiber))
    return fiber
  }

  /** What a cache answers; undefined where it fails, dies or takes too long. Its fibers are never waited for. */
  const guarded = <A>(
    operation: MaterialsCacheError["operation"],
    cache: MaterialsCache,
    effect: Effect.Effect<A, MaterialsCacheError>
  ): Effect.Effect<A | undefined> =>
    Effect.suspend(() => {
      if (closed) return Effect.undefined
      const fiber = fork(effect)
      const settle = (exit: Exit.Exit<A, MaterialsCacheError>): A | undefined => {
        if (Exit.isSuccess(exit)) return exit.value
        // What is interrupted because the manager closes is not the cache's fault.
        if (!closed) emit({ _tag: "CacheFault", operation, fault: Cause.hasDies(exit.cause) ? "died" : "failed" })
        return undefined
      }
      const done = fiber.pollUnsafe()
      if (done !== undefined) return Effect.succeed(settle(done))
      const answer = Fiber.await(fiber)
      if (cache.getUnsafe !== undefined) return Effect.map(answer, settle)
      return Effect.timeoutOption(answer, options.cacheTimeout).pipe(
        Effect.map((exit) => {
          if (Option.isSome(exit)) return settle(exit.value)
          fiber.interruptUnsafe()
          emit({ _tag: "CacheFault", operation, fault: "timedOut" })
          return undefined
        }),
        Effect.onInterrupt(() => Effect.sync(() => fiber.interruptUnsafe()))
      )
    })

  const emitEvicted = ({ metadata: { key, operation } }: Entry, { age, cause, usage }: EvictionEvent): void =>
    emit({ _tag: "Evicted", operation, key, cause, age, usage })

  const owner: Owner = {
    maxMessagesEncrypted: options.maxMessagesEncrypted,
    onEvicted: (entry, event) => {
      if (entry.stored) emitEvicted(entry, event)
    }
  }

  const evict = (entry: Entry, cache: MaterialsCache, cause: EvictionCause, now: Instant): void => {
    entry.evict(cause, now)
    if (!closed) fork(guarded("delete", cache, cache.delete(entry, cause)))
  }

  /**
   * Puts an entry into its cache; nobody waits for that. Where the put fails, or the manager closes meanwhile, the entry is
   * evicted. The cache is told, since it may have stored the handle all the same; and once more of an entry that was
   * evicted on its way.
   */
  const put = (entry: Entry, cache: MaterialsCache, finished: () => void): void => {
    fork(Effect.onExit(guarded("put", cache, Effect.as(cache.put(entry), true)), (exit) =>
      Effect.sync(() => {
        if (Exit.isSuccess(exit) && exit.value === true) {
          const { eviction, metadata: { key, operation } } = entry
          entry.stored = true
          emit({ _tag: "Stored", operation, key })
          if (eviction !== undefined) {
            emitEvicted(entry, eviction)
            evict(entry, cache, eviction.cause, nowUnsafe(clock))
          }
        } else {
          evict(entry, cache, closed ? "scope" : "deleted", nowUnsafe(clock))
        }
        finished()
      })))
  }

  const close = (flight: Flight): void => {
    if (flights.get(flight.request.key) === flight) flights.delete(flight.request.key)
  }

  const settle = (
    flight: Flight,
    outcome: "landed" | "failed" | "deadline" | "abandoned",
    exit: Exit.Exit<void, unknown>
  ): void => {
    flight.settled = true
    unsettled.delete(flight)
    flight.deadline?.interruptUnsafe()
    const { fetch, request: { key, operation }, trigger } = flight
    const latency = Duration.millis(Math.max(0, elapsedMillis(flight.startedAt, nowUnsafe(clock))))
    emit({ _tag: "Fetched", fetch, operation, key, trigger, outcome, latency })
    Deferred.doneUnsafe(flight.ended, exit)
  }

  const fail = (
    flight: Flight,
    outcome: "failed" | "deadline" | "abandoned",
    cause: Cause.Cause<unknown>
  ): void => {
    if (flight.settled) return
    // Closed first, since who waits for the end of a refresh goes on within settle, and may try again at once.
    close(flight)
    settle(flight, outcome, Exit.failCause(cause))
    for (const waiter of flight.waiters) Deferred.doneUnsafe(waiter.delivery, Exit.failCause(cause))
  }

  const deliver = (waiter: Waiter, materials: Materials, receipt: Receipt): void => {
    waiter.claim.materials = materials
    Deferred.doneUnsafe(waiter.delivery, Exit.succeed({ _tag: "Served", materials, receipt }))
  }

  const land = (
    flight: Flight,
    materials: Materials,
    arrivedAt: Instant,
    refresh: RefreshPoint | undefined
  ): void => {
    if (flight.settled) return
    settle(flight, "landed", Exit.void)
    const { request } = flight
    if (!AlgorithmSuite.isCacheable(materials.algorithmSuite)) {
      close(flight)
      for (const waiter of flight.waiters) {
        if (waiter.leader) {
          emit({ _tag: "Bypassed", operation: request.operation, reason: "MaterialsNotCacheable" })
          deliver(waiter, copyMaterials(materials), { _tag: "Bypassed", reason: "MaterialsNotCacheable" })
        } else {
          Deferred.doneUnsafe(waiter.delivery, Exit.succeed({ _tag: "Alone" }))
        }
      }
      return
    }
    const kept = {
      ...materials,
      encryptionContext: Result.getOrElse(
        EncryptionContext.validate(materials.encryptionContext),
        // What is authenticated without being stored can make a context too long to be valid as a whole.
        () => Object.freeze({ ...materials.encryptionContext })
      )
    }
    const entry = new Entry(owner, request.metadata(kept), kept, flight.reserved, arrivedAt, refresh)
    const waiters = [...flight.waiters]
    for (const { claim } of waiters) claim.materials = entry.copyMaterials()!
    const isOpen = flights.get(request.key) === flight
    if (isOpen) request.landed?.(materials, arrivedAt)
    if (!isOpen || entry.isSpent()) {
      close(flight)
      entry.discard()
    } else {
      flight.entry = entry
      put(entry, request.cache, () => close(flight))
    }
    // Last of all, since a waiter's fiber goes on within this very call: what it asks for next must find the entry, and
    // no waiter that it interrupts may be left with a key that nobody zeroes.
    let usage = noUsage
    for (const waiter of waiters) {
      usage = plus(usage, waiter.charge)
      deliver(waiter, waiter.claim.materials!, { _tag: waiter.leader ? "Miss" : "Joined", usage })
    }
  }

  const open = (request: CacheableRequest<Materials, unknown>, trigger: Flight["trigger"], now: Instant): Flight => {
    const flight: Flight = {
      fetch: ++fetches,
      request,
      trigger,
      startedAt: now,
      waiters: new Set(),
      reserved: noUsage,
      settled: false,
      entry: undefined,
      span: undefined,
      fetching: undefined,
      deadline: undefined,
      ended: Deferred.makeUnsafe()
    }
    flights.set(request.key, flight)
    unsettled.add(flight)
    emit({ _tag: "FetchStarted", fetch: flight.fetch, operation: request.operation, key: request.key, trigger })
    return flight
  }

  const start = (flight: Flight): void => {
    const { failure, fetch, key, operation } = flight.request
    const drawPoint: Effect.Effect<RefreshPoint | undefined> = options.refresh?.drawPoint ?? Effect.undefined
    flight.fetching = fork(withSpan("CachingCmm.fetch", { root: true }, (span) => {
      flight.span = span
      span?.attribute("operation", operation)
      span?.attribute("trigger", flight.trigger)
      return Effect.scoped(
        Effect.flatMap(fetch, (materials) => {
          const arrivedAt = nowUnsafe(clock)
          return Effect.map(drawPoint, (refresh) => land(flight, materials, arrivedAt, refresh))
        })
      )
    }))
    flight.fetching.addObserver((exit) => {
      if (Exit.isSuccess(exit) || flight.settled) return
      options.onFailure(key, exit.cause)
      fail(flight, "failed", exit.cause)
    })
    if (flight.settled) return
    flight.deadline = fork(Effect.andThen(
      Effect.sleep(options.fetchDeadline),
      Effect.sync(() => {
        if (flight.settled) return
        const description = `no answer within ${Duration.format(options.fetchDeadline)}`
        fail(flight, "deadline", Cause.fail(failure(description)))
        flight.fetching?.interruptUnsafe()
      })
    ))
  }

  const reserve = (
    flight: Flight,
    request: CacheableRequest<Materials, unknown>,
    claim: Claim<Materials>,
    leader: boolean
  ): Waiter => {
    flight.reserved = plus(flight.reserved, request.charge)
    const waiter: Waiter = {
      charge: request.charge,
      leader,
      claim,
      delivery: Deferred.makeUnsafe()
    }
    flight.waiters.add(waiter)
    emit({ _tag: "Admitted", operation: request.operation, key: request.key, outcome: leader ? "miss" : "joined" })
    return waiter
  }

  /** An interrupted waiter gives its reservation back; a flight that nobody waits for any more is given up. */
  const leave = (flight: Flight, waiter: Waiter): void => {
    if (flight.settled) return
    flight.waiters.delete(waiter)
    flight.reserved = minus(flight.reserved, waiter.charge)
    if (flight.waiters.size > 0 || flight.trigger === "refresh") return
    fail(flight, "abandoned", Cause.interrupt())
    flight.fetching?.interruptUnsafe()
  }

  /** Charges the entry and copies its materials, or says which threshold forbids it. */
  const charge = (
    entry: Entry,
    request: CacheableRequest<Materials, unknown>,
    claim: Claim<Materials>,
    now: Instant
  ): Usage | Threshold => {
    if (entry.ageMillis(now) >= request.limits.maxAgeMillis) return "age"
    const usage = plus(Ref.getUnsafe(entry.usage), request.charge)
    const threshold = exceeded(usage, request.limits)
    if (threshold !== undefined) return threshold
    entry.usage.ref.current = usage
    claim.materials = entry.copyMaterials()!
    if (entry.isSpent()) evict(entry, request.cache, "messages", now)
    return usage
  }

  /** Starts a refresh of the entry that served a request, if it is due and none is in the air. */
  const refreshAhead = (entry: Entry, request: CacheableRequest<Materials, unknown>, age: number): boolean => {
    if (options.refresh === undefined || closed || !entry.isDueForRefresh(age)) return false
    if (flights.has(request.key) || refreshing.has(request.key)) return false
    refreshing.add(request.key)
    // A retry is worth its call only while the entry that it renews is within its limits, and nobody renewed it meanwhile.
    const isWanted = () => !entry.evicted && entry.ageMillis(nowUnsafe(clock)) < request.limits.maxAgeMillis
    let attempts = 0
    const attempt = Effect.suspend(() => {
      if (closed || flights.has(request.key) || (attempts++ > 0 && !isWanted())) return Effect.void
      const flight = open(request, "refresh", nowUnsafe(clock))
      start(flight)
      return Deferred.await(flight.ended)
    })
    fork(attempt.pipe(
      Effect.retry({ schedule: options.refresh.retry, while: isWanted }),
      Effect.ignore,
      Effect.ensuring(Effect.sync(() => refreshing.delete(request.key)))
    ))
    return true
  }

  const usable = (found: unknown, key: string, operation: string): Entry | undefined =>
    found instanceof Entry && !found.evicted && found.metadata.key === key && found.metadata.operation === operation
      ? found
      : undefined

  const admit = <M extends Materials, E>(
    request: CacheableRequest<M, E>,
    claim: Claim<M>,
    found: unknown,
    foundOwn: unknown
  ): Admission<M> => {
    if (closed) return { _tag: "Closed" }
    const now = nowUnsafe(clock)
    const untyped = request as unknown as CacheableRequest<Materials, unknown>
    const { cache, key, operation, ownKey } = request
    for (const entry of [usable(found, key, operation), ownKey && usable(foundOwn, ownKey, operation)]) {
      if (typeof entry !== "object") continue
      const usage = charge(entry, untyped, claim, now)
      if (typeof usage === "string") {
        evict(entry, cache, usage, now)
        continue
      }
      emit({ _tag: "Admitted", operation, key, outcome: "hit" })
      const ageMillis = Math.max(0, entry.ageMillis(now))
      const refreshStarted = refreshAhead(entry, untyped, ageMillis)
      return {
        _tag: "Served",
        materials: claim.materials!,
        receipt: { _tag: "Hit", refreshStarted, age: Duration.millis(ageMillis), usage }
      }
    }
    const flight = flights.get(key)
    if (flight?.entry !== undefined && !flight.entry.evicted) {
      const usage = charge(flight.entry, untyped, claim, now)
      if (typeof usage === "object") {
        emit({ _tag: "Admitted", operation, key, outcome: "joined" })
        return { _tag: "Served", materials: claim.materials!, receipt: { _tag: "Joined", usage } }
      }
      evict(flight.entry, cache, usage, now)
    } else if (
      flight !== undefined && flight.entry === undefined &&
      exceeded(plus(flight.reserved, request.charge), request.limits) === undefined
    ) {
      return { _tag: "Waiting", flight, waiter: reserve(flight, untyped, claim, false) }
    }
    if (flight !== undefined) close(flight)
    const opened = open(untyped, "request", now)
    const waiter = reserve(opened, untyped, claim, true)
    start(opened)
    return { _tag: "Waiting", flight: opened, waiter }
  }

  /** Looks up in an asynchronous cache. */
  const lookUp = (
    { cache, key, ownKey }: CacheableRequest<Materials, unknown>
  ): Effect.Effect<readonly [found: unknown, foundOwn: unknown]> =>
    Effect.flatMap(
      ownKey === undefined ? Effect.undefined : guarded("get", cache, cache.get(ownKey)),
      (foundOwn) => Effect.map(guarded("get", cache, cache.get(key)), (found) => [found, foundOwn] as const)
    )

  /** Looks up in a cache that answers at once, and admits. */
  const admitAtOnce = <M extends Materials, E>(
    request: CacheableRequest<M, E>,
    claim: Claim<M>,
    getUnsafe: NonNullable<MaterialsCache["getUnsafe"]>
  ): Admission<M> => {
    // Nothing is looked up either: that alone would count as use.
    if (closed) return { _tag: "Closed" }
    const { key, ownKey } = request
    let found: unknown
    let foundOwn: unknown
    try {
      found = getUnsafe(key)
      if (found === undefined && ownKey !== undefined) foundOwn = getUnsafe(ownKey)
    } catch {
      emit({ _tag: "CacheFault", operation: "get", fault: "died" })
    }
    return admit(request, claim, found, foundOwn)
  }

  /** What becomes of a waiter, whichever way its wait ends. */
  const arrive = (flight: Flight, waiter: Waiter, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
    Effect.withFiber((fiber) => {
      emit({ _tag: "Waiting", operation: flight.request.operation, change: -1 })
      if (Exit.hasInterrupts(exit)) leave(flight, waiter)
      // The fetch runs in a trace of its own: the spans of those who waited for it say which.
      const { span } = fiber.cache
      if (flight.span !== undefined && span?._tag === "Span" && isTraced(fiber)) {
        span.addLinks([{ span: flight.span, attributes: {} }])
      }
      return Effect.void
    })

  /** Serves a request from the cache, from a flight in the air, or by starting one. */
  const serve = <M extends Materials, E>(
    request: CacheableRequest<M, E>
  ): Effect.Effect<MaterialsResponse<M>, E, Scope.Scope> => {
    const { getUnsafe } = request.cache
    return Effect.uninterruptibleMask((restore) => {
      const claim: Claim<M> = { materials: undefined }
      const release = Effect.sync(() => {
        if (claim.materials !== undefined) DataKey.zero(claim.materials.plaintextDataKey)
      })
      const admitted = (admission: Admission<M>): Effect.Effect<MaterialsResponse<M>, E, Scope.Scope> => {
        if (admission._tag === "Served") return Effect.succeed(admission)
        if (admission._tag === "Closed") return Effect.fail(request.failure("its scope is closed"))
        const { flight, waiter } = admission
        emit({ _tag: "Waiting", operation: request.operation, change: 1 })
        const delivered = Effect.onExit(
          restore(Deferred.await(waiter.delivery as Deferred.Deferred<Delivery<M>, E>)),
          (exit) => arrive(flight, waiter, exit)
        )
        return Effect.flatMap(
          delivered,
          (delivery) => delivery._tag === "Served" ? Effect.succeed(delivery) : restore(request.fetchAlone)
        )
      }
      // The finalizer comes before the first copy, and admission and waiting are not to be interrupted in between: so no key
      // is left behind, and no reservation. Only the look-up in an asynchronous cache can be interrupted.
      return Effect.flatMap(
        Effect.flatMap(Effect.scope, (scope) => Scope.addFinalizer(scope, release)),
        () =>
          getUnsafe === undefined
            ? Effect.flatMap(
              restore(lookUp(request as unknown as CacheableRequest<Materials, unknown>)),
              ([found, foundOwn]) => admitted(admit(request, claim, found, foundOwn))
            )
            : admitted(admitAtOnce(request, claim, getUnsafe))
      )
    })
  }

  /** Puts materials that came from elsewhere, with their own time of creation and a copy of the data key. */
  const seed = (materials: Materials, metadata: EntryMetadata, cache: MaterialsCache, createdAt: Instant): void => {
    const entry = new Entry(owner, metadata, materials, noUsage, createdAt, undefined)
    if (closed) entry.discard()
    else put(entry, cache, () => {})
  }

  /**
   * Closes the flights in the air that fit, so that their waiters are served and nothing of them is cached, and evicts
   * what has landed and is on its way into the cache.
   */
  const closeFlights = (
    fits: (
      flight: {
        readonly encryptionContext: EncryptionContext.EncryptionContext
        readonly metadata: EntryMetadata | undefined
      }
    ) => boolean,
    cause: EvictionCause
  ): void => {
    const now = nowUnsafe(clock)
    for (const flight of flights.values()) {
      const { encryptionContext } = flight.request
      if (!fits({ encryptionContext, metadata: flight.entry?.metadata })) continue
      if (flight.entry !== undefined) evict(flight.entry, flight.request.cache, cause, now)
      close(flight)
    }
  }

  /** Interrupts the flights and those who wait for them, and waits for nobody: a cache or a key provider may hang. */
  const shutdown: Effect.Effect<void> = Effect.sync(() => {
    closed = true
    for (const flight of unsettled) fail(flight, "abandoned", Cause.interrupt())
    for (const fiber of fibers) fiber.interruptUnsafe()
  })

  return { serve, seed, guarded, fork, closeFlights, shutdown }
}
