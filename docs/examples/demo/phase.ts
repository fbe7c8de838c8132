/**
 * A phase of the demo, encryption or decryption: its own caching materials manager with an empty cache, and a count of
 * what they did.
 */
import { Clock, Effect, Layer } from "effect"
import { EncryptionSdk, type Keyring, type KeyringError } from "effect-encryption-sdk"
import { type CacheEntry, type CachePolicy, CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import * as CountingKms from "./counting-kms.ts"
import type { Done } from "./messages.ts"

/** What a phase did. */
export interface PhaseReport {
  readonly records: number
  readonly calls: CountingKms.KmsCalls
  /** Served from the cache. */
  readonly hits: number
  /** Fetched, and offered to the cache. */
  readonly misses: number
  /** Served by a fetch that a record before had started. */
  readonly joined: number
  /** Fetched past the cache. */
  readonly bypassed: number
  /** By their causes; `scope` are the entries that were left when the phase was over. */
  readonly evictions: ReadonlyMap<CacheEntry.EvictionCause, number>
  /** In milliseconds: the larger of wall and monotonic time, by which the cache counts age too. */
  readonly elapsed: number
}

/** The cache of each phase, and how it may be used. */
export interface CacheSettings {
  readonly policy: CachePolicy.CachePolicy
  readonly capacity: number
}

/** Runs the work with a client of its own over the keyring, and closes the cache when it is done. */
export const run = Effect.fnUntraced(function*<A, E, R, RK>(
  { capacity, policy }: CacheSettings,
  keyring: Layer.Layer<Keyring.Service, KeyringError.KeyringError, RK>,
  work: Effect.Effect<Done<A>, E, R | EncryptionSdk.EncryptionSdk>
) {
  const count = yield* CountingKms.KmsCallCount
  const evictions = new Map<CacheEntry.EvictionCause, number>()
  const client = EncryptionSdk.layer().pipe(
    Layer.provide(CachingCmm.layer({ policy })),
    Layer.provide(LocalCache.layer({
      capacity,
      onEviction: ({ cause }) => evictions.set(cause, (evictions.get(cause) ?? 0) + 1)
    })),
    Layer.provide(keyring)
  )
  const before = yield* count.calls
  const elapsed = yield* stopwatch
  const { receipts, result } = yield* Effect.provide(work, client)
  const tags = receipts.map(({ _tag }) => _tag)
  const tally = (wanted: (typeof tags)[number]) => tags.filter((tag) => tag === wanted).length
  const report: PhaseReport = {
    records: receipts.length,
    calls: CountingKms.difference(before, yield* count.calls),
    hits: tally("Hit"),
    misses: tally("Miss"),
    joined: tally("Joined"),
    bypassed: tally("Bypassed"),
    evictions,
    elapsed: yield* elapsed
  }
  return { result, report }
})

/** Answers how much time has passed since it was asked for. */
const stopwatch = Effect.map(Clock.Clock, (clock) => {
  const wall = clock.currentTimeMillisUnsafe()
  const monotonic = clock.monotonicTimeNanosUnsafe()
  return Effect.sync(() =>
    Math.max(clock.currentTimeMillisUnsafe() - wall, Number(clock.monotonicTimeNanosUnsafe() - monotonic) / 1e6)
  )
})
