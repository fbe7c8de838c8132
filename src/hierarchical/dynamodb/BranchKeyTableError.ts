import * as Schema from "effect/Schema"
import { line, printable } from "../../internal/printable.ts"
import { TaggedError } from "../../internal/TaggedError.ts"
import { isRetryable } from "../../model/errors/retryable.ts"
import { StorageFailed } from "../BranchKeyStorage.ts"

/** Error when there is no such table in the account and Region. */
export class TableNotFound extends (/*#__PURE__*/ TaggedError<TableNotFound>()("TableNotFound", {})) {
  override get message(): string {
    return "there is no such table in this account and Region"
  }
}

/** Error when the keys of a table are not those of a table of branch keys. */
export class KeySchemaMismatch extends (/*#__PURE__*/ TaggedError<KeySchemaMismatch>()("KeySchemaMismatch", {
  /** The keys that differ, and what they must be. */
  description: Schema.String
})) {
  override get message(): string {
    return line`its keys are not those of a table of branch keys: ${this.description}`
  }
}

/** Error when a table cannot be used in the state that it is in. */
export class TableNotActive extends (/*#__PURE__*/ TaggedError<TableNotActive>()("TableNotActive", {
  /** `TableStatus` of DynamoDB. */
  status: Schema.String
})) {
  override get message(): string {
    return line`its status is ${this.status}, must be ACTIVE`
  }

  /** Whether the table leaves this state by itself. */
  get isRetryable(): boolean {
    return this.status === "CREATING" || this.status === "DELETING"
  }
}

/** Error of a table of branch keys; `reason` says why. */
export class BranchKeyTableError extends (/*#__PURE__*/ TaggedError<BranchKeyTableError>()("BranchKeyTableError", {
  operation: Schema.Literals(["create", "check"]),
  tableName: Schema.String,
  reason: Schema.Union([TableNotFound, KeySchemaMismatch, TableNotActive, StorageFailed])
})) {
  override get message(): string {
    return `branch key table, ${this.operation} of ${printable(this.tableName)}: ${this.reason.message}`
  }

  /** Whether the same call may succeed later. */
  get isRetryable(): boolean {
    return isRetryable(this.reason)
  }
}
