/** One run: what it counts, what it checks, and what is broken in it on purpose. */
import type { CacheEntry } from "effect-encryption-sdk/caching"
import type { ScriptedKms } from "effect-encryption-sdk/testing"
import * as checks from "./checks.ts"
import * as dataKeyArrays from "./dataKeyArrays.ts"
import * as ledger from "./ledger.ts"
import * as sabotage from "./sabotage.ts"

const names = {
  intact: "no operation's data key was zeroed under it",
  released: "every operation's data key was zeroed when it ended",
  memory: "all data keys but those of entries and running operations were zeroed",
  kmsReleased: "every plaintext of the KMS was zeroed",
  capacity: "no cache held more entries than its capacity",
  requests: "requests in the metrics were those made",
  bypasses: "bypasses in the metrics were those due",
  calls: "fetches and bypasses in the metrics were the calls of the KMS",
  evictions: "evictions in the metrics were those of the caches",
  entries: "entries in the metrics were those in the caches",
  errors: "requests failed by faults of the KMS, and by nothing else",
  ended: "every request ended",
  everything: "the day met every threshold and every way of being served",
  scope: "nothing was left when the scope had closed",
  heap: "heap at no later tenth more than 5 MiB above that after the first or the second"
}

/** Records data keys from now on. `arrays.stop` ends that. */
export const make = (now: () => number, sabotages: ReadonlyArray<sabotage.Sabotage>) => {
  const evicted = { encrypt: new Map<string, number>(), decrypt: new Map<string, number>() }
  return {
    ...checks.make(names),
    arrays: dataKeyArrays.record(),
    book: ledger.make(now),
    broken: sabotage.apply(sabotages),
    evicted,
    onEviction: ({ cause, metadata: { operation } }: CacheEntry.EvictionEvent) => {
      evicted[operation].set(cause, (evicted[operation].get(cause) ?? 0) + 1)
    },
    /** Requests that were made, and those of them that had to bypass the cache. */
    made: { encrypt: 0, decrypt: 0 },
    due: { encrypt: 0, decrypt: 0 },
    outcomes: { served: 0, failed: 0, timedOut: 0 },
    /** Calls of the KMS that have ended. */
    called: { GenerateDataKey: 0, Encrypt: 0, Decrypt: 0 },
    running: 0,
    /** Operations that have a data key. */
    holding: 0,
    /** Plaintexts of the KMS that are not zeroed yet. */
    unreleased: [] as ReadonlyArray<ScriptedKms.HandedOut>
  }
}

export type Run = ReturnType<typeof make>
