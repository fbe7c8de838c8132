/** The branch key store of the AWS Encryption SDK for JavaScript over our storage and our KMS. */
import { BranchKeyStoreNode, KmsHierarchicalKeyRingNode } from "@aws-crypto/client-node"
import { KMSClient } from "@aws-sdk/client-kms"
import { Context, Effect, Result } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { BranchKeyRecord, BranchKeyStorage } from "effect-encryption-sdk/hierarchical"
import { Kms } from "effect-encryption-sdk/kms"
import { createRequire } from "node:module"
import { logicalKeyStoreName, single } from "./branchKeys.ts"

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

/** Their store over the storage and the KMS of ours. */
export const theirStoreOf = (
  services: Context.Context<BranchKeyStorage.BranchKeyStorage | Kms.KmsDecrypt | Kms.KmsWithoutPlaintext>
): BranchKeyStoreNode =>
  new BranchKeyStoreNode({
    logicalKeyStoreName,
    storage: {
      ddbTableName: "table",
      ddbClient: dynamoDbOf(Context.get(services, BranchKeyStorage.BranchKeyStorage))
    },
    keyManagement: {
      kmsClient: kmsClientOf({
        ...Context.get(services, Kms.KmsDecrypt),
        ...Context.get(services, Kms.KmsWithoutPlaintext)
      } as Kms.Operations)
    },
    kmsConfiguration: { identifier: single }
  })

/** Their keyring, whose cache keeps branch keys for a number of seconds. */
export const theirKeyringOf = (keyStore: BranchKeyStoreNode, branchKeyId: string, seconds: number) =>
  new KmsHierarchicalKeyRingNode({ branchKeyId, keyStore, cacheLimitTtl: seconds, utf8Sorting: true })
