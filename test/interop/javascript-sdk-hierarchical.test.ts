/**
 * The hierarchical keyring and the branch key store, both ways, with those of the AWS Encryption SDK for JavaScript, over one table and
 * one embedded KMS. Their table is DynamoDB's: its attributes are those of our records.
 */
import { BranchKeyStoreNode, type KeyringNode, KmsHierarchicalKeyRingNode } from "@aws-crypto/client-node"
import { KMSClient } from "@aws-sdk/client-kms"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Result } from "effect"
import { DataKey } from "effect-encryption-sdk"
import {
  BranchKeyAdmin,
  BranchKeyRecord,
  BranchKeyStorage,
  BranchKeyStore,
  HierarchicalKeyring
} from "effect-encryption-sdk/hierarchical"
import { Kms } from "effect-encryption-sdk/kms"
import { createRequire } from "node:module"
import { buildStore, logicalKeyStoreName, single } from "../support/branchKeys.ts"
import { clientOf } from "../support/client.ts"
import { decrypt, encrypt } from "../support/javascriptSdk.ts"
import { pattern } from "../support/streams.ts"
import { signed, unsigned } from "../support/suites.ts"

type Item = Readonly<Record<string, { readonly S?: string; readonly N?: string; readonly B?: Uint8Array }>>

/** A record as an item of DynamoDB holds it, with the types of the specification. */
const recordOf = (item: Item) =>
  Result.getOrThrow(BranchKeyRecord.decode(Object.fromEntries(
    Object.entries(item).map(([name, { B, N, S }]) => [name, S ?? B ?? Number(N)])
  )))

/** An item of a record. */
const itemOf = (record: BranchKeyRecord.BranchKeyRecord): Item =>
  Object.fromEntries(
    Object.entries(BranchKeyRecord.encode(record)).map(([name, value]) => [
      name,
      typeof value === "string" ? { S: value } : typeof value === "number" ? { N: String(value) } : { B: value }
    ])
  )

interface Put {
  readonly Item: Item
  readonly ExpressionAttributeValues?: Item
}

type Input = { readonly Key: Item } | { readonly TransactItems: ReadonlyArray<{ readonly Put: Put }> }

/** Theirs must be of this class, which is a dependency of theirs. */
const { DynamoDBClient } = createRequire(createRequire(import.meta.url).resolve("@aws-crypto/client-node"))(
  "@aws-sdk/client-dynamodb"
) as { readonly DynamoDBClient: { readonly prototype: object } }

/** Our storage as the client of DynamoDB by which theirs reads and writes. */
const dynamoDbOf = (storage: BranchKeyStorage.BranchKeyStorage) =>
  Object.assign(Object.create(DynamoDBClient.prototype) as never, {
    send: ({ input }: { readonly input: Input }) => {
      if ("Key" in input) {
        const type = input.Key["type"]!.S as BranchKeyRecord.Type
        return Effect.runPromise(
          Effect.map(storage.read(input.Key["branch-key-id"]!.S!, type), (record) => ({ Item: itemOf(record) }))
        )
      }
      const [version, active, beacon] = input.TransactItems.map(({ Put }) => recordOf(Put.Item))
      const replaces = input.TransactItems[1]!.Put.ExpressionAttributeValues?.[":encOld"]?.B
      return Effect.runPromise(
        beacon === undefined
          ? storage.addVersion({ version: version!, active: active!, replaces: replaces! })
          : storage.create({ version: version!, active: active!, beacon })
      )
    }
  })

/** The embedded KMS as their client, by the names of the commands that it is sent. */
const kmsClientOf = ({ decrypt, generateDataKeyWithoutPlaintext, reEncrypt }: Kms.Operations) => {
  const calls: Readonly<Record<string, (input: any) => Effect.Effect<object, unknown>>> = {
    DecryptCommand: ({ CiphertextBlob, EncryptionContext, KeyId }) =>
      Effect.map(
        decrypt({
          keyId: KeyId,
          grantTokens: [],
          encryptionContext: EncryptionContext,
          ciphertextBlob: CiphertextBlob
        }),
        ({ keyId, plaintext }) => ({ KeyId: keyId, Plaintext: DataKey.value(plaintext) })
      ),
    GenerateDataKeyWithoutPlaintextCommand: ({ EncryptionContext, KeyId, NumberOfBytes }) =>
      Effect.map(
        generateDataKeyWithoutPlaintext({
          keyId: KeyId,
          grantTokens: [],
          encryptionContext: EncryptionContext,
          numberOfBytes: NumberOfBytes
        }),
        ({ ciphertextBlob, keyId }) => ({ KeyId: keyId, CiphertextBlob: ciphertextBlob })
      ),
    ReEncryptCommand: (input) =>
      Effect.map(
        reEncrypt({
          keyId: input.DestinationKeyId,
          sourceKeyId: input.SourceKeyId,
          grantTokens: [],
          ciphertextBlob: input.CiphertextBlob,
          sourceEncryptionContext: input.SourceEncryptionContext,
          encryptionContext: input.DestinationEncryptionContext
        }),
        ({ ciphertextBlob, keyId }) => ({ KeyId: keyId, CiphertextBlob: ciphertextBlob })
      )
  }
  return Object.assign(Object.create(KMSClient.prototype) as KMSClient, {
    send: (command: { readonly constructor: { readonly name: string }; readonly input: unknown }) =>
      Effect.runPromise(calls[command.constructor.name]!(command.input))
  })
}

const both = Effect.gen(function*() {
  const services = yield* buildStore
  const kms = {
    ...Context.get(services, Kms.KmsDecrypt),
    ...Context.get(services, Kms.KmsWithoutPlaintext)
  } as Kms.Operations
  const theirStore = new BranchKeyStoreNode({
    logicalKeyStoreName,
    storage: {
      ddbTableName: "table",
      ddbClient: dynamoDbOf(Context.get(services, BranchKeyStorage.BranchKeyStorage))
    },
    keyManagement: { kmsClient: kmsClientOf(kms) },
    kmsConfiguration: { identifier: single }
  })
  const theirs = (branchKeyId: string): KeyringNode =>
    new KmsHierarchicalKeyRingNode({ branchKeyId, keyStore: theirStore, cacheLimitTtl: 1, utf8Sorting: true })
  const ours = (branchKeyId: string) =>
    Effect.provideContext(HierarchicalKeyring.make({ branchKeyId, maxAge: "1 second" }), services)
  return {
    admin: Context.get(services, BranchKeyAdmin.BranchKeyAdmin),
    store: Context.get(services, BranchKeyStore.BranchKeyStore),
    theirStore,
    theirs,
    ours
  }
})

const encryptionContext = { tenant: "a", "\u{1f600}": "astral", "\u{ff21}": "full width", B: "", a: "é" }
const plaintext = pattern(1000)

/** What each writes under a branch key, both read. */
const exchange = (parts: Effect.Success<typeof both>, branchKeyId: string) =>
  Effect.gen(function*() {
    const [ours, theirs] = [yield* parts.ours(branchKeyId), parts.theirs(branchKeyId)]
    const sdk = yield* clientOf(ours)
    const options = { algorithmSuite: unsigned, encryptionContext, frameLength: 512 }
    for (const algorithmSuite of [unsigned, signed]) {
      const { message } = yield* sdk.encrypt(plaintext, { algorithmSuite, encryptionContext })
      const foreign = yield* encrypt(theirs, plaintext, { ...options, algorithmSuite })
      for (const each of [message, foreign]) {
        assert.deepStrictEqual(new Uint8Array((yield* sdk.decrypt(each)).plaintext), plaintext)
        assert.deepStrictEqual((yield* decrypt(theirs, each, algorithmSuite)).plaintext, plaintext)
      }
    }
  })

describe("branch keys and the AWS Encryption SDK for JavaScript", () => {
  it.effect("what each writes under a branch key of ours, both read, also after we made a version", () =>
    Effect.gen(function*() {
      const parts = yield* both
      const { branchKeyId } = yield* parts.admin.createKey({ encryptionContext: { tenant: "é" } })
      yield* exchange(parts, branchKeyId)
      yield* parts.admin.versionKey(branchKeyId)
      yield* exchange(parts, branchKeyId)
    }))

  it.effect("what each writes under a branch key of theirs, both read, also after either made a version", () =>
    Effect.gen(function*() {
      const parts = yield* both
      const { branchKeyIdentifier: id } = yield* Effect.promise(() =>
        parts.theirStore.createKey({ branchKeyIdentifier: "theirs", encryptionContext: { tenant: "é" } })
      )
      yield* exchange(parts, id)
      const before = yield* parts.store.getActive(id)
      assert.deepStrictEqual(before.encryptionContext, { tenant: "é" })
      yield* parts.admin.versionKey(id)
      yield* exchange(parts, id)
      yield* Effect.promise(() => parts.theirStore.versionKey({ branchKeyIdentifier: id }))
      yield* exchange(parts, id)
      assert.notStrictEqual((yield* parts.store.getActive(id)).version, before.version)
      assert.strictEqual((yield* parts.store.getBeaconKey(id)).branchKeyId, id)
    }))
})
