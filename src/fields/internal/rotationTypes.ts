import type * as Effect from "effect/Effect"
import type { RewrapOptions, WrappingKey } from "../../EncryptionSdk.ts"
import type { AlgorithmSuite } from "../../model/AlgorithmSuite.ts"
import type { EncryptionContext } from "../../model/EncryptionContext.ts"
import type { DecryptError } from "../../model/errors/DecryptError.ts"
import type { EncryptError } from "../../model/errors/EncryptError.ts"

/** An encrypted value of a row, as the table has it: base64 text, or bytes. */
export type Value = string | Uint8Array

/** A row of the table, of which only the encrypted columns matter. */
export interface Row<Id> {
  readonly id: Id
  /** The values of the columns of the rotation. `null` and columns that are not there are passed over. */
  readonly values: Readonly<Record<string, Value | null | undefined>>
  /** The pairs of the row besides those of its fields, as `withEncryptionContext` sets them for its requests. Default: none. */
  readonly encryptionContext?: EncryptionContext | undefined
}

/** New values of a row. */
export interface Update<Id> {
  readonly id: Id
  /** The columns that change, and their new values. */
  readonly values: Readonly<Record<string, Value>>
  /** The values of these columns that were read. */
  readonly previous: Readonly<Record<string, Value>>
}

/** A value that could not be rotated. It stays as it is. */
export interface Failure<Id> {
  readonly id: Id
  readonly column: string
  readonly error: DecryptError | EncryptError
}

/** The state of a rotation, after each batch. */
export interface Progress<Id> {
  /** The id of the last row: `after` of a rotation that goes on from here. */
  readonly after: Id
  /** Rows that were read so far. */
  readonly rows: number
  /** Values that are current already. */
  readonly current: number
  /** Values that have a new message; of a dry run, those that would get one. */
  readonly rotated: number
  /** Values that are no messages: plaintext of a column that is not migrated yet. */
  readonly plaintext: number
  /** Rows that changed between read and write, and were left as they are. */
  readonly conflicts: number
  /** Values that failed so far. */
  readonly failed: number
  /** The failures of this batch. */
  readonly failures: ReadonlyArray<Failure<Id>>
}

/** An `EncryptedField`, of which a rotation needs what does not depend on its values. */
export interface FieldOfColumn {
  readonly encryptionContext: EncryptionContext
  readonly algorithmSuite: AlgorithmSuite | undefined
}

/** Options of a rotation. */
export interface Options<Id, E = never, R = never> {
  /** The encrypted columns, and the field of each. */
  readonly columns: Readonly<Record<string, FieldOfColumn>>
  /** Reads the next rows in the order of their ids, `limit` at most, behind the row `after`; from the first where that is undefined. */
  readonly read: (after: Id | undefined, limit: number) => Effect.Effect<ReadonlyArray<Row<Id>>, E, R>
  /**
   * Writes the new values of a row if it still has the previous ones, in one statement, and returns whether it had them. Not called in
   * a dry run.
   */
  readonly write: (update: Update<Id>) => Effect.Effect<boolean, E, R>
  /** The row behind which to begin: `after` of the progress of an earlier rotation. Default: the first row. */
  readonly after?: Id | undefined
  /** Rows in a batch, 1 to 10,000. Default: 100. */
  readonly batchSize?: number | undefined
  /** Most rows that are rotated at a time, 1 to 1024: that number of calls of a key provider at most are in flight. Default: 4. */
  readonly concurrency?: number | undefined
  /** Whether nothing is to be decrypted, encrypted or written: values are compared and counted. Default: false. */
  readonly dryRun?: boolean | undefined
  /** The keys that wrap now, as `wrappingKeys` of `isCurrent`. Default: those of the client's manager. */
  readonly wrappingKeys?: ReadonlyArray<WrappingKey> | undefined
  /** Options of the client's `rewrap`: managers, whether bodies are kept, a suite. Default of the suite: that of the field. */
  readonly rewrap?: Omit<RewrapOptions, "expectedEncryptionContext"> | undefined
}
