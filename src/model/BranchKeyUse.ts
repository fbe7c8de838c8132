/**
 * The use of one branch key for one message: which it was, and whether it was cached.
 */
import * as bytes from "../internal/bytes.ts"

/**
 * Source of a branch key. The cache of branch keys is another one than that of data keys.
 *
 * - `Hit`: from its cache.
 * - `Joined`: from a read of the store that another request had started.
 * - `Miss`: from a read of the store, and one call to AWS KMS.
 */
export type BranchKeyOutcome = "Hit" | "Joined" | "Miss"

/** One branch key under which the data key of a message was wrapped, or unwrapped. All of it is in the message in the clear but `outcome`. */
export interface BranchKeyUse {
  readonly branchKeyId: string
  /** A UUID in lower case. */
  readonly version: string
  readonly outcome: BranchKeyOutcome
}

/**
 * A frozen copy of a row; undefined where it is none.
 *
 * @internal
 */
export const read = (row: Partial<BranchKeyUse> | null | undefined): BranchKeyUse | undefined => {
  const { branchKeyId, outcome, version } = row ?? {}
  return isText(branchKeyId) && isText(version) && (outcome === "Hit" || outcome === "Joined" || outcome === "Miss")
    ? Object.freeze({ branchKeyId, version, outcome })
    : undefined
}

const isText = (value: unknown): value is string => typeof value === "string" && bytes.isWellFormed(value)
