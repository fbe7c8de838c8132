/** Records as a store reads them, and the errors of a store. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { shown } from "../../internal/printable.ts"
import { guarded } from "../../materials/contract.ts"
import * as EncryptionContext from "../../model/EncryptionContext.ts"
import { InvalidOption } from "../../model/errors/Reasons.ts"
import { type BranchKeyRecord, check, contextOf, RecordRejected, type Type } from "../BranchKeyRecord.ts"
import { type BranchKeyStorage, BranchKeyStorageError } from "../BranchKeyStorage.ts"
import { BranchKeyStoreError, type BranchKeyStoreErrorReason } from "../BranchKeyStoreError.ts"
import { isName } from "./storeOptions.ts"

/** One operation of a store. */
export interface Operation {
  readonly operation: BranchKeyStoreError["operation"]
  readonly branchKeyId: string
}

/** Fails an operation. */
export const fail = (
  { branchKeyId, operation }: Operation,
  reason: BranchKeyStoreErrorReason
): Effect.Effect<never, BranchKeyStoreError> => Effect.fail(errorOf({ operation, branchKeyId }, reason))

/** The error of an operation. Its id may be no text where the caller is plain JavaScript. */
export const errorOf = (
  { branchKeyId, operation }: Operation,
  reason: BranchKeyStoreErrorReason
): BranchKeyStoreError =>
  new BranchKeyStoreError({
    operation,
    branchKeyId: typeof branchKeyId === "string" ? branchKeyId : shown(branchKeyId),
    reason
  })

/** Fails an operation whose effect fails with a reason. */
export const orFail = <A, R>(
  operation: Operation,
  effect: Effect.Effect<A, BranchKeyStoreErrorReason, R>
): Effect.Effect<A, BranchKeyStoreError, R> => Effect.catch(effect, (reason) => fail(operation, reason))

/** Fails where an argument is no name of a branch key. The caller of an operation may be plain JavaScript. */
export const checkId = (operation: Operation): Effect.Effect<void, BranchKeyStoreError> =>
  isName(operation.branchKeyId) ? Effect.void : fail(
    operation,
    new InvalidOption({ field: "branchKeyId", description: "must be a text of 1 to 65,535 bytes of UTF-8" })
  )

/** A call of a storage, which may be the user's own. */
export const callStorage = <A>(
  operation: keyof BranchKeyStorage,
  call: () => Effect.Effect<A, BranchKeyStorageError>
): Effect.Effect<A, BranchKeyStoreErrorReason> =>
  Effect.mapError(
    guarded(`BranchKeyStorage.${operation}`, BranchKeyStorageError, call, (breach) => breach),
    (error) => error._tag === "BranchKeyStorageError" ? error.reason : error
  )

/** A record, with the KMS encryption context of its wrapped key. */
export interface Bound {
  readonly record: BranchKeyRecord
  readonly context: EncryptionContext.EncryptionContext
}

/** Adds its context to a record. Fails where AWS KMS could not bind it. */
export const bind = (
  record: BranchKeyRecord,
  logicalKeyStoreName: string
): Result.Result<Bound, RecordRejected> =>
  Result.mapBoth(EncryptionContext.validate(contextOf(record, logicalKeyStoreName)), {
    onSuccess: (context) => ({ record, context }),
    onFailure: ({ description }) =>
      new RecordRejected({ attribute: "record", description: `has a context whose ${description}` })
  })

/** Reads the record of an id and a type, and none that the storage returns instead. */
export const read = (
  storage: BranchKeyStorage,
  branchKeyId: string,
  type: Type,
  logicalKeyStoreName: string
): Effect.Effect<Bound, BranchKeyStoreErrorReason> =>
  Effect.flatMap(
    callStorage("read", () => storage.read(branchKeyId, type)),
    (given) =>
      Effect.fromResult(Result.flatMap(check(given), (record) =>
        record.branchKeyId !== branchKeyId
          ? anotherRecord("branch-key-id", record.branchKeyId)
          : record.type !== type
          ? anotherRecord("type", record.type)
          : bind(record, logicalKeyStoreName)))
  )

const anotherRecord = (attribute: string, found: string): Result.Result<never, RecordRejected> =>
  Result.fail(new RecordRejected({ attribute, description: `is ${shown(found)}, not the one that was read` }))
