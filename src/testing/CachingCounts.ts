/**
 * What the metrics of caching managers have counted, as one value to compare with.
 *
 * ```ts
 * it.effect("…", () =>
 *   Effect.gen(function*() {
 *     // … the program under test …
 *     const { encrypt } = yield* CachingCounts.read
 *     assert.deepStrictEqual(encrypt.requests, { hit: 2999, joined: 0, miss: 1, bypassed: 0 })
 *   }).pipe(Effect.provide(layer), CachingCounts.isolate))
 * ```
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as CachingMetrics from "../caching/CachingMetrics.ts"
import type { EvictionCause } from "../caching/EntryMetadata.ts"
import type { BypassReason } from "../model/Receipt.ts"

/** How the fetches of one trigger ended. */
export interface Fetches {
  readonly landed: number
  readonly failed: number
  readonly deadline: number
  readonly abandoned: number
}

/** What was counted for encryption, or for decryption. */
export interface OperationCounts {
  readonly requests: {
    readonly hit: number
    readonly joined: number
    readonly miss: number
    readonly bypassed: number
  }
  /** By reason; without those that did not occur. */
  readonly bypasses: { readonly [Reason in BypassReason]?: number }
  /** Those that requests waited for, and those that refreshed an entry ahead. */
  readonly fetches: { readonly request: Fetches; readonly refresh: Fetches }
  /** By cause; without those that did not occur. */
  readonly evictions: { readonly [Cause in EvictionCause]?: number }
  /** Entries in the cache, fetches in the air and requests that wait for one, at the moment of reading. */
  readonly entries: number
  readonly flights: number
  readonly waiters: number
}

/** The counts of all managers that were made with the same registry of metrics. */
export interface CachingCounts {
  readonly encrypt: OperationCounts
  readonly decrypt: OperationCounts
  /** Faults of the cache, by its operation. */
  readonly faults: Readonly<Record<string, number>>
}

/** Reads the registry of metrics of this context. */
export const read: Effect.Effect<CachingCounts> = /*#__PURE__*/ Effect.map(Metric.snapshot, (snapshots) => {
  const series = (metric: (attributes: Readonly<Record<string, string>>) => { readonly id: string }) => {
    const { id } = metric({})
    return snapshots.flatMap(({ attributes, id: found, state }) =>
      found === id ? [{ attributes: attributes ?? {}, count: countOf(state) }] : []
    )
  }
  const all = {
    requests: series(CachingMetrics.requests),
    bypasses: series(CachingMetrics.bypasses),
    fetches: series(CachingMetrics.fetches),
    evictions: series(CachingMetrics.evictions),
    entries: series(CachingMetrics.entries),
    flights: series(CachingMetrics.flights),
    waiters: series(CachingMetrics.waiters)
  }
  const operation = (name: "encrypt" | "decrypt"): OperationCounts => {
    const sum = (of: keyof typeof all, wanted: Readonly<Record<string, string>> = {}): number =>
      all[of]
        .filter(({ attributes }) =>
          Object.entries({ operation: name, ...wanted }).every(([key, value]) => attributes[key] === value)
        )
        .reduce((total, { count }) => total + count, 0)
    const fetches = (trigger: "request" | "refresh"): Fetches => ({
      landed: sum("fetches", { trigger, outcome: "landed" }),
      failed: sum("fetches", { trigger, outcome: "failed" }),
      deadline: sum("fetches", { trigger, outcome: "deadline" }),
      abandoned: sum("fetches", { trigger, outcome: "abandoned" })
    })
    return {
      requests: {
        hit: sum("requests", { outcome: "hit" }),
        joined: sum("requests", { outcome: "joined" }),
        miss: sum("requests", { outcome: "miss" }),
        bypassed: sum("requests", { outcome: "bypassed" })
      },
      bypasses: by("reason", all.bypasses.filter(({ attributes }) => attributes["operation"] === name)),
      fetches: { request: fetches("request"), refresh: fetches("refresh") },
      evictions: by("cause", all.evictions.filter(({ attributes }) => attributes["operation"] === name)),
      entries: sum("entries"),
      flights: sum("flights"),
      waiters: sum("waiters")
    }
  }
  return {
    encrypt: operation("encrypt"),
    decrypt: operation("decrypt"),
    faults: by("operation", series(CachingMetrics.faults))
  }
})

/**
 * Runs an effect with a registry of metrics of its own: the registry of a process is one, and what other tests count in it
 * would be read too. Managers must be made within.
 */
export const isolate = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))

const countOf = (state: Metric.Metric.Snapshot["state"]): number =>
  "count" in state ? Number(state.count) : "value" in state ? Number(state.value) : 0

const by = (
  name: string,
  series: ReadonlyArray<{ readonly attributes: Readonly<Record<string, string>>; readonly count: number }>
): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const { attributes, count } of series) {
    const value = attributes[name] ?? ""
    counts[value] = (counts[value] ?? 0) + count
  }
  return counts
}
