import type { Mutant } from "../Mutant.ts"
import {
  admission,
  background,
  byFlights,
  byModel,
  byThresholds,
  cacheable,
  fetching,
  localCache,
  singleFlight,
  test
} from "./places.ts"

const byDeadlines = test("deadlines", "promise 9: deadlines > ")

/** Single flight, failures and interruption: promises 8 to 11 and 13. */
export const inFlight: ReadonlyArray<Mutant> = [
  {
    name: "no joining",
    file: admission,
    find: "const flight = flights.open.get(key)\n",
    replace: "const flight = flights.open.get(key)?.entry === undefined ? undefined : flights.open.get(key)\n",
    killedBy: byFlights(
      "promise 8: single flight with reservations > equal requests on a cold cache make one call, for " +
        "encrypt and for decrypt"
    )
  },
  {
    name: "joining under the null cache, encrypt",
    file: cacheable,
    find: "if (!operation.cache.stores) return",
    replace: "if (!operation.cache.stores && operation.name === \"decrypt\") return",
    killedBy: byThresholds("null cache: N requests make N calls with N data keys")
  },
  {
    name: "joining under the null cache, decrypt",
    file: cacheable,
    find: "if (!operation.cache.stores) return",
    replace: "if (!operation.cache.stores && operation.name === \"encrypt\") return",
    killedBy: byThresholds("null cache: N requests make N calls with N data keys")
  },
  {
    name: "joining under a cache of capacity 0",
    file: localCache,
    find: "stores: capacity > 0",
    replace: "stores: capacity >= 0",
    killedBy: byThresholds("a local cache of capacity 0: N requests make N calls with N data keys")
  },
  {
    name: "no reservations: a flight takes all that fit beside the last one",
    file: singleFlight,
    find: "flight.reserved = plus(flight.reserved, waiter.charge)",
    replace: "flight.reserved = waiter.charge",
    killedBy: byFlights(
      "promise 8: single flight with reservations > a request that does not fit beside what is reserved " +
        "closes the flight, and starts another beside it"
    )
  },
  {
    name: "leftovers of a closed flight cached",
    file: fetching,
    find: "const isOffered = isOpen && !entry.isSpent()",
    replace: "const isOffered = !entry.isSpent()",
    killedBy: byFlights("promise 8: single flight with reservations > the leftovers of a closed flight are dropped")
  },
  {
    name: "a flight is joinable only until its put starts",
    file: fetching,
    find: "put(fetching, entry, flight.request.cache, () => singleFlight.close(fetching.flights, flight))",
    replace: "singleFlight.close(fetching.flights, flight)\n    put(fetching, entry, flight.request.cache, () => {})",
    killedBy: byFlights("promise 8: single flight with reservations > a flight stays joinable until its put has ended")
  },
  {
    name: "the failed flight cached",
    file: fetching,
    find: "if (!singleFlight.fail(fetching.flights, flight)) return",
    replace: "if (!singleFlight.settle(fetching.flights, flight)) return",
    also: {
      find: "  singleFlight.reserve(flight, waiter)\n",
      replace: "  singleFlight.reserve(flight, waiter)\n" +
        "  if (flight.settled) Effect.runFork(Deferred.into(Deferred.await(flight.ended) as " +
        "Effect.Effect<never>, waiter.delivery))\n"
    },
    killedBy: byFlights(
      "promise 9: a failed fetch > fails everyone who joined it with the same error, caches nothing, and " +
        "the next request tries anew"
    )
  },
  {
    name: "the deadline is missing",
    file: fetching,
    find: "Effect.sleep(fetchDeadline),",
    replace: "Effect.sleep(Duration.times(fetchDeadline, 9)),",
    killedBy: byDeadlines("the deadline is 30 seconds by default")
  },
  {
    name: "a request joins a fetch that is as old as its deadline",
    file: admission,
    find: "entry === undefined && !isOverdue(manager, flight, now) &&",
    replace: "entry === undefined && !isOverdue(manager, flight, flight.startedAt) &&",
    killedBy: byDeadlines("a process that was frozen: a request joins no fetch that is older than its deadline")
  },
  {
    name: "the first request that gives up ends the fetch for all",
    file: fetching,
    find: "if (flight.waiters.size === 1 && flight.needsWaiters) return",
    replace: "if (flight.needsWaiters) return",
    killedBy: byDeadlines("a request that comes late in a fetch is served by it, after the first one gave up")
  },
  {
    name: "a request that joins has no deadline of its own",
    file: admission,
    find: "    startDeadline(manager, flight, waiter)\n    return",
    replace: "    return",
    killedBy: byDeadlines(
      "every request that waits has a sleep of its own in the air, and none when it waits no more"
    )
  },
  {
    name: "the sleep of a request goes on after it was served",
    file: fetching,
    find: "=> deadline?.interruptUnsafe()",
    replace: "=> void deadline",
    killedBy: byDeadlines("no sleep is left by requests that were served")
  },
  {
    name: "a refresh that hangs goes on after its deadline",
    file: fetching,
    find: "    flight.needsWaiters = true\n",
    replace: "",
    killedBy: byDeadlines(
      "a refresh that hangs ends at its deadline, or later by an interruption of the last request that joined it"
    )
  },
  {
    name: "an interrupted waiter's reservation kept",
    file: singleFlight,
    find: "flight.reserved = minus(flight.reserved, waiter.charge)",
    replace: "flight.reserved = minus(flight.reserved, noUsage)",
    killedBy: byFlights(
      "promise 8: single flight with reservations > an interrupted waiter's reservation returns while " +
        "the fetch is unanswered"
    )
  },
  {
    name: "the leader's interruption kills the flight",
    file: singleFlight,
    find: "return flight.waiters.size === 0 && flight.needsWaiters",
    replace: "return waiter.leader || (flight.waiters.size === 0 && flight.needsWaiters)",
    killedBy: byFlights("promise 10: interruption > of one waiter, the first one included, disturbs no other")
  },
  {
    name: "a flight with no waiters goes on",
    file: fetching,
    find: "  afterStep(() => flight.fetching?.interruptUnsafe())\n",
    replace: "",
    killedBy: byFlights(
      "promise 10: interruption > when all are interrupted the fetch is interrupted, and the flight " +
        "accepts nobody"
    )
  },
  {
    name: "a flight with no waiters accepts one",
    file: fetching,
    find: "  else fail(fetching, flight, \"abandoned\", Cause.interrupt())",
    replace: "  else flight.fetching?.interruptUnsafe()",
    killedBy: byFlights(
      "promise 10: interruption > nobody waits for the interruption of a fetch to finish, and a flight " +
        "without waiters accepts none"
    )
  },
  {
    name: "a closed manager goes on fetching",
    file: fetching,
    find: "  background.closed = true\n",
    replace: "",
    killedBy: byFlights(
      "promise 10: interruption > closing the manager's scope interrupts flights and those who wait for " +
        "them"
    )
  },
  {
    name: "a closed manager admits a request that was looked up before",
    file: admission,
    find:
      "  step(() => {\n    if (manager.background.closed) return { _tag: \"Rejected\", description: managerClosed }\n",
    replace: "  step(() => {\n",
    killedBy: byModel("a request that is looked up while the manager closes is not admitted, and nothing is fetched")
  },
  {
    name: "the closing of the scope leaves waiters to fetches that cannot be interrupted",
    file: fetching,
    find: "  for (const flight of flights.unsettled) fail(fetching, flight, \"abandoned\", Cause.interrupt())\n",
    replace: "  for (const flight of flights.unsettled) void flight\n",
    killedBy: byFlights(
      "promise 10: interruption > closing the manager's scope waits for nothing, and nor do they who " +
        "wait for a fetch that cannot be interrupted"
    )
  },
  {
    name: "a caller's span is the parent of a flight",
    file: fetching,
    find: "withSpan(\"CachingCmm.fetch\", { root: true },",
    replace: "withSpan(\"CachingCmm.fetch\", { parent: Fiber.getCurrent()?.cache.span } as {},",
    also: {
      find: "import type * as Fiber from \"effect/Fiber\"",
      replace: "import * as Fiber from \"effect/Fiber\""
    },
    killedBy: byFlights(
      "promise 10: interruption > spans of those who waited are linked to the fetch's, which is a root"
    )
  },
  {
    name: "a caller's references reach a flight",
    file: background,
    find: "Effect.runForkWith(this.#context)(effect)",
    replace: "Effect.runForkWith((Fiber.getCurrent()?.context ?? this.#context) as Context.Context<never>)(effect)",
    also: {
      find: "import type * as Fiber from \"effect/Fiber\"",
      replace: "import * as Fiber from \"effect/Fiber\""
    },
    killedBy: byFlights(
      "promise 10: interruption > nothing of a caller reaches a flight: no span, no annotations, no " +
        "references, no uninterruptibility"
    )
  }
]
