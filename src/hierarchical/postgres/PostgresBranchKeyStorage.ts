/**
 * A storage of branch keys in a table of Postgres.
 *
 * | column              | type      | holds                                                        |
 * | ------------------- | --------- | ------------------------------------------------------------ |
 * | `branch_key_id`     | `text`    | the id: each `\` in it is doubled, and a NUL is `\0`         |
 * | `type`              | `text`    | `branch:ACTIVE`, `branch:version:<uuid>` or `beacon:ACTIVE`  |
 * | `enc`               | `bytea`   | the wrapped key                                              |
 * | `kms_arn`           | `text`    | the KMS key                                                  |
 * | `create_time`       | `text`    | as AWS KMS has bound it                                      |
 * | `hierarchy_version` | `integer` | 1                                                            |
 * | `version`           | `text`    | of the record of the active version alone                    |
 * | `attributes`        | `json`    | all others                                                   |
 */
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as bytes from "../../internal/bytes.ts"
import { type Configured, configured } from "../../internal/configured.ts"
import { shown } from "../../internal/printable.ts"
import { optionsOf } from "../../model/errors/optionsOf.ts"
import { InvalidOption } from "../../model/errors/Reasons.ts"
import type { BranchKeyRecord, Type } from "../BranchKeyRecord.ts"
import * as Storage from "../BranchKeyStorage.ts"
import { fromRow, type Row, toId, toRow } from "./internal/rows.ts"
import { isDuplicate, run } from "./internal/statements.ts"

const isTable = (value: unknown): value is string => {
  if (typeof value !== "string" || !bytes.isWellFormed(value) || value.includes("\0")) return false
  const names = value.split(".").map((name) => bytes.utf8(name).length)
  return names.length <= 2 && names.every((length) => length >= 1 && length <= 63)
}

/** Options of a storage in Postgres. */
export const Options = /*#__PURE__*/ (() =>
  Schema.Struct({
    /** Name of the table, or of its schema and the table: `keys.branch_keys`. Default `branch_keys`. */
    table: Schema.optional(Schema.declare(isTable))
  }))()

/** See the schema of the same name. */
export type Options = typeof Options.Type

const checkOptions = /*#__PURE__*/ optionsOf(Options, "a storage of branch keys in Postgres", {
  table: (value: unknown) =>
    `must be a name, or two with a dot between them, of 1 to 63 bytes each, got ${shown(value)}`
})

/**
 * A storage over the program's `SqlClient`, such as that of `@effect/sql-pg`. Each operation is one statement. Fails with
 * `InvalidOption`, also where the client is one for another database.
 *
 * Ids have at most 2,048 bytes of UTF-8, as in DynamoDB. A failure that `isRetryable` may have come after a write that was
 * made: create again with the same id, and `AlreadyExists` says so.
 *
 * **Gotchas**
 *
 * It reads where it writes. A client that reads from replicas may not find a branch key that was just created.
 */
export const make: (
  options?: Options
) => Effect.Effect<Storage.BranchKeyStorage, InvalidOption, SqlClient> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options: Options = {}) {
    const table = yield* connect(options)
    return {
      name: table.name,
      create: (records) => create(table, records),
      addVersion: (records) => addVersion(table, records),
      read: (branchKeyId, type) => read(table, branchKeyId, type)
    }
  }
)

/** `make` as the storage of this program. */
export const layer = (options: Options = {}): Layer.Layer<Storage.BranchKeyStorage, InvalidOption, SqlClient> =>
  Layer.effect(Storage.BranchKeyStorage, make(options))

/** `layer` with options from configuration, each as a value or as a `Config`. */
export const layerConfig = (
  options: Configured<Options>
): Layer.Layer<Storage.BranchKeyStorage, InvalidOption | Config.ConfigError, SqlClient> =>
  Layer.effect(Storage.BranchKeyStorage, Effect.flatMap(configured(options), make))

/**
 * Creates the table where it is not there yet: a migration for Effect's `Migrator`, or a step of a deployment. Programs that only
 * encrypt and decrypt need `SELECT` on it, those that create and version branch keys `INSERT` and `UPDATE` too.
 */
export const migration: (options?: Options) => Effect.Effect<void, SqlError | InvalidOption, SqlClient> =
  /*#__PURE__*/ Effect.fnUntraced(function*(options: Options = {}) {
    const { name, sql } = yield* connect(options)
    const create = sql`CREATE TABLE IF NOT EXISTS ${sql(name)} (
      branch_key_id text NOT NULL,
      type text NOT NULL,
      enc bytea NOT NULL,
      kms_arn text NOT NULL,
      create_time text NOT NULL,
      hierarchy_version integer NOT NULL,
      version text,
      attributes json NOT NULL,
      PRIMARY KEY (branch_key_id, type)
    )`
    // Of two at once Postgres fails the second, in its own catalogue, once the first is through.
    yield* Effect.retry(create, { times: 1, while: isDuplicate })
  })

interface Table {
  readonly sql: SqlClient
  readonly name: string
}

const connect = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Table, InvalidOption, SqlClient> {
  const { table = "branch_keys" } = yield* checkOptions(options)
  const client = yield* SqlClient
  // Columns have the names that are written here, whatever the program calls its own.
  const sql = client.withoutTransforms()
  if (!sql.onDialectOrElse({ pg: () => true, orElse: () => false })) {
    return yield* new InvalidOption({ field: "SqlClient", description: "is for another database than Postgres" })
  }
  return { sql, name: table }
})

/** One statement: all rows, or none. */
const create = (
  { name, sql }: Table,
  { active, beacon, version }: Storage.NewBranchKey
): Effect.Effect<void, Storage.BranchKeyStorageError> =>
  run(
    "create",
    version.branchKeyId,
    Effect.gen(function*() {
      const columns = (record: BranchKeyRecord) => Effect.map(Effect.fromResult(toRow(record)), (row) => ({ ...row }))
      const rows = yield* Effect.all([columns(version), columns(active), columns(beacon)])
      yield* sql`INSERT INTO ${sql(name)} ${sql.insert(rows)}`
    })
  )

/**
 * One statement: the version is inserted where the record of the active one was replaced. Of two at once the second waits for the
 * first, and then compares with what that has written.
 */
const addVersion = (
  { name, sql }: Table,
  { active, replaces, version }: Storage.NewVersion
): Effect.Effect<void, Storage.BranchKeyStorageError> =>
  run(
    "addVersion",
    active.branchKeyId,
    Effect.gen(function*() {
      const next = yield* Effect.fromResult(toRow(active))
      const added = yield* Effect.fromResult(toRow(version))
      const written = yield* sql`
        WITH replaced AS (
          UPDATE ${sql(name)} SET
            enc = ${next.enc},
            kms_arn = ${next.kms_arn},
            create_time = ${next.create_time},
            hierarchy_version = ${next.hierarchy_version},
            version = ${next.version},
            attributes = ${next.attributes}::json
          WHERE branch_key_id = ${next.branch_key_id} AND type = ${next.type} AND enc = ${new Uint8Array(replaces)}
          RETURNING branch_key_id
        )
        INSERT INTO ${
        sql(name)
      } (branch_key_id, type, enc, kms_arn, create_time, hierarchy_version, version, attributes)
        SELECT branch_key_id, ${added.type}::text, ${added.enc}::bytea, ${added.kms_arn}::text,
          ${added.create_time}::text, ${added.hierarchy_version}::integer, ${added.version}::text, ${added.attributes}::json
        FROM replaced
        RETURNING type`
      if (written.length !== 1) return yield* new Storage.Conflict({})
    })
  )

const read = (
  { name, sql }: Table,
  branchKeyId: string,
  type: Type
): Effect.Effect<BranchKeyRecord, Storage.BranchKeyStorageError> =>
  run(
    "read",
    branchKeyId,
    Effect.gen(function*() {
      const id = yield* Effect.fromResult(toId(branchKeyId))
      const [row] = yield* sql<Row>`
        SELECT branch_key_id, type, enc, kms_arn, create_time, hierarchy_version, version, attributes::text AS attributes
        FROM ${sql(name)}
        WHERE branch_key_id = ${id} AND type = ${type}`
      return yield* row === undefined
        ? Effect.fail(new Storage.NotFound({ type }))
        : Effect.fromResult(fromRow(row))
    })
  )
