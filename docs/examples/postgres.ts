import { PgClient } from "@effect/sql-pg"
import { Config, Console, Effect, Layer } from "effect"
import { BranchKeyAdmin, BranchKeyStore } from "effect-encryption-sdk/hierarchical"
import { PostgresBranchKeyStorage } from "effect-encryption-sdk/hierarchical/postgres"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { Migrator } from "effect/sql"

const database = PgClient.layerConfig({ url: Config.Redacted("DATABASE_URL") })

// Once for each deployment: beside the migrations of the program, under a number of its own.
const migrate = Migrator.make({})({
  loader: Migrator.fromRecord({ "0001_branch_keys": PostgresBranchKeyStorage.migration() })
})

const keyArn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
const options = { logicalKeyStoreName: "branch-keys", kmsConfiguration: { _tag: "SingleKey", keyArn } } as const

const store = Layer.merge(BranchKeyStore.layer(options), BranchKeyAdmin.layer(options)).pipe(
  Layer.provide([PostgresBranchKeyStorage.layer(), AwsKms.layer(), NodePrimitives.layer])
)

const program = Effect.gen(function*() {
  const admin = yield* BranchKeyAdmin.BranchKeyAdmin
  const created = yield* admin.createKey({ branchKeyId: "tenant-a", encryptionContext: { tenant: "a" } })
  yield* Console.log(created.branchKeyId)
})

const main = Effect.andThen(migrate, Effect.provide(program, store)).pipe(Effect.provide(database))

await Effect.runPromise(
  "DATABASE_URL" in process.env ? main : Console.log("DATABASE_URL names no database: nothing was done")
)

// DATABASE_URL names no database: nothing was done
