import type { Mutant } from "../Mutant.ts"
import { byLocalCache, localCache } from "./places.ts"

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
    find: "if (entries.size > capacity)",
    replace: "if (entries.size > capacity + 1)",
    killedBy: byLocalCache("capacity > the least recently used entry makes room, for encryption and decryption alike")
  },
  {
    name: "sweep skips what was used after a younger entry",
    file: localCache,
    find: "evictWhere((entry) => entry.isExpired(now), \"age\")",
    replace: "let young = false\n        evictWhere((entry) => !(young ||= !entry.isExpired(now)), \"age\")",
    killedBy: byLocalCache("sweep > evicts what is expired wherever it stands in the order of use")
  },
  {
    name: "sweep keeps the process alive",
    file: localCache,
    find: "while (entries.size > 0)",
    replace: "while (sweeper !== undefined)",
    killedBy: byLocalCache("sweep > sleeps only while there are entries")
  },
  {
    name: "a delete evicts the entry that took the place",
    file: localCache,
    find: "if (current === entry) current.evict(",
    replace: "if (current !== undefined) current.evict(",
    killedBy: byLocalCache("operations > delete evicts this very entry, and leaves one that took its place")
  }
]
