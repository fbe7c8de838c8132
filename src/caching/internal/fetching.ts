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
import { CallPriority, withPriority } from "../../internal/callPriority.ts"
import { overdue } from "../../internal/deadline.ts"
import { type CompleteMaterials, copyMaterials, Entry, type Owner, type RefreshPoint } from "./entry.ts"
import { elapsedMillis, type Instant, nowUnsafe } from "../../internal/instant.ts"
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
  /** The sleep until its own deadline, counted from its own start. */
  deadline: Fiber.Fiber<unknown, unknown> | undefined
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
  /** Priority of its calls to the key provider. A refresh is work in the background until a request waits for it. */
  readonly priority: CallPriority
  span: Tracer.Span | undefined
  fetching: Fiber.Fiber<unknown, unknown> | undefined
  /** The sleep until the deadline of a refresh, for which no request has to wait. */
  deadline: Fiber.Fiber<unknown, unknown> | undefined
  readonly ended: Deferred.Deferred<void, unknown>
}

/** The part of a manager that fetches. */
export interface Fetching extends CacheAccess {
  readonly flights: singleFlight.Flights<Flight>
  readonly fetchDeadline: Duration.Duration
  /** The owner of entries whose materials lack a wrapping. */
  readonly incompleteOwner: Owner
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
    priority: new CallPriority(trigger === "refresh"),
    span: undefined,
    fetching: undefined,
    deadline: undefined,
    ended: Deferred.makeUnsafe()
  }
  singleFlight.open(fetching.flights, flight)
  fetching.emit({ _tag: "FetchStarted", fetch: flight.fetch, operation, key, trigger })
  return flight
}

/**
 * Whether a flight is as old as its deadline: no request may join it any more. The sleeps of those who wait may not have ended
 * yet, as in a process that was frozen.
 */
export const isOverdue = ({ fetchDeadline }: Fetching, { startedAt }: Flight, now: Instant): boolean =>
  elapsedMillis(startedAt, now) >= Duration.toMillis(fetchDeadline)

/** Starts a flight's fetch after the step, and the deadline of a refresh. */
export const startFetch = (fetching: Fetching, flight: Flight): void => afterStep(() => start(fetching, flight))

const start = (fetching: Fetching, flight: Flight): void => {
  const { background, clock } = fetching
  // A listener may have interrupted all that wait for it.
  if (flight.settled) return
  const { request } = flight
  const { key, operation } = request
  flight.fetching = background.fork(withSpan("CachingCmm.fetch", { root: true }, (span) => {
    flight.span = span
    span?.attribute("operation", operation)
    span?.attribute("trigger", flight.trigger)
    return Effect.scoped(
      Effect.flatMap(
        asking(flight.askers, withPriority(Effect.suspend(() => request.fetch()), flight.priority)),
        (fetched) => {
          const arrivedAt = nowUnsafe(clock)
          return Effect.map(
            fetching.drawRefreshPoint,
            (refresh) => step(() => succeed(fetching, flight, fetched, arrivedAt, refresh))
          )
        }
      )
    )
  }))
  flight.fetching.addObserver((exit) => {
    if (Exit.isSuccess(exit) || flight.settled) return
    fetching.onFailure(key, exit.cause)
    step(() => fail(fetching, flight, "failed", exit.cause))
  })
  if (flight.settled || flight.trigger === "request") return
  flight.deadline = atDeadline(fetching, () => {
    flight.needsWaiters = true
    if (flight.waiters.size === 0) failOverdue(fetching, flight)
  })
}

/** Calls back in a step, once as much time as a deadline leaves has passed from now on. */
const atDeadline = ({ background, fetchDeadline }: Fetching, call: () => void): Fiber.Fiber<unknown, unknown> =>
  background.fork(Effect.andThen(Effect.sleep(fetchDeadline), Effect.sync(() => step(call))))

const overdueCause = ({ fetchDeadline }: Fetching, { request }: Flight): Cause.Cause<unknown> =>
  Cause.fail(request.failure(overdue(fetchDeadline), true))

const failOverdue = (fetching: Fetching, flight: Flight): void =>
  fail(fetching, flight, "deadline", overdueCause(fetching, flight))

/** Fails a waiter at its own deadline. The flight goes on for the others, and ends with the last of them. */
const failWaiter = (fetching: Fetching, flight: Flight, waiter: Waiter): void => {
  if (flight.settled || !flight.waiters.has(waiter)) return
  if (flight.waiters.size === 1 && flight.needsWaiters) return failOverdue(fetching, flight)
  singleFlight.leave(flight, waiter)
  afterStep(() => Deferred.doneUnsafe(waiter.delivery, Exit.failCause(overdueCause(fetching, flight))))
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
  const waiter: Waiter = { charge, leader, claim, delivery: Deferred.makeUnsafe(), deadline: undefined }
  singleFlight.reserve(flight, waiter)
  afterStep(() => flight.priority.promote())
  claim.giveUp = () => {
    leave(fetching, flight, waiter)
    afterStep(() => Deferred.doneUnsafe(waiter.delivery, Exit.fail(request.failure(scopeClosed, false))))
  }
  fetching.emit({ _tag: "Admitted", operation, key, outcome: leader ? "miss" : "joined" })
  return waiter
}

/**
 * Starts a waiter's deadline, after the step. It is a sleep of the waiter's own request: some runtimes end a request that waits
 * for nothing of its own.
 */
export const startDeadline = (fetching: Fetching, flight: Flight, waiter: Waiter): void =>
  afterStep(() => {
    if (flight.settled || !flight.waiters.has(waiter)) return
    waiter.deadline = atDeadline(fetching, () => failWaiter(fetching, flight, waiter))
  })

/** Takes an interrupted waiter out. A flight that needs waiters and has none is abandoned; a refresh is past its deadline then. */
export const leave = (fetching: Fetching, flight: Flight, waiter: Waiter): void => {
  if (!singleFlight.leave(flight, waiter)) return
  if (flight.trigger === "refresh") failOverdue(fetching, flight)
  else fail(fetching, flight, "abandoned", Cause.interrupt())
}

/** Ends the sleep until a waiter's deadline, once it waits no more. */
export const endDeadline = ({ deadline }: Waiter): void => deadline?.interruptUnsafe()

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
  { incompleteOwner, owner: whole }: Fetching,
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
  const owner = "missingWrappings" in materials && materials.missingWrappings !== undefined ? incompleteOwner : whole
  return new Entry(owner, {
    key,
    operation,
    requestedContext,
    materials: kept,
    encryptedDataKeys: request.encryptedDataKeys(kept),
    usage: reserved,
    createdAt: arrivedAt,
    refresh: refresh && (owner === whole ? refresh : sooner(refresh, whole, owner))
  })
}

/** The same part of a shorter life. */
const sooner = (point: RefreshPoint, whole: Owner, { limits: { maxAgeMillis } }: Owner): RefreshPoint => ({
  ...point,
  ageMillis: point.ageMillis * (maxAgeMillis / whole.limits.maxAgeMillis)
})

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
