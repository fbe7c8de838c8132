/**
 * Single flight: requests for one branch key share one read of its store. Each owns a copy of the key, and has a deadline of its
 * own.
 *
 * Changes of state are whole before a fiber goes on: what that does may come back here.
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Background } from "../../internal/background.ts"
import { CallPriority, withPriority } from "../../internal/callPriority.ts"
import { overdue } from "../../internal/deadline.ts"
import { elapsedMillis, type Instant, nowUnsafe } from "../../internal/instant.ts"
import type { BranchKeyOutcome } from "../../model/BranchKeyUse.ts"
import * as DataKey from "../../model/DataKey.ts"
import * as metrics from "../BranchKeyMetrics.ts"
import { StorageFailed } from "../BranchKeyStorage.ts"
import type { BranchKey, BranchKeyStore } from "../BranchKeyStore.ts"
import type { BranchKeyStoreError } from "../BranchKeyStoreError.ts"
import { type CachedBranchKey, CachedKey, type CachedKeys, type Kind } from "./cachedKeys.ts"
import { fetchBranchKey } from "./fetchBranchKey.ts"
import { errorOf } from "./records.ts"

/** A request's claim to a branch key, which is zeroed when its scope closes. A claim that was released takes nothing any more. */
export interface Claim {
  branchKey: BranchKey | undefined
  released: boolean
}

interface Waiter {
  readonly claim: Claim
  readonly delivery: Deferred.Deferred<BranchKey, BranchKeyStoreError>
}

/** A branch key that is requested. */
export interface Request {
  /** The key under which it is cached. */
  readonly key: string
  readonly store: BranchKeyStore
  readonly branchKeyId: string
  /** Undefined for the active version. */
  readonly version: string | undefined
}

type Trigger = "request" | "refresh"

/** One read of a store, and the requests that wait for it. */
interface Flight extends Request {
  readonly trigger: Trigger
  /** Priority of its calls to AWS KMS. A refresh is work in the background until a request waits for it. */
  readonly priority: CallPriority
  readonly startedAt: Instant
  readonly waiters: Set<Waiter>
  /** Whether it ends with its last waiter: a read for a request always, a refresh from its deadline on. */
  needsWaiters: boolean
  settled: boolean
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  /** The sleep until the deadline of a refresh. */
  deadline: Fiber.Fiber<unknown, unknown> | undefined
}

/** The part of a cache that reads. */
export interface Fetching {
  readonly background: Background
  readonly clock: Clock.Clock
  readonly context: Context.Context<never>
  readonly cached: CachedKeys
  /** The flights that requests can join, one for each key at most. */
  readonly open: Map<string, Flight>
  readonly unsettled: Set<Flight>
  readonly maxAgeMillis: number
  readonly fetchDeadline: Duration.Duration
  /** Draws the share of its life after which the next entry is renewed. */
  readonly drawRefreshShare: Effect.Effect<number>
}

const kindOf = ({ version }: Request): Kind => version === undefined ? "active" : "version"

/** Counts a request. */
export const count = ({ context }: Fetching, request: Request, outcome: BranchKeyOutcome): void =>
  metrics.requests({ operation: kindOf(request), outcome: metricOutcomes[outcome] }).updateUnsafe(1, context)

const metricOutcomes = { Hit: "hit", Joined: "joined", Miss: "miss" } as const

/** Gives a claim a branch key of its own. */
export const give = (claim: Claim, branchKey: BranchKey): void => {
  if (claim.released) DataKey.zero(branchKey.key)
  else claim.branchKey = branchKey
}

/** Makes an effect interruptible within a region that is not. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * The branch key of a read that others wait for, or of a new one. None joins a read as old as its deadline, or its maximum age. Not
 * interruptible but for the waiting: from the first step on the request is one of those that wait.
 */
export const join = (
  fetching: Fetching,
  request: Request,
  claim: Claim,
  maxAgeMillis: number,
  now: Instant,
  restore: Restore
): Effect.Effect<CachedBranchKey, BranchKeyStoreError> => {
  const current = fetching.open.get(request.key)
  const latest = Math.min(maxAgeMillis, Duration.toMillis(fetching.fetchDeadline))
  const isJoinable = current !== undefined && elapsedMillis(current.startedAt, now) < latest
  const flight = isJoinable ? current : openFlight(fetching, request, "request", now)
  const waiter: Waiter = { claim, delivery: Deferred.makeUnsafe() }
  flight.waiters.add(waiter)
  const outcome = isJoinable ? "Joined" : "Miss"
  count(fetching, request, outcome)
  if (!isJoinable) start(fetching, flight)
  flight.priority.promote()
  return restore(Effect.timeoutOption(Deferred.await(waiter.delivery), fetching.fetchDeadline)).pipe(
    Effect.onInterrupt(() => Effect.sync(() => leave(fetching, flight, waiter, "abandoned"))),
    Effect.flatMap((delivered) =>
      Option.isSome(delivered) ? Effect.succeed({ ...delivered.value, outcome }) : Effect.suspend(() => {
        leave(fetching, flight, waiter, "deadline")
        return Effect.fail(overdueError(fetching, request))
      })
    )
  )
}

/** Renews an entry in the background, unless it is being renewed. */
export const refresh = (fetching: Fetching, request: Request, entry: CachedKey, now: Instant): void => {
  if (fetching.open.has(request.key) || fetching.background.closed) return
  // The next one is not sooner than this, should it fail: a quarter of what is left, and a second at least.
  const ageMillis = entry.ageMillis(now)
  entry.retryAgeMillis = ageMillis + Math.max(1000, (fetching.maxAgeMillis - ageMillis) / 4)
  const flight = openFlight(fetching, request, "refresh", now)
  flight.deadline = fetching.background.fork(
    Effect.andThen(
      Effect.sleep(fetching.fetchDeadline),
      Effect.sync(() => {
        flight.needsWaiters = true
        if (flight.waiters.size === 0) settle(fetching, flight, "deadline")
      })
    )
  )
  start(fetching, flight)
}

const overdueError = ({ fetchDeadline }: Fetching, { branchKeyId, version }: Request): BranchKeyStoreError =>
  errorOf(
    { operation: version === undefined ? "getActive" : "getVersion", branchKeyId },
    new StorageFailed({ code: "DeadlineExceeded", description: overdue(fetchDeadline), isRetryable: true })
  )

/** Opens a flight. One that is open goes on for those who wait for it. */
const openFlight = (fetching: Fetching, request: Request, trigger: Trigger, now: Instant): Flight => {
  const flight: Flight = {
    ...request,
    trigger,
    priority: new CallPriority(trigger === "refresh"),
    startedAt: now,
    waiters: new Set(),
    needsWaiters: trigger === "request",
    settled: false,
    fiber: undefined,
    deadline: undefined
  }
  fetching.open.set(request.key, flight)
  fetching.unsettled.add(flight)
  metrics.flights({ operation: kindOf(request) }).modifyUnsafe(1, fetching.context)
  return flight
}

const start = (fetching: Fetching, flight: Flight): void => {
  const { branchKeyId, store, version } = flight
  flight.fiber = fetching.background.fork(Effect.scoped(
    Effect.flatMap(
      Effect.all([
        withPriority(fetchBranchKey(store, branchKeyId, version), flight.priority),
        fetching.drawRefreshShare
      ]),
      ([branchKey, share]) => Effect.sync(() => succeed(fetching, flight, branchKey, share))
    )
  ))
  flight.fiber.addObserver((exit) => {
    if (Exit.isFailure(exit)) settle(fetching, flight, "failed", exit as Exit.Failure<never, BranchKeyStoreError>)
  })
  if (flight.settled) flight.fiber.interruptUnsafe()
}

/** Settles a flight with a branch key: each waiter has its copy, and the cache another, before one of them goes on. */
const succeed = (fetching: Fetching, flight: Flight, branchKey: BranchKey, refreshShare: number): void => {
  if (flight.settled) return
  const { cached, clock, maxAgeMillis, open } = fetching
  const entry = new CachedKey(flight.key, kindOf(flight), branchKey, flight.startedAt, refreshShare)
  for (const { claim } of flight.waiters) give(claim, entry.copy()!)
  // One that was invalidated, or is too old already, serves those who wait for it and is not kept.
  const isKept = open.get(flight.key) === flight && entry.ageMillis(nowUnsafe(clock)) < maxAgeMillis
  if (isKept) cached.put(entry)
  else entry.zero()
  settle(fetching, flight, "succeeded")
}

/** Settles a flight, the first time: nothing joins it any more, and its waiters go on. */
export const settle = (
  fetching: Fetching,
  flight: Flight,
  outcome: "succeeded" | "failed" | "deadline" | "abandoned",
  failure: Exit.Exit<never, BranchKeyStoreError> = Exit.failCause(Cause.interrupt())
): void => {
  if (flight.settled) return
  const { clock, context, open, unsettled } = fetching
  flight.settled = true
  unsettled.delete(flight)
  if (open.get(flight.key) === flight) open.delete(flight.key)
  const labels = { operation: kindOf(flight), trigger: flight.trigger }
  metrics.flights({ operation: labels.operation }).modifyUnsafe(-1, context)
  metrics.fetches({ ...labels, outcome }).updateUnsafe(1, context)
  metrics.fetchLatency(labels).updateUnsafe(Math.max(0, elapsedMillis(flight.startedAt, nowUnsafe(clock))), context)
  flight.deadline?.interruptUnsafe()
  if (outcome !== "succeeded") flight.fiber?.interruptUnsafe()
  for (const { claim: { branchKey }, delivery } of flight.waiters) {
    Deferred.doneUnsafe(
      delivery,
      outcome === "succeeded" && branchKey !== undefined ? Exit.succeed(branchKey) : failure
    )
  }
}

/** Takes a waiter out, while the read goes on. A read that needs waiters ends with the last of them. */
const leave = (fetching: Fetching, flight: Flight, waiter: Waiter, outcome: "deadline" | "abandoned"): void => {
  if (flight.settled || !flight.waiters.delete(waiter)) return
  if (flight.waiters.size === 0 && flight.needsWaiters) settle(fetching, flight, outcome)
}

/** Lets nothing join these reads any more, and nothing of them be kept. Those who wait for them are served. */
export const closeWhere = ({ open }: Fetching, predicate: (request: Request) => boolean): void => {
  for (const flight of [...open.values()].filter(predicate)) open.delete(flight.key)
}

/** Ends all reads, and those who wait for them. */
export const shutdown = (fetching: Fetching): void => {
  fetching.background.closed = true
  for (const flight of fetching.unsettled) settle(fetching, flight, "abandoned")
  fetching.background.interrupt()
}
