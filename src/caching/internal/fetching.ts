/**
 * The fetches of a manager: a flight's fiber, deadline and span, and the delivery of its materials to those who wait.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type * as Tracer from "effect/Tracer"
import { withSpan } from "../../internal/tracing.ts"
import * as AlgorithmSuite from "../../model/AlgorithmSuite.ts"
import { withParts } from "../../model/CryptographicMaterials.ts"
import * as DataKey from "../../model/DataKey.ts"
import * as EncryptionContext from "../../model/EncryptionContext.ts"
import type { Receipt } from "../../model/Receipt.ts"
import { type Askers, asking } from "./askers.ts"
import type { CacheableRequest, Fetched } from "./cacheable.ts"
import { type CacheAccess, put } from "./cacheAccess.ts"
import { overdue } from "./deadline.ts"
import { type CompleteMaterials, copyMaterials, Entry, type RefreshPoint } from "./entry.ts"
import { elapsedMillis, type Instant, nowUnsafe } from "./instant.ts"
import * as singleFlight from "./singleFlight.ts"
import { afterStep, step } from "./steps.ts"

/**
 * A request's claim to materials. The copy of them that it owns is zeroed when its scope closes, whichever way the request
 * ended. A claim that was released takes nothing any more.
 */
export interface Claim<M extends CompleteMaterials> {
  materials: M | undefined
  released: boolean
  /** The managers that wait for this request. */
  readonly askers: Askers
  /** Ends the waiting of a request whose scope closes. */
  giveUp: (() => void) | undefined
}

/** Materials for one request, or the word that it must fetch for itself. */
export type Delivery<M extends CompleteMaterials> =
  | { readonly _tag: "Served"; readonly materials: M; readonly receipt: Receipt }
  | { readonly _tag: "Alone" }

export interface Waiter extends singleFlight.Waiter {
  readonly claim: Claim<CompleteMaterials>
  readonly delivery: Deferred.Deferred<Delivery<CompleteMaterials>, unknown>
}

export interface Flight extends singleFlight.Flight<Waiter> {
  /** The manager's number of this fetch, from 1. */
  readonly fetch: number
  readonly request: CacheableRequest<CompleteMaterials, unknown>
  readonly startedAt: Instant
  /** Set when the fetch has succeeded and its entry is on the way into the cache. */
  entry: Entry | undefined
  /** The managers that wait for it, this one included. */
  readonly askers: Askers
  span: Tracer.Span | undefined
  fetching: Fiber.Fiber<unknown, unknown> | undefined
  deadline: Fiber.Fiber<unknown, unknown> | undefined
  readonly ended: Deferred.Deferred<void, unknown>
}

/** The part of a manager that fetches. */
export interface Fetching extends CacheAccess {
  readonly flights: singleFlight.Flights<Flight>
  readonly fetchDeadline: Duration.Duration
  /** Draws the point at which the next entry is refreshed ahead. */
  readonly drawRefreshPoint: Effect.Effect<RefreshPoint | undefined>
  /** Called for every failed fetch, before its waiters go on. */
  readonly onFailure: (key: string, cause: Cause.Cause<unknown>) => void
  /** The number of fetches so far. */
  fetches: number
}

/** Opens a flight, whose fetch `startFetch` starts. */
export const openFlight = (
  fetching: Fetching,
  request: CacheableRequest<CompleteMaterials, unknown>,
  trigger: Flight["trigger"],
  askers: Askers,
  now: Instant
): Flight => {
  const { key, operation } = request
  const flight: Flight = {
    ...singleFlight.unreserved(key, trigger),
    fetch: ++fetching.fetches,
    request,
    startedAt: now,
    entry: undefined,
    askers: [...askers, fetching],
    span: undefined,
    fetching: undefined,
    deadline: undefined,
    ended: Deferred.makeUnsafe()
  }
  singleFlight.open(fetching.flights, flight)
  fetching.emit({ _tag: "FetchStarted", fetch: flight.fetch, operation, key, trigger })
  return flight
}

/** Starts a flight's fetch, and its deadline, after the step. */
export const startFetch = (fetching: Fetching, flight: Flight): void => afterStep(() => start(fetching, flight))

const start = (fetching: Fetching, flight: Flight): void => {
  const { background, clock, fetchDeadline } = fetching
  // A listener may have interrupted all that wait for it.
  if (flight.settled) return
  const { request } = flight
  const { key, operation } = request
  flight.fetching = background.fork(withSpan("CachingCmm.fetch", { root: true }, (span) => {
    flight.span = span
    span?.attribute("operation", operation)
    span?.attribute("trigger", flight.trigger)
    return Effect.scoped(
      Effect.flatMap(asking(flight.askers, Effect.suspend(() => request.fetch())), (fetched) => {
        const arrivedAt = nowUnsafe(clock)
        return Effect.map(
          fetching.drawRefreshPoint,
          (refresh) => step(() => succeed(fetching, flight, fetched, arrivedAt, refresh))
        )
      })
    )
  }))
  flight.fetching.addObserver((exit) => {
    if (Exit.isSuccess(exit) || flight.settled) return
    fetching.onFailure(key, exit.cause)
    step(() => fail(fetching, flight, "failed", exit.cause))
  })
  if (flight.settled) return
  flight.deadline = background.fork(Effect.andThen(
    Effect.sleep(fetchDeadline),
    Effect.sync(() => {
      if (flight.settled) return
      step(() => fail(fetching, flight, "deadline", Cause.fail(request.failure(overdue(fetchDeadline), true))))
    })
  ))
}

/** The failure of a request that was released before it was served. */
export const scopeClosed = "the scope of the request is closed"

/** Lets a request wait for a flight, with a reservation. */
export const reserve = (
  fetching: Fetching,
  flight: Flight,
  request: CacheableRequest<CompleteMaterials, unknown>,
  claim: Claim<CompleteMaterials>,
  leader: boolean
): Waiter => {
  const { charge, key, operation } = request
  const waiter: Waiter = { charge, leader, claim, delivery: Deferred.makeUnsafe() }
  singleFlight.reserve(flight, waiter)
  claim.giveUp = () => {
    leave(fetching, flight, waiter)
    afterStep(() => Deferred.doneUnsafe(waiter.delivery, Exit.fail(request.failure(scopeClosed, false))))
  }
  fetching.emit({ _tag: "Admitted", operation, key, outcome: leader ? "miss" : "joined" })
  return waiter
}

/** Takes an interrupted waiter out. A flight without waiters is abandoned. */
export const leave = (fetching: Fetching, flight: Flight, waiter: Waiter): void => {
  if (singleFlight.leave(flight, waiter)) fail(fetching, flight, "abandoned", Cause.interrupt())
}

/** Fails a flight and those who wait for it, unless it is settled, and interrupts its fetch. A part of a step. */
export const fail = (
  fetching: Fetching,
  flight: Flight,
  outcome: "failed" | "deadline" | "abandoned",
  cause: Cause.Cause<unknown>
): void => {
  if (!singleFlight.fail(fetching.flights, flight)) return
  ended(fetching, flight, outcome, Exit.failCause(cause))
  for (const waiter of flight.waiters) {
    afterStep(() => Deferred.doneUnsafe(waiter.delivery, Exit.failCause(cause)))
  }
  afterStep(() => flight.fetching?.interruptUnsafe())
}

const ended = (
  { clock, emit }: Fetching,
  flight: Flight,
  outcome: "succeeded" | "failed" | "deadline" | "abandoned",
  exit: Exit.Exit<void, unknown>
): void => {
  afterStep(() => flight.deadline?.interruptUnsafe())
  const { fetch, request: { key, operation }, trigger } = flight
  const latency = Duration.millis(Math.max(0, elapsedMillis(flight.startedAt, nowUnsafe(clock))))
  emit({ _tag: "Fetched", fetch, operation, key, trigger, outcome, latency })
  afterStep(() => Deferred.doneUnsafe(flight.ended, exit))
}

/** Settles a flight with what was fetched. A part of a step. */
const succeed = (
  fetching: Fetching,
  flight: Flight,
  fetched: Fetched<CompleteMaterials>,
  arrivedAt: Instant,
  refresh: RefreshPoint | undefined
): void => {
  if (flight.settled) return
  if (!AlgorithmSuite.isCacheable(fetched.materials.algorithmSuite)) {
    return bypassAll(fetching, flight, fetched.materials)
  }
  // Before anything is settled: the copies throw where another has zeroed the key meanwhile. Then the fetch has failed.
  const entry = makeEntry(fetching, flight, fetched.materials, arrivedAt, refresh)
  singleFlight.settle(fetching.flights, flight)
  ended(fetching, flight, "succeeded", Exit.void)
  const waiters = singleFlight.inTurn(flight)
  for (const { waiter: { claim } } of waiters) give(claim, entry.copyMaterials()!)
  const isOpen = singleFlight.isOpen(fetching.flights, flight)
  if (isOpen) fetched.onKept?.(arrivedAt)
  const isOffered = isOpen && !entry.isSpent()
  if (isOffered) {
    flight.entry = entry
    put(fetching, entry, flight.request.cache, () => singleFlight.close(fetching.flights, flight))
  } else {
    singleFlight.close(fetching.flights, flight)
    entry.discard()
  }
  for (const { usage, waiter } of waiters) {
    deliver(waiter, { _tag: !waiter.leader ? "Joined" : isOffered ? "Miss" : "Unoffered", usage })
  }
}

/** Gives a claim materials of its own. One that was released takes nothing. */
export const give = (claim: Claim<CompleteMaterials>, materials: CompleteMaterials): void => {
  if (claim.released) DataKey.zero(materials.plaintextDataKey)
  else claim.materials = materials
}

/** Materials that may not be cached serve the request that fetched them. All others fetch for themselves. */
const bypassAll = (fetching: Fetching, flight: Flight, materials: CompleteMaterials): void => {
  const { operation } = flight.request
  const leader = [...flight.waiters].find((waiter) => waiter.leader)
  if (leader !== undefined) give(leader.claim, copyMaterials(materials))
  singleFlight.close(fetching.flights, flight)
  singleFlight.settle(fetching.flights, flight)
  ended(fetching, flight, "succeeded", Exit.void)
  for (const waiter of flight.waiters) {
    if (waiter === leader) {
      fetching.emit({ _tag: "Bypassed", operation, reason: "MaterialsNotCacheable" })
      deliver(waiter, { _tag: "Bypassed", reason: "MaterialsNotCacheable" })
    } else {
      afterStep(() => Deferred.doneUnsafe(waiter.delivery, Exit.succeed({ _tag: "Alone" })))
    }
  }
}

const makeEntry = (
  { owner }: Fetching,
  { request, reserved }: Flight,
  materials: CompleteMaterials,
  arrivedAt: Instant,
  refresh: RefreshPoint | undefined
): Entry => {
  const context = EncryptionContext.validate(materials.encryptionContext)
  // Required pairs, which are authenticated and not stored, can make a context too long to be valid as a whole.
  const kept = Result.isFailure(context)
    ? materials
    : withParts<CompleteMaterials>(materials, { encryptionContext: context.success })
  const { encryptionContext: requestedContext, key, operation } = request
  return new Entry(owner, {
    key,
    operation,
    requestedContext,
    materials: kept,
    encryptedDataKeys: request.encryptedDataKeys(kept),
    usage: reserved,
    createdAt: arrivedAt,
    refresh
  })
}

/**
 * Tells a waiter of its materials, which it owns already: so they are zeroed where a listener interrupts it before. Its fiber
 * goes on within this call.
 */
const deliver = ({ claim, delivery }: Waiter, receipt: Receipt): void =>
  afterStep(() => {
    const { materials } = claim
    claim.giveUp = undefined
    if (materials !== undefined) Deferred.doneUnsafe(delivery, Exit.succeed({ _tag: "Served", materials, receipt }))
  })

/** Closes the manager: abandons the flights and those who wait for them, and waits for nothing. */
export const shutdown = (fetching: Fetching): void => {
  const { background, flights } = fetching
  step(() => {
    background.closed = true
    for (const flight of flights.unsettled) fail(fetching, flight, "abandoned", Cause.interrupt())
    afterStep(() => background.interrupt())
  })
}
