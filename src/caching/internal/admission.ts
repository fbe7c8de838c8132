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
import { type Instant, nowUnsafe } from "./instant.ts"
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

/** The contents of a cache under the key of a request, and under the others of it. */
export type Found = readonly [unknown, ...ReadonlyArray<unknown>]

/** Admits a request, with what the cache has. */
export const admit = <M extends CompleteMaterials, E>(
  manager: Admitting,
  request: CacheableRequest<M, E>,
  ownClaim: Claim<M>,
  found: Found
): Admission<M> =>
  step(() => {
    if (manager.background.closed) return { _tag: "Rejected", description: managerClosed }
    if (ownClaim.released) return { _tag: "Rejected", description: scopeClosed }
    const now = nowUnsafe(manager.clock)
    const untyped = request as unknown as CacheableRequest<CompleteMaterials, unknown>
    const claim = ownClaim as unknown as Claim<CompleteMaterials>
    for (const [index, key] of [request.key, ...request.otherKeys].entries()) {
      const entry = usable(manager, untyped, found[index], key)
      const receipt = entry && hit(manager, entry, untyped, claim, now)
      if (receipt) return { _tag: "Served", materials: ownClaim.materials!, receipt }
    }
    return joinOrLead(manager, untyped, ownClaim, now)
  })

/** Looks up in a cache that responds at once, and admits, in one step. */
export const admitAtOnce = <M extends CompleteMaterials, E>(
  manager: Admitting,
  request: CacheableRequest<M, E>,
  claim: Claim<M>,
  getUnsafe: GetUnsafe
): Admission<M> => {
  // Nothing is looked up either: that alone would count as use.
  if (manager.background.closed) return { _tag: "Rejected", description: managerClosed }
  // The look-up at once has failed before: its fault is the one of this request.
  const found = request.cacheFault ? undefined : lookUpAtOnce(request, getUnsafe)
  if (found === undefined) manager.emit({ _tag: "CacheFault", operation: "get", fault: "died" })
  return admit(manager, request, claim, found ?? [undefined])
}

type GetUnsafe = NonNullable<MaterialsCache["getUnsafe"]>

/** The contents of a cache that responds at once; undefined where it throws. */
const lookUpAtOnce = <M extends CompleteMaterials>(
  { key, otherKeys }: CacheableRequest<M, unknown>,
  getUnsafe: GetUnsafe
): Found | undefined => {
  try {
    return [getUnsafe(key), ...otherKeys.map((key) => getUnsafe(key))]
  } catch {
    return undefined
  }
}

/** The first usable entry of a cache that responds at once. The other keys are looked up only where it is not under the first. */
const findAtOnce = (
  manager: Admitting,
  request: CacheableRequest<CompleteMaterials, unknown>,
  getUnsafe: GetUnsafe
): Entry | undefined => {
  const { key } = request
  const entry = usable(manager, request, getUnsafe(key), key)
  if (entry !== undefined) return entry
  for (const key of request.otherKeys) {
    const other = usable(manager, request, getUnsafe(key), key)
    if (other !== undefined) return other
  }
  return undefined
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
    entry = findAtOnce(manager, untyped, getUnsafe)
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
  found: unknown,
  key: string
): Entry | undefined => {
  if (!(found instanceof Entry) || found.evicted) return undefined
  const { metadata } = found
  return metadata.key === key && metadata.operation === operation && metadata.partitionId === partitionId &&
      EncryptionContext.isEqual(found.requestedContext, encryptionContext)
    ? found
    : undefined
}

/** Copies the materials of an entry, with their key, for a request. */
const take = (claim: Claim<CompleteMaterials>, entry: Entry): void => give(claim, entry.copyMaterials()!)

/** Charges the entry and copies its key. Returns the usage, or what forbids it. */
const charge = (
  manager: Admitting,
  entry: Entry,
  request: CacheableRequest<CompleteMaterials, unknown>,
  copyKey: () => void,
  now: Instant
): Usage | EvictionCause => {
  const rejection = manager.invalidations.rejection(entry, now)
  if (rejection !== undefined) return rejection
  // The stricter limits of the manager that made the entry and of the request, on every way.
  const limits = entry.limitsWith(request.limits)
  if (entry.ageMillis(now) >= limits.maxAgeMillis) return "age"
  const usage = plus(Ref.getUnsafe(entry.usage), request.charge)
  const threshold = exceeded(usage, limits)
  if (threshold !== undefined) return threshold
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
