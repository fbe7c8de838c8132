/** The storage of branch keys, and its table, over the DynamoDB of moto: a server that is not ours, by the real client. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { BranchKeyStorage } from "effect-encryption-sdk/hierarchical"
import { BranchKeyTable, DynamoDbBranchKeyStorage } from "effect-encryption-sdk/hierarchical/dynamodb"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { branchKeyStorageContract } from "../support/branchKeyStorageContract.ts"
import { failureOf } from "../support/client.ts"
import { recordsOf } from "../support/dynamoDbStorage.ts"
import * as DynamoDb from "./support/dynamoDb.ts"

const storageOver = (tableName: string) =>
  Effect.provide(DynamoDbBranchKeyStorage.make({ tableName, client: DynamoDb.config }), NodePrimitives.layer)

branchKeyStorageContract(
  "DynamoDB of moto",
  Layer.unwrap(
    Effect.map(DynamoDb.newTable, (tableName) => DynamoDbBranchKeyStorage.layer({ tableName, client: DynamoDb.config }))
  ).pipe(Layer.provide(NodePrimitives.layer))
)

describe("a table in moto", () => {
  it.live("is made once, by two callers at once, and checked", () =>
    Effect.gen(function*() {
      const options = { tableName: DynamoDb.newName(), client: DynamoDb.config }
      const missing = yield* failureOf(BranchKeyTable.check(options))
      assert.strictEqual(missing._tag === "BranchKeyTableError" && missing.reason._tag, "TableNotFound")
      const create = BranchKeyTable.create(options)
      const [one, other] = yield* Effect.all([create, create], { concurrency: 2 })
      assert.match(one, /^arn:aws:dynamodb:us-east-1:\d+:table\//)
      assert.strictEqual(other, one)
      assert.strictEqual(yield* BranchKeyTable.check(options), one)
    }))

  it.live("of other keys is rejected", () =>
    Effect.gen(function*() {
      const tableName = yield* DynamoDb.otherTable
      const error = yield* failureOf(BranchKeyTable.create({ tableName, client: DynamoDb.config }))
      assert.match(error.message, /its partition key is "id" of the type "S", must be "branch-key-id"/)
    }))

  it.live("that is missing is named", () =>
    Effect.gen(function*() {
      const { create, read } = yield* storageOver("no-such-table")
      for (const operation of [create(recordsOf("id")), read("id", "branch:ACTIVE")]) {
        const { reason } = yield* failureOf<unknown, BranchKeyStorage.BranchKeyStorageError, never>(operation)
        assert.instanceOf(reason, BranchKeyStorage.StorageFailed)
        assert.match(reason.message, /^ResourceNotFoundException: there is no table "no-such-table"/)
      }
    }))
})

describe("writers at once in moto", () => {
  const versions = Array.from({ length: 8 }, (_, index) => `${index}0000000-0000-4000-8000-000000000000`)

  it.live("of eight creators of one id, one succeeds, and the others learn that it exists", () =>
    Effect.gen(function*() {
      const { create, read } = yield* storageOver(yield* DynamoDb.newTable)
      const all = versions.map((version, index) => recordsOf("id", version, index))
      const exits = yield* Effect.forEach(all, (records) => Effect.exit(create(records)), { concurrency: 8 })
      const winners = all.filter((_, index) => Exit.isSuccess(exits[index]!))
      assert.lengthOf(winners, 1)
      for (const exit of exits.filter(Exit.isFailure)) {
        assert.strictEqual((yield* failureOf(exit)).reason._tag, "AlreadyExists")
      }
      const { version, wrappedKey } = yield* read("id", "branch:ACTIVE")
      assert.deepStrictEqual({ version, wrappedKey }, {
        version: winners[0]!.active.version,
        wrappedKey: winners[0]!.active.wrappedKey
      })
    }))

  it.live("readers see whole versions only, and a stale wrapped key is not written over", () =>
    Effect.gen(function*() {
      const { addVersion, create, read } = yield* storageOver(yield* DynamoDb.newTable)
      const [first, ...rest] = versions.map((version, index) => recordsOf("id", version, index))
      yield* create(first!)
      let replaces = first!.active.wrappedKey
      const reading = Effect.gen(function*() {
        const active = yield* read("id", "branch:ACTIVE")
        const version = yield* read("id", active.version!)
        assert.strictEqual(version.wrappedKey[0], active.wrappedKey[0])
      })
      for (const { active, version } of rest) {
        const write = addVersion({ active, version, replaces })
        yield* Effect.all([reading, write, reading, reading], { concurrency: 4 })
        const stale = yield* failureOf(addVersion({ ...recordsOf("id", "f".repeat(8), 99), replaces }))
        assert.strictEqual(stale.reason._tag, "Conflict")
        replaces = active.wrappedKey
      }
      assert.deepStrictEqual((yield* read("id", "branch:ACTIVE")).wrappedKey, replaces)
      assert.strictEqual((yield* failureOf(read("id", `branch:version:${"f".repeat(8)}`))).reason._tag, "NotFound")
    }))
})
