/**
 * The metrics of branch key caches, in Effect's `Metric`. Names and attributes are stable; every attribute has few values.
 * `operation` is `active` for the active version of a branch key, and `version` for one that is named.
 *
 * A cache updates the registry of the context that it was made in.
 */
import { familiesOf, powers } from "../internal/metrics.ts"

const families = /*#__PURE__*/ familiesOf("effect_encryption_sdk_branch_key_cache_")

/** Requests, by `operation` and `outcome`: `hit`, `joined`, `miss`. */
export const requests = /*#__PURE__*/ families.counter("requests", "Requests for branch keys, by outcome")

/** Reads of a store that ended, by `operation`, `trigger` (`request`, `refresh`) and `outcome` (`succeeded`, `failed`, `deadline`, `abandoned`). */
export const fetches = /*#__PURE__*/ families.counter("fetches", "Reads of the branch key store for the cache")

/** Latency of reads in milliseconds, by `operation` and `trigger`. */
export const fetchLatency = /*#__PURE__*/ families.histogram(
  "fetch_latency_millis",
  "Latency of reads of the branch key store",
  /*#__PURE__*/ powers(1, 2, 16)
)

/** Evictions, by `operation` and `cause`: `age`, `capacity`, `replaced`, `invalidated`, `cleared`, `scope`. */
export const evictions = /*#__PURE__*/ families.counter("evictions", "Branch keys that left the cache, by cause")

/** Branch keys in the cache, by `operation`. */
export const entries = /*#__PURE__*/ families.gauge("entries", "Branch keys in the cache")

/** Reads in flight, by `operation`. */
export const flights = /*#__PURE__*/ families.gauge("flights", "Reads of the branch key store in flight")
