/** Requests that the storage sends, how it reads, and its options. */
import { DynamoDBClient } from "@aws-sdk/client-dynamodb"
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Fiber, Layer } from "effect"
import { BranchKeyStorage } from "effect-encryption-sdk/hierarchical"
import { DynamoDbBranchKeyStorage } from "effect-encryption-sdk/hierarchical/dynamodb"
import { failureOf } from "../../support/client.ts"
import * as DynamoDb from "../../support/dynamoDb.ts"
import {
  clientOf,
  makeStorage,
  recordsOf,
  storage,
  storageOf,
  tableName,
  versions
} from "../../support/dynamoDbStorage.ts"
import { TestPrimitives } from "../../support/TestPrimitives.ts"

const arn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

/** An item as the specification writes it. */
const item = (type: string, enc: string, more: object = {}) => ({
  "branch-key-id": { S: "id" },
  type: { S: type },
  enc: { B: enc },
  "kms-arn": { S: arn },
  "create-time": { S: "2026-11-27T09:34:48.123000Z" },
  "hierarchy-version": { N: "1" },
  "aws-crypto-ec:tenant": { S: "é" },
  ...more
})

describe("DynamoDbBranchKeyStorage", () => {
  it.effect("#writing-branch-key-and-beacon-key-to-keystore: one transaction of three new items", () =>
    Effect.gen(function*() {
      const { dynamoDb, storage: { create } } = yield* storage()
      yield* create(recordsOf("id"))
      const [{ body, operation }] = dynamoDb.requests as [DynamoDb.Request]
      assert.strictEqual(operation, "TransactWriteItems")
      const put = (Item: object) => ({
        Put: {
          TableName: tableName,
          Item,
          ConditionExpression: "attribute_not_exists(#id)",
          ExpressionAttributeNames: { "#id": "branch-key-id" }
        }
      })
      const version = `branch:version:${versions[0]}`
      assert.deepStrictEqual(body["TransactItems"], [
        put(item(version, "AQA=")),
        put(item("branch:ACTIVE", "AQE=", { version: { S: version } })),
        put(item("beacon:ACTIVE", "AQI="))
      ])
    }))

  it.effect("#versionkey: the version is new, and the active one is that which was read", () =>
    Effect.gen(function*() {
      const { dynamoDb, storage: { addVersion, create } } = yield* storage()
      const first = recordsOf("id")
      yield* create(first)
      const { active, version } = recordsOf("id", versions[1], 2)
      yield* addVersion({ active, version, replaces: first.active.wrappedKey })
      const type = `branch:version:${versions[1]}`
      assert.deepStrictEqual(dynamoDb.requests[1]!.body["TransactItems"], [
        {
          Put: {
            TableName: tableName,
            Item: item(type, "AgA="),
            ConditionExpression: "attribute_not_exists(#id)",
            ExpressionAttributeNames: { "#id": "branch-key-id" }
          }
        },
        {
          Put: {
            TableName: tableName,
            Item: item("branch:ACTIVE", "AgE=", { version: { S: type } }),
            ConditionExpression: "attribute_exists(#id) AND #enc = :encOld",
            ExpressionAttributeNames: { "#id": "branch-key-id", "#enc": "enc" },
            ExpressionAttributeValues: { ":encOld": { B: "AQE=" } }
          }
        }
      ])
    }))

  it.effect("a retry of the AWS SDK after a lost response is the same write, and succeeds", () =>
    Effect.gen(function*() {
      const { dynamoDb, storage: { addVersion, create } } = yield* storage({}, { maxAttempts: 2 })
      const first = recordsOf("id")
      const { active, version } = recordsOf("id", versions[1], 2)
      dynamoDb.troubles.push("response lost", undefined, "response lost")
      yield* create(first)
      yield* addVersion({ active, version, replaces: first.active.wrappedKey })
      const tokens = dynamoDb.requests.map(({ body }) => String(body["ClientRequestToken"]))
      assert.lengthOf(tokens, 4)
      assert.deepStrictEqual(tokens, [tokens[0], tokens[0], tokens[2], tokens[2]])
      assert.notStrictEqual(tokens[0], tokens[2])
    }))

  it.effect("a client of the user's own is given a token with each write", () =>
    Effect.gen(function*() {
      const tokens: Array<unknown> = []
      const { create } = yield* storageOf(clientOf(({ input }) => {
        tokens.push((input as { readonly ClientRequestToken: unknown }).ClientRequestToken)
        return Promise.resolve({})
      }))
      yield* create(recordsOf("id"))
      yield* create(recordsOf("id"))
      assert.match(String(tokens[0]), /^[0-9a-f-]{36}$/)
      assert.match(String(tokens[1]), /^[0-9a-f-]{36}$/)
      assert.notStrictEqual(tokens[0], tokens[1])
    }))

  it.effect("a client that changes what it is sent changes no record and no other request", () =>
    Effect.gen(function*() {
      const sent: Array<string> = []
      const spoil = (value: unknown): void => {
        if (value instanceof Uint8Array) value.fill(0)
        else if (typeof value === "object" && value !== null) {
          for (const [name, part] of Object.entries(value)) {
            spoil(part)
            delete (value as Record<string, unknown>)[name]
          }
        }
      }
      const { addVersion, create } = yield* storageOf(clientOf(({ input }) => {
        const { TransactItems } = input as { readonly TransactItems: unknown }
        sent.push(JSON.stringify(TransactItems))
        spoil(input)
        return Promise.resolve({})
      }))
      const first = recordsOf("id")
      const replaces = first.active.wrappedKey
      for (const write of [create(first), addVersion({ ...recordsOf("id", versions[1], 2), replaces })]) {
        yield* write
        yield* write
      }
      assert.deepStrictEqual(first, recordsOf("id"))
      assert.deepStrictEqual([sent[0], sent[2]], [sent[1], sent[3]])
      assert.match(sent[0]!, /attribute_not_exists/)
    }))

  it.effect("sends the specification's user agent, and keeps the user's own", () =>
    Effect.gen(function*() {
      for (const customUserAgent of [undefined, "orders", [["orders", "1"]] as [[string, string]]]) {
        const { dynamoDb, storage: { create } } = yield* storage(
          {},
          customUserAgent === undefined ? {} : { customUserAgent }
        )
        yield* create(recordsOf("id"))
        const { "user-agent": agent = "", "x-amz-user-agent": other = "" } = dynamoDb.requests[0]!.headers
        assert.match(`${agent} ${other}`, /aws-kms-hierarchy/)
        if (customUserAgent !== undefined) assert.match(`${agent} ${other}`, /orders/)
      }
    }))
})

describe("DynamoDbBranchKeyStorage.read", () => {
  const reading = (consistentRead: boolean | undefined) =>
    Effect.gen(function*() {
      const { dynamoDb, storage: { create, read } } = yield* storage({ consistentRead })
      dynamoDb.tables.get(tableName)!.stale = new Map()
      const records = recordsOf("id")
      yield* create(records)
      dynamoDb.requests.splice(0)
      const flags = (type: keyof typeof records) =>
        Effect.map(Effect.exit(read("id", records[type].type)), ({ _tag }) => [
          _tag,
          ...dynamoDb.requests.splice(0).map(({ body }) => body["ConsistentRead"])
        ])
      return { dynamoDb, flags }
    })

  it.effect("of the active version is strongly consistent", () =>
    Effect.gen(function*() {
      const { flags } = yield* reading(undefined)
      assert.deepStrictEqual(yield* flags("active"), ["Success", true])
    }))

  it.effect("of another record is eventually consistent, and once more strongly where it finds nothing", () =>
    Effect.gen(function*() {
      const { dynamoDb, flags } = yield* reading(undefined)
      assert.deepStrictEqual(yield* flags("version"), ["Success", false, true])
      assert.deepStrictEqual(yield* flags("beacon"), ["Success", false, true])
      const table = dynamoDb.tables.get(tableName)!
      table.stale = undefined
      assert.deepStrictEqual(yield* flags("version"), ["Success", false])
      table.items.clear()
      assert.deepStrictEqual(yield* flags("version"), ["Failure", false, true])
      assert.deepStrictEqual(yield* flags("active"), ["Failure", true])
    }))

  it.effect("is as the option says", () =>
    Effect.gen(function*() {
      const always = yield* reading(true)
      const never = yield* reading(false)
      for (const type of ["active", "version", "beacon"] as const) {
        assert.deepStrictEqual(yield* always.flags(type), ["Success", true])
        assert.deepStrictEqual(yield* never.flags(type), ["Failure", false])
      }
    }))

  it.effect("reads by the two keys alone", () =>
    Effect.gen(function*() {
      const { dynamoDb, storage: { read } } = yield* storage()
      yield* failureOf(read("id", "beacon:ACTIVE"))
      assert.deepStrictEqual(dynamoDb.requests[0]!.body, {
        TableName: tableName,
        Key: { "branch-key-id": { S: "id" }, type: { S: "beacon:ACTIVE" } },
        ConsistentRead: false
      })
    }))
})

describe("clients of DynamoDB", () => {
  it.effect("one that is made of a configuration is destroyed with the scope, the user's own is not", () =>
    Effect.gen(function*() {
      const dynamoDb = yield* DynamoDb.make
      yield* Effect.scoped(storageOf(dynamoDb.config))
      assert.strictEqual(dynamoDb.counts.destroyed, 1)
      const client = new DynamoDBClient(dynamoDb.config)
      dynamoDb.addTable(tableName)
      const own = yield* Effect.scoped(storageOf(client))
      assert.strictEqual(dynamoDb.counts.destroyed, 1)
      yield* own.create(recordsOf("id"))
      assert.lengthOf(dynamoDb.requests, 1)
    }))

  it.effect("an interruption aborts the request", () =>
    Effect.gen(function*() {
      const { dynamoDb, storage: { create, read } } = yield* storage()
      for (const operation of [create(recordsOf("id")), read("id", "branch:ACTIVE")]) {
        dynamoDb.troubles.push("no response")
        const sent = dynamoDb.requests.length
        const fiber = yield* Effect.forkChild(operation, { startImmediately: true })
        while (dynamoDb.requests.length === sent) yield* Effect.promise(() => new Promise(setImmediate))
        yield* Effect.promise(() => new Promise(setImmediate))
        yield* Fiber.interrupt(fiber)
      }
      assert.strictEqual(dynamoDb.counts.aborted, 2)
    }))
})

describe("options of DynamoDbBranchKeyStorage", () => {
  const invalid = (options: object) =>
    Effect.map(
      failureOf(Effect.scoped(makeStorage({}, options))),
      ({ description, field }) => [field, description] as const
    )

  it.effect("the name of a table is one, or an ARN", () =>
    Effect.gen(function*() {
      const bad = ["", "ab", "a b", "é".repeat(3), "a".repeat(256), `arn:${"a".repeat(1021)}`, 1, undefined]
      for (const tableName of bad) {
        const [field, description] = yield* invalid({ tableName })
        assert.strictEqual(field, "tableName")
        assert.match(description, /^must be the name of a table, 3 to 255 letters/)
      }
      for (const tableName of ["a_b", "a".repeat(255), DynamoDb.arnOf("keys")]) {
        const { name } = yield* Effect.scoped(storageOf({}, { tableName }))
        assert.strictEqual(name, tableName)
      }
    }))

  it.effect("others must be what they are, and there are no more", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* invalid({ consistentRead: "yes" }), ["consistentRead", "must be a boolean"])
      const [field, description] = yield* invalid({ client: "eu-central-1" })
      assert.deepStrictEqual([field, description], [
        "client",
        "must be a client of DynamoDB, or the configuration of one"
      ])
      assert.strictEqual((yield* invalid({ table: "keys" }))[0], "table")
      for (const name of ["region", "send"]) {
        const getter = Object.defineProperty({}, name, {
          enumerable: true,
          get: () => {
            throw new Error("no")
          }
        })
        assert.strictEqual((yield* invalid({ client: getter }))[0], "client")
      }
    }))

  it.effect("layerConfig reads them from configuration", () =>
    Effect.gen(function*() {
      const dynamoDb = yield* DynamoDb.make
      dynamoDb.addTable("configured")
      const layer = DynamoDbBranchKeyStorage.layerConfig({
        tableName: Config.String("TABLE"),
        client: dynamoDb.config,
        consistentRead: Config.Boolean("CONSISTENT")
      }).pipe(
        Layer.provide(TestPrimitives.layer),
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ TABLE: "configured", CONSISTENT: "true" })))
      )
      yield* Effect.provide(
        Effect.gen(function*() {
          const { create, name, read } = yield* BranchKeyStorage.BranchKeyStorage
          assert.strictEqual(name, "configured")
          yield* create(recordsOf("id"))
          yield* read("id", "beacon:ACTIVE")
        }),
        layer
      )
      assert.isTrue(dynamoDb.requests[1]!.body["ConsistentRead"])
    }))
})
