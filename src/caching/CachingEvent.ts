/**
 * The events of a caching materials manager, as they happen. Events hold no key bytes, no plaintext and no context values.
 */
import type * as Duration from "effect/Duration"
import type { BypassReason, Usage } from "../model/Receipt.ts"
import type { EvictionCause } from "./EntryMetadata.ts"

/**
 * - `Bypassed`: a request bypassed the cache, straight to the underlying manager. With the reason `MaterialsNotCacheable` it had
 *   been admitted before that showed.
 * - `Admitted`: a request was served from the cache (`hit`), joined a fetch (`joined`) or started one (`miss`). Requests
 *   for one `key` are admitted one after another, in the order of these events.
 * - `FetchStarted`: a fetch of the underlying manager starts, for a `request` that waits or to `refresh` an entry ahead. Several
 *   fetches for one key can be in flight, the manager's number of the `fetch` tells them apart.
 * - `Fetched`: that fetch ended. `abandoned` means that no request waited for it any more, or that the manager was closed.
 * - `Waiting`: one request more, or one less, waits for a fetch.
 * - `Stored`: an entry was put into the cache.
 * - `Evicted`: an entry left the cache.
 * - `CacheFault`: the cache failed, died or took too long, and the manager went on as on a miss.
 */
export type CachingEvent =
  | { readonly _tag: "Bypassed"; readonly operation: "encrypt" | "decrypt"; readonly reason: BypassReason }
  | {
    readonly _tag: "Admitted"
    readonly operation: "encrypt" | "decrypt"
    readonly key: string
    readonly outcome: "hit" | "joined" | "miss"
  }
  | {
    readonly _tag: "FetchStarted"
    readonly fetch: number
    readonly operation: "encrypt" | "decrypt"
    readonly key: string
    readonly trigger: "request" | "refresh"
  }
  | {
    readonly _tag: "Fetched"
    readonly fetch: number
    readonly operation: "encrypt" | "decrypt"
    readonly key: string
    readonly trigger: "request" | "refresh"
    readonly outcome: "succeeded" | "failed" | "deadline" | "abandoned"
    readonly latency: Duration.Duration
  }
  | { readonly _tag: "Waiting"; readonly operation: "encrypt" | "decrypt"; readonly change: 1 | -1 }
  | { readonly _tag: "Stored"; readonly operation: "encrypt" | "decrypt"; readonly key: string }
  | {
    readonly _tag: "Evicted"
    readonly operation: "encrypt" | "decrypt"
    readonly key: string
    readonly cause: EvictionCause
    readonly age: Duration.Duration
    readonly usage: Usage
  }
  | {
    readonly _tag: "CacheFault"
    readonly operation: "get" | "put" | "delete" | "deleteWhere" | "clear" | "size"
    readonly fault: "failed" | "died" | "timedOut"
  }
