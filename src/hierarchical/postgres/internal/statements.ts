/** Statements of a storage, and their errors. */
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import type { RecordRejected } from "../../BranchKeyRecord.ts"
import * as Storage from "../../BranchKeyStorage.ts"

type Operation = Storage.BranchKeyStorageError["operation"]

/** Runs the statement of an operation. */
export const run = <A>(
  operation: Operation,
  branchKeyId: string,
  statement: Effect.Effect<A, SqlError | RecordRejected | Storage.Conflict | Storage.NotFound>
): Effect.Effect<A, Storage.BranchKeyStorageError> =>
  Effect.mapError(
    statement,
    (error) =>
      new Storage.BranchKeyStorageError({
        operation,
        branchKeyId,
        reason: error._tag === "SqlError" ? reasonOf(operation, error) : error
      })
  )

const reasonOf = (operation: Operation, error: SqlError): Storage.BranchKeyStorageError["reason"] => {
  const { isRetryable, reason } = error
  if (reason._tag === "UniqueViolation") return new Storage.AlreadyExists({})
  const { code = reason._tag, message = error.message } = fieldsOf(reason.cause)
  const unknown = isRetryable && operation !== "read" ? "; it may have been written" : ""
  return new Storage.StorageFailed({ code, description: `${message}${unknown}`, isRetryable, cause: error })
}

/** SQLSTATEs of a unique key, an object and a table that are there already. */
const duplicates: ReadonlySet<string | undefined> = /*#__PURE__*/ new Set(["23505", "42710", "42P07"])

/** Whether a statement failed since what it makes is there already. */
export const isDuplicate = ({ reason }: SqlError): boolean => duplicates.has(fieldsOf(reason.cause).code)

/** Texts of an error of Postgres: its code, an SQLSTATE such as `42P01`, and its message. */
const fieldsOf = (cause: unknown): { readonly code?: string; readonly message?: string } => {
  if (typeof cause !== "object" || cause === null) return {}
  const { code, message } = cause as Partial<Record<"code" | "message", unknown>>
  return {
    ...typeof code === "string" ? { code } : {},
    ...typeof message === "string" ? { message } : {}
  }
}
