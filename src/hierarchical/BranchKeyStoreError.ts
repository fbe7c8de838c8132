import * as Schema from "effect/Schema"
import { printable } from "../internal/printable.ts"
import { TaggedError } from "../internal/TaggedError.ts"
import { KmsError } from "../kms/KmsError.ts"
import { BrokenContract } from "../model/errors/BrokenContract.ts"
import { InvalidOption } from "../model/errors/Reasons.ts"
import { isRetryable } from "../model/errors/retryable.ts"
import { RecordRejected } from "./BranchKeyRecord.ts"
import { AlreadyExists, Conflict, NotFound, StorageFailed } from "./BranchKeyStorage.ts"

/** Error of a branch key store; `reason` says why. */
export class BranchKeyStoreError extends (/*#__PURE__*/ TaggedError<BranchKeyStoreError>()("BranchKeyStoreError", {
  operation: Schema.Literals(["createKey", "versionKey", "getActive", "getVersion", "getBeaconKey"]),
  branchKeyId: Schema.String,
  /**
   * `AlreadyExists`, `Conflict`, `NotFound`, `StorageFailed` of the storage; `RecordRejected` of a record that must not be used;
   * `KmsError` of AWS KMS, a response that it must not give included; `InvalidOption` of an argument; `BrokenContract` of a
   * storage or a `Kms` of the user's own.
   */
  reason: Schema.Union([
    AlreadyExists,
    Conflict,
    NotFound,
    StorageFailed,
    RecordRejected,
    KmsError,
    InvalidOption,
    BrokenContract
  ])
})) {
  override get message(): string {
    return `branch key store, ${this.operation} of ${printable(this.branchKeyId)}: ${this.reason.message}`
  }

  /** Whether the same request may succeed later. */
  get isRetryable(): boolean {
    return isRetryable(this.reason)
  }
}

/** Reasons of a `BranchKeyStoreError`. */
export type BranchKeyStoreErrorReason = BranchKeyStoreError["reason"]
