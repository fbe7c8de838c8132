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
import * as Scope from "effect/Scope"
import * as AlgorithmSuite from "../../AlgorithmSuite.ts"
import type { EntryFacts, EvictionCause } from "../EntryFacts.ts"
import type { CachingEvent } from "../CachingEvent.ts"
import type { MaterialsCache } from "../MaterialsCache.ts"
import type { MaterialsCacheError } from "../MaterialsCacheError.ts"
import type { Answer } from "../../CryptographicMaterialsManager.ts"
import * as DataKey from "../../DataKey.ts"
import type { Receipt, Usage } from "../../Receipt.ts"
import { copyMaterials, Entry, type Materials } from "./cacheEntry.ts"
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
  readonly operation: "encrypt" | "decrypt"
  readonly cache: MaterialsCache
  readonly charge: Usage
  readonly limits: Limits
  /** Asks the underlying manager, without any knowledge of the plaintext. */
  readonly fetch: Effect.Effect<M, E, Scope.Scope>
  /** Asks the underlying manager for this request alone, as it came. */
  readonly fetchAlone: Effect.Effect<Answer<M>, E, Scope.Scope>
  /** The public facts of an entry with these materials. */
  readonly facts: (materials: M) => EntryFacts
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
  readonly emit: (event: CachingEvent) => void
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
  /** What the data key will have been charged when this waiter is served. */
  readonly usage: Usage
  readonly leader: boolean
  readonly claim: Claim<Materials>
  readonly delivery: Deferred.Deferred<Delivery<Materials>, unknown>
}

/** One fetch of materials, and those who wait for it. */
interface Flight {
  readonly request: CacheableRequest<Materials, unknown>
  readonly startedAt: Instant
  readonly waiters: Set<Waiter>
  reserved: Usage
  /** The fetch has answered, failed or been given up: nothing changes any more. */
  settled: boolean
  /** Set when the materials have landed and are on their way into the cache. */
  entry: Entry | undefined
  fetching: Fiber.Fiber<unknown, unknown> | undefined
  deadline: Fiber.Fiber<unknown, unknown> | undefined
}

type Admission<M extends Materials> =
  | { readonly _tag: "Served"; readonly materials: M; readonly receipt: Receipt }
  | { readonly _tag: "Waiting"; readonly flight: Flight; readonly waiter: Waiter }

const noUsage: Usage = { messages: 0, bytes: 0n }

const plus = (a: Usage, b: Usage): Usage => ({ messages: a.messages + b.messages, bytes: a.bytes + b.bytes })

const minus = (a: Usage, b: Usage): Usage => ({ messages: a.messages - b.messages, bytes: a.bytes - b.bytes })

const exceeded = (usage: Usage, limits: Limits): "messages" | "bytes" | undefined =>
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
  const fibers = new Set<Fiber.Fiber<unknown, unknown>>()
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
        emit({ _tag: "CacheFault", operation, fault: Cause.hasDies(exit.cause) ? "died" : "failed" })
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

  const evict = (entry: Entry, cache: MaterialsCache, cause: EvictionCause, now: Instant): void => {
    entry.evict(cause, now)
    if (!closed) fork(guarded("delete", cache, cache.delete(entry, cause)))
  }

  const close = (flight: Flight): void => {
    if (flights.get(flight.request.key) === flight) flights.delete(flight.request.key)
  }

  const settle = (flight: Flight): void => {
    flight.settled = true
    unsettled.delete(flight)
    flight.deadline?.interruptUnsafe()
  }

  const fail = (flight: Flight, cause: Cause.Cause<unknown>): void => {
    if (flight.settled) return
    settle(flight)
    close(flight)
    for (const waiter of flight.waiters) Deferred.doneUnsafe(waiter.delivery, Exit.failCause(cause))
  }

  const deliver = (waiter: Waiter, materials: Materials, receipt: Receipt): void => {
    waiter.claim.materials = materials
    Deferred.doneUnsafe(waiter.delivery, Exit.succeed({ _tag: "Served", materials, receipt }))
  }

  const land = (flight: Flight, materials: Materials): void => {
    if (flight.settled) return
    settle(flight)
    const { request } = flight
    const now = nowUnsafe(clock)
    emit({
      _tag: "Fetched",
      operation: request.operation,
      key: request.key,
      outcome: "landed",
      latency: Duration.millis(elapsedMillis(flight.startedAt, now))
    })
    if (!AlgorithmSuite.isCacheable(materials.algorithmSuite)) {
      close(flight)
      for (const waiter of flight.waiters) {
        if (waiter.leader) {
          deliver(waiter, copyMaterials(materials), { _tag: "Bypassed", reason: "MaterialsNotCacheable" })
        } else {
          Deferred.doneUnsafe(waiter.delivery, Exit.succeed({ _tag: "Alone" }))
        }
      }
      return
    }
    const entry = new Entry(
      request.facts(materials),
      copyMaterials({ ...materials, encryptionContext: Object.freeze({ ...materials.encryptionContext }) }),
      flight.reserved,
      now,
      options.maxMessagesEncrypted
    )
    for (const waiter of flight.waiters) {
      deliver(waiter, entry.copyMaterials()!, { _tag: waiter.leader ? "Miss" : "Joined", usage: waiter.usage })
    }
    if (flights.get(request.key) !== flight || entry.isSpent()) {
      close(flight)
      entry.discard()
      return
    }
    flight.entry = entry
    entry.onEvicted((event) => emit({ _tag: "Evicted", ...event }))
    fork(Effect.map(
      guarded("put", request.cache, Effect.as(request.cache.put(entry), true)),
      (stored) => {
        if (stored !== true) entry.discard()
        // Evicted while the put was in the air: the cache may have stored the handle all the same.
        else if (entry.evicted) evict(entry, request.cache, "invalidated", nowUnsafe(clock))
        close(flight)
      }
    ))
  }

  const start = (flight: Flight): void => {
    const { fetch, failure, key, operation } = flight.request
    const ended = (outcome: "failed" | "deadline") =>
      emit({
        _tag: "Fetched",
        operation,
        key,
        outcome,
        latency: Duration.millis(elapsedMillis(flight.startedAt, nowUnsafe(clock)))
      })
    flight.fetching = fork(Effect.scoped(Effect.map(fetch, (materials) => land(flight, materials))))
    flight.fetching.addObserver((exit) => {
      if (Exit.isSuccess(exit) || flight.settled) return
      ended("failed")
      fail(flight, exit.cause)
    })
    if (flight.settled) return
    flight.deadline = fork(Effect.andThen(
      Effect.sleep(options.fetchDeadline),
      Effect.sync(() => {
        if (flight.settled) return
        ended("deadline")
        fail(flight, Cause.fail(failure(`no answer within ${Duration.format(options.fetchDeadline)}`)))
        flight.fetching?.interruptUnsafe()
      })
    ))
  }

  const reserve = (flight: Flight, request: CacheableRequest<Materials, unknown>, claim: Claim<Materials>): Waiter => {
    const leader = flight.waiters.size === 0 && flight.fetching === undefined
    flight.reserved = plus(flight.reserved, request.charge)
    const waiter: Waiter = {
      charge: request.charge,
      usage: flight.reserved,
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
    if (flight.waiters.size > 0) return
    settle(flight)
    close(flight)
    flight.fetching?.interruptUnsafe()
  }

  /** Charges the entry and copies its materials, or says which threshold forbids it. */
  const chargeEntry = (
    entry: Entry,
    request: CacheableRequest<Materials, unknown>,
    claim: Claim<Materials>,
    now: Instant
  ): Usage | "age" | "messages" | "bytes" => {
    if (entry.ageMillis(now) >= request.limits.maxAgeMillis) return "age"
    const usage = plus(Ref.getUnsafe(entry.usage), request.charge)
    const cause = exceeded(usage, request.limits)
    if (cause !== undefined) return cause
    entry.usage.ref.current = usage
    claim.materials = entry.copyMaterials()!
    if (entry.isSpent()) evict(entry, request.cache, "messages", now)
    return usage
  }

  const admit = <M extends Materials, E>(
    request: CacheableRequest<M, E>,
    claim: Claim<M>,
    found: unknown
  ): Admission<M> => {
    const now = nowUnsafe(clock)
    const untyped = request as unknown as CacheableRequest<Materials, unknown>
    const { cache, key, operation } = request
    const usable = found instanceof Entry && !found.evicted && found.facts.key === key &&
        found.facts.operation === operation
      ? found
      : undefined
    if (usable !== undefined) {
      const usage = chargeEntry(usable, untyped, claim, now)
      if (typeof usage === "object") {
        emit({ _tag: "Admitted", operation, key, outcome: "hit" })
        const age = Duration.millis(Math.max(0, usable.ageMillis(now)))
        return {
          _tag: "Served",
          materials: claim.materials!,
          receipt: { _tag: "Hit", refreshStarted: false, age, usage }
        }
      }
      evict(usable, cache, usage, now)
    }
    const flight = flights.get(key)
    if (flight !== undefined) {
      if (flight.entry !== undefined && !flight.entry.evicted) {
        const usage = chargeEntry(flight.entry, untyped, claim, now)
        if (typeof usage === "object") {
          emit({ _tag: "Admitted", operation, key, outcome: "joined" })
          return { _tag: "Served", materials: claim.materials!, receipt: { _tag: "Joined", usage } }
        }
        evict(flight.entry, cache, usage, now)
      } else if (
        flight.entry === undefined && exceeded(plus(flight.reserved, request.charge), request.limits) === undefined
      ) {
        return { _tag: "Waiting", flight, waiter: reserve(flight, untyped, claim) }
      }
      close(flight)
    }
    const opened: Flight = {
      request: untyped,
      startedAt: now,
      waiters: new Set(),
      reserved: noUsage,
      settled: false,
      entry: undefined,
      fetching: undefined,
      deadline: undefined
    }
    flights.set(key, opened)
    unsettled.add(opened)
    const waiter = reserve(opened, untyped, claim)
    start(opened)
    return { _tag: "Waiting", flight: opened, waiter }
  }

  const lookUp = <M extends Materials, E>(
    request: CacheableRequest<M, E>,
    claim: Claim<M>
  ): Effect.Effect<Admission<M>> => {
    const { cache, key } = request
    const { getUnsafe } = cache
    if (getUnsafe === undefined) {
      return Effect.map(guarded("get", cache, cache.get(key)), (found) => admit(request, claim, found))
    }
    return Effect.sync(() => {
      let found: unknown
      try {
        found = getUnsafe(key)
      } catch {
        emit({ _tag: "CacheFault", operation: "get", fault: "died" })
      }
      return admit(request, claim, found)
    })
  }

  /** Serves a request from the cache, from a flight in the air, or by starting one. */
  const serve = <M extends Materials, E>(
    request: CacheableRequest<M, E>
  ): Effect.Effect<Answer<M>, E, Scope.Scope> =>
    Effect.flatMap(Effect.scope, (scope) => {
      if (closed) return Effect.fail(request.failure("its scope is closed"))
      const claim: Claim<M> = { materials: undefined }
      const release = Effect.sync(() => {
        if (claim.materials !== undefined) DataKey.zero(claim.materials.plaintextDataKey)
      })
      // The finalizer comes first, so that no interruption can fall between a copy and its zeroing.
      return Effect.flatMap(
        Effect.andThen(Scope.addFinalizer(scope, release), lookUp(request, claim)),
        (admission): Effect.Effect<Answer<M>, E, Scope.Scope> => {
          if (admission._tag === "Served") return Effect.succeed(admission)
          const { flight, waiter } = admission
          const delivery = waiter.delivery as Deferred.Deferred<Delivery<M>, E>
          return Effect.flatMap(
            Effect.onInterrupt(Deferred.await(delivery), () => Effect.sync(() => leave(flight, waiter))),
            (answer) => answer._tag === "Served" ? Effect.succeed(answer) : request.fetchAlone
          )
        }
      )
    })

  /** Interrupts the flights and those who wait for them, and waits for nobody: a cache or a key provider may hang. */
  const shutdown: Effect.Effect<void> = Effect.sync(() => {
    closed = true
    for (const flight of unsettled) fail(flight, Cause.interrupt())
    for (const fiber of fibers) fiber.interruptUnsafe()
  })

  return { serve, shutdown }
}
