/**
 * The metrics of governors, in Effect's `Metric`. Names and attributes are stable; every attribute has few values, whatever keys are
 * named: Regions beyond the first 64, and texts that are none, are `other`.
 *
 * A governor updates the registry of the context that it was made in.
 */
import { familiesOf, powers } from "../../internal/metrics.ts"

const families = /*#__PURE__*/ familiesOf("effect_encryption_sdk_kms_governor_")

/**
 * Calls that ended, by `region`, `operation` and `outcome`: `succeeded`, `failed`, `throttled`, `deadline`, `rate` (failed at once, for
 * lack of rate), `circuit`, `abandoned`. A retry is no call of its own.
 */
export const calls = /*#__PURE__*/ families.counter("calls", "Calls that ended, by outcome")

/** Calls in flight, by `region`. */
export const inFlight = /*#__PURE__*/ families.gauge("in_flight", "Calls of AWS KMS in flight")

/** Calls that wait for their turn, by `region` and `priority`: `request`, `background`. */
export const waiting = /*#__PURE__*/ families.gauge("waiting", "Calls that wait for a place or for the rate")

/** Time until calls had their turn, in milliseconds, by `region` and `priority`. */
export const waitTime = /*#__PURE__*/ families.histogram(
  "wait_millis",
  "Time that calls waited for a place and for the rate",
  /*#__PURE__*/ powers(1, 2, 16)
)

/** Attempts that AWS KMS throttled, by `region` and `operation`. */
export const throttles = /*#__PURE__*/ families.counter("throttles", "Attempts that AWS KMS throttled")

/** Retries, by `region` and `operation`. */
export const retries = /*#__PURE__*/ families.counter("retries", "Attempts after the first")

/** Retries that were not made since the budget of the Region was spent, by `region`. */
export const budgetExhausted = /*#__PURE__*/ families.counter(
  "budget_exhausted",
  "Retries that the budget did not allow"
)

/** The rate at which calls go, in calls per second, by `region` and `quota`: `symmetric`, `RSA`, or an operation. */
export const rate = /*#__PURE__*/ families.gauge("rate", "Calls per second that the governor lets through")

/** Outages of the store of the shared rate: a warning. */
export const storeLost = /*#__PURE__*/ families.counter("store_lost", "Outages of the store of the shared rate")

/** Whether the circuit of a Region lets no calls through, by `region`: 1 open, 0.5 half open, 0 closed. */
export const circuit = /*#__PURE__*/ families.gauge("circuit", "State of the circuit breaker")
