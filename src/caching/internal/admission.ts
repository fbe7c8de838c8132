/**
 * The admission of a request: a hit, a join, a new flight, or none since the manager is closed. One synchronous step for
 * each entry key, whatever the cache is.
 */
import * as Duration from "effect/Duration"
import * as Ref from "effect/Ref"
import { type KeyHolder, Served } from "../../materials/atOnce.ts"
import type { Receipt, Usage } from "../../model/Receipt.ts"
import type { MaterialsCache } from "../MaterialsCache.ts"
import type { CacheableRequest } from "./cacheable.ts"
import { evict } from "./cacheAccess.ts"
import { type CompleteMaterials, Entry } from "./entry.ts"
import { type Claim, type Flight, openFlight, reserve, startFetch, type Waiter } from "./fetching.ts"
import { type Instant, nowUnsafe } from "./instant.ts"
import { exceeded, type Threshold } from "./limits.ts"
import { refreshIfDue, type Refreshing } from "./refreshAhead.ts"
import * as singleFlight from "./singleFlight.ts"
import { plus } from "./usage.ts"

export type Admission<M extends CompleteMaterials> =
  | { readonly _tag: "Closed" }
  | { readonly _tag: "Served"; readonly materials: M; readonly receipt: Receipt }
  | { readonly _tag: "Waiting"; readonly flight: Flight; readonly waiter: Waiter }

/** Admits a request, with what the cache has under its key and under the manager's own. */
export const admit = <M extends CompleteMaterials, E>(
  manager: Refreshing,
  request: CacheableRequest<M, E>,
  claim: Claim<M>,
  found: unknown,
  foundOwn: unknown
): Admission<M> => {
  if (manager.background.closed) return { _tag: "Closed" }
  const now = nowUnsafe(manager.clock)
  const { key, operation, ownKey } = request
  const untyped = request as unknown as CacheableRequest<CompleteMaterials, unknown>
  for (const entry of [usable(found, key, operation), ownKey && usable(foundOwn, ownKey, operation)]) {
    const receipt = entry && hit(manager, entry, untyped, () => take(claim, entry), now)
    if (receipt) return { _tag: "Served", materials: claim.materials!, receipt }
  }
  return joinOrLead(manager, untyped, claim, now)
}

/** Looks up in a cache that responds at once, and admits, in one step. */
export const admitAtOnce = <M extends CompleteMaterials, E>(
  manager: Refreshing,
  request: CacheableRequest<M, E>,
  claim: Claim<M>,
  getUnsafe: NonNullable<MaterialsCache["getUnsafe"]>
): Admission<M> => {
  // Nothing is looked up either: that alone would count as use.
  if (manager.background.closed) return { _tag: "Closed" }
  // The look-up at once has failed before: its fault is the one of this request.
  const looked = request.cacheFault ? undefined : lookUpAtOnce(request, getUnsafe)
  if (looked === undefined) manager.emit({ _tag: "CacheFault", operation: "get", fault: "died" })
  return admit(manager, request, claim, looked?.found, looked?.foundOwn)
}

/** The contents of a cache that responds at once under the keys of a request; undefined where it throws. */
const lookUpAtOnce = (
  { key, ownKey }: Pick<CacheableRequest<never, unknown>, "key" | "ownKey">,
  getUnsafe: NonNullable<MaterialsCache["getUnsafe"]>
): { readonly found: unknown; readonly foundOwn: unknown } | undefined => {
  try {
    const found = getUnsafe(key)
    return { found, foundOwn: found === undefined && ownKey !== undefined ? getUnsafe(ownKey) : undefined }
  } catch {
    return undefined
  }
}

/** Serves a request in one step, where a cache that responds at once has its entry. */
export const hitAtOnce = <M extends CompleteMaterials, E>(
  manager: Refreshing,
  request: CacheableRequest<M, E>,
  holder: KeyHolder
): Served<M> | undefined => {
  const { cache: { getUnsafe }, key, operation, ownKey } = request
  if (getUnsafe === undefined || manager.background.closed) return undefined
  const now = nowUnsafe(manager.clock)
  const looked = lookUpAtOnce(request, getUnsafe)
  if (looked === undefined) {
    request.cacheFault = true
    return undefined
  }
  const entry = usable(looked.found, key, operation) ?? (ownKey && usable(looked.foundOwn, ownKey, operation))
  if (!entry) return undefined
  const untyped = request as unknown as CacheableRequest<CompleteMaterials, unknown>
  const usage = charge(manager, entry, untyped, () => entry.copyKey(holder), now)
  // An entry that meets a threshold is evicted by the admission that follows then, in the step of the miss.
  if (typeof usage === "string") return undefined
  const receipt = receiptOf(manager, entry, untyped, usage, now)
  return new Served(entry.sharedMaterials as unknown as Omit<M, "plaintextDataKey">, receipt)
}

const usable = (found: unknown, key: string, operation: string): Entry | undefined =>
  found instanceof Entry && !found.evicted && found.metadata.key === key && found.metadata.operation === operation
    ? found
    : undefined

/** Copies the materials of an entry, with their key, for a request. */
const take = (claim: Claim<CompleteMaterials>, entry: Entry): void => {
  claim.materials = entry.copyMaterials()!
}

/** Charges the entry and copies its key. Returns the usage, or the threshold that forbids it. */
const charge = (
  manager: Refreshing,
  entry: Entry,
  request: CacheableRequest<CompleteMaterials, unknown>,
  copyKey: () => void,
  now: Instant
): Usage | Threshold => {
  if (entry.ageMillis(now) >= request.limits.maxAgeMillis) return "age"
  const usage = plus(Ref.getUnsafe(entry.usage), request.charge)
  const threshold = exceeded(usage, request.limits)
  if (threshold !== undefined) return threshold
  entry.charge(usage)
  copyKey()
  if (entry.isSpent()) evict(manager, entry, request.cache, "messages", now)
  return usage
}

/** Serves a request from an entry of the cache. An entry that it would take over a limit is evicted. */
const hit = (
  manager: Refreshing,
  entry: Entry,
  request: CacheableRequest<CompleteMaterials, unknown>,
  copyKey: () => void,
  now: Instant
): Receipt | undefined => {
  const usage = charge(manager, entry, request, copyKey, now)
  if (typeof usage === "object") return receiptOf(manager, entry, request, usage, now)
  evict(manager, entry, request.cache, usage, now)
  return undefined
}

/** The receipt of a hit, which may start a refresh. */
const receiptOf = (
  manager: Refreshing,
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
  manager: Refreshing,
  request: CacheableRequest<CompleteMaterials, unknown>,
  ownClaim: Claim<M>,
  now: Instant
): Admission<M> => {
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
    flight !== undefined && entry === undefined && singleFlight.fits(flight, request.charge, request.limits)
  ) {
    return { _tag: "Waiting", flight, waiter: reserve(manager, flight, request, claim, false) }
  }
  const opened = openFlight(manager, request, "request", now)
  const waiter = reserve(manager, opened, request, claim, true)
  startFetch(manager, opened)
  return { _tag: "Waiting", flight: opened, waiter }
}
