import type { Mutant } from "../Mutant.ts"
import {
  admission,
  byControl,
  byListeners,
  byLocalCache,
  byOtherCode,
  cacheable,
  cacheAccess,
  checkOptions,
  deadline,
  entry,
  expiries,
  fetching,
  invalidation,
  invalidations,
  limits,
  localCache,
  metadata,
  operations,
  record,
  seeding,
  serve,
  steps
} from "./places.ts"

/** Code of others: caches, listeners, managers and scopes that throw, lie, call back or never end. */
export const otherCode: ReadonlyArray<Mutant> = [
  {
    name: "a cache is called outside of the fiber that is guarded",
    file: cacheAccess,
    find: "background.fork(Effect.suspend(call))",
    replace: "background.fork(call())",
    killedBy: byOtherCode("a cache that throws > get: every request is served, and the fault is an event")
  },
  {
    name: "listeners hear of a step before it is complete",
    file: steps,
    find: "if (depth > 0 || isPostponed",
    replace: "if (depth > 9 || isPostponed",
    killedBy: byListeners(
      "a listener of a manager > that encrypts when a fetch starts, with one message for each data key"
    )
  },
  {
    name: "an entry on its way into a cache is in no list",
    file: cacheAccess,
    find: "  access.inTransit.set(entry, cache)\n",
    replace: "",
    killedBy: byOtherCode("seeds on their way into a slow cache > clear reaches them")
  },
  {
    name: "an invalidation is not remembered",
    file: invalidation,
    find: "      invalidations.add(fits, cause, now)\n",
    replace: "      if (!flights.open.has(cause)) void invalidations\n",
    also: {
      find: "const { caches, clock, invalidations,",
      replace: "const { caches, clock, flights, invalidations,"
    },
    killedBy: byOtherCode(
      "a cache that throws > deleteWhere: what was invalidated is not served, and the answer says that it was not confirmed"
    )
  },
  {
    name: "an invalidation holds for later entries",
    file: invalidations,
    find: "entry.number <= made && fits",
    replace: "made > 0 && fits",
    killedBy: byOtherCode(
      "a cache that does not do what control asks for > clear: a cache that never responds serves none of it"
    )
  },
  {
    name: "an invalidation says that a cache confirmed it, whatever the cache did",
    file: invalidation,
    find: "isConfirmed: counts.every((count) => Number.isSafeInteger(count))",
    replace: "isConfirmed: counts.length > 0",
    killedBy: byOtherCode(
      "a cache that does not do what control asks for > clear: a cache that fails serves none of it"
    )
  },
  {
    name: "invalidations beyond those that are told apart are forgotten",
    file: invalidations,
    find: "splice(0, 2, { ...second, fits: () => true })",
    replace: "splice(0, 2, second)",
    killedBy: byOtherCode(
      "a cache that does not do what control asks for > a thousand invalidations are told apart; of more, everything before the oldest is refused"
    )
  },
  {
    name: "a selector is remembered as the caller's own object",
    file: checkOptions,
    find: "encryptionContext: encryptionContext && { ...encryptionContext },",
    replace: "encryptionContext,",
    killedBy: byOtherCode(
      "a cache that does not do what control asks for > a selector that is changed afterwards selects what it did"
    )
  },
  {
    name: "a request whose scope closed before is served",
    file: serve,
    find: "    claim.released = true\n",
    replace: "",
    killedBy: byOtherCode("the scope of a request > closed before: nothing is charged, and nothing is handed out")
  },
  {
    name: "a request whose scope closes while it waits goes on waiting",
    file: serve,
    find: "    claim.giveUp?.()\n",
    replace: "",
    killedBy: byOtherCode("the scope of a request > closed while it waits alone: the fetch is abandoned")
  },
  {
    name: "the limits of the manager that made an entry are forgotten",
    file: entry,
    find: "strictest(limits, this.#owner.limits)",
    replace: "limits",
    also: {
      find: "import { type Limits, strictest } from",
      replace: "import type { Limits } from"
    },
    killedBy: byOtherCode(
      "the limits of the manager that made an entry > its maximum age holds for a manager with a greater one, by the look-up at once"
    )
  },
  {
    name: "the maximum of bytes of the manager that made an entry is forgotten",
    file: limits,
    find: "a.maxBytesEncrypted < b.maxBytesEncrypted ? a.maxBytesEncrypted : b.maxBytesEncrypted",
    replace: "a.maxBytesEncrypted < b.maxBytesEncrypted ? a.maxBytesEncrypted : a.maxBytesEncrypted",
    killedBy: byOtherCode(
      "the limits of the manager that made an entry > its maximum of bytes and of messages too, by the look-up at once"
    )
  },
  {
    name: "a bypassed request has no deadline",
    file: deadline,
    find: "Effect.timeoutOption(Fiber.await(fiber), deadline)",
    replace: "Effect.timeoutOption(Fiber.await(fiber), deadline && \"Infinity\")",
    killedBy: byOtherCode(
      "a deadline for every way to a key provider > a bypassed request fails at it, and a key that comes later is zeroed"
    )
  },
  {
    name: "a closed manager passes requests on",
    file: cacheable,
    find: "    if (background.closed) return Effect.fail(operation.givenUp(managerClosed, false))\n",
    replace:
      "    if (background.closed && reason === \"Rule\") return Effect.fail(operation.givenUp(managerClosed, false))\n",
    killedBy: byOtherCode(
      "a deadline for every way to a key provider > a closed manager serves nothing, bypassed requests included"
    )
  },
  {
    name: "materials that were not offered to the cache are called a miss",
    file: fetching,
    find: "isOffered ? \"Miss\" : \"Unoffered\"",
    replace: "isOffered ? \"Miss\" : \"Miss\"",
    killedBy: byOtherCode("receipts of what was not offered to the cache > a data key that its first request spends")
  },
  {
    name: "an entry of another partition is accepted",
    file: admission,
    find: "metadata.partitionId === partitionId &&",
    replace: "metadata.partitionId.length === partitionId.length &&",
    killedBy: byOtherCode(
      "entries whose keys collide > an entry of another context or partition is a miss, whatever the digest says"
    )
  },
  {
    name: "the metadata of an entry show its own encrypted data keys",
    file: metadata,
    find: "return this.#encryptedDataKeys.map(EncryptedDataKey.copy)",
    replace: "return this.#encryptedDataKeys as EntryMetadata[\"encryptedDataKeys\"]",
    also: { find: "import * as EncryptedDataKey from", replace: "import type * as EncryptedDataKey from" },
    killedBy: byOtherCode("a cache whose predicate runs other code > metadata that a cache changes are its own")
  },
  {
    name: "the metadata of an entry can be changed",
    file: metadata,
    find: "    Object.freeze(this)\n",
    replace: "",
    killedBy: byOtherCode("a cache whose predicate runs other code > metadata that a cache changes are its own")
  },
  {
    name: "an entry from before the clock was set back is not swept",
    file: expiries,
    find: "      this.#unordered.add(entry)\n",
    replace: "",
    killedBy: byLocalCache("sweep > evicts what was made after the clock was set back")
  },
  {
    name: "a sweep evicts everything in one step",
    file: localCache,
    find: "const slice = 1000",
    replace: "const slice = 1_000_000",
    killedBy: byLocalCache("sweep > evicts a thousand entries in a step, and the rest in another")
  },
  {
    name: "the cache is not told again of an entry that was evicted on its way in",
    file: cacheAccess,
    find: "  emitEvicted(emit, entry, eviction)\n  evict(access, entry, cache, eviction.cause, now)\n",
    replace: "  emitEvicted(emit, entry, eviction)\n",
    killedBy: byControl(
      "promise 17: invalidate and clear > what was invalidated while its put was in flight is not served"
    )
  },
  {
    name: "an interrupted look-up leaves the cache's fiber running",
    file: cacheAccess,
    find: "Effect.onInterrupt(() => Effect.sync(() => fiber.interruptUnsafe()))",
    replace: "Effect.onInterrupt(() => Effect.sync(() => fiber.pollUnsafe()))",
    killedBy: byOtherCode("a cache that is slow > its look-up is interrupted with the request")
  },
  {
    name: "the encrypted data keys of a request are the caller's while a fetch is in the air",
    file: operations,
    find: "Materials.checkEncryptedDataKeys(request.encryptedDataKeys)",
    replace: "[...request.encryptedDataKeys]",
    killedBy: byOtherCode(
      "a request that changes while its materials are fetched > the list of encrypted data keys and their bytes are the request's own"
    )
  },
  {
    name: "a bypass that shows after the admission is counted twice in the metrics",
    file: record,
    find: "if (event.reason !== \"MaterialsNotCacheable\") {",
    replace: "if (event.reason.length > 0) {",
    killedBy: byControl(
      "metrics of materials that may not be cached > a request that was admitted before that showed is counted once"
    )
  },
  {
    name: "a seed is kept that the policy may not decrypt",
    file: seeding,
    find: "!CommitmentPolicy.allowsDecrypt(commitmentPolicy, algorithmSuite)",
    replace: "commitmentPolicy === undefined",
    killedBy: byOtherCode(
      "a manager that returns what the policy does not allow > seeds nothing that the policy may not decrypt"
    )
  }
]
