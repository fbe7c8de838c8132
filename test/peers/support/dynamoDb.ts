/** Tables on the DynamoDB of the run, which is moto's, beside its KMS. */
import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb"
import { Effect } from "effect"
import { inject } from "vitest"
import { branchKeys } from "../../support/dynamoDb.ts"

/** What every client needs to reach the server. The server looks at no credentials. */
export const config = {
  endpoint: inject("kmsEndpoint"),
  region: "us-east-1",
  credentials: { accessKeyId: "testing", secretAccessKey: "testing" },
  maxAttempts: 1
}

let names = 0

/** A name that no other table has. */
export const newName = (): string => `branch-keys-${process.pid}-${++names}`

/** Makes a table without our code. */
const makeTable = (keys: typeof branchKeys) =>
  Effect.scoped(Effect.gen(function*() {
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => new DynamoDBClient(config)),
      (client) => Effect.sync(() => client.destroy())
    )
    const TableName = newName()
    const command = new CreateTableCommand({ TableName, BillingMode: "PAY_PER_REQUEST", ...keys } as never)
    yield* Effect.promise(() => client.send(command))
    return TableName
  }))

/** A table of branch keys. */
export const newTable = makeTable(branchKeys)

/** A table of something else. */
export const otherTable = makeTable({
  AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
  KeySchema: [{ AttributeName: "id", KeyType: "HASH" }]
})
