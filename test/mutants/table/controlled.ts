import type { Mutant } from "../Mutant.ts"
import {
  admission,
  byControl,
  byModel,
  byPromises,
  cacheable,
  invalidation,
  manager,
  operations,
  revocation,
  serve,
  test
} from "./places.ts"

const byWarm = test("warm")

/** Control: promise 17, warming, revocation and seeding. */
export const controlled: ReadonlyArray<Mutant> = [
  {
    name: "a fetch in flight survives an invalidation",
    file: invalidation,
    find: "{ encryptionContext })) singleFlight.close(flights, flight)",
    replace: "{ encryptionContext })) singleFlight.isOpen(flights, flight)",
    killedBy: byControl(
      "promise 17: invalidate and clear > invalidate: fetches in flight serve their waiters, and nothing " +
        "of them is cached"
    )
  },
  {
    name: "invalidation by a pair that is not stored misses the fetch in flight",
    file: operations,
    find:
      "expectsNothing(copy)\n        ? encryptionContext\n        : { ...encryptionContext, ...expectedEncryptionContext },",
    replace: "encryptionContext,",
    killedBy: byModel("an invalidation by a pair that is reproduced, and not stored, closes the flight")
  },
  {
    name: "an entry on its way into the cache survives an invalidation",
    file: invalidation,
    find: "        if (fits(entry.metadata)) evict(manager, entry, cache, cause, now)\n",
    replace: "        if (entry.stored) evict(manager, entry, cache, cause, now)\n",
    killedBy: byControl(
      "promise 17: invalidate and clear > what was invalidated while its put was in flight is not served"
    )
  },
  {
    name: "clear of another partition",
    file: invalidation,
    find: "metadata.partitionId === partitionId && fits(metadata)",
    replace: "fits(metadata) && partitionId.length > 0",
    killedBy: byControl("promise 17: invalidate and clear > clear clears this manager's partition, and no other")
  },
  {
    name: "clear forgets the cache of decryption entries",
    file: manager,
    find: "new Set([cache, decryptCache])",
    replace: "new Set([cache])",
    killedBy: byControl("promise 17: invalidate and clear > clear clears this manager's partition, and no other")
  },
  {
    name: "invalidation by a part of a wrapping key's name",
    file: invalidation,
    find: "wrappingKeyName(edk) === wrappingKey",
    replace: "wrappingKeyName(edk).startsWith(wrappingKey)",
    killedBy: byControl("promise 17: invalidate and clear > by the key that generated or unwrapped the data key")
  },
  {
    name: "warming is charged a message",
    file: cacheable,
    find: "return this.isServed ? this.read.charge : noUsage",
    replace: "return this.isServed ? this.read.charge : { ...noUsage, messages: 1 }",
    killedBy: byWarm("warm > fetches before traffic, charges nothing, and does not fetch again")
  },
  {
    name: "reserves are not looked up",
    file: operations,
    find: "otherKeys: (_, key) => reserves.keysOf(key),",
    replace: "otherKeys: (_, key) => reserves.keysOf(key).slice(0, 0),",
    killedBy: byWarm("warm, with data keys in reserve > fetches those that are not there, and no others")
  },
  {
    name: "warming for fewer data keys forgets the others",
    file: "src/caching/internal/reserves.ts",
    find: "Math.max(number, this.#countOf(key))",
    replace: "number",
    killedBy: byWarm("warm, with data keys in reserve > are not forgotten where it is asked for fewer")
  },
  {
    name: "all reserves are looked up for a hit",
    file: serve,
    find: "    if (canServe(manager, request, first)) return Effect.succeed([first])\n",
    replace: "",
    killedBy: byWarm(
      "warm, with data keys in reserve > are not looked up while the first one serves, and all of them within one time limit"
    )
  },
  {
    name: "a reserve that cannot serve is evicted for it",
    file: admission,
    find: "    if (canServe(manager, request, found)) return found\n  }\n  return undefined\n}\n\n/** Whether",
    replace:
      "    if (canServe(manager, request, found) || key !== \"\") return found\n  }\n  return undefined\n}\n\n/** Whether",
    killedBy: byWarm("warm, with data keys in reserve > stay for other requests where one is bound more strictly")
  },
  {
    name: "a denial leaves the reserves",
    file: revocation,
    find: "baseOf(metadata.key) === base) ||",
    replace: "metadata.key === base) ||",
    killedBy: byControl("evictRevoked > access denied drops what is in reserve for the same requests too")
  },
  {
    name: "a denial empties other contexts too",
    file: revocation,
    find: "baseOf(metadata.key) === base) ||",
    replace: "baseOf(metadata.key).length === base.length) ||",
    killedBy: byControl("evictRevoked > access denied drops only the entry whose own refresh was denied")
  },
  {
    name: "a denial drops entries unasked",
    file: manager,
    find: "if (options.evictRevoked === true)",
    replace: "if (options.evictRevoked !== false)",
    killedBy: byControl("evictRevoked > is off by default")
  },
  {
    name: "a disabled key takes the entries of other keys with it",
    file: revocation,
    find: "unavailable.has(EncryptedDataKey.printableInfo(keyProviderInfo))",
    replace: "unavailable.size > 0 && EncryptedDataKey.printableInfo(keyProviderInfo).length > 0",
    killedBy: byControl(
      "evictRevoked > a key that is Disabled takes all entries of that key with it, and no other key's"
    )
  },
  {
    name: "the decrypt cache is seeded unasked",
    file: manager,
    find: "const isSeeded = options.seedDecryptCache === true",
    replace: "const isSeeded = options.seedDecryptCache !== false",
    killedBy: byControl("seedDecryptCache > is off by default")
  },
  {
    name: "a seeded entry serves another manager",
    file: manager,
    find: "entryKey.make(CryptoAtOnce.make(primitives), partitionId, Hex.encode(yield* primitives.randomBytes(16)))",
    replace: "entryKey.make(CryptoAtOnce.make(primitives), partitionId, partitionId)",
    killedBy: byControl("seedDecryptCache > another manager with the same partition must ask")
  },
  {
    name: "decryption entries go to the cache of encryption entries",
    file: manager,
    find: "operations.decryption(materialsManager, decryptCache, keys, isSeeded, false)",
    replace: "operations.decryption(materialsManager, cache, keys, isSeeded, false)",
    killedBy: byPromises(
      "a cache of its own for decryption > many distinct decrypts do not evict the encryption entries"
    )
  }
]
