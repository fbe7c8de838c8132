import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type { CachingEvent } from "../CachingEvent.ts"
import * as metrics from "../CachingMetrics.ts"
import { tell } from "./steps.ts"

/** Counts each event in the metrics of this context, and tells the listener when the step is complete. */
export const emitter =
  (onEvent: ((event: CachingEvent) => void) | undefined, context: Context.Context<never>) =>
  (event: CachingEvent): void => {
    record(event, context)
    if (onEvent !== undefined) tell(onEvent, event)
  }

const outcomes = (operation: "encrypt" | "decrypt") => ({
  hit: metrics.requests({ operation, outcome: "hit" }),
  joined: metrics.requests({ operation, outcome: "joined" }),
  miss: metrics.requests({ operation, outcome: "miss" })
})

/** The counters of what happens for every message. */
const admitted = { encrypt: /*#__PURE__*/ outcomes("encrypt"), decrypt: /*#__PURE__*/ outcomes("decrypt") }

const record = (event: CachingEvent, context: Context.Context<never>): void => {
  const { operation } = event
  switch (event._tag) {
    case "Bypassed":
      // A request whose materials turned out not to be cacheable was admitted, and counted, before.
      if (event.reason !== "MaterialsNotCacheable") {
        metrics.requests({ operation, outcome: "bypassed" }).updateUnsafe(1, context)
      }
      metrics.bypasses({ operation, reason: event.reason }).updateUnsafe(1, context)
      return
    case "Admitted":
      admitted[event.operation][event.outcome].updateUnsafe(1, context)
      return
    case "FetchStarted":
      metrics.flights({ operation }).modifyUnsafe(1, context)
      return
    case "Fetched": {
      const { outcome, trigger } = event
      metrics.flights({ operation }).modifyUnsafe(-1, context)
      metrics.fetches({ operation, trigger, outcome }).updateUnsafe(1, context)
      metrics.fetchLatency({ operation, trigger }).updateUnsafe(Duration.toMillis(event.latency), context)
      return
    }
    case "Waiting":
      metrics.waiters({ operation }).modifyUnsafe(event.change, context)
      return
    case "Stored":
      metrics.entries({ operation }).modifyUnsafe(1, context)
      return
    case "Evicted":
      metrics.entries({ operation }).modifyUnsafe(-1, context)
      metrics.evictions({ operation, cause: event.cause }).updateUnsafe(1, context)
      metrics.evictionAge({ operation }).updateUnsafe(Duration.toMillis(event.age), context)
      metrics.evictionMessages({ operation }).updateUnsafe(event.usage.messages, context)
      return
    case "CacheFault":
      metrics.faults({ operation, fault: event.fault }).updateUnsafe(1, context)
      return
  }
}
