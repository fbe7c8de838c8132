/** The branch keys in a cache. */
import type * as Context from "effect/Context"
import { elapsedMillis, type Instant } from "../../internal/instant.ts"
import type { BranchKeyOutcome } from "../../model/BranchKeyUse.ts"
import * as DataKey from "../../model/DataKey.ts"
import type { EncryptionContext } from "../../model/EncryptionContext.ts"
import * as metrics from "../BranchKeyMetrics.ts"
import type { BranchKey } from "../BranchKeyStore.ts"

/** A branch key as a cache serves it. */
export interface CachedBranchKey extends BranchKey {
  /** Whether it was cached. */
  readonly outcome: BranchKeyOutcome
}

/** Reason why an entry left the cache. */
export type EvictionCause = "age" | "capacity" | "replaced" | "invalidated" | "cleared" | "scope"

/** The branch keys that a request can be for, as metrics name them. */
export type Kind = "active" | "version"

/** One branch key. Its bytes are in a private field, so that no way of printing the entry shows them. */
export class CachedKey {
  /** The key under which it is stored. */
  readonly key: string
  readonly kind: Kind
  readonly branchKeyId: string
  readonly version: string
  readonly encryptionContext: EncryptionContext
  /** The beginning of the read that it came from: it is as old as the oldest state of the storage that it can show. */
  readonly readAt: Instant
  /** Share of its life after which a request that it serves renews it. */
  readonly refreshShare: number
  /** Age in milliseconds before which it is not renewed again, after a renewal that failed. */
  retryAgeMillis = 0
  #bytes: Uint8Array | undefined

  /** Keeps a copy of the key. */
  constructor(key: string, kind: Kind, branchKey: BranchKey, readAt: Instant, refreshShare: number) {
    this.key = key
    this.kind = kind
    this.branchKeyId = branchKey.branchKeyId
    this.version = branchKey.version
    this.encryptionContext = branchKey.encryptionContext
    this.readAt = readAt
    this.refreshShare = refreshShare
    this.#bytes = DataKey.value(DataKey.copy(branchKey.key))
  }

  ageMillis(now: Instant): number {
    return elapsedMillis(this.readAt, now)
  }

  isDueForRefresh(ageMillis: number, maxAgeMillis: number): boolean {
    return ageMillis >= this.refreshShare * maxAgeMillis && ageMillis >= this.retryAgeMillis
  }

  /** The branch key with a key of its own, which one request owns and zeroes. Undefined once the entry was zeroed. */
  copy(): BranchKey | undefined {
    if (this.#bytes === undefined) return undefined
    const { branchKeyId, encryptionContext, version } = this
    return { branchKeyId, version, encryptionContext, key: DataKey.copyFrom(this.#bytes) }
  }

  /** Zeroes the bytes. */
  zero(): void {
    this.#bytes?.fill(0)
    this.#bytes = undefined
  }
}

/** The entries, in the order of use and in the order of age. */
export class CachedKeys {
  /** A Map keeps the order of insertion: the first entry is the least recently used one. */
  readonly #byUse = new Map<string, CachedKey>()
  /** The first is the oldest, or nearly so: entries come in the order in which their reads ended. */
  readonly #byAge = new Set<CachedKey>()
  readonly #capacity: number
  readonly #maxAgeMillis: number
  readonly #context: Context.Context<never>

  constructor(capacity: number, maxAgeMillis: number, context: Context.Context<never>) {
    this.#capacity = capacity
    this.#maxAgeMillis = maxAgeMillis
    this.#context = context
  }

  get size(): number {
    return this.#byUse.size
  }

  /** The entry, which has been used then. */
  get(key: string): CachedKey | undefined {
    const entry = this.#byUse.get(key)
    if (entry !== undefined) {
      this.#byUse.delete(key)
      this.#byUse.set(key, entry)
    }
    return entry
  }

  put(entry: CachedKey): void {
    const before = this.#byUse.get(entry.key)
    if (before !== undefined) this.evict(before, "replaced")
    this.#byUse.set(entry.key, entry)
    this.#byAge.add(entry)
    metrics.entries({ operation: entry.kind }).modifyUnsafe(1, this.#context)
    if (this.#byUse.size > this.#capacity) this.evict(this.#byUse.values().next().value!, "capacity")
  }

  evict(entry: CachedKey, cause: EvictionCause): void {
    this.#byUse.delete(entry.key)
    this.#byAge.delete(entry)
    entry.zero()
    metrics.entries({ operation: entry.kind }).modifyUnsafe(-1, this.#context)
    metrics.evictions({ operation: entry.kind, cause }).updateUnsafe(1, this.#context)
  }

  evictWhere(predicate: (entry: CachedKey) => boolean, cause: EvictionCause): void {
    for (const entry of [...this.#byAge].filter(predicate)) this.evict(entry, cause)
  }

  /** Evicts the oldest entries, while they are expired. */
  evictExpired(now: Instant): void {
    for (const entry of this.#byAge) {
      if (entry.ageMillis(now) < this.#maxAgeMillis) return
      this.evict(entry, "age")
    }
  }
}
