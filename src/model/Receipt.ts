/**
 * A materials manager's account of one request, as a value. Never holds key bytes or plaintext, and of the encryption context no
 * more than the branch key id that a supplier has chosen by it.
 */
import type * as Duration from "effect/Duration"
import type { BranchKeyUse } from "./BranchKeyUse.ts"
import type { MissingWrapping } from "./errors/KeyringError.ts"

/** Use of a data key so far, the request of the receipt included. */
export interface Usage {
  /** Messages charged to the data key. Decryption charges none. */
  readonly messages: number
  /** Plaintext bytes charged to the data key, exact beyond 2^53. */
  readonly bytes: bigint
}

/**
 * Reason of a request that bypassed the cache.
 *
 * - `SuiteWithoutKeyDerivation`: the suite's materials may never be cached.
 * - `UnknownPlaintextLength`: neither a length nor a bound was given.
 * - `LargerThanMaxBytesEncrypted`: the request exceeds the byte threshold by itself.
 * - `Rule`: a rule of the policy says so, or threw.
 * - `CachingOff`: the cache stores nothing.
 * - `MaterialsNotCacheable`: the materials that came back are of a suite that may not be cached.
 */
export type BypassReason =
  | "SuiteWithoutKeyDerivation"
  | "UnknownPlaintextLength"
  | "LargerThanMaxBytesEncrypted"
  | "Rule"
  | "CachingOff"
  | "MaterialsNotCacheable"

/**
 * - `Uncached`: the manager has no cache.
 * - `Hit`: served from a cache entry of this `age`.
 * - `Miss`: this request fetched the materials, and they were offered to the cache.
 * - `Unoffered`: this request fetched the materials, and they were not offered to the cache: the requests that waited for them
 *   have spent their data key, they were invalidated meanwhile, or a later fetch has taken their place.
 * - `Joined`: served by a fetch that another request had started.
 * - `Bypassed`: fetched for this request alone, past the cache.
 */
export type Receipt = Outcome & {
  /** The keyrings that did not wrap the data key, and why, where one went on without. Absent where all have wrapped. */
  readonly missingWrappings?: ReadonlyArray<MissingWrapping>
  /**
   * The branch keys that the data key was wrapped or unwrapped with, and whether each was cached. Absent where no hierarchical
   * keyring took part, and where the data key was cached (`Hit`): then no branch key was needed.
   */
  readonly branchKeys?: ReadonlyArray<BranchKeyUse>
}

type Outcome =
  | { readonly _tag: "Uncached" }
  | {
    readonly _tag: "Hit"
    readonly refreshStarted: boolean
    readonly age: Duration.Duration
    readonly usage: Usage
  }
  | { readonly _tag: "Miss"; readonly usage: Usage }
  | { readonly _tag: "Unoffered"; readonly usage: Usage }
  | { readonly _tag: "Joined"; readonly usage: Usage }
  | { readonly _tag: "Bypassed"; readonly reason: BypassReason }

/** The receipt of a manager without a cache. */
export const uncached: Receipt = Object.freeze({ _tag: "Uncached" })
