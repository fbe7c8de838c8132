import { Console, Effect, Layer, Redacted } from "effect"
import { BlindIndex } from "effect-encryption-sdk/fields"
import { BranchKeyAdmin, BranchKeyStore, MemoryBranchKeyStorage } from "effect-encryption-sdk/hierarchical"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { NodePrimitives } from "effect-encryption-sdk/node"

const kmsKeyArn = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
const options = {
  logicalKeyStoreName: "customers",
  kmsConfiguration: { _tag: "SingleKey", keyArn: kmsKeyArn }
} as const
const layer = Layer.mergeAll(BranchKeyStore.layer(options), BranchKeyAdmin.layer(options)).pipe(
  Layer.provide(MemoryBranchKeyStorage.layer),
  Layer.provide(EmbeddedKms.layer({ keys: [{ arn: kmsKeyArn }] })),
  Layer.provide(NodePrimitives.layer)
)

const column = { table: "customers", column: "email" }

const program = Effect.gen(function*() {
  // Up to now the key is one of a store of secrets.
  const previousKey = Redacted.make(Uint8Array.from({ length: 32 }, (_, i) => i))
  const before = yield* BlindIndex.make({ ...column, key: previousKey })
  const rows = yield* Effect.forEach(["ada@example.com", "grace@example.com"], (email) =>
    // `email` stands for the encrypted column.
    Effect.map(before.forWrite(email), (emailIndex) => ({ email, emailIndex })))

  // From now on it is the beacon key of a branch key. 1: every process searches for both.
  const { branchKeyId } = yield* (yield* BranchKeyAdmin.BranchKeyAdmin).createKey()
  const { key } = yield* (yield* BranchKeyStore.BranchKeyStore).getBeaconKey(branchKeyId)
  const during = yield* BlindIndex.make({ ...column, key, previousKey })
  const found = (indexes: ReadonlyArray<string>) => rows.filter(({ emailIndex }) => indexes.includes(emailIndex)).length
  yield* Console.log("of rows under the previous key:", found(yield* during.forSearch("ada@example.com")))

  // 2: every row is computed again. To run it twice does no harm.
  for (const row of rows) row.emailIndex = yield* during.forWrite(row.email)
  yield* Console.log("of rows under the new key:", found(yield* during.forSearch("ada@example.com")))

  // 3: without the previous key.
  const after = yield* BlindIndex.make({ ...column, key })
  yield* Console.log("after the rotation:", found(yield* after.forSearch("ada@example.com")))
})

await Effect.runPromise(Effect.scoped(Effect.provide(program, layer)))

// of rows under the previous key: 1
// of rows under the new key: 1
// after the rotation: 1
