/** Branch keys in a Postgres server, whose connections are many. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer, Scope } from "effect"
import { BranchKeyAdmin, BranchKeyRecord, BranchKeyStorage, BranchKeyStore } from "effect-encryption-sdk/hierarchical"
import { PostgresBranchKeyStorage } from "effect-encryption-sdk/hierarchical/postgres"
import { SqlClient } from "effect/sql"
import { afterAll } from "vitest"
import { branchKeyStorageContract, exampleRecords } from "../support/branchKeyStorageContract.ts"
import { logicalKeyStoreName, singleKey, TestKms } from "../support/branchKeys.ts"
import { failureOf } from "../support/client.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import * as Postgres from "./support/postgres.ts"

const scope = Scope.makeUnsafe()
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

/** One server for all tests of the file, and its pool. */
const server = Layer.effectContext(Effect.runSync(Effect.cached(Layer.buildWithScope(Postgres.layer, scope))))

const services = Layer.unwrap(Effect.as(PostgresBranchKeyStorage.migration(), PostgresBranchKeyStorage.layer())).pipe(
  Layer.provideMerge(server)
)

branchKeyStorageContract("a Postgres server", services)

const { BranchKeyStorage: storage } = BranchKeyStorage

describe("a Postgres server", () => {
  it.effect("makes its table once, also for those who do so at once", () =>
    Effect.gen(function*() {
      for (let round = 0; round < 20; round++) {
        const options = { table: `at_once_${round}` }
        yield* Effect.all(Array.from({ length: 8 }, () => PostgresBranchKeyStorage.migration(options)), {
          concurrency: "unbounded"
        })
        const { name } = yield* PostgresBranchKeyStorage.make(options)
        assert.strictEqual(name, options.table)
      }
    }).pipe(Effect.provide(server)))

  it.effect("of twenty versioners at once, each retrying, none is lost, and none is written by halves", () =>
    Effect.gen(function*() {
      const admin = yield* BranchKeyAdmin.BranchKeyAdmin
      const store = yield* BranchKeyStore.BranchKeyStore
      const sql = yield* SqlClient.SqlClient
      const { branchKeyId } = yield* admin.createKey()
      const version = Effect.retry(admin.versionKey(branchKeyId), {
        while: (error) => error.reason._tag === "Conflict"
      })
      const reader = Effect.scoped(Effect.gen(function*() {
        const { version } = yield* store.getActive(branchKeyId)
        assert.strictEqual((yield* store.getVersion(branchKeyId, version)).version, version)
      }))
      yield* Effect.all(Array.from({ length: 20 }, () => [version, reader, reader]).flat(), {
        concurrency: "unbounded"
      })
      const rows = yield* sql<
        { readonly type: string }
      >`SELECT type FROM branch_keys WHERE branch_key_id = ${branchKeyId}`
      const versions = rows.filter(({ type }) => type.startsWith("branch:version:"))
      assert.deepStrictEqual([versions.length, rows.length], [21, 23])
      for (const { type } of versions) {
        yield* Effect.scoped(store.getVersion(branchKeyId, type.slice("branch:version:".length)))
      }
    }).pipe(
      Effect.provide(
        Layer.mergeAll(
          BranchKeyStore.layer({ logicalKeyStoreName, kmsConfiguration: singleKey }),
          BranchKeyAdmin.layer({ logicalKeyStoreName, kmsConfiguration: singleKey })
        ).pipe(Layer.provideMerge(Layer.mergeAll(TestKms, TestPrimitives.layer, services)))
      )
    ))

  it.effect("of ten creators of one id at once, over all connections, one succeeds", () =>
    Effect.gen(function*() {
      const { create, read } = yield* storage
      for (let round = 0; round < 10; round++) {
        const branchKeyId = `round ${round}`
        const exits = yield* Effect.all(
          Array.from({ length: 10 }, () => Effect.exit(create(exampleRecords({ branchKeyId })))),
          { concurrency: "unbounded" }
        )
        assert.lengthOf(exits.filter(Exit.isSuccess), 1)
        assert.strictEqual((yield* read(branchKeyId, BranchKeyRecord.activeType)).branchKeyId, branchKeyId)
      }
    }).pipe(Effect.provide(services)))

  it.effect("whose connection is cut in the middle of a write: the error says so, and the next write succeeds", () =>
    Effect.gen(function*() {
      const { create, read } = yield* storage
      const sql = yield* SqlClient.SqlClient
      const records = exampleRecords()
      // A lock holds the write up until its connection ends.
      const isLocked = yield* Deferred.make<void>()
      const locked = sql.withTransaction(Effect.gen(function*() {
        yield* sql`LOCK TABLE branch_keys IN EXCLUSIVE MODE`
        yield* Deferred.succeed(isLocked, undefined)
        const cut = Effect.gen(function*() {
          const killed = yield* sql<{ readonly done: boolean }>`
            SELECT pg_terminate_backend(pid) AS done FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND query LIKE '%INSERT INTO "branch_keys"%' AND pid <> pg_backend_pid()`
          if (killed.length === 0) return yield* Effect.fail("not yet" as const)
        })
        yield* Effect.retry(cut, { times: 10_000 })
      }))
      const [error] = yield* Effect.all(
        [Effect.andThen(Deferred.await(isLocked), failureOf(create(records))), locked],
        { concurrency: "unbounded" }
      )
      assert.deepInclude(error.reason, { _tag: "StorageFailed", isRetryable: true })
      assert.include(error.message, "it may have been written")
      assert.strictEqual((yield* failureOf(read(records.active.branchKeyId, "branch:ACTIVE"))).reason._tag, "NotFound")
      yield* create(records)
      assert.strictEqual((yield* read(records.active.branchKeyId, "branch:ACTIVE")).type, "branch:ACTIVE")
    }).pipe(Effect.provide(services)))
})
