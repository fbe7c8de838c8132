/**
 * The counts of the metrics of caching managers, as one value to compare with.
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

/** Outcomes of the fetches of one trigger. */
export interface Fetches {
  readonly succeeded: number
  readonly failed: number
  readonly deadline: number
  readonly abandoned: number
}

/** The counts of encryption, or of decryption. */
export interface OperationCounts {
  readonly requests: {
    readonly hit: number
    readonly joined: number
    readonly miss: number
    readonly bypassed: number
  }
  /** By reason; without those that did not occur. */
  readonly bypasses: { readonly [Reason in BypassReason]?: number }
  /** Fetches that requests waited for, and fetches that refreshed an entry ahead. */
  readonly fetches: { readonly request: Fetches; readonly refresh: Fetches }
  /** By cause; without those that did not occur. */
  readonly evictions: { readonly [Cause in EvictionCause]?: number }
  /** Entries in the cache, fetches in flight and requests that wait for one, at the moment of reading. */
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
  const table = tableOf(snapshots)
  return {
    encrypt: operationCounts(table, "encrypt"),
    decrypt: operationCounts(table, "decrypt"),
    faults: by(table, "operation", { series: "faults" })
  }
})

/**
 * Runs an effect with a registry of metrics of its own: a process has one registry, and the counts of other tests would be
 * read too. Managers must be made within.
 */
export const isolate = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))

/** The metrics that are read. Each has one id for all its series. */
const metrics = {
  requests: CachingMetrics.requests,
  bypasses: CachingMetrics.bypasses,
  fetches: CachingMetrics.fetches,
  evictions: CachingMetrics.evictions,
  entries: CachingMetrics.entries,
  flights: CachingMetrics.flights,
  waiters: CachingMetrics.waiters,
  faults: CachingMetrics.faults
}

/** One series of a metric: its name and attributes, and the count. */
interface Row {
  readonly attributes: Readonly<Record<string, string>>
  readonly count: number
}

/** Attributes that a row must have, `series` among them. */
type Wanted = Readonly<Record<string, string>> & { readonly series: keyof typeof metrics }

const tableOf = (snapshots: ReadonlyArray<Metric.Metric.Snapshot>): ReadonlyArray<Row> => {
  const names = new Map(Object.entries(metrics).map(([series, metric]) => [metric({}).id, series]))
  return snapshots.flatMap(({ attributes, id, state }) => {
    const series = names.get(id)
    return series === undefined ? [] : [{ attributes: { ...attributes, series }, count: countOf(state) }]
  })
}

const countOf = (state: Metric.Metric.Snapshot["state"]): number =>
  "count" in state ? Number(state.count) : "value" in state ? Number(state.value) : 0

const select = (table: ReadonlyArray<Row>, wanted: Wanted): ReadonlyArray<Row> =>
  table.filter(({ attributes }) => Object.entries(wanted).every(([name, value]) => attributes[name] === value))

const sum = (table: ReadonlyArray<Row>, wanted: Wanted): number =>
  select(table, wanted).reduce((total, { count }) => total + count, 0)

/** Sums by the value of an attribute; without those that did not occur. */
const by = (table: ReadonlyArray<Row>, attribute: string, wanted: Wanted): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const { attributes, count } of select(table, wanted)) {
    const value = attributes[attribute] ?? ""
    counts[value] = (counts[value] ?? 0) + count
  }
  return counts
}

const operationCounts = (table: ReadonlyArray<Row>, operation: "encrypt" | "decrypt"): OperationCounts => ({
  requests: {
    hit: sum(table, { series: "requests", operation, outcome: "hit" }),
    joined: sum(table, { series: "requests", operation, outcome: "joined" }),
    miss: sum(table, { series: "requests", operation, outcome: "miss" }),
    bypassed: sum(table, { series: "requests", operation, outcome: "bypassed" })
  },
  bypasses: by(table, "reason", { series: "bypasses", operation }),
  fetches: {
    request: fetchCounts(table, operation, "request"),
    refresh: fetchCounts(table, operation, "refresh")
  },
  evictions: by(table, "cause", { series: "evictions", operation }),
  entries: sum(table, { series: "entries", operation }),
  flights: sum(table, { series: "flights", operation }),
  waiters: sum(table, { series: "waiters", operation })
})

const fetchCounts = (table: ReadonlyArray<Row>, operation: string, trigger: "request" | "refresh"): Fetches => ({
  succeeded: sum(table, { series: "fetches", operation, trigger, outcome: "succeeded" }),
  failed: sum(table, { series: "fetches", operation, trigger, outcome: "failed" }),
  deadline: sum(table, { series: "fetches", operation, trigger, outcome: "deadline" }),
  abandoned: sum(table, { series: "fetches", operation, trigger, outcome: "abandoned" })
})
