/** A branch key store over the embedded KMS and memory, and what a test changes of it. */
import { Context, Effect, Layer, type Scope } from "effect"
import {
  BranchKeyAdmin,
  type BranchKeyRecord,
  BranchKeyStorage,
  BranchKeyStore,
  type KmsConfiguration,
  MemoryBranchKeyStorage
} from "effect-encryption-sdk/hierarchical"
import type { Kms } from "effect-encryption-sdk/kms"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { TestPrimitives } from "./TestPrimitives.ts"

export const single = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
export const multi = "arn:aws:kms:us-east-1:111122223333:key/mrk-22222222222222222222222222222222"
export const replica = multi.replace("us-east-1", "eu-central-1")
export const other = "arn:aws:kms:us-east-1:111122223333:key/44444444-4444-4444-4444-444444444444"

export const singleKey = { _tag: "SingleKey", keyArn: single } as const

export const logicalKeyStoreName = "orders"

export const TestKms = ScriptedKms.layer({
  keys: [{ arn: single }, { arn: multi, replicaRegions: ["eu-central-1"] }, { arn: other }]
}).pipe(Layer.provide(TestPrimitives.layer))

/** Everything below a keyring; each test has its own. */
export const TestStore = Layer.mergeAll(
  BranchKeyStore.layer({ logicalKeyStoreName, kmsConfiguration: singleKey }),
  BranchKeyAdmin.layer({ logicalKeyStoreName, kmsConfiguration: singleKey })
).pipe(Layer.provideMerge(Layer.mergeAll(TestKms, MemoryBranchKeyStorage.layer, TestPrimitives.layer)))

/** A storage that counts its reads, over another one. */
export const counting = (storage: BranchKeyStorage.BranchKeyStorage) => {
  const reads: Array<string> = []
  return {
    reads,
    storage: BranchKeyStorage.BranchKeyStorage.of({
      ...storage,
      read: (branchKeyId, type) =>
        Effect.suspend(() => {
          reads.push(`${branchKeyId} ${type}`)
          return storage.read(branchKeyId, type)
        })
    })
  }
}

/** The store of a storage of the test's own. */
export const storeOver = (
  storage: Partial<BranchKeyStorage.BranchKeyStorage>,
  kmsConfiguration: KmsConfiguration.KmsConfiguration = singleKey,
  name = logicalKeyStoreName
): Effect.Effect<BranchKeyStore.BranchKeyStore, never, Kms.KmsDecrypt> =>
  BranchKeyStore.make({ logicalKeyStoreName: name, kmsConfiguration }).pipe(
    Effect.orDie,
    Effect.provideService(
      BranchKeyStorage.BranchKeyStorage,
      BranchKeyStorage.BranchKeyStorage.of({ name: "test", ...storage } as BranchKeyStorage.BranchKeyStorage)
    ),
    Effect.provide(TestPrimitives.layer)
  )

/** The admin of a storage of the test's own. */
export const adminOver = (
  storage: Partial<BranchKeyStorage.BranchKeyStorage>,
  kmsConfiguration: KmsConfiguration.Named = singleKey
): Effect.Effect<BranchKeyAdmin.BranchKeyAdmin, never, Kms.KmsWithoutPlaintext> =>
  BranchKeyAdmin.make({ logicalKeyStoreName, kmsConfiguration }).pipe(
    Effect.orDie,
    Effect.provideService(
      BranchKeyStorage.BranchKeyStorage,
      BranchKeyStorage.BranchKeyStorage.of({ name: "test", ...storage } as BranchKeyStorage.BranchKeyStorage)
    ),
    Effect.provide(TestPrimitives.layer)
  )

/** A storage of one record, whatever is read. */
export const always = (record: unknown): Partial<BranchKeyStorage.BranchKeyStorage> => ({
  read: () => Effect.succeed(record as BranchKeyRecord.BranchKeyRecord)
})

/** The services of `TestStore` as one context, for tests that make several keyrings. */
export const buildStore: Effect.Effect<
  Context.Context<Layer.Success<typeof TestStore>>,
  never,
  Scope.Scope
> = Effect.orDie(Layer.build(TestStore))
