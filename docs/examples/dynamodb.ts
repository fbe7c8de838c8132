import { Console, Effect, Layer } from "effect"
import { DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import {
  BranchKeyAdmin,
  BranchKeyStore,
  HierarchicalKeyring,
  MemoryBranchKeyStorage
} from "effect-encryption-sdk/hierarchical"
import { BranchKeyTable, DynamoDbBranchKeyStorage } from "effect-encryption-sdk/hierarchical/dynamodb"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { NodePrimitives } from "effect-encryption-sdk/node"

const keyArn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
const options = { logicalKeyStoreName: "orders", kmsConfiguration: { _tag: "SingleKey", keyArn } } as const
const table = { tableName: "branch-keys", client: { region: "eu-central-1", maxAttempts: 5 } }

// The same in production and in tests.
const encryption = EncryptionSdk.layer().pipe(
  Layer.provide(DefaultCmm.layer),
  Layer.provide(HierarchicalKeyring.layer({ branchKeyId: "orders", maxAge: "1 hour" })),
  Layer.provide(BranchKeyStore.layer(options)),
  Layer.provideMerge(BranchKeyAdmin.layer(options))
)

export const production = encryption.pipe(
  Layer.provide([DynamoDbBranchKeyStorage.layer(table), AwsKms.layer()]),
  Layer.provide(NodePrimitives.layer)
)

const test = encryption.pipe(
  Layer.provide([MemoryBranchKeyStorage.layer, EmbeddedKms.layer({ keys: [{ arn: keyArn }] })]),
  Layer.provide(NodePrimitives.layer)
)

/** The branch key of this program, once. */
const makeBranchKey = BranchKeyAdmin.BranchKeyAdmin.use((admin) =>
  admin.createKey({ branchKeyId: "orders", encryptionContext: { purpose: "orders" } })
)

/** Run once, by an operator. */
export const setUp = Effect.andThen(BranchKeyTable.create(table), Effect.provide(makeBranchKey, production))

await Effect.runPromise(
  Effect.gen(function*() {
    yield* makeBranchKey
    const sdk = yield* EncryptionSdk.EncryptionSdk
    const { message } = yield* sdk.encrypt("order 1", { encryptionContext: { tenant: "a" } })
    const { plaintext } = yield* sdk.decrypt(message)
    yield* Console.log(new TextDecoder().decode(plaintext))
    const error = yield* Effect.flip(makeBranchKey)
    yield* Console.log(error.message)
  }).pipe(Effect.provide(test))
)

// order 1
// branch key store, createKey of orders: it exists already
