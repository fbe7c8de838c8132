import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { BranchKeyTable, type BranchKeyTableError } from "effect-encryption-sdk/hierarchical/dynamodb"
import { failureOf } from "../../support/client.ts"
import * as DynamoDb from "../../support/dynamoDb.ts"
import { clientOf, inDoubt, tableName } from "../../support/dynamoDbStorage.ts"
import { TestClock } from "../../support/TestClock.ts"

const arn = DynamoDb.arnOf(tableName)

const make = Effect.map(DynamoDb.make, (dynamoDb) => ({
  dynamoDb,
  options: { tableName, client: dynamoDb.config },
  calls: () => dynamoDb.requests.splice(0).map(({ operation }) => operation)
}))

/** The reason for which an operation fails. */
const reasonOf = (effect: ReturnType<typeof BranchKeyTable.check>) =>
  Effect.map(failureOf(effect), (error) => {
    assert.strictEqual(error._tag, "BranchKeyTableError")
    return (error as BranchKeyTableError).reason
  })

/** Lets requests of the AWS SDK, which are promises, come to their end. */
const settled = Effect.gen(function*() {
  for (let i = 0; i < 20; i++) yield* Effect.promise(() => new Promise(setImmediate))
})

/** Runs an effect while the clock moves, a second at a time. */
const overSeconds = <A, E>(effect: Effect.Effect<A, E>, seconds: number) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    for (let i = 0; i < seconds; i++) {
      yield* settled
      yield* TestClock.adjust("1 second")
    }
    yield* settled
    return fiber
  })

describe("BranchKeyTable.create", () => {
  it.effect("#createkeystore: makes a table with these keys, and returns its ARN", () =>
    Effect.gen(function*() {
      const { calls, dynamoDb, options } = yield* make
      assert.strictEqual(yield* BranchKeyTable.create(options), arn)
      assert.deepStrictEqual(dynamoDb.requests[1]!.body, {
        TableName: tableName,
        BillingMode: "PAY_PER_REQUEST",
        ...DynamoDb.branchKeys
      })
      assert.deepStrictEqual(calls(), ["DescribeTable", "CreateTable", "DescribeTable"])
    }))

  it.effect("makes none where there is one, and none of another's keys", () =>
    Effect.gen(function*() {
      const { calls, dynamoDb, options } = yield* make
      dynamoDb.addTable(tableName, { ...DynamoDb.branchKeys, GlobalSecondaryIndexes: [{}] })
      assert.strictEqual(yield* BranchKeyTable.create(options), arn)
      dynamoDb.addTable(tableName, {
        AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
        KeySchema: [{ AttributeName: "id", KeyType: "HASH" }]
      })
      assert.strictEqual((yield* reasonOf(BranchKeyTable.create(options)))._tag, "KeySchemaMismatch")
      assert.deepStrictEqual(calls(), ["DescribeTable", "DescribeTable"])
    }))

  it.effect("waits until a table that is made can be used, looking at it each second", () =>
    Effect.gen(function*() {
      const { calls, dynamoDb, options } = yield* make
      Object.assign(dynamoDb.creation, { unseen: 1, creating: 2 })
      const fiber = yield* overSeconds(BranchKeyTable.create(options), 2)
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), arn)
      assert.deepStrictEqual(calls(), ["DescribeTable", "CreateTable", ...Array(4).fill("DescribeTable")])
    }))

  it.effect("waits for the table that another caller is making, and checks it", () =>
    Effect.gen(function*() {
      const { calls, dynamoDb, options } = yield* make
      dynamoDb.creation.creating = 1
      dynamoDb.addTable(tableName)
      assert.strictEqual(yield* Fiber.join(yield* overSeconds(BranchKeyTable.create(options), 1)), arn)
      // Made between the look and the call.
      dynamoDb.tables.clear()
      Object.assign(dynamoDb.creation, { unseen: 1, creating: 0 })
      dynamoDb.addTable(tableName)
      calls()
      assert.strictEqual(yield* BranchKeyTable.create(options), arn)
      assert.deepStrictEqual(calls(), ["DescribeTable", "CreateTable", "DescribeTable"])
      dynamoDb.tables.clear()
      dynamoDb.addTable(tableName, { ...DynamoDb.branchKeys, KeySchema: [] })
      assert.strictEqual((yield* reasonOf(BranchKeyTable.create(options)))._tag, "KeySchemaMismatch")
    }))

  it.effect("of two callers at once, both have the one table", () =>
    Effect.gen(function*() {
      const { calls, options } = yield* make
      const create = BranchKeyTable.create(options)
      assert.deepStrictEqual(yield* Effect.all([create, create], { concurrency: 2 }), [arn, arn])
      assert.lengthOf(calls().filter((call) => call === "CreateTable"), 2)
    }))

  it.effect("gives up at its deadline, and aborts the request", () =>
    Effect.gen(function*() {
      const { dynamoDb, options } = yield* make
      dynamoDb.creation.creating = 1000
      const fiber = yield* overSeconds(reasonOf(BranchKeyTable.create({ ...options, deadline: "3 seconds" })), 3)
      assert.deepInclude(yield* Fiber.join(fiber), {
        _tag: "StorageFailed",
        code: "DeadlineExceeded",
        description: "the table cannot be used after 3s",
        isRetryable: true
      })
      const { length } = dynamoDb.requests
      yield* TestClock.adjust("10 seconds")
      assert.lengthOf(dynamoDb.requests, length)
      dynamoDb.troubles.push("no response")
      const waiting = yield* overSeconds(reasonOf(BranchKeyTable.create(options)), 60)
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "StorageFailed")
      assert.strictEqual(dynamoDb.counts.aborted, 1)
    }))

  it.effect("fails as DynamoDB does", () =>
    Effect.gen(function*() {
      const { dynamoDb, options } = yield* make
      const denied = { status: 400, code: "AccessDeniedException", fields: { message: "no permission" } }
      dynamoDb.troubles.push(denied)
      assert.deepInclude(yield* reasonOf(BranchKeyTable.create(options)), { code: "AccessDeniedException" })
      dynamoDb.troubles.push(undefined, denied)
      const error = yield* failureOf(BranchKeyTable.create(options))
      assert.strictEqual(error.message, "branch key table, create of keys: AccessDeniedException: no permission")
      dynamoDb.troubles.push(undefined, "response lost")
      const lost = yield* reasonOf(BranchKeyTable.create(options))
      assert.deepInclude(lost, { code: "ECONNRESET", isRetryable: true })
      assert.isTrue(lost.message.endsWith(inDoubt))
      assert.strictEqual(yield* BranchKeyTable.create(options), arn)
    }))
})

describe("BranchKeyTable.check", () => {
  it.effect("returns the ARN of a table that is there, and makes none", () =>
    Effect.gen(function*() {
      const { calls, dynamoDb, options } = yield* make
      assert.strictEqual((yield* reasonOf(BranchKeyTable.check(options)))._tag, "TableNotFound")
      for (const TableStatus of ["ACTIVE", "UPDATING"]) {
        dynamoDb.addTable(tableName, { ...DynamoDb.branchKeys, TableStatus })
        assert.strictEqual(yield* BranchKeyTable.check(options), arn)
      }
      assert.deepStrictEqual(calls(), Array(3).fill("DescribeTable"))
    }))

  it.effect("#keyschema: says which keys differ", () =>
    Effect.gen(function*() {
      const { dynamoDb, options } = yield* make
      const { AttributeDefinitions, KeySchema } = DynamoDb.branchKeys
      const [partition, sort] = KeySchema
      const descriptionOf = (description: object) => {
        dynamoDb.addTable(tableName, { ...DynamoDb.branchKeys, ...description })
        return Effect.map(reasonOf(BranchKeyTable.check(options)), (reason) =>
          reason._tag === "KeySchemaMismatch" ? reason.description : reason)
      }
      assert.strictEqual(
        yield* descriptionOf({ KeySchema: [partition] }),
        "its sort key is missing, must be \"type\" of the type \"S\""
      )
      assert.strictEqual(
        yield* descriptionOf({
          AttributeDefinitions: [AttributeDefinitions[0], { AttributeName: "type", AttributeType: "N" }]
        }),
        "its sort key is \"type\" of the type \"N\", must be \"type\" of the type \"S\""
      )
      assert.strictEqual(
        yield* descriptionOf({
          AttributeDefinitions: [{ AttributeName: "id", AttributeType: "B" }, AttributeDefinitions[1]],
          KeySchema: [{ AttributeName: "id", KeyType: "HASH" }, sort]
        }),
        "its partition key is \"id\" of the type \"B\", must be \"branch-key-id\" of the type \"S\""
      )
      assert.match(
        String(
          yield* descriptionOf({
            KeySchema: [{ ...partition, KeyType: "RANGE" }, { ...sort, KeyType: "HASH" }]
          })
        ),
        /^its partition key is "type" .*; its sort key is "branch-key-id"/
      )
    }))

  it.effect("says which state a table is in, and whether it leaves it by itself", () =>
    Effect.gen(function*() {
      const { dynamoDb, options } = yield* make
      for (
        const [TableStatus, isRetryable] of [
          ["CREATING", true],
          ["DELETING", true],
          ["ARCHIVED", false],
          ["INACCESSIBLE_ENCRYPTION_CREDENTIALS", false]
        ] as const
      ) {
        dynamoDb.addTable(tableName, { ...DynamoDb.branchKeys, TableStatus })
        const error = yield* failureOf(BranchKeyTable.check(options))
        assert.strictEqual(
          error.message,
          `branch key table, check of keys: its status is ${TableStatus}, must be ACTIVE`
        )
        assert.strictEqual((error as BranchKeyTableError).isRetryable, isRetryable)
      }
    }))

  it.effect("takes no description that it cannot read", () =>
    Effect.gen(function*() {
      const table = { ...DynamoDb.branchKeys, TableStatus: "ACTIVE", TableArn: arn }
      const outputs = [
        undefined,
        {},
        { Table: null },
        { Table: { ...table, TableArn: undefined } },
        { Table: { ...table, TableStatus: 1 } },
        { Table: { ...table, KeySchema: [null] } },
        { Table: { ...table, AttributeDefinitions: [{ AttributeName: "type" }] } }
      ]
      for (const output of outputs) {
        const client = clientOf(() => Promise.resolve(output))
        const reason = yield* reasonOf(BranchKeyTable.check({ tableName, client }))
        assert.deepInclude(reason, { _tag: "StorageFailed", code: "UnreadableAnswer", isRetryable: false })
      }
      const client = clientOf(() => Promise.resolve({ Table: table }))
      assert.strictEqual(yield* BranchKeyTable.check({ tableName, client }), arn)
    }))

  it.effect("destroys the client that it makes, and rejects options", () =>
    Effect.gen(function*() {
      const { dynamoDb, options } = yield* make
      dynamoDb.addTable(tableName)
      yield* BranchKeyTable.check(options)
      assert.strictEqual(dynamoDb.counts.destroyed, 1)
      for (const [field, value] of Object.entries({ deadline: 0, tableName: "", client: 1, consistentRead: true })) {
        const error = yield* failureOf(BranchKeyTable.check({ ...options, [field]: value }))
        assert.deepStrictEqual(error._tag === "InvalidOption" && error.field, field)
      }
    }))
})
