import type { Mutant } from "../Mutant.ts"
import { byLocalCache, expiries, localCache, test } from "./places.ts"

/** The local cache. */
export const kept: ReadonlyArray<Mutant> = [
  {
    name: "local cache evicts the most recently used",
    file: localCache,
    find: "entries.values().next().value?.evict(\"capacity\", now)",
    replace: "[...entries.values()].at(-2)?.evict(\"capacity\", now)",
    killedBy: byLocalCache("capacity > the least recently used entry makes room, for encryption and decryption alike")
  },
  {
    name: "local cache evicts the oldest, however recently used",
    file: localCache,
    find: "entries.delete(key)\n",
    replace: "",
    killedBy: byLocalCache("capacity > the least recently used entry makes room, for encryption and decryption alike")
  },
  {
    name: "local cache keeps one entry more than its capacity",
    file: localCache,
    find: "if (entries.size > this.#capacity)",
    replace: "if (entries.size > this.#capacity + 1)",
    killedBy: byLocalCache("capacity > the least recently used entry makes room, for encryption and decryption alike")
  },
  {
    name: "a sweep evicts one entry of each maximum age",
    file: expiries,
    find: "if (found.length === atMost || !entry.isExpired(now)) break\n        found.push(entry)\n      }",
    replace:
      "if (found.length === atMost || !entry.isExpired(now)) break\n        found.push(entry)\n        break\n      }",
    killedBy: byLocalCache("sweep > evicts everything that is expired, at each interval")
  },
  {
    name: "sweep keeps the process alive",
    file: localCache,
    find: "while (store.entries.size > 0)",
    replace: "while (sweeper !== undefined)",
    killedBy: byLocalCache("sweep > sleeps only while there are entries")
  },
  {
    name: "sweep keeps a process alive while there are entries",
    file: localCache,
    find: "Context.add(yield* Effect.context(), Clock.Clock, unreferenced(clock))",
    replace: "Context.add(yield* Effect.context(), Clock.Clock, clock)",
    also: { find: "import { unreferenced } from \"./internal/unreferenced.ts\"\n", replace: "" },
    killedBy: test("idle-process", "an idle process with an undisposed runtime > ")(
      `exits at once where there are entries, with a sweep every ${60 * 60 * 1000} millis`
    )
  },
  {
    name: "a delete evicts the entry that took the place",
    file: localCache,
    find: "if (current === entry) current.evict(",
    replace: "if (current !== undefined) current.evict(",
    killedBy: byLocalCache("operations > delete evicts this very entry, and leaves one that took its place")
  }
]
