import type { Mutant } from "../Mutant.ts"
import {
  admission,
  byModel,
  byRefresh,
  entry,
  fetching,
  invalidation,
  refreshAhead,
  refreshOptions,
  singleFlight
} from "./places.ts"

/** Refresh ahead: promise 12. */
export const refreshed: ReadonlyArray<Mutant> = [
  {
    name: "refresh past a hard limit: age",
    file: admission,
    find: "if (typeof usage === \"string\") return usage",
    replace: "if (typeof usage === \"string\") {\n    if (usage !== \"age\" || !manager.refreshing.has(request.key)) " +
      "return usage\n    copyKey()\n    return Ref.getUnsafe(entry.usage)\n  }",
    killedBy: byRefresh("while a renewal is in flight the old entry is not served past its maximum age")
  },
  {
    name: "refresh past a hard limit: bytes",
    file: admission,
    find: "if (typeof usage === \"string\") return usage",
    replace:
      "if (typeof usage === \"string\") {\n    if (usage !== \"bytes\" || !manager.refreshing.has(request.key)) " +
      "return usage\n    copyKey()\n    return Ref.getUnsafe(entry.usage)\n  }",
    killedBy: byRefresh("while a renewal is in flight the old entry is not served past its maximum bytes")
  },
  {
    name: "refresh past a hard limit: messages",
    file: admission,
    find: "if (entry.isSpent()) evict(",
    replace: "if (entry.isSpent() && !manager.refreshing.has(request.key)) evict(",
    killedBy: byRefresh("the message that spends an entry drops it, also while a renewal is in flight")
  },
  {
    name: "refresh is retried past a hard limit",
    file: refreshAhead,
    find: "!entry.evicted && entry.ageMillis(nowUnsafe(clock)) < maxAgeMillis",
    replace: "!entry.evicted && maxAgeMillis > 0",
    killedBy: byRefresh("no retry after the old entry met its maximum age, swept or not")
  },
  {
    name: "a refresh that succeeds after an invalidation is kept",
    file: invalidation,
    find: "if (fits(flight.entry?.metadata ?? { encryptionContext })) singleFlight",
    replace:
      "if (flight.trigger !== \"refresh\" && fits(flight.entry?.metadata ?? { encryptionContext })) singleFlight",
    killedBy: byRefresh("what succeeds after an invalidation is dropped")
  },
  {
    name: "refresh by a timer",
    file: fetching,
    find: "put(fetching, entry, flight.request.cache, () => singleFlight.close(fetching.flights, flight))",
    replace: "put(fetching, entry, flight.request.cache, () => singleFlight.close(fetching.flights, flight))\n" +
      "    if (refresh !== undefined) {\n" +
      "      const renew = Effect.sync(() => startFetch(fetching, openFlight(fetching, flight.request, " +
      "\"refresh\", [], nowUnsafe(fetching.clock))))\n" +
      "      fetching.background.fork(Effect.delay(renew, refresh.ageMillis))\n" +
      "    }",
    killedBy: byRefresh("not before, and never by a timer: idle entries are left to expire")
  },
  {
    name: "a refresh is never joined",
    file: admission,
    find: "flight !== undefined && entry === undefined &&",
    replace: "flight !== undefined && entry === undefined && flight.trigger === \"request\" &&",
    killedBy: byRefresh("a miss joins the refresh, also after the old entry expired, and only while it fits")
  },
  {
    name: "a request waits for the delay of a retry",
    file: fetching,
    find: "Effect.suspend(() => request.fetch())",
    replace: "flight.trigger === \"refresh\" ? Effect.retry(Effect.suspend(() => request.fetch()), { schedule: " +
      "Schedule.spaced(\"1 hour\") }) : Effect.suspend(() => request.fetch())",
    also: {
      find: "import * as Result from \"effect/Result\"\n",
      replace: "import * as Result from \"effect/Result\"\nimport * as Schedule from \"effect/Schedule\"\n"
    },
    killedBy: byRefresh("no request waits for a retry delay")
  },
  {
    name: "a failed refresh can be joined while it is tried again",
    file: fetching,
    find: "if (!singleFlight.fail(fetching.flights, flight)) return\n",
    replace: "if (!singleFlight.settle(fetching.flights, flight)) return\n",
    killedBy: byRefresh("a schedule without delays retries too")
  },
  {
    name: "a byte budget of 0 is always due for a refresh",
    file: entry,
    find: "(bytes > 0n && bytes >= this.refresh.bytes)",
    replace: "bytes >= this.refresh.bytes",
    killedBy: byModel("a byte budget of 0 is never past its share: no refresh with each encrypt")
  },
  {
    name: "a request during the delay of a retry starts another refresh",
    file: refreshAhead,
    find: "if (flights.open.has(key) || refreshing.has(key)) return false",
    replace: "if (flights.open.has(key)) return false",
    killedBy: byRefresh(
      "failures are retried with the schedule while the old entry is within its limits, and fail no " +
        "request that it serves"
    )
  },
  {
    name: "an interrupted joiner ends a refresh",
    file: singleFlight,
    find: "return flight.waiters.size === 0 && flight.needsWaiters",
    replace: "return flight.waiters.size === 0",
    killedBy: byRefresh("an interrupted joiner does not end a refresh")
  },
  {
    name: "refreshes are counted as requests",
    file: refreshAhead,
    find: "openFlight(manager, request, \"refresh\", [], nowUnsafe(clock))",
    replace: "openFlight(manager, request, \"request\", [], nowUnsafe(clock))",
    killedBy: byRefresh(
      "failures are retried with the schedule while the old entry is within its limits, and fail no " +
        "request that it serves"
    )
  },
  {
    name: "the point of a refresh is not jittered",
    file: refreshOptions,
    find: ".getUint32(0) / 2 ** 33",
    replace: ".getUint32(0) * 0",
    killedBy: byRefresh("the point is jittered, drawn when the entry is made")
  }
]
