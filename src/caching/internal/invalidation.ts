/** Evictions by what an entry is about, in the caches, on the way into them and in flight. */
import * as Effect from "effect/Effect"
import * as EncryptedDataKey from "../../model/EncryptedDataKey.ts"
import * as EncryptionContext from "../../model/EncryptionContext.ts"
import type { EntryMetadata, EvictionCause } from "../EntryMetadata.ts"
import type { MaterialsCache } from "../MaterialsCache.ts"
import { attempt, evict } from "./cacheAccess.ts"
import type { Fetching } from "./fetching.ts"
import { nowUnsafe } from "./instant.ts"
import * as singleFlight from "./singleFlight.ts"

/** The part of a manager that invalidates. */
export interface Invalidating extends Fetching {
  readonly caches: ReadonlyArray<MaterialsCache>
}

/** The metadata of an entry, or of a flight, whose encrypted data keys are not known yet. */
export type PartialMetadata = Pick<EntryMetadata, "encryptionContext"> & Partial<EntryMetadata>

/**
 * Evicts what fits in this manager's partition, and returns the number of entries that the caches evicted. Flights that fit
 * serve those who wait for them, and nothing of them is cached.
 */
export const evictWhere = (
  manager: Invalidating,
  fits: (metadata: PartialMetadata) => boolean,
  cause: EvictionCause
): Effect.Effect<number> =>
  Effect.suspend(() => {
    closeFlights(manager, fits, cause)
    const { partitionId } = manager.owner
    const isMatch = (metadata: EntryMetadata) => metadata.partitionId === partitionId && fits(metadata)
    return Effect.map(
      Effect.forEach(
        manager.caches,
        (cache) => attempt(manager, "deleteWhere", cache, cache.deleteWhere(isMatch, cause)),
        { concurrency: "unbounded" }
      ),
      (counts) => counts.reduce<number>((sum, count) => sum + (count ?? 0), 0)
    )
  })

const closeFlights = (
  manager: Invalidating,
  fits: (metadata: PartialMetadata) => boolean,
  cause: EvictionCause
): void => {
  const { clock, flights } = manager
  const now = nowUnsafe(clock)
  for (const flight of flights.open.values()) {
    const { cache, encryptionContext } = flight.request
    if (!fits(flight.entry?.metadata ?? { encryptionContext })) continue
    if (flight.entry !== undefined) evict(manager, flight.entry, cache, cause, now)
    singleFlight.close(flights, flight)
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
  (wrappingKey === undefined || metadata.encryptedDataKeys === undefined ||
    metadata.encryptedDataKeys.slice(0, 1).some((edk) => wrappingKeyName(edk) === wrappingKey))

/** A raw AES keyring writes more behind the key's name, which does not print. */
const wrappingKeyName = ({ keyProviderInfo }: EncryptedDataKey.EncryptedDataKey): string =>
  EncryptedDataKey.printableInfo(keyProviderInfo).replace(/\u2026$/u, "")
