import type { Mutant } from "../Mutant.ts"
import {
  byModel,
  byPromises,
  byZeroing,
  cacheAccess,
  dataKey,
  entry,
  fetching,
  localCache,
  operations,
  serve
} from "./places.ts"

/** Keys in memory: promise 14. */
export const inMemory: ReadonlyArray<Mutant> = [
  {
    name: "eviction that zeroes an operation's copy: it is the entry's own key",
    file: entry,
    find: "DataKey.copyFrom(this.#dataKey)",
    replace: "DataKey.make(this.#dataKey)",
    killedBy: byPromises("promise 14: keys in memory > an eviction leaves the copies of running operations alone")
  },
  {
    name: "eviction that zeroes an operation's copy: it is a view of the entry's key",
    file: dataKey,
    find: "make(new Uint8Array(key))",
    replace: "make(key.subarray()) as never",
    killedBy: byZeroing("promise 14: eviction zeroes the entry's own bytes at once, and no operation's > cleared")
  },
  {
    name: "an entry's bytes not zeroed on replacement",
    file: entry,
    find: "if (!this.discard()) return false",
    replace: "if (cause !== \"replaced\" && !this.discard()) return false",
    killedBy: byZeroing(
      "promise 14: eviction zeroes the entry's own bytes at once, and no operation's > replaced: by a " +
        "manager that shares the cache and the partition"
    )
  },
  {
    name: "a replaced entry is not evicted",
    file: localCache,
    find: "entries.get(key)?.evict(\"replaced\", now)",
    replace: "",
    killedBy: byZeroing(
      "promise 14: eviction zeroes the entry's own bytes at once, and no operation's > replaced: by a " +
        "manager that shares the cache and the partition"
    )
  },
  {
    name: "an entry's bytes not zeroed on eviction",
    file: entry,
    find: "this.#dataKey.fill(0)\n",
    replace: "",
    killedBy: byZeroing("promise 14: eviction zeroes the entry's own bytes at once, and no operation's > capacity")
  },
  {
    name: "an entry's bytes not zeroed when the scope of its cache closes",
    file: localCache,
    find: "evictWhere(() => true, \"scope\")\n",
    replace: "entries.clear()\n",
    killedBy: byPromises(
      "promise 14: keys in memory > the closing of the cache's scope zeroes every entry, and what is put " +
        "later is not kept"
    )
  },
  {
    name: "an entry keeps a view of the message that it came from",
    file: operations,
    find: "EncryptedDataKey.copy(materials.unwrappedDataKey)",
    replace: "materials.unwrappedDataKey",
    killedBy: byPromises("what an entry keeps > is its own, though the manager that made it keeps what it handed over")
  },
  {
    name: "an entry's bytes not zeroed when its put fails",
    file: cacheAccess,
    find: "return evict(access, entry, cache, background.closed ? \"scope\" : \"deleted\", now)",
    replace: "return background.closed ? evict(access, entry, cache, \"scope\", now) : undefined",
    killedBy: byZeroing(
      "promise 14: eviction zeroes the entry's own bytes at once, and no operation's > an entry that its " +
        "cache fails to store is zeroed too"
    )
  },
  {
    name: "an entry on its way into the cache outlives the manager",
    file: cacheAccess,
    find: "return evict(access, entry, cache, background.closed ? \"scope\" : \"deleted\", now)",
    replace: "return background.closed ? undefined : evict(access, entry, cache, \"deleted\", now)",
    killedBy: byModel("an entry that is on its way into the cache is zeroed when the manager closes")
  },
  {
    name: "a cache is not told that its put failed",
    file: cacheAccess,
    find: "return evict(access, entry, cache, background.closed ? \"scope\" : \"deleted\", now)",
    replace: "return background.closed ? evict(access, entry, cache, \"scope\", now) : void entry.discard()",
    killedBy: byModel(
      "an entry whose put failed leaves the cache that stored it all the same: its capacity stays its " +
        "capacity"
    )
  },
  {
    name: "the leftovers of a closed flight are not zeroed",
    file: fetching,
    find: "    entry.discard()\n",
    replace: "",
    killedBy: byZeroing(
      "promise 14: eviction zeroes the entry's own bytes at once, and no operation's > the leftovers of " +
        "a flight that nobody can join any more are zeroed too"
    )
  },
  {
    name: "an operation's copy outlives it",
    file: serve,
    find: "if (claim.materials !== undefined) DataKey",
    replace: "if (claim.materials !== undefined && claim.giveUp !== undefined) DataKey",
    killedBy: byPromises("promise 14: keys in memory > each operation owns a copy, which is zeroed when it ends")
  },
  {
    name: "a released key is dropped, not zeroed",
    file: dataKey,
    find: "held.success.fill(0)",
    replace: "void 0",
    killedBy: byPromises("promise 14: keys in memory > each operation owns a copy, which is zeroed when it ends")
  }
]
