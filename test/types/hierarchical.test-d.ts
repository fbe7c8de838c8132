/** Types of branch keys: each service needs what it calls, and keys in the clear are redacted. */
import { DynamoDBClient } from "@aws-sdk/client-dynamodb"
import { Config, Effect } from "effect"
import type { Duration, Layer, Redacted, Scope } from "effect"
import type { EncryptionContext, InvalidOption, Keyring, KeyringError } from "effect-encryption-sdk"
import type { Primitives } from "effect-encryption-sdk/crypto"
import {
  BranchKeyAdmin,
  BranchKeyCache,
  BranchKeyStorage,
  BranchKeyStore,
  type BranchKeyStoreError,
  HierarchicalKeyring,
  MemoryBranchKeyStorage
} from "effect-encryption-sdk/hierarchical"
import {
  BranchKeyTable,
  type BranchKeyTableError,
  DynamoDbBranchKeyStorage
} from "effect-encryption-sdk/hierarchical/dynamodb"
import { PostgresBranchKeyStorage } from "effect-encryption-sdk/hierarchical/postgres"
import type { Kms } from "effect-encryption-sdk/kms"
import type { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { expectTypeOf } from "vitest"

declare const store: BranchKeyStore.BranchKeyStore
declare const admin: BranchKeyAdmin.BranchKeyAdmin
declare const cache: BranchKeyCache.BranchKeyCache

const kmsConfiguration = { _tag: "SingleKey", keyArn: "arn" } as const
const options = { logicalKeyStoreName: "orders", kmsConfiguration }

// The store that reads needs `decrypt` alone, the one that writes the calls that return no plaintext.
type Reads = BranchKeyStorage.BranchKeyStorage | Kms.KmsDecrypt | Primitives.Primitives
type Writes = BranchKeyStorage.BranchKeyStorage | Kms.KmsWithoutPlaintext | Primitives.Primitives
expectTypeOf(BranchKeyStore.layer(options)).toEqualTypeOf<
  Layer.Layer<BranchKeyStore.BranchKeyStore, InvalidOption, Reads>
>()
expectTypeOf(BranchKeyAdmin.layer(options)).toEqualTypeOf<
  Layer.Layer<BranchKeyAdmin.BranchKeyAdmin, InvalidOption, Writes>
>()
expectTypeOf(BranchKeyStore.layerConfig({ ...options, logicalKeyStoreName: Config.String("NAME") })).toEqualTypeOf<
  Layer.Layer<BranchKeyStore.BranchKeyStore, InvalidOption | Config.ConfigError, Reads>
>()
expectTypeOf(MemoryBranchKeyStorage.layer).toEqualTypeOf<Layer.Layer<BranchKeyStorage.BranchKeyStorage>>()
BranchKeyStore.layer({ ...options, kmsConfiguration: { _tag: "Discovery" } })
// @ts-expect-error: discovery only reads
BranchKeyAdmin.layer({ ...options, kmsConfiguration: { _tag: "Discovery" } })
// @ts-expect-error: a Region is needed
BranchKeyStore.layer({ ...options, kmsConfiguration: { _tag: "MultiRegionDiscovery" } })
// @ts-expect-error: the table is the storage's
BranchKeyStore.layer({ ...options, tableName: "orders" })

// The storage in DynamoDB, and its table.
const table = { tableName: "branch-keys" }
expectTypeOf(DynamoDbBranchKeyStorage.layer(table)).toEqualTypeOf<
  Layer.Layer<BranchKeyStorage.BranchKeyStorage, InvalidOption, Primitives.Primitives>
>()
expectTypeOf(DynamoDbBranchKeyStorage.layerConfig({ tableName: Config.String("TABLE") })).toEqualTypeOf<
  Layer.Layer<BranchKeyStorage.BranchKeyStorage, InvalidOption | Config.ConfigError, Primitives.Primitives>
>()
DynamoDbBranchKeyStorage.layer({ ...table, client: new DynamoDBClient(), consistentRead: true })
DynamoDbBranchKeyStorage.layer({ ...table, client: { region: "eu-central-1", maxAttempts: 5 } })
// @ts-expect-error: a table is named
DynamoDbBranchKeyStorage.layer({})
// @ts-expect-error: the logical name is the store's
DynamoDbBranchKeyStorage.layer({ ...table, logicalKeyStoreName: "orders" })
expectTypeOf(BranchKeyTable.create({ ...table, deadline: "2 minutes" })).toEqualTypeOf<
  Effect.Effect<string, InvalidOption | BranchKeyTableError>
>()
expectTypeOf(BranchKeyTable.check(table)).toEqualTypeOf<Effect.Effect<string, InvalidOption | BranchKeyTableError>>()

// Branch keys.
expectTypeOf(store.getActive("id")).toEqualTypeOf<
  Effect.Effect<BranchKeyStore.BranchKey, BranchKeyStoreError, Scope.Scope>
>()
expectTypeOf<BranchKeyStore.BranchKey["key"]>().toEqualTypeOf<Redacted.Redacted<Uint8Array>>()
expectTypeOf(admin.versionKey("id")).toEqualTypeOf<Effect.Effect<BranchKeyAdmin.Created, BranchKeyStoreError>>()
// @ts-expect-error: a version is named
store.getVersion("id")
// @ts-expect-error: pairs are texts
admin.createKey({ encryptionContext: { tenant: 1 } })

// The cache.
expectTypeOf(BranchKeyCache.layer({ maxAge: "1 hour" })).toEqualTypeOf<
  Layer.Layer<BranchKeyCache.BranchKeyCache, InvalidOption, Primitives.Primitives>
>()
// @ts-expect-error: there is no default
BranchKeyCache.layer({ capacity: 10 })

// The keyring, and its control.
expectTypeOf<HierarchicalKeyring.Options>().toEqualTypeOf<{
  readonly branchKeyId?: string | undefined
  readonly branchKeyIdSupplier?:
    | ((encryptionContext: EncryptionContext.EncryptionContext) => Effect.Effect<string, unknown>)
    | undefined
  readonly maxAge: Duration.Input
  readonly capacity?: number | undefined
  readonly refreshAhead?: number | undefined
  readonly fetchDeadline?: Duration.Input | undefined
  readonly cache?: BranchKeyCache.BranchKeyCache | undefined
  readonly partitionId?: string | undefined
}>()
expectTypeOf(HierarchicalKeyring.layer({ branchKeyId: "id", maxAge: "1 hour", cache })).toEqualTypeOf<
  Layer.Layer<
    Keyring.Keyring | HierarchicalKeyring.HierarchicalKeyring,
    KeyringError.KeyringError,
    BranchKeyStore.BranchKeyStore | Primitives.Primitives
  >
>()
HierarchicalKeyring.layer({ maxAge: "1 hour", branchKeyIdSupplier: ({ tenant }) => Effect.succeed(`tenant-${tenant}`) })
// @ts-expect-error: there is no default
HierarchicalKeyring.layer({ branchKeyId: "id" })
// @ts-expect-error: a supplier is an Effect
HierarchicalKeyring.layer({ maxAge: "1 hour", branchKeyIdSupplier: ({ tenant }) => `tenant-${tenant}` })

// Postgres needs a client of the program's own, and has all defaults.
expectTypeOf(PostgresBranchKeyStorage.layer()).toEqualTypeOf<
  Layer.Layer<BranchKeyStorage.BranchKeyStorage, InvalidOption, SqlClient.SqlClient>
>()
expectTypeOf(PostgresBranchKeyStorage.migration({ table: "keys.branch_keys" })).toEqualTypeOf<
  Effect.Effect<void, SqlError | InvalidOption, SqlClient.SqlClient>
>()
PostgresBranchKeyStorage.layerConfig({ table: Config.String("TABLE") })
// @ts-expect-error: a table has a name
PostgresBranchKeyStorage.layer({ table: 1 })

// A cache says whether a branch key was there.
expectTypeOf<Effect.Success<ReturnType<BranchKeyCache.BranchKeyCache["get"]>>["outcome"]>().toEqualTypeOf<
  "Hit" | "Joined" | "Miss"
>()
