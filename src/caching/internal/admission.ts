/**
 * The admission of a request: a hit, a join, a new flight, or a rejection. One step for each entry key, whatever the cache is.
 */
import * as Duration from "effect/Duration"
import * as Ref from "effect/Ref"
import { type KeyHolder, Served } from "../../materials/atOnce.ts"
import * as EncryptionContext from "../../model/EncryptionContext.ts"
import type { Receipt, Usage } from "../../model/Receipt.ts"
import type { EvictionCause } from "../EntryMetadata.ts"
import type { MaterialsCache } from "../MaterialsCache.ts"
import { asksItself, type CacheableRequest, managerClosed } from "./cacheable.ts"
import { evict } from "./cacheAccess.ts"
import { type CompleteMaterials, Entry } from "./entry.ts"
import {
  type Claim,
  type Flight,
  give,
  isOverdue,
  openFlight,
  reserve,
  scopeClosed,
  startDeadline,
  startFetch,
  type Waiter
} from "./fetching.ts"
import { type Instant, nowUnsafe } from "../../internal/instant.ts"
import type { Invalidations } from "./invalidations.ts"
import { exceeded } from "./limits.ts"
import { refreshIfDue, type Refreshing } from "./refreshAhead.ts"
import * as singleFlight from "./singleFlight.ts"
import { step } from "./steps.ts"
import { plus } from "./usage.ts"

/** The part of a manager that admits. */
export interface Admitting extends Refreshing {
  readonly invalidations: Invalidations
}

export type Admission<M extends CompleteMaterials> =
  | { readonly _tag: "Rejected"; readonly description: string }
  | { readonly _tag: "Served"; readonly materials: M; readonly receipt: Receipt }
  | { readonly _tag: "Waiting"; readonly flight: Flight; readonly waiter: Waiter }

/** The contents of a cache under a key of a request. */
export interface Found {
  readonly key: string
  readonly content: unknown
}

/** Admits a request, with what the cache has. */
export const admit = <M extends CompleteMaterials, E>(
  manager: Admitting,
  request: CacheableRequest<M, E>,
  ownClaim: Claim<M>,
  found: ReadonlyArray<Found>
): Admission<M> =>
  step(() => {
    if (manager.background.closed) return { _tag: "Rejected", description: managerClosed }
    if (ownClaim.released) return { _tag: "Rejected", description: scopeClosed }
    const now = nowUnsafe(manager.clock)
    const untyped = request as unknown as CacheableRequest<CompleteMaterials, unknown>
    const claim = ownClaim as unknown as Claim<CompleteMaterials>
    for (const each of found) {
      const entry = usable(manager, untyped, each)
      const receipt = entry && hit(manager, entry, untyped, claim, now)
      if (receipt) return { _tag: "Served", materials: ownClaim.materials!, receipt }
    }
    return joinOrLead(manager, untyped, ownClaim, now)
  })

type GetUnsafe = NonNullable<MaterialsCache["getUnsafe"]>

/** Looks up in a cache that responds at once, and admits, in one step. */
export const admitAtOnce = <M extends CompleteMaterials, E>(
  manager: Admitting,
  request: CacheableRequest<M, E>,
  claim: Claim<M>,
  getUnsafe: GetUnsafe
): Admission<M> => {
  // Nothing is looked up either: that alone would count as use.
  if (manager.background.closed) return { _tag: "Rejected", description: managerClosed }
  const found: Array<Found> = []
  // The look-up at once may have failed before: then its fault is the one of this request.
  if (request.cacheFault || !lookUpAtOnce(manager, request, getUnsafe, found)) {
    manager.emit({ _tag: "CacheFault", operation: "get", fault: "died" })
  }
  return admit(manager, request, claim, found)
}

/** Looks up in a cache that responds at once, and adds what is found. Returns false where the cache throws. */
const lookUpAtOnce = <M extends CompleteMaterials, E>(
  manager: Admitting,
  request: CacheableRequest<M, E>,
  getUnsafe: GetUnsafe,
  found: Array<Found>
): boolean => {
  try {
    const first = { key: request.key, content: getUnsafe(request.key) }
    found.push(first)
    const other = canServe(manager, request, first) ? undefined : findOtherAtOnce(manager, request, getUnsafe)
    if (other !== undefined) found.push(other)
    return true
  } catch {
    return false
  }
}

/** Contents under another of a request's keys that can serve it, in a cache that responds at once. */
const findOtherAtOnce = <M extends CompleteMaterials, E>(
  manager: Admitting,
  request: CacheableRequest<M, E>,
  getUnsafe: GetUnsafe
): Found | undefined => {
  for (const key of request.otherKeys) {
    const found = { key, content: getUnsafe(key) }
    if (canServe(manager, request, found)) return found
  }
  return undefined
}

/** Whether the contents of a cache are an entry that may serve a request now. */
export const canServe = <M extends CompleteMaterials, E>(
  manager: Admitting,
  request: CacheableRequest<M, E>,
  found: Found
): boolean => {
  const untyped = request as unknown as CacheableRequest<CompleteMaterials, unknown>
  const entry = usable(manager, untyped, found)
  return entry !== undefined && typeof usageWith(manager, entry, untyped, nowUnsafe(manager.clock)) === "object"
}

/** Serves a request in one step, where a cache that responds at once has its entry. */
export const hitAtOnce = <M extends CompleteMaterials, E>(
  manager: Admitting,
  request: CacheableRequest<M, E>,
  holder: KeyHolder
): Served<M> | undefined => {
  const { cache: { getUnsafe } } = request
  if (getUnsafe === undefined || manager.background.closed) return undefined
  const now = nowUnsafe(manager.clock)
  const untyped = request as unknown as CacheableRequest<CompleteMaterials, unknown>
  let entry: Entry | undefined
  try {
    const { key } = request
    entry = usable(manager, untyped, { key, content: getUnsafe(key) })
    if (entry === undefined) {
      const other = findOtherAtOnce(manager, request, getUnsafe)
      entry = other && usable(manager, untyped, other)
    }
  } catch {
    request.cacheFault = true
  }
  return entry && step(() => {
    const usage = charge(manager, entry, untyped, () => entry.copyKey(holder), now)
    // An entry that may not be used is evicted by the admission that follows then, in the step of the miss.
    if (typeof usage === "string") return undefined
    const receipt = receiptOf(manager, entry, untyped, usage, now)
    return new Served(entry.sharedMaterials as unknown as Omit<M, "plaintextDataKey">, receipt)
  })
}

/** The contents that a cache returned, where they are an entry for this request, whatever digests and keys say. */
const usable = (
  { owner: { partitionId } }: Admitting,
  { encryptionContext, operation }: CacheableRequest<CompleteMaterials, unknown>,
  { content, key }: Found
): Entry | undefined => {
  if (!(content instanceof Entry) || content.evicted) return undefined
  const { metadata } = content
  return metadata.key === key && metadata.operation === operation && metadata.partitionId === partitionId &&
      EncryptionContext.isEqual(content.requestedContext, encryptionContext)
    ? content
    : undefined
}

/** Copies the materials of an entry, with their key, for a request. */
const take = (claim: Claim<CompleteMaterials>, entry: Entry): void => give(claim, entry.copyMaterials()!)

/** The usage of an entry with a request, or what forbids it. */
const usageWith = (
  { invalidations }: Admitting,
  entry: Entry,
  request: CacheableRequest<CompleteMaterials, unknown>,
  now: Instant
): Usage | EvictionCause => {
  const rejection = invalidations.rejection(entry, now)
  if (rejection !== undefined) return rejection
  // The stricter limits of the manager that made the entry and of the request, on every way.
  const limits = entry.limitsWith(request.limits)
  if (entry.ageMillis(now) >= limits.maxAgeMillis) return "age"
  const usage = plus(Ref.getUnsafe(entry.usage), request.charge)
  return exceeded(usage, limits) ?? usage
}

/** Charges the entry and copies its key. Returns the usage, or what forbids it. */
const charge = (
  manager: Admitting,
  entry: Entry,
  request: CacheableRequest<CompleteMaterials, unknown>,
  copyKey: () => void,
  now: Instant
): Usage | EvictionCause => {
  const usage = usageWith(manager, entry, request, now)
  if (typeof usage === "string") return usage
  entry.charge(usage)
  copyKey()
  if (entry.isSpent()) evict(manager, entry, request.cache, "messages", now)
  return usage
}

/** Serves a request from an entry of the cache. An entry that it would take over a limit is evicted. */
const hit = (
  manager: Admitting,
  entry: Entry,
  request: CacheableRequest<CompleteMaterials, unknown>,
  claim: Claim<CompleteMaterials>,
  now: Instant
): Receipt | undefined => {
  const usage = charge(manager, entry, request, () => take(claim, entry), now)
  if (typeof usage === "object") return receiptOf(manager, entry, request, usage, now)
  evict(manager, entry, request.cache, usage, now)
  return undefined
}

/** The receipt of a hit, which may start a refresh. */
const receiptOf = (
  manager: Admitting,
  entry: Entry,
  request: CacheableRequest<CompleteMaterials, unknown>,
  usage: Usage,
  now: Instant
): Receipt => {
  const { key, operation } = request
  manager.emit({ _tag: "Admitted", operation, key, outcome: "hit" })
  const ageMillis = Math.max(0, entry.ageMillis(now))
  const refreshStarted = refreshIfDue(manager, entry, request, ageMillis)
  return { _tag: "Hit", refreshStarted, age: Duration.millis(ageMillis), usage }
}

/** Serves a request from the open flight of its key, or else leads a flight of its own. */
const joinOrLead = <M extends CompleteMaterials>(
  manager: Admitting,
  request: CacheableRequest<CompleteMaterials, unknown>,
  ownClaim: Claim<M>,
  now: Instant
): Admission<M> => {
  // It would wait for a fetch that waits for it.
  if (ownClaim.askers.includes(manager)) return { _tag: "Rejected", description: asksItself }
  const { emit, flights } = manager
  const { cache, key, operation } = request
  const claim = ownClaim as Claim<CompleteMaterials>
  const flight = flights.open.get(key)
  const entry = flight?.entry
  if (entry !== undefined && !entry.evicted) {
    const usage = charge(manager, entry, request, () => take(claim, entry), now)
    if (typeof usage === "object") {
      emit({ _tag: "Admitted", operation, key, outcome: "joined" })
      return { _tag: "Served", materials: ownClaim.materials!, receipt: { _tag: "Joined", usage } }
    }
    evict(manager, entry, cache, usage, now)
  } else if (
    flight !== undefined && entry === undefined && !isOverdue(manager, flight, now) &&
    singleFlight.fits(flight, request.charge, request.limits)
  ) {
    const waiter = reserve(manager, flight, request, claim, false)
    startDeadline(manager, flight, waiter)
    return { _tag: "Waiting", flight, waiter }
  }
  const opened = openFlight(manager, request, "request", claim.askers, now)
  const waiter = reserve(manager, opened, request, claim, true)
  startFetch(manager, opened)
  startDeadline(manager, opened, waiter)
  return { _tag: "Waiting", flight: opened, waiter }
}
