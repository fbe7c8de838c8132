/**
 * The storage of branch keys in a table of DynamoDB, which all implementations share. `BranchKeyTable` makes the table.
 *
 * Specification: framework/branch-key-store.md#record-format
 */
import type { TransactWriteItem } from "@aws-sdk/client-dynamodb"
import { GetItemCommand, TransactWriteItemsCommand } from "@aws-sdk/client-dynamodb"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Primitives } from "../../crypto/Primitives.ts"
import { type Configured, configured } from "../../internal/configured.ts"
import { settle } from "../../internal/settle.ts"
import { uuid } from "../../internal/uuid.ts"
import { optionsOf } from "../../model/errors/optionsOf.ts"
import type { InvalidOption } from "../../model/errors/Reasons.ts"
import { activeType, type BranchKeyRecord, RecordRejected, type Type } from "../BranchKeyRecord.ts"
import * as Storage from "../BranchKeyStorage.ts"
import { acquire, type Client, isOutput, tableBounds, tableFields } from "./internal/client.ts"
import { explain, failedConditions, unreadable } from "./internal/dynamoDbErrors.ts"
import { itemOf, keyOf, partitionKey, recordOf, wrappedKeyAttribute } from "./internal/items.ts"

export type { Client, ClientOrConfig } from "./internal/client.ts"

/** Options of the storage. */
export const Options = /*#__PURE__*/ (() =>
  Schema.Struct({
    ...tableFields,
    /**
     * Whether reads see every write before them, for twice the price. Default: reads of the active version do. Those of other
     * versions and of beacon keys, which never change, do only where a read that costs half has found nothing.
     *
     * `false` breaks the promise of `BranchKeyStorage`: a branch key that was just made may not be found, and a version that was just
     * replaced may be used.
     */
    consistentRead: Schema.optional(Schema.Boolean)
  }))()

/** See the schema of the same name. */
export type Options = typeof Options.Type

/**
 * The storage. Retries are left to the client: those of a write are one write, by a token that each has. Interrupting an operation
 * aborts its request; a write may have happened all the same.
 *
 * A failure is a `StorageFailed` with DynamoDB's code. It is retryable where the service is throttled, busy with another transaction, or
 * not reached, and says so where a write may have happened.
 *
 * An id that is empty or longer than 2,048 bytes, which DynamoDB takes no key of, is a `RecordRejected` before any call.
 *
 * **Gotchas**
 *
 * An attribute that is added to an item, such as a time to live, makes the record unreadable, here and for all others.
 */
export const make: (
  options: Options
) => Effect.Effect<Storage.BranchKeyStorage, InvalidOption, Primitives | Scope.Scope> = /*#__PURE__*/ Effect
  .fnUntraced(function*(options: Options) {
    const { client, consistentRead, tableName } = yield* checkOptions(options)
    const table: Table = { client: yield* acquire(client), tableName, primitives: yield* Primitives }
    return {
      name: tableName,
      create: (records) => create(table, records),
      addVersion: (records) => addVersion(table, records),
      read: (branchKeyId, type) => read(table, branchKeyId, type, consistentRead)
    }
  })

/** `make` as the storage of this program. */
export const layer = (options: Options): Layer.Layer<Storage.BranchKeyStorage, InvalidOption, Primitives> =>
  Layer.effect(Storage.BranchKeyStorage, make(options))

/** `layer` with options from configuration, each as a value or as a `Config`. */
export const layerConfig = (
  options: Configured<Options>
): Layer.Layer<Storage.BranchKeyStorage, InvalidOption | Config.ConfigError, Primitives> =>
  Layer.effect(Storage.BranchKeyStorage, Effect.flatMap(configured(options), make))

const checkOptions = /*#__PURE__*/ optionsOf(Options, "a storage of branch keys in DynamoDB", {
  ...tableBounds,
  consistentRead: "must be a boolean"
})

interface Table {
  readonly client: Client
  readonly tableName: string
  readonly primitives: Primitives
}

interface Operation {
  readonly operation: Storage.BranchKeyStorageError["operation"]
  readonly branchKeyId: string
}

type Reason = Storage.BranchKeyStorageError["reason"]

const fail = (operation: Operation, reason: Reason): Effect.Effect<never, Storage.BranchKeyStorageError> =>
  Effect.fail(new Storage.BranchKeyStorageError({ ...operation, reason }))

/** The condition of a Put that writes over nothing. Each request has objects of its own: a client may change them. */
const isNew = () => ({
  ConditionExpression: "attribute_not_exists(#id)",
  ExpressionAttributeNames: { "#id": partitionKey }
})

/** The condition of a Put that replaces the active version that was read. */
const isReplaced = (replaces: Uint8Array) => ({
  ConditionExpression: "attribute_exists(#id) AND #enc = :encOld",
  ExpressionAttributeNames: { "#id": partitionKey, "#enc": wrappedKeyAttribute },
  ExpressionAttributeValues: { ":encOld": { B: new Uint8Array(replaces) } }
})

/** Specification: framework/branch-key-store.md#writing-branch-key-and-beacon-key-to-keystore */
const create = (table: Table, { active, beacon, version }: Storage.NewBranchKey) => {
  const operation: Operation = { operation: "create", branchKeyId: active.branchKeyId }
  const puts = () => [{ record: version, ...isNew() }, { record: active, ...isNew() }, { record: beacon, ...isNew() }]
  return write(table, operation, puts, () => new Storage.AlreadyExists({}))
}

/** Specification: framework/branch-key-store.md#write-branch-key-and-beacon-key-to-keystore */
const addVersion = (table: Table, { active, replaces, version }: Storage.NewVersion) => {
  const operation: Operation = { operation: "addVersion", branchKeyId: active.branchKeyId }
  const puts = () => [{ record: version, ...isNew() }, { record: active, ...isReplaced(replaces) }]
  return write(
    table,
    operation,
    puts,
    (failed) => failed.has(1) ? new Storage.Conflict({}) : new Storage.AlreadyExists({})
  )
}

/** A record to write, and the condition of it. */
interface Put extends Omit<NonNullable<TransactWriteItem["Put"]>, "TableName" | "Item"> {
  readonly record: BranchKeyRecord
}

/** Writes records at once, or nothing. `because` makes a reason of the positions of those whose conditions have failed. */
const write = (
  { client, primitives, tableName }: Table,
  operation: Operation,
  puts: () => ReadonlyArray<Put>,
  because: (failed: ReadonlySet<number>) => Reason
): Effect.Effect<void, Storage.BranchKeyStorageError> =>
  Effect.gen(function*() {
    const items: Array<TransactWriteItem> = []
    for (const { record, ...condition } of puts()) {
      const item = itemOf(record)
      if (Result.isFailure(item)) return yield* fail(operation, item.failure)
      items.push({ Put: { TableName: tableName, Item: item.success, ...condition } })
    }
    const request = { tableName, isWrite: true }
    const token = uuid(yield* primitives.randomBytes(16))
    yield* settle(
      (abortSignal) =>
        client.send(new TransactWriteItemsCommand({ TransactItems: items, ClientRequestToken: token }), {
          abortSignal
        }),
      (output) => isOutput(output) ? Effect.void : fail(operation, unreadable(request)),
      (thrown) => {
        const failed = failedConditions(thrown)
        return fail(operation, failed.size > 0 ? because(failed) : explain(request, thrown))
      }
    )
  })

/**
 * Specification: framework/branch-key-store.md#getactivebranchkey, framework/branch-key-store.md#getbranchkeyversion,
 * framework/branch-key-store.md#getbeaconkey
 */
const read = Effect.fnUntraced(function*(
  table: Table,
  branchKeyId: string,
  type: Type,
  consistentRead: boolean | undefined
): Effect.fn.Return<BranchKeyRecord, Storage.BranchKeyStorageError> {
  const operation: Operation = { operation: "read", branchKeyId }
  const isConsistent = consistentRead ?? type === activeType
  let found = yield* get(table, operation, type, isConsistent)
  if (found === undefined && !isConsistent && consistentRead === undefined) {
    found = yield* get(table, operation, type, true)
  }
  return found ?? (yield* fail(operation, new Storage.NotFound({ type })))
})

/** One read; undefined where there is no such item. */
const get = (
  { client, tableName }: Table,
  operation: Operation,
  type: Type,
  isConsistent: boolean
): Effect.Effect<BranchKeyRecord | undefined, Storage.BranchKeyStorageError> =>
  Effect.suspend(() => {
    const key = keyOf(operation.branchKeyId, type)
    if (Result.isFailure(key)) return fail(operation, key.failure)
    const request = { tableName, isWrite: false }
    return settle(
      (abortSignal) =>
        client.send(new GetItemCommand({ TableName: tableName, Key: key.success, ConsistentRead: isConsistent }), {
          abortSignal
        }),
      (output) => {
        if (!isOutput(output)) return fail(operation, unreadable(request))
        const { Item: item } = output
        if (item === undefined) return Effect.succeed(undefined)
        if (!isOutput(item)) {
          return fail(operation, new RecordRejected({ attribute: "record", description: "is no item of DynamoDB" }))
        }
        const record = recordOf(item)
        return Result.isFailure(record) ? fail(operation, record.failure) : Effect.succeed(record.success)
      },
      (thrown) => fail(operation, explain(request, thrown))
    )
  })
