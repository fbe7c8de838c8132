/** Branch keys in Postgres: in the process of the test here, on a server in test/peers. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Config, ConfigProvider, Effect, Layer, Result, Schema, Stream } from "effect"
import {
  BranchKeyAdmin,
  BranchKeyStorage,
  BranchKeyStore,
  HierarchicalKeyring
} from "effect-encryption-sdk/hierarchical"
import { PostgresBranchKeyStorage } from "effect-encryption-sdk/hierarchical/postgres"
import { PgClient } from "@effect/sql-pg"
import { Reactivity } from "effect/reactivity"
import { Migrator, SqlClient, Statement } from "effect/sql"
import { ConnectionError, SqlError, StatementTimeoutError, UnknownError } from "effect/sql/SqlError"
import type { Connection } from "effect/sql/SqlConnection"
import { fromRow, toId, toRow } from "../../../src/hierarchical/postgres/internal/rows.ts"
import { branchKeyStorageContract, exampleRecords } from "../../support/branchKeyStorageContract.ts"
import { logicalKeyStoreName, singleKey, TestKms } from "../../support/branchKeys.ts"
import { clientOf, failureOf } from "../../support/client.ts"
import * as Postgres from "../../support/postgresInProcess.ts"
import { TestPrimitives } from "../../support/TestPrimitives.ts"

const database = Postgres.shared()

let tables = 0

/** A storage over a table of its own. */
const fresh = (table = `keys_${tables++}`) => {
  const options = { table }
  return Layer.unwrap(
    Effect.as(PostgresBranchKeyStorage.migration(options), PostgresBranchKeyStorage.layer(options))
  ).pipe(Layer.provideMerge(database))
}

branchKeyStorageContract("Postgres", fresh("branch_keys"))

const storage = BranchKeyStorage.BranchKeyStorage

describe("a storage in Postgres", () => {
  it.effect("creates its table once, and keeps what is in it", () =>
    Effect.gen(function*() {
      const { create, read } = yield* storage
      const records = exampleRecords()
      yield* create(records)
      yield* PostgresBranchKeyStorage.migration({ table: "once" })
      assert.strictEqual(
        (yield* read(records.active.branchKeyId, "branch:ACTIVE")).branchKeyId,
        records.active.branchKeyId
      )
    }).pipe(Effect.provide(fresh("once"))))

  it.effect("its table is a migration of Effect's Migrator", () =>
    Effect.gen(function*() {
      const run = Migrator.make({})({
        table: "migrations_of_keys",
        loader: Migrator.fromRecord({ "0001_branch_keys": PostgresBranchKeyStorage.migration({ table: "migrated" }) })
      })
      assert.deepStrictEqual(yield* run, [[1, "branch_keys"]])
      assert.deepStrictEqual(yield* run, [])
      const { name, read } = yield* PostgresBranchKeyStorage.make({ table: "migrated" })
      assert.strictEqual(name, "migrated")
      assert.strictEqual((yield* failureOf(read("a", "branch:ACTIVE"))).reason._tag, "NotFound")
    }).pipe(Effect.provide(database)))

  for (const table of ["keys.in_a_schema", "Select", "with \"quotes\" and spaces", "é".repeat(31)]) {
    it.effect(`has a table of any name: ${table}`, () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE SCHEMA IF NOT EXISTS keys`
        const { create, name, read } = yield* Effect.provide(storage, fresh(table))
        assert.strictEqual(name, table)
        const records = exampleRecords()
        yield* create(records)
        assert.strictEqual((yield* read(records.beacon.branchKeyId, "beacon:ACTIVE")).type, "beacon:ACTIVE")
      }).pipe(Effect.provide(database)))
  }

  it.effect("uses its own names of columns, whatever the client makes of those of the program", () =>
    Effect.gen(function*() {
      const { create, read } = yield* storage
      const records = exampleRecords()
      const written = yield* Effect.result(create(records))
      assert.isTrue(Result.isSuccess(written), String(written))
      const { attributes } = yield* read(records.active.branchKeyId, "branch:ACTIVE")
      assert.deepStrictEqual(attributes, records.active.attributes)
    }).pipe(
      Effect.provide(
        Layer.unwrap(Effect.as(PostgresBranchKeyStorage.migration(), PostgresBranchKeyStorage.layer())).pipe(
          Layer.provideMerge(Postgres.layerWith({
            transformQueryNames: (name) => name.toUpperCase(),
            transformResultNames: (name) => name.toUpperCase()
          }))
        )
      )
    ))

  it.effect("has its options from configuration", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* storage).name, "from_env")
    }).pipe(
      Effect.provide(PostgresBranchKeyStorage.layerConfig({ table: Config.String("TABLE") })),
      Effect.provide(database),
      Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ TABLE: "from_env" })))
    ))

  for (
    const table of [
      "",
      "a.b.c",
      ".a",
      "a.",
      "a\0b",
      "\ud800",
      "x".repeat(64),
      "é".repeat(32),
      7,
      null
    ] as ReadonlyArray<any>
  ) {
    it.effect(`rejects a name that no table has: ${JSON.stringify(table)}`, () =>
      Effect.gen(function*() {
        for (
          const effect of [PostgresBranchKeyStorage.make({ table }), PostgresBranchKeyStorage.migration({ table })]
        ) {
          assert.deepInclude(yield* failureOf(Effect.asVoid(effect)), { _tag: "InvalidOption", field: "table" })
        }
      }).pipe(Effect.provide(database)))
  }

  it.effect("rejects an option that does not exist", () =>
    Effect.gen(function*() {
      const options = { tableName: "a" } as PostgresBranchKeyStorage.Options
      assert.deepInclude(yield* failureOf(PostgresBranchKeyStorage.make(options)), { field: "tableName" })
    }).pipe(Effect.provide(database)))
})

describe("ids of branch keys in Postgres", () => {
  it.effect("have at most 2,048 bytes as they are stored", () =>
    Effect.gen(function*() {
      const { addVersion, create, read } = yield* storage
      for (const branchKeyId of ["x".repeat(2049), "é".repeat(1025), "\\".repeat(1025), "\0".repeat(1025)]) {
        const records = exampleRecords({ branchKeyId })
        const { active, version } = records
        for (
          const effect of [
            create(records),
            addVersion({ active, version, replaces: active.wrappedKey }),
            Effect.asVoid(read(branchKeyId, "branch:ACTIVE"))
          ]
        ) {
          const { reason } = yield* failureOf(effect)
          assert.deepInclude(reason, { _tag: "RecordRejected", attribute: "branch-key-id" })
          assert.include(reason.message, "bytes of UTF-8 in Postgres, at most 2048 are allowed")
        }
      }
      // Random, so that they are no shorter once they are compressed.
      const text = Buffer.from(globalThis.crypto.getRandomValues(new Uint8Array(1536))).toString("base64")
      assert.lengthOf(text, 2048)
      yield* create(exampleRecords({ branchKeyId: text }))
      assert.strictEqual((yield* read(text, "branch:ACTIVE")).branchKeyId, text)
    }).pipe(Effect.provide(fresh())))

  it.effect("are well-formed: a lone surrogate is no other one", () =>
    Effect.gen(function*() {
      const { addVersion, create, read } = yield* storage
      const records = exampleRecords({ branchKeyId: "a\ud800" })
      const { active, version } = records
      for (
        const effect of [
          create(records),
          addVersion({ active, version, replaces: active.wrappedKey }),
          Effect.asVoid(read("a\ud801", "branch:ACTIVE"))
        ]
      ) {
        assert.deepInclude((yield* failureOf(effect)).reason, {
          _tag: "RecordRejected",
          attribute: "branch-key-id",
          description: "is not well-formed Unicode"
        })
      }
      yield* create(exampleRecords({ branchKeyId: "a\ufffd" }))
    }).pipe(Effect.provide(fresh())))

  const texts = Arbitrary.map(
    Arbitrary.array(Arbitrary.schema(Schema.Literals(["\\", "0", "\0", "é"]))),
    (parts) => parts.join("")
  )

  it("double each backslash: one before a zero is no NUL", () => {
    const columns = ["\\0", "\0", "a\\b", "\\\\"].map((id) => Result.getOrThrow(toId(id)))
    assert.deepStrictEqual(columns, ["\\\\0", "\\0", "a\\\\b", "\\\\\\\\"])
  })

  it.prop("are different where they are different, and come back", [texts, texts], ([one, two]) => {
    const [first, second] = [Result.getOrThrow(toId(one)), Result.getOrThrow(toId(two))]
    assert.strictEqual(first === second, one === two)
    assert.notInclude(first, "\0")
    const { active } = exampleRecords({ branchKeyId: one === "" ? "-" : one })
    assert.deepStrictEqual(Result.getOrThrow(fromRow(Result.getOrThrow(toRow(active)))), active)
  })
})

describe("rows of others", () => {
  const changed = (column: string, value: string) =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const { create, read } = yield* storage
      const records = exampleRecords()
      const { branchKeyId } = records.active
      yield* create(records)
      yield* sql.unsafe(`UPDATE others SET ${column} = ${value} WHERE type = 'branch:ACTIVE' AND branch_key_id = $1`, [
        yield* Effect.fromResult(toId(branchKeyId))
      ])
      return (yield* failureOf(read(branchKeyId, "branch:ACTIVE"))).reason
    }).pipe(Effect.provide(fresh("others")))

  for (
    const [column, value, attribute, description] of [
      ["hierarchy_version", "2", "hierarchy-version", "is 2: branch keys of hierarchy version 2 are not supported"],
      ["hierarchy_version", "3", "hierarchy-version", "must be the number 1"],
      ["enc", "''", "enc", "is empty"],
      ["version", "NULL", "version", "is missing"],
      ["attributes", "'[1]'", "0", "is no text"],
      ["attributes", "'7'", "record", "has no attributes"],
      ["attributes", "'{\"a\": 1}'", "a", "is no text"],
      ["kms_arn", "''", "kms-arn", "is empty"]
    ] as const
  ) {
    it.effect(`are rejected: ${column} ${value}`, () =>
      Effect.gen(function*() {
        const reason = yield* changed(column, value)
        assert.deepInclude(reason, { _tag: "RecordRejected", attribute })
        assert.include(reason.message, description)
      }))
  }
})

describe("errors of Postgres", () => {
  it.effect("are told apart by their codes: a table that is not there", () =>
    Effect.gen(function*() {
      const { create, read } = yield* PostgresBranchKeyStorage.make({ table: "absent" })
      for (const effect of [create(exampleRecords()), Effect.asVoid(read("a", "branch:ACTIVE"))]) {
        const { reason } = yield* failureOf(effect)
        assert.deepInclude(reason, {
          _tag: "StorageFailed",
          code: "42P01",
          description: "relation \"absent\" does not exist",
          isRetryable: false
        })
      }
    }).pipe(Effect.provide(database)))

  const sqlError = (reason: ConstructorParameters<typeof SqlError>[0]["reason"]) => new SqlError({ reason })

  /** A storage whose statements all fail. */
  const failing = (error: SqlError, compiler = PgClient.makeCompiler()) => {
    const fail = () => Effect.fail(error)
    const connection: Connection = {
      execute: fail,
      executeRaw: fail,
      executeStream: () => Stream.fail(error),
      executeValues: fail,
      executeValuesUnprepared: fail,
      executeUnprepared: fail
    }
    return Effect.provide(
      Effect.scoped(Effect.gen(function*() {
        const client = yield* SqlClient.make({
          acquirer: Effect.succeed(connection),
          compiler,
          driver: "test",
          spanAttributes: []
        })
        return yield* Effect.provideService(PostgresBranchKeyStorage.make(), SqlClient.SqlClient, client)
      })),
      Reactivity.layer
    )
  }

  for (
    const [title, error, code, isRetryable] of [
      [
        "connection",
        sqlError(new ConnectionError({ cause: new Error("reset"), message: "x" })),
        "ConnectionError",
        true
      ],
      ["time", sqlError(new StatementTimeoutError({ cause: { code: "57014", message: "late" } })), "57014", true],
      ["unknown", sqlError(new UnknownError({ cause: null, message: "\u001b[2J" })), "UnknownError", false]
    ] as const
  ) {
    it.effect(`that leave open whether a record was written say so: ${title}`, () =>
      Effect.gen(function*() {
        const { addVersion, create, read } = yield* failing(error)
        const { active, beacon, version } = exampleRecords()
        const writes = [
          yield* failureOf(create({ active, beacon, version })),
          yield* failureOf(addVersion({ active, version, replaces: active.wrappedKey }))
        ]
        for (const { message, reason } of writes) {
          assert.deepInclude(reason, { _tag: "StorageFailed", code, isRetryable })
          assert.strictEqual(reason.message.endsWith("; it may have been written"), isRetryable)
          assert.notInclude(message, "\u001b")
        }
        const { reason } = yield* failureOf(read("a", "branch:ACTIVE"))
        assert.deepInclude(reason, { _tag: "StorageFailed", code, isRetryable })
        assert.notInclude(reason.message, "may have been written")
      }))
  }

  it.effect("a client of another database is rejected", () =>
    Effect.gen(function*() {
      const error = yield* failureOf(failing(sqlError(new UnknownError({ cause: 1 })), Statement.makeCompilerSqlite()))
      assert.deepInclude(error, { _tag: "InvalidOption", field: "SqlClient" })
    }))
})

describe("a keyring over Postgres", () => {
  it.effect("encrypts, and decrypts after a rotation", () =>
    Effect.gen(function*() {
      const admin = yield* BranchKeyAdmin.BranchKeyAdmin
      const { branchKeyId } = yield* admin.createKey({ branchKeyId: "tenant", encryptionContext: { tenant: "a" } })
      const keyring = yield* HierarchicalKeyring.make({ branchKeyId, maxAge: "1 hour" })
      const sdk = yield* clientOf(keyring)
      const { message, receipt } = yield* sdk.encrypt("text")
      yield* admin.versionKey(branchKeyId)
      yield* keyring.cache.clear
      assert.strictEqual(Buffer.from((yield* sdk.decrypt(message)).plaintext).toString(), "text")
      const next = yield* sdk.encrypt("text")
      assert.notStrictEqual(next.receipt.branchKeys?.[0]?.version, receipt.branchKeys?.[0]?.version)
      assert.strictEqual(
        (yield* failureOf(admin.createKey({ branchKeyId, encryptionContext: { a: "b" } }))).reason._tag,
        "AlreadyExists"
      )
    }).pipe(
      Effect.provide(
        Layer.mergeAll(
          BranchKeyStore.layer({ logicalKeyStoreName, kmsConfiguration: singleKey }),
          BranchKeyAdmin.layer({ logicalKeyStoreName, kmsConfiguration: singleKey })
        ).pipe(Layer.provideMerge(Layer.mergeAll(TestKms, TestPrimitives.layer, fresh())))
      )
    ))
})
