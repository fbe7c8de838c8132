/** A storage of branch keys over the DynamoDB in memory, and records for it. */
import type { DynamoDBClientConfig } from "@aws-sdk/client-dynamodb"
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { BranchKeyRecord, BranchKeyStorage } from "effect-encryption-sdk/hierarchical"
import { DynamoDbBranchKeyStorage } from "effect-encryption-sdk/hierarchical/dynamodb"
import { failureOf } from "./client.ts"
import * as DynamoDb from "./dynamoDb.ts"
import { TestPrimitives } from "./TestPrimitives.ts"

export const tableName = "keys"

export const versions = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"] as const

/** The records of a branch key. */
export const recordsOf = (branchKeyId: string, version: string = versions[0], wrapped = 1) => {
  const common: Omit<BranchKeyRecord.BranchKeyRecord, "type" | "wrappedKey"> = {
    branchKeyId,
    kmsArn: "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    createTime: "2026-11-27T09:34:48.123000Z",
    hierarchyVersion: 1,
    attributes: { "aws-crypto-ec:tenant": "é" }
  }
  const type = BranchKeyRecord.versionType(version)
  return {
    version: { ...common, type, wrappedKey: Uint8Array.of(wrapped, 0) },
    active: { ...common, type: BranchKeyRecord.activeType, version: type, wrappedKey: Uint8Array.of(wrapped, 1) },
    beacon: { ...common, type: BranchKeyRecord.beaconType, wrappedKey: Uint8Array.of(wrapped, 2) }
  } satisfies BranchKeyStorage.NewBranchKey
}

/** `make` with these options. */
export const makeStorage = (client: DynamoDbBranchKeyStorage.Options["client"], options: object = {}) =>
  Effect.provide(DynamoDbBranchKeyStorage.make({ tableName, client, ...options }), TestPrimitives.layer)

/** A storage over a client of the test's own, or the configuration of one. */
export const storageOf = (client: DynamoDbBranchKeyStorage.Options["client"], options: object = {}) =>
  Effect.orDie(makeStorage(client, options))

/** A DynamoDB with the table, and a storage over it. */
export const storage = (options: object = {}, config: DynamoDBClientConfig = {}) =>
  Effect.gen(function*() {
    const dynamoDb = yield* DynamoDb.make
    dynamoDb.addTable(tableName)
    return { dynamoDb, storage: yield* storageOf({ ...dynamoDb.config, ...config }, options) }
  })

/** A client that has this method alone. */
export const clientOf = (
  send: (command: { readonly input: unknown }, options: { readonly abortSignal: AbortSignal }) => unknown
) => ({ send }) as unknown as DynamoDbBranchKeyStorage.Client

/** The reason for which an operation of a storage fails. */
export const reasonOf = <A, R>(effect: Effect.Effect<A, BranchKeyStorage.BranchKeyStorageError, R>) =>
  Effect.map(failureOf(effect), (error) => {
    assert.instanceOf(error, BranchKeyStorage.BranchKeyStorageError)
    assert.strictEqual(error.isRetryable, "isRetryable" in error.reason && error.reason.isRetryable)
    return error.reason
  })

/** The failure of a storage itself. */
export const failedOf = <A, R>(effect: Effect.Effect<A, BranchKeyStorage.BranchKeyStorageError, R>) =>
  Effect.map(reasonOf(effect), (reason) => {
    assert.instanceOf(reason, BranchKeyStorage.StorageFailed)
    return reason
  })

export const inDoubt = "the write may have happened all the same"
