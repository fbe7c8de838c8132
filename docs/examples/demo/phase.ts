/**
 * A phase of the demo, encryption or decryption: its own caching materials manager with an empty cache, and what their
 * metrics counted.
 */
import { Clock, Effect, Layer } from "effect"
import { EncryptionSdk, type Keyring, type KeyringError } from "effect-encryption-sdk"
import { type CachePolicy, CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { CachingCounts } from "effect-encryption-sdk/testing"
import * as CountingKms from "./counting-kms.ts"
import type { Done } from "./messages.ts"

/** Counts of a phase. */
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
  /** Entries that were renewed before they met a threshold. */
  readonly renewed: number
  /** By their causes; `scope` are the entries that were left when the phase was over. */
  readonly evictions: CachingCounts.OperationCounts["evictions"]
  /** In milliseconds: the larger of wall and monotonic time, by which the cache counts age too. */
  readonly elapsed: number
}

/** The cache of each phase, and how it may be used. */
export interface CacheSettings {
  readonly policy: CachePolicy.CachePolicy
  readonly capacity: number
  readonly refreshAhead: boolean
}

/** Runs the work with a client of its own over the keyring, and closes the cache when it is done. */
export const run = <A, E, R, RK>(
  operation: "encrypt" | "decrypt",
  { capacity, policy, refreshAhead }: CacheSettings,
  keyring: Layer.Layer<Keyring.Keyring, KeyringError.KeyringError, RK>,
  work: Effect.Effect<Done<A>, E, R | EncryptionSdk.EncryptionSdk>
) =>
  measure(
    EncryptionSdk.layer().pipe(
      Layer.provide(CachingCmm.layer({ policy, refreshAhead: refreshAhead ? {} : undefined })),
      Layer.provide(LocalCache.layer({ capacity })),
      Layer.provide(keyring)
    ),
    work,
    Effect.map(CachingCounts.read, (counts) => {
      const { evictions, fetches, requests: { bypassed, hit: hits, joined, miss: misses } } = counts[operation]
      return { hits, misses, joined, bypassed, renewed: fetches.refresh.succeeded, evictions }
    })
  )

/** Runs the work with a client, closes that, and reads what the metrics counted meanwhile. */
export const measure = Effect.fnUntraced(function*<A, E, R, E2, R2>(
  client: Layer.Layer<EncryptionSdk.EncryptionSdk, E2, R2>,
  work: Effect.Effect<Done<A>, E, R | EncryptionSdk.EncryptionSdk>,
  counts: Effect.Effect<Omit<PhaseReport, "records" | "calls" | "elapsed">>
) {
  const count = yield* CountingKms.KmsCallCount
  const before = yield* count.calls
  const elapsed = yield* stopwatch
  const { records, result } = yield* Effect.provide(work, client)
  const report: PhaseReport = {
    records,
    calls: CountingKms.difference(before, yield* count.calls),
    ...yield* counts,
    elapsed: yield* elapsed
  }
  return { result, report }
}, CachingCounts.isolate)

/** Starts, and returns an effect that reads the milliseconds since. */
const stopwatch = Effect.map(Clock.Clock, (clock) => {
  const wall = clock.currentTimeMillisUnsafe()
  const monotonic = clock.monotonicTimeNanosUnsafe()
  return Effect.sync(() =>
    Math.max(clock.currentTimeMillisUnsafe() - wall, Number(clock.monotonicTimeNanosUnsafe() - monotonic) / 1e6)
  )
})
