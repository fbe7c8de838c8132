import type { Mutant } from "../Mutant.ts"
import { admission, byPromises, cacheAccess, fetching } from "./places.ts"

/** Faults of a cache: promise 16. */
export const faulty: ReadonlyArray<Mutant> = [
  {
    name: "an entry of another key is accepted",
    file: admission,
    find: "metadata.key === key &&",
    replace: "metadata.key.length === key.length &&",
    also: {
      find: "EncryptionContext.isEqual(content.requestedContext, encryptionContext)",
      replace: "EncryptionContext.isEqual(encryptionContext, encryptionContext)"
    },
    killedBy: byPromises(
      "promise 16: a cache's faults are misses > an entry of the wrong kind, or of another key, is a miss"
    )
  },
  {
    name: "an evicted entry is served",
    file: admission,
    find: "if (!(content instanceof Entry) || content.evicted)",
    replace: "if (!(content instanceof Entry))",
    killedBy: byPromises(
      "promise 16: a cache's faults are misses > an entry that was evicted is a miss, though the cache " +
        "still answers it"
    )
  },
  {
    name: "a put is waited for",
    file: fetching,
    find: "put(fetching, entry, flight.request.cache, () => singleFlight.close(fetching.flights, flight))",
    replace: "put(fetching, entry, flight.request.cache, () => {\n" +
      "      singleFlight.close(fetching.flights, flight)\n" +
      "      for (const { usage, waiter } of waiters) deliver(waiter, { _tag: \"Miss\", usage })\n" +
      "    })\n" +
      "    return",
    killedBy: byPromises("promise 16: a cache's faults are misses > nobody waits for a put")
  },
  {
    name: "a cache that hangs is waited for",
    file: cacheAccess,
    find: "Effect.timeoutOption(Fiber.await(fiber), cacheTimeout)",
    replace: "Effect.timeoutOption(Fiber.await(fiber), cacheTimeout && \"Infinity\")",
    killedBy: byPromises(
      "promise 16: a cache's faults are misses > get timedOut: never a failed encrypt or decrypt, and " +
        "counted"
    )
  }
]
