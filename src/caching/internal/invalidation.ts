/** Evictions by what an entry is about, in the caches, on the way into them and in flight. */
import * as Effect from "effect/Effect"
import * as EncryptedDataKey from "../../model/EncryptedDataKey.ts"
import * as EncryptionContext from "../../model/EncryptionContext.ts"
import type { EntryMetadata, EvictionCause } from "../EntryMetadata.ts"
import type { MaterialsCache } from "../MaterialsCache.ts"
import { attempt, evict } from "./cacheAccess.ts"
import type { Fetching } from "./fetching.ts"
import { nowUnsafe } from "../../internal/instant.ts"
import type { Invalidations, PartialMetadata } from "./invalidations.ts"
import { ownEncryptedDataKeys, type OwnKeys } from "./metadata.ts"
import * as singleFlight from "./singleFlight.ts"
import { step } from "./steps.ts"

/** The part of a manager that invalidates. */
export interface Invalidating extends Fetching {
  readonly caches: ReadonlyArray<MaterialsCache>
  readonly invalidations: Invalidations
}

/** The result of an invalidation. */
export interface Invalidation {
  /** The number of entries that the caches evicted. Those on their way into a cache are evicted too, and not counted. */
  readonly evicted: number
  /**
   * Whether all caches confirmed it. If not, one of them failed or took too long: this manager serves none of the entries all
   * the same, but others that share the cache may.
   */
  readonly isConfirmed: boolean
}

/**
 * Evicts what fits in this manager's partition: in the caches, and on the way into them. Flights that fit serve those who wait
 * for them, and nothing of them is cached. Entries that were made before are not served by this manager from now on,
 * whatever the caches do.
 */
export const evictWhere = (
  manager: Invalidating,
  fits: (metadata: PartialMetadata) => boolean,
  cause: EvictionCause
): Effect.Effect<Invalidation> =>
  Effect.suspend(() => {
    const { caches, clock, invalidations, owner: { partitionId } } = manager
    step(() => {
      const now = nowUnsafe(clock)
      invalidations.add(fits, cause, now)
      closeFlights(manager, fits)
      for (const [entry, cache] of manager.inTransit) {
        if (fits(entry.metadata)) evict(manager, entry, cache, cause, now)
      }
    })
    const isMatch = (metadata: EntryMetadata) => metadata.partitionId === partitionId && fits(metadata)
    return Effect.map(
      Effect.forEach(
        caches,
        (cache) => attempt(manager, "deleteWhere", () => cache.deleteWhere(isMatch, cause)),
        { concurrency: "unbounded" }
      ),
      (counts) => ({
        evicted: counts.reduce<number>((sum, count) => sum + (Number.isSafeInteger(count) ? count! : 0), 0),
        isConfirmed: counts.every((count) => Number.isSafeInteger(count))
      })
    )
  })

/** Closes the flights that fit. An entry of theirs is on its way into the cache. */
const closeFlights = ({ flights }: Invalidating, fits: (metadata: PartialMetadata) => boolean): void => {
  for (const flight of flights.open.values()) {
    const { encryptionContext } = flight.request
    if (fits(flight.entry?.metadata ?? { encryptionContext })) singleFlight.close(flights, flight)
  }
}

/** Whether metadata has all the pairs, and this wrapping key, of those that are given. */
export const fitsSelector = (
  { encryptionContext, wrappingKey }: {
    readonly encryptionContext?: EncryptionContext.EncryptionContext | undefined
    readonly wrappingKey?: string | undefined
  },
  metadata: PartialMetadata
): boolean =>
  (encryptionContext === undefined ||
    EncryptionContext.findMismatch(encryptionContext, metadata.encryptionContext) === undefined) &&
  (wrappingKey === undefined || isWrappedBy(wrappingKey, ownEncryptedDataKeys(metadata)))

/** By the key that generated or unwrapped the data key; also where that is not known yet. */
const isWrappedBy = (
  wrappingKey: string,
  encryptedDataKeys: OwnKeys | undefined
): boolean =>
  encryptedDataKeys === undefined || encryptedDataKeys.slice(0, 1).some((edk) => wrappingKeyName(edk) === wrappingKey)

/** A raw AES keyring writes more behind the key's name, which does not print. */
const wrappingKeyName = ({ keyProviderInfo }: EncryptedDataKey.EncryptedDataKey): string =>
  EncryptedDataKey.printableInfo(keyProviderInfo).replace(/\u2026$/u, "")
