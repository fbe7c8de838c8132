/**
 * The port to the place where the records of branch keys are: a table. It knows nothing of AWS KMS or of keys in the clear.
 *
 * Layers: `MemoryBranchKeyStorage.layer`, `DynamoDbBranchKeyStorage.layer` of `effect-encryption-sdk/hierarchical/dynamodb`, and
 * `PostgresBranchKeyStorage.layer` of `effect-encryption-sdk/hierarchical/postgres`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { line, printable } from "../internal/printable.ts"
import { TaggedError } from "../internal/TaggedError.ts"
import { isRetryable } from "../model/errors/retryable.ts"
import { type BranchKeyRecord, RecordRejected, type Type } from "./BranchKeyRecord.ts"

/** Error when a branch key, or a version of it, exists already. Nothing was written. */
export class AlreadyExists extends (/*#__PURE__*/ TaggedError<AlreadyExists>()("AlreadyExists", {})) {
  override get message(): string {
    return "it exists already"
  }
}

/** Error when another version became the active one since it was read. Nothing was written. */
export class Conflict extends (/*#__PURE__*/ TaggedError<Conflict>()("Conflict", {})) {
  override get message(): string {
    return "its active version was replaced meanwhile"
  }

  /** Always true. A retry makes one more version, beside the one that the other caller made. */
  get isRetryable(): boolean {
    return true
  }
}

/** Error when there is no such record. */
export class NotFound extends (/*#__PURE__*/ TaggedError<NotFound>()("NotFound", {
  /** The `type` of the record that was looked for. */
  type: Schema.String
})) {
  override get message(): string {
    return line`there is no record of the type ${this.type}`
  }
}

/** Error when the storage itself failed: a service that is not reached, a permission that is missing. */
export class StorageFailed extends (/*#__PURE__*/ TaggedError<StorageFailed>()("StorageFailed", {
  /** The storage's own error code. */
  code: Schema.String,
  /** The storage's message. It can name tables and callers, never key material. */
  description: Schema.String,
  /** Whether the same call may succeed later. */
  isRetryable: Schema.Boolean,
  /** The storage's own error. */
  cause: Schema.optionalKey(Schema.Defect())
})) {
  override get message(): string {
    return line`${this.code}: ${this.description}`
  }
}

/** Error of a storage; `reason` says why. */
export class BranchKeyStorageError
  extends (/*#__PURE__*/ TaggedError<BranchKeyStorageError>()("BranchKeyStorageError", {
    operation: Schema.Literals(["create", "addVersion", "read"]),
    branchKeyId: Schema.String,
    reason: Schema.Union([AlreadyExists, Conflict, NotFound, StorageFailed, RecordRejected])
  }))
{
  override get message(): string {
    return `branch key storage, ${this.operation} of ${printable(this.branchKeyId)}: ${this.reason.message}`
  }

  /** Whether the same call may succeed later. */
  get isRetryable(): boolean {
    return isRetryable(this.reason)
  }
}

/** The three records of a new branch key. */
export interface NewBranchKey {
  readonly version: BranchKeyRecord
  readonly active: BranchKeyRecord
  readonly beacon: BranchKeyRecord
}

/** The two records of a new version of a branch key. */
export interface NewVersion {
  readonly version: BranchKeyRecord
  readonly active: BranchKeyRecord
  /** The wrapped key in the record of the active version that `active` replaces. */
  readonly replaces: Uint8Array
}

/**
 * The operations. A write is whole or does not happen, and no reader sees a part of it. A record, and the arrays in it, belong to
 * the one who receives it.
 */
export interface BranchKeyStorage {
  /** Name of the table, for people. */
  readonly name: string
  /**
   * Writes the records of a new branch key. Fails with `AlreadyExists`, and writes nothing, where there is a record of this id and
   * one of the three types.
   */
  readonly create: (records: NewBranchKey) => Effect.Effect<void, BranchKeyStorageError>
  /**
   * Writes a new version and replaces the record of the active one. Writes nothing where it fails: with `Conflict` where the
   * record of the active version is not there, or its wrapped key is not the one that is to be replaced; with `AlreadyExists`
   * where there is such a version.
   */
  readonly addVersion: (records: NewVersion) => Effect.Effect<void, BranchKeyStorageError>
  /**
   * Reads the record of an id and a type. Fails with `NotFound` where there is none, and with `RecordRejected` where it is none of
   * a branch key. A read of `branch:ACTIVE` sees every write that has succeeded.
   */
  readonly read: (branchKeyId: string, type: Type) => Effect.Effect<BranchKeyRecord, BranchKeyStorageError>
}

/** The tag of the storage that this program uses. */
export const BranchKeyStorage: Context.Service<BranchKeyStorage, BranchKeyStorage> = /*#__PURE__*/ Context.Service<
  BranchKeyStorage
>("effect-encryption-sdk/hierarchical/BranchKeyStorage")
