/**
 * What a caching materials manager does, as it happens. Events hold no key bytes, no plaintext and no context values.
 */
import type * as Duration from "effect/Duration"
import type { BypassReason } from "../Receipt.ts"
import type { EvictionEvent } from "./EntryFacts.ts"

/**
 * - `Bypassed`: a request went straight through to the underlying manager.
 * - `Admitted`: a request was served from the cache (`hit`), joined a fetch (`joined`) or started one (`miss`). Requests
 *   for one `key` are admitted one after another, in the order of these events.
 * - `Fetched`: a fetch ended.
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
    readonly _tag: "Fetched"
    readonly operation: "encrypt" | "decrypt"
    readonly key: string
    readonly outcome: "landed" | "failed" | "deadline"
    readonly latency: Duration.Duration
  }
  | { readonly _tag: "Evicted" } & EvictionEvent
  | {
    readonly _tag: "CacheFault"
    readonly operation: "get" | "put" | "delete" | "deleteWhere" | "clear" | "size"
    readonly fault: "failed" | "died" | "timedOut"
  }
