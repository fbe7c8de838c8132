/**
 * Three implementations of branch keys over one table and one KMS: ours, the material providers library for Python, and the Encryption
 * SDK for JavaScript.
 *
 * The table is on moto's DynamoDB. The KMS is our own server: moto's re-encrypts whatever source key a request names, so there a store
 * that names the wrong one would pass.
 */
import { BranchKeyStoreNode, KmsHierarchicalKeyRingNode } from "@aws-crypto/client-node"
import { KMSClient } from "@aws-sdk/client-kms"
import { Effect, Layer, type Scope } from "effect"
import {
  BranchKeyAdmin,
  type BranchKeyStorage,
  BranchKeyStore,
  HierarchicalKeyring
} from "effect-encryption-sdk/hierarchical"
import { DynamoDbBranchKeyStorage } from "effect-encryption-sdk/hierarchical/dynamodb"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { createRequire } from "node:module"
import { clientOf } from "../../support/client.ts"
import * as javascriptSdk from "../../support/javascriptSdk.ts"
import { unsigned } from "../../support/suites.ts"
import * as DevelopmentServer from "./developmentServer.ts"
import * as DynamoDb from "./dynamoDb.ts"
import { type KeyStore, Python } from "./python.ts"

type Context = Readonly<Record<string, string>>

export const keyArn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
export const logicalKeyStoreName = "orders"

/** The branch key of a message: one of an id, or the one of the message's tenant. */
export type Choice = { readonly branchKeyId: string } | { readonly tenantPrefix: string }

/** What each of them does. Nothing is cached: each call reads the table. */
export interface Party {
  readonly name: "ours" | "Python" | "JavaScript"
  readonly createKey: (branchKeyId?: string, encryptionContext?: Context) => Effect.Effect<string, unknown>
  readonly versionKey: (branchKeyId: string) => Effect.Effect<unknown, unknown>
  readonly encrypt: (choice: Choice, plaintext: Uint8Array, context: Context) => Effect.Effect<Uint8Array, unknown>
  readonly decrypt: (choice: Choice, message: Uint8Array) => Effect.Effect<Uint8Array, unknown>
}

const tenantOf = (prefix: string, { tenant }: Context) => `${prefix}${tenant}`

type Services = BranchKeyStore.BranchKeyStore | BranchKeyAdmin.BranchKeyAdmin

const ours = (services: Layer.Layer<Services>): Party => {
  const admin = <A, E>(use: (admin: BranchKeyAdmin.BranchKeyAdmin) => Effect.Effect<A, E>) =>
    Effect.provide(Effect.flatMap(BranchKeyAdmin.BranchKeyAdmin, use), services)
  const client = (choice: Choice) =>
    Effect.flatMap(
      HierarchicalKeyring.make({
        maxAge: "1 minute",
        ..."branchKeyId" in choice
          ? choice
          : { branchKeyIdSupplier: (context) => Effect.succeed(tenantOf(choice.tenantPrefix, context)) }
      }),
      (keyring) => clientOf(keyring)
    )
  const run = <A, E>(effect: Effect.Effect<A, E, Layer.Success<typeof environment> | Scope.Scope>) =>
    Effect.scoped(Effect.provide(effect, environment))
  const environment = Layer.merge(services, NodePrimitives.layer)
  return {
    name: "ours",
    createKey: (branchKeyId, encryptionContext) =>
      admin((admin) => Effect.map(admin.createKey({ branchKeyId, encryptionContext }), (made) => made.branchKeyId)),
    versionKey: (branchKeyId) => admin((admin) => admin.versionKey(branchKeyId)),
    encrypt: (choice, plaintext, encryptionContext) =>
      run(Effect.flatMap(client(choice), (sdk) =>
        Effect.map(
          sdk.encrypt(plaintext, { algorithmSuite: unsigned, encryptionContext }),
          ({ message }) => message
        ))),
    decrypt: (choice, message) =>
      run(Effect.flatMap(client(choice), (sdk) => Effect.map(sdk.decrypt(message), ({ plaintext }) => plaintext)))
  }
}

const python = ({ decrypt, encrypt, keyStore }: Python["Service"], store: KeyStore): Party => {
  const keys = (choice: Choice) => [{ type: "mpl", kind: "hierarchical", store, ...choice }] as const
  return {
    name: "Python",
    createKey: (branchKeyId, encryptionContext) =>
      Effect.map(
        keyStore({
          store,
          call: "createKey",
          ...branchKeyId === undefined ? {} : { branchKeyId },
          ...encryptionContext === undefined ? {} : { encryptionContext }
        }),
        (made) => String(made["branchKeyId"])
      ),
    versionKey: (branchKeyId) => keyStore({ store, call: "versionKey", branchKeyId }),
    encrypt: (choice, plaintext, context) =>
      Effect.map(
        encrypt({ suite: unsigned.id, plaintext, keys: keys(choice), encryptionContext: { ...context } }),
        ({ message }) => message
      ),
    decrypt: (choice, message) => Effect.map(decrypt({ message, keys: keys(choice) }), ({ plaintext }) => plaintext)
  }
}

/** Theirs must be of this class, which is a dependency of theirs. */
const { DynamoDBClient } = createRequire(createRequire(import.meta.url).resolve("@aws-crypto/client-node"))(
  "@aws-sdk/client-dynamodb"
) as { readonly DynamoDBClient: new(config: object) => { readonly destroy: () => void } }

const destroyed = <Client extends { readonly destroy: () => void }>(make: () => Client) =>
  Effect.acquireRelease(Effect.sync(make), (client) => Effect.sync(() => client.destroy()))

const javascript = Effect.fnUntraced(function*({ kmsEndpoint, tableName }: KeyStore) {
  const ddbClient = yield* destroyed(() => new DynamoDBClient(DynamoDb.config))
  const kmsClient = yield* destroyed(() =>
    new KMSClient({ ...DevelopmentServer.configOf(kmsEndpoint), region: "us-east-1" })
  )
  const store = new BranchKeyStoreNode({
    logicalKeyStoreName,
    storage: { ddbTableName: tableName, ddbClient: ddbClient as never },
    keyManagement: { kmsClient },
    kmsConfiguration: { identifier: keyArn }
  })
  const keyring = (choice: Choice) =>
    new KmsHierarchicalKeyRingNode({
      keyStore: store,
      cacheLimitTtl: 60,
      utf8Sorting: true,
      ..."branchKeyId" in choice
        ? choice
        : {
          branchKeyIdSupplier: {
            getBranchKeyId: (context: Context) => tenantOf(choice.tenantPrefix, context)
          }
        }
    })
  const party: Party = {
    name: "JavaScript",
    createKey: (branchKeyIdentifier, encryptionContext) =>
      Effect.map(
        Effect.promise(() =>
          store.createKey({
            ...branchKeyIdentifier === undefined ? {} : { branchKeyIdentifier },
            ...encryptionContext === undefined ? {} : { encryptionContext }
          })
        ),
        (made) => made.branchKeyIdentifier
      ),
    versionKey: (branchKeyIdentifier) => Effect.promise(() => store.versionKey({ branchKeyIdentifier })),
    encrypt: (choice, plaintext, encryptionContext) =>
      javascriptSdk.encrypt(keyring(choice), plaintext, {
        algorithmSuite: unsigned,
        encryptionContext,
        frameLength: 4096
      }),
    decrypt: (choice, message) =>
      Effect.map(javascriptSdk.decrypt(keyring(choice), message, unsigned), ({ plaintext }) => plaintext)
  }
  return party
})

/** The services of ours over a table. */
const servicesOver = ({ kmsEndpoint, tableName }: KeyStore) => {
  const options = { logicalKeyStoreName, kmsConfiguration: { _tag: "SingleKey", keyArn } } as const
  const storage: Layer.Layer<BranchKeyStorage.BranchKeyStorage> = DynamoDbBranchKeyStorage.layer({
    tableName,
    client: DynamoDb.config
  }).pipe(Layer.provide(NodePrimitives.layer), Layer.orDie)
  return Layer.merge(BranchKeyStore.layer(options), BranchKeyAdmin.layer(options)).pipe(
    Layer.provide([
      storage,
      AwsKms.layer({ ...DevelopmentServer.configOf(kmsEndpoint), region: "us-east-1" }),
      NodePrimitives.layer
    ]),
    Layer.orDie
  )
}

/** All three over one table, which `makeTable` makes, and a KMS with one key. */
export const make = (makeTable: (store: KeyStore) => Effect.Effect<unknown, unknown, Python>) =>
  Effect.gen(function*() {
    const { url } = yield* DevelopmentServer.start({ keys: [{ arn: keyArn }] })
    const store: KeyStore = {
      tableName: DynamoDb.newName(),
      logicalKeyStoreName,
      keyArn,
      dynamoDbEndpoint: DynamoDb.config.endpoint,
      kmsEndpoint: url
    }
    yield* makeTable(store)
    const services = yield* Layer.build(servicesOver(store))
    const parties = {
      ours: ours(Layer.succeedContext(services)),
      Python: python(yield* Python, store),
      JavaScript: yield* javascript(store)
    }
    return { store, services, ...parties, all: Object.values<Party>(parties) }
  })
