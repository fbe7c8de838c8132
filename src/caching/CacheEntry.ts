/**
 * An entry of a materials cache: an opaque handle within this process. A cache stores handles, and can read their public
 * metadata; the materials inside are for the caching materials manager alone.
 *
 * Specification: framework/cryptographic-materials-cache.md#cache-entry
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import type { EntryMetadata, EvictionCause } from "./EntryMetadata.ts"
import * as internal from "./internal/entry.ts"
import { nowUnsafe } from "../internal/instant.ts"
import type { Usage } from "../model/Receipt.ts"

export type { EntryMetadata, EvictionCause, EvictionEvent } from "./EntryMetadata.ts"

/** An opaque handle. Only caching managers make entries. */
export interface CacheEntry {
  readonly metadata: EntryMetadata
  /** The operation and the suite, and nothing of the materials. */
  toString(): string
}

/** Whether a value is an entry: for a cache that gets its handles back as values of an unknown type. */
export const isCacheEntry = (value: unknown): value is CacheEntry => value instanceof internal.Entry

const entryOf = (entry: CacheEntry): internal.Entry => {
  if (entry instanceof internal.Entry) return entry
  throw new TypeError("a CacheEntry is made by a caching materials manager only")
}

/** The usage of the entry's data key so far. */
export const usage = (entry: CacheEntry): Effect.Effect<Usage> => Ref.get(entryOf(entry).usage)

/** Whether the entry has been evicted, and its key zeroed. */
export const isEvicted = (entry: CacheEntry): boolean => entryOf(entry).evicted

/** Whether the entry has reached its maximum age, by the larger of wall and monotonic time elapsed. */
export const isExpired = (entry: CacheEntry): Effect.Effect<boolean> =>
  Clock.clockWith((clock) => Effect.succeed(entryOf(entry).isExpired(nowUnsafe(clock))))

/**
 * Evicts an entry: zeroes its data key at once, and tells the cause to the metrics and to listeners. Returns whether
 * this call did it; evicting twice does nothing. Operations that were handed materials go on, since each has a copy of its
 * own.
 *
 * **Gotchas**
 *
 * Every cache calls this for each entry that it drops or replaces.
 */
export const evict = (entry: CacheEntry, cause: EvictionCause): Effect.Effect<boolean> =>
  Clock.clockWith((clock) => Effect.sync(() => entryOf(entry).evict(cause, nowUnsafe(clock))))
