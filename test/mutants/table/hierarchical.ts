/** Defects of branch keys: their records, their store, their keyring and their cache. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const record = "src/hierarchical/BranchKeyRecord.ts"
const store = "src/hierarchical/BranchKeyStore.ts"
const admin = "src/hierarchical/BranchKeyAdmin.ts"
const memory = "src/hierarchical/MemoryBranchKeyStorage.ts"
const records = "src/hierarchical/internal/records.ts"
const wrapping = "src/hierarchical/internal/branchKeyWrapping.ts"
const fetchBranchKey = "src/hierarchical/internal/fetchBranchKey.ts"
const cache = "src/hierarchical/BranchKeyCache.ts"
const cachedKeys = "src/hierarchical/internal/cachedKeys.ts"
const keyFlights = "src/hierarchical/internal/keyFlights.ts"
const keyring = "src/hierarchical/HierarchicalKeyring.ts"

const by = places.byFolder("hierarchical")
const byStore = by("BranchKeyStore", "a branch key store > ")
const byChanged = by("BranchKeyStore", "records that were changed > ")
const byVersionKey = by("BranchKeyAdmin", "versionKey > ")
const byStorage = by("BranchKeyStorage", "memory, as every storage of branch keys > ")
const byEncrypt = by("HierarchicalKeyring", "HierarchicalKeyring.onEncrypt > ")
const byDecrypt = by("HierarchicalKeyring", "HierarchicalKeyring.onDecrypt > ")
const byOwn = by("HierarchicalKeyring.otherCode", "a store of the user's own > ")
const byCache = by("BranchKeyCache", "a branch key cache > ")
const byInvalidation = by("BranchKeyCache", "invalidate and clear > ")
const byDeadlines = by("BranchKeyCache.flights", "deadlines and interruptions > ")
const byRefresh = by("BranchKeyCache.flights", "refreshing ahead > ")
const byZeroing = by("zeroing", "an entry is zeroed > ")
const byReceipts = by("receipts", "the receipt of a message under a branch key > ")
const bySharing = by("HierarchicalKeyring.cache", "a shared cache > ")

export const hierarchical: ReadonlyArray<Mutant> = [
  {
    name: "branch keys: attributes of others are not in the KMS context",
    file: record,
    find:
      "  ...record.attributes,\n  [names.branchKeyId]: record.branchKeyId,\n  [names.type]: record.type,\n  [names.createTime]",
    replace: "  [names.branchKeyId]: record.branchKeyId,\n  [names.type]: record.type,\n  [names.createTime]",
    killedBy: byStore(
      "#aws-kms-branch-key-decryption: sends the key, the ciphertext, the tokens, and every attribute as context"
    )
  },
  {
    name: "branch keys: a record of hierarchy version 2 is read as one of version 1",
    file: record,
    find: "  if (found === hierarchyVersion) return\n",
    replace: "  if (found === hierarchyVersion || found === 2) return\n",
    killedBy: byChanged("are rejected before any call: hierarchy version 2")
  },
  {
    name: "branch keys: a record of another type is taken",
    file: records,
    find: "record.type !== type",
    replace: "record.type !== type && record.wrappedKey.length === 0",
    killedBy: byChanged("are not readable as those of another table, of another id, or of another type")
  },
  {
    name: "branch keys: a record of another branch key is taken",
    file: records,
    find: "record.branchKeyId !== branchKeyId",
    replace: "record.branchKeyId === \"\"",
    killedBy: byChanged("are not readable as those of another table, of another id, or of another type")
  },
  {
    name: "branch keys: one of zeroes is taken",
    file: store,
    find: ": DataKey.isAllZero(plaintext)\n",
    replace: ": DataKey.value(plaintext).length === 0\n",
    killedBy: by("BranchKeyStore", "storages and a KMS that break their contract > ")(
      "a KMS that returns a key of zeroes: rejected, and zeroed at once"
    )
  },
  {
    name: "branch keys: the creation time has milliseconds",
    file: admin,
    find: ".replace(\"Z\", \"000Z\")",
    replace: "",
    killedBy: by("BranchKeyAdmin", "createKey > ")(
      "writes the three records of the specification, with two new keys and a copy under the ACTIVE context"
    )
  },
  {
    name: "branch keys: a new version is made of a record that was not authenticated",
    file: admin,
    find: "      yield* reEncrypt(writing, record.wrappedKey, record, record)\n",
    replace: "",
    killedBy: byVersionKey(
      "writes nothing where the record was tampered with, is under another key, or is not there"
    )
  },
  {
    name: "branch keys: a new version has the configured KMS key",
    file: admin,
    find: "{ ...kept, type: versionType(version), createTime }",
    replace: "{ ...kept, kmsArn: info.kmsConfiguration.keyArn, type: versionType(version), createTime }",
    killedBy: byVersionKey("keeps the stored KMS key, also where another replica of it is configured")
  },
  {
    name: "branch keys: the second of two versioners overwrites",
    file: memory,
    find: "!bytes.equals(current.wrappedKey, replaces)",
    replace: "!bytes.equals(current.wrappedKey, replaces) && replaces.length > 1_000_000",
    killedBy: byStorage("of versioners at once, one succeeds, and the active version is a version")
  },
  {
    name: "branch keys: a branch key is created over another one",
    file: memory,
    find: "if (all.some(isThere))",
    replace: "if (all.every(isThere))",
    killedBy: byStorage("creates a branch key once, and writes nothing the second time")
  },
  {
    name: "hierarchical keyring: the id of the branch key is not authenticated",
    file: wrapping,
    find: "[label, bytes.utf8(branchKeyId), uuids.parse(version)!, context]",
    replace: "[label, bytes.utf8(branchKeyId).subarray(0, 0), uuids.parse(version)!, context]",
    killedBy: byEncrypt("#ciphertext: wraps as the specification says, under the active version")
  },
  {
    name: "hierarchical keyring: salt and IV are one",
    file: wrapping,
    find: "random.slice(saltLength)]",
    replace: "random.slice(0, 12)]",
    killedBy: byEncrypt("#branch-key-wrapping: salt and IV are new for each wrapping")
  },
  {
    name: "hierarchical keyring: the derived key is not zeroed",
    file: wrapping,
    find: "(derived) => Effect.sync(() => derived.fill(0))",
    replace: "() => Effect.void",
    killedBy: byEncrypt("the branch key and the derived key are zero once the data key is wrapped or unwrapped")
  },
  {
    name: "hierarchical keyring: a ciphertext may be too long",
    file: wrapping,
    find: "ciphertext.length !== lengthOf(dataKeyLength)",
    replace: "ciphertext.length < lengthOf(dataKeyLength)",
    killedBy: byDecrypt("does not call the store for what is not its own, or has not the length of its suite")
  },
  {
    name: "hierarchical keyring: a store may return another version",
    file: fetchBranchKey,
    find: "requestedVersion !== undefined && version !== requestedVersion",
    replace: "requestedVersion === \"\" && version !== requestedVersion",
    killedBy: byOwn("that returns another version than the requested one is a BrokenContract")
  },
  {
    name: "branch key cache: an entry of exactly the maximum age is served",
    file: cache,
    find: "ageMillis < maxAgeMillis ?",
    replace: "ageMillis <= maxAgeMillis ?",
    killedBy: bySharing("a keyring with a shorter maximum age reads again what is as old for it")
  },
  {
    name: "branch key cache: what is expired stays",
    file: cachedKeys,
    find: "entry.ageMillis(now) < this.#maxAgeMillis",
    replace: "entry.ageMillis(now) <= this.#maxAgeMillis",
    killedBy: byZeroing("at the next request after it is expired, and not before")
  },
  {
    name: "branch key cache: age counts from the end of the read",
    file: keyFlights,
    find: "branchKey, flight.startedAt, refreshShare",
    replace: "branchKey, nowUnsafe(clock), refreshShare",
    killedBy: byCache("counts age from the beginning of the read, so that no state of the store lives longer")
  },
  {
    name: "branch key cache: an evicted entry is not zeroed",
    file: cachedKeys,
    find: "    entry.zero()\n",
    replace: "",
    killedBy: byZeroing("when it leaves for another")
  },
  {
    name: "branch key cache: a read that was invalidated is kept",
    file: keyFlights,
    find: "open.get(flight.key) === flight && entry.ageMillis",
    replace: "open.get(flight.key) !== undefined === open.has(flight.key) && entry.ageMillis",
    killedBy: byInvalidation("a read in flight serves those who wait for it, and is not kept: invalidate")
  },
  {
    name: "branch key cache: texts of a key run into each other",
    file: cache,
    find: "`${part.length}:${part}`",
    replace: "`${part}\\u0000`",
    killedBy: byCache(
      "active version and named version, ids, partitions and stores are kept apart, whatever the texts are"
    )
  },
  {
    name: "branch key cache: a read ends with any interrupted request",
    file: keyFlights,
    find: "flight.waiters.size === 0 && flight.needsWaiters) settle(fetching, flight, outcome)",
    replace: "flight.needsWaiters) settle(fetching, flight, outcome)",
    killedBy: byDeadlines("an interrupted request ends no read that another waits for, and the last one does")
  },
  {
    name: "branch key cache: a request can be interrupted before it waits",
    file: cache,
    find: "Effect.uninterruptibleMask((restore) => {\n",
    replace: "Effect.suspend(() => {\n    const restore: flights.Restore = (effect) => effect\n",
    killedBy: byDeadlines("a request that is interrupted in the very step in which its read begins leaves none behind")
  },
  {
    name: "branch key cache: requests join a read that is overdue",
    file: keyFlights,
    find: "Math.min(maxAgeMillis, Duration.toMillis(fetching.fetchDeadline))",
    replace: "maxAgeMillis",
    killedBy: byDeadlines("none joins a read as old as the deadline, which still serves those who wait for it")
  },
  {
    name: "branch key cache: a refresh that failed is tried with each request",
    file: keyFlights,
    find: "Math.max(1000, (fetching.maxAgeMillis - ageMillis) / 4)",
    replace: "0",
    killedBy: byRefresh("that fails is tried again later, and not with each request")
  },
  {
    name: "branch key cache: a refresh has no deadline",
    file: keyFlights,
    find: "        if (flight.waiters.size === 0) settle(fetching, flight, \"deadline\")\n",
    replace: "",
    killedBy: byRefresh("that hangs ends at its deadline, and later where a request waits for it")
  },
  {
    name: "hierarchical keyring: shared caches have one partition",
    file: keyring,
    find: "checked.partitionId ?? Hex.encode(yield* primitives.randomBytes(16))",
    replace: "checked.partitionId ?? Hex.encode((yield* primitives.randomBytes(16)).subarray(0, 0))",
    killedBy: bySharing("keeps keyrings of other partitions apart: each has a random one by default")
  },
  {
    name: "receipts: the branch key of an earlier message is shown with a cached data key",
    file: "src/client/materials.ts",
    find: "acquired.receipt._tag === \"Hit\" ? undefined : ",
    replace: "",
    killedBy: byReceipts("has none where the data key was cached: no branch key was asked for")
  },
  {
    name: "receipts: who joined a read has a miss",
    file: keyFlights,
    find: "isJoinable ? \"Joined\" : \"Miss\"",
    replace: "isJoinable ? \"Miss\" : \"Miss\"",
    killedBy: byReceipts("of requests at once says who joined the read of another")
  },
  {
    name: "receipts: the branch keys of children are lost",
    file: "src/materials/ResilientMultiKeyring.ts",
    find: "materials.branchKeys?.slice(branchKeys.length) ?? []",
    replace: "materials.branchKeys?.slice(branchKeys.length + 1) ?? []",
    killedBy: byReceipts("names all branch keys of a multi-keyring, in order")
  },
  {
    name: "receipts: a member's list of branch keys is not copied",
    file: "src/materials/ResilientMultiKeyring.ts",
    find: "{ branchKeys: listOf(branchKeys, BranchKeyUse.read) }",
    replace: "{ branchKeys: listOf(branchKeys, BranchKeyUse.read) && branchKeys }",
    killedBy: by("receipts", "a keyring of the user's own that reports branch keys > ")(
      "may change its list later: a resilient multi-keyring has its own"
    )
  }
]
