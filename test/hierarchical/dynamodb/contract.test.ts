import { Effect, Layer } from "effect"
import { DynamoDbBranchKeyStorage } from "effect-encryption-sdk/hierarchical/dynamodb"
import { branchKeyStorageContract } from "../../support/branchKeyStorageContract.ts"
import * as DynamoDb from "../../support/dynamoDb.ts"
import { TestPrimitives } from "../../support/TestPrimitives.ts"

for (const consistentRead of [undefined, true, false]) {
  branchKeyStorageContract(
    `DynamoDB, consistentRead ${consistentRead}`,
    Layer.unwrap(Effect.map(DynamoDb.make, ({ addTable, config }) => {
      addTable("keys")
      return DynamoDbBranchKeyStorage.layer({ tableName: "keys", client: config, consistentRead })
    })).pipe(Layer.provide(TestPrimitives.layer))
  )
}
