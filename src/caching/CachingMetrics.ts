/**
 * The metrics of caching managers, in Effect's `Metric`. Names and attributes are stable; every attribute has few values.
 *
 * A manager updates the registry of the context that it was made in.
 */
import { familiesOf, powers } from "../internal/metrics.ts"

const families = /*#__PURE__*/ familiesOf("effect_encryption_sdk_cache_")

/** Requests, by `operation` and `outcome`: `hit`, `joined`, `miss`, `bypassed`. */
export const requests = /*#__PURE__*/ families.counter("requests", "Requests for materials, by outcome")

/** Requests that bypassed the cache, by `operation` and `reason`. */
export const bypasses = /*#__PURE__*/ families.counter("bypasses", "Requests that went straight through, by reason")

/** Fetches that ended, by `operation`, `trigger` (`request`, `refresh`) and `outcome` (`succeeded`, `failed`, `deadline`, `abandoned`). */
export const fetches = /*#__PURE__*/ families.counter("fetches", "Calls of the underlying manager for the cache")

/** Latency of fetches in milliseconds, by `operation` and `trigger`. */
export const fetchLatency = /*#__PURE__*/ families.histogram(
  "fetch_latency_millis",
  "Latency of calls of the underlying manager",
  /*#__PURE__*/ powers(1, 2, 16)
)

/** Evictions, by `operation` and `cause`. */
export const evictions = /*#__PURE__*/ families.counter("evictions", "Entries that left the cache, by cause")

/** Age of entries at eviction, in milliseconds, by `operation`. */
export const evictionAge = /*#__PURE__*/ families.histogram(
  "eviction_age_millis",
  "Age of entries when they left the cache",
  /*#__PURE__*/ powers(1000, 2, 16)
)

/** Messages that entries had been charged at eviction, by `operation`. */
export const evictionMessages = /*#__PURE__*/ families.histogram(
  "eviction_messages",
  "Messages charged to entries when they left the cache",
  /*#__PURE__*/ powers(1, 4, 16)
)

/** Entries that this manager made and that are in a cache, by `operation`. */
export const entries = /*#__PURE__*/ families.gauge("entries", "Entries in the cache")

/** Fetches in flight, by `operation`. */
export const flights = /*#__PURE__*/ families.gauge("flights", "Calls of the underlying manager in flight")

/** Requests that wait for a fetch, by `operation`. */
export const waiters = /*#__PURE__*/ families.gauge("waiters", "Requests that wait for a fetch")

/** Faults of a cache, which count as misses, by `operation` and `fault`: a warning. */
export const faults = /*#__PURE__*/ families.counter("faults", "Faults of the cache that were taken for misses")
