/** A client over branch keys in DynamoDB, and items that were changed behind it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import { BranchKeyAdmin, BranchKeyStore, HierarchicalKeyring } from "effect-encryption-sdk/hierarchical"
import { DynamoDbBranchKeyStorage } from "effect-encryption-sdk/hierarchical/dynamodb"
import { logicalKeyStoreName, singleKey, TestKms } from "../../support/branchKeys.ts"
import { failureOf } from "../../support/client.ts"
import * as DynamoDb from "../../support/dynamoDb.ts"
import { tableName } from "../../support/dynamoDbStorage.ts"
import { TestPrimitives } from "../../support/TestPrimitives.ts"

const options = { logicalKeyStoreName, kmsConfiguration: singleKey }

const over = (client: DynamoDb.DynamoDb["config"]) =>
  EncryptionSdk.layer().pipe(
    Layer.provide(DefaultCmm.layer),
    Layer.provideMerge(HierarchicalKeyring.layer({ branchKeyId: "id", maxAge: "1 hour" })),
    Layer.provideMerge(Layer.merge(BranchKeyStore.layer(options), BranchKeyAdmin.layer(options))),
    Layer.provide([DynamoDbBranchKeyStorage.layer({ tableName, client }), TestKms]),
    Layer.provide(TestPrimitives.layer)
  )

const program = <A, E>(
  body: (dynamoDb: DynamoDb.DynamoDb) => Effect.Effect<A, E, Layer.Success<ReturnType<typeof over>>>
) =>
  Effect.flatMap(DynamoDb.make, (dynamoDb) => {
    dynamoDb.addTable(tableName)
    return Effect.provide(body(dynamoDb), over(dynamoDb.config))
  })

const itemOf = ({ tables }: DynamoDb.DynamoDb, type: string) => {
  const [, item] = [...tables.get(tableName)!.items].find(([key]) => key === JSON.stringify(["id", type]))!
  return item
}

describe("branch keys in DynamoDB", () => {
  it.effect("a message opens after a version was made, and a cached branch key is not read again", () =>
    program((dynamoDb) =>
      Effect.gen(function*() {
        const sdk = yield* EncryptionSdk.EncryptionSdk
        const admin = yield* BranchKeyAdmin.BranchKeyAdmin
        const { cache } = yield* HierarchicalKeyring.HierarchicalKeyring
        yield* admin.createKey({ branchKeyId: "id", encryptionContext: { tenant: "é" } })
        const messages = yield* Effect.forEach([1, 2, 3], () => sdk.encrypt("hello"))
        yield* admin.versionKey("id")
        yield* cache.invalidate("id")
        const { message } = yield* sdk.encrypt("hello")
        for (const old of [...messages.map((made) => made.message), message]) {
          assert.strictEqual(new TextDecoder().decode((yield* sdk.decrypt(old)).plaintext), "hello")
        }
        assert.deepStrictEqual(dynamoDb.requests.map(({ operation }) => operation), [
          "TransactWriteItems",
          "GetItem",
          "GetItem",
          "TransactWriteItems",
          "GetItem",
          "GetItem",
          "GetItem"
        ])
      })
    ))

  it.effect("an attribute that is added makes a branch key unreadable, of whatever type it is", () =>
    program((dynamoDb) =>
      Effect.gen(function*() {
        const admin = yield* BranchKeyAdmin.BranchKeyAdmin
        const store = yield* BranchKeyStore.BranchKeyStore
        yield* admin.createKey({ branchKeyId: "id", encryptionContext: { tenant: "é" } })
        const item = itemOf(dynamoDb, "branch:ACTIVE")
        yield* Effect.scoped(store.getActive("id"))
        const added = [
          [{ N: "1800000000" }, "ttl is no text: attributes of other types cannot be authenticated"],
          [{ BOOL: true }, "ttl is of the type \"BOOL\" of DynamoDB, must be S, N or B"],
          [{ S: "2027" }, "InvalidCiphertextException"]
        ] as const
        for (const [value, expected] of added) {
          item["ttl"] = value
          const { reason } = yield* failureOf(Effect.scoped(store.getActive("id")))
          assert.include(reason.message, expected)
        }
        delete item["ttl"]
        yield* Effect.scoped(store.getActive("id"))
      })
    ))

  it.effect("an item of another type or id in its place is rejected", () =>
    program((dynamoDb) =>
      Effect.gen(function*() {
        const admin = yield* BranchKeyAdmin.BranchKeyAdmin
        const store = yield* BranchKeyStore.BranchKeyStore
        yield* admin.createKey({ branchKeyId: "id", encryptionContext: { tenant: "é" } })
        const item = itemOf(dynamoDb, "beacon:ACTIVE")
        item["branch-key-id"] = { S: "another" }
        const { reason } = yield* failureOf(Effect.scoped(store.getBeaconKey("id")))
        assert.strictEqual(reason.message, "branch-key-id is \"another\", not the one that was read")
      })
    ))
})
