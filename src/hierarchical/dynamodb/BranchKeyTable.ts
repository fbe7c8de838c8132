/**
 * The table of branch keys in DynamoDB: makes it, and checks one that others have made.
 *
 * Specification: framework/branch-key-store.md#createkeystore
 */
import { CreateTableCommand, DescribeTableCommand } from "@aws-sdk/client-dynamodb"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { within } from "../../internal/deadline.ts"
import { parsePositive, PositiveDuration, positiveDuration } from "../../internal/durations.ts"
import { settle } from "../../internal/settle.ts"
import { optionsOf } from "../../model/errors/optionsOf.ts"
import type { InvalidOption } from "../../model/errors/Reasons.ts"
import { StorageFailed } from "../BranchKeyStorage.ts"
import { BranchKeyTableError, KeySchemaMismatch, TableNotActive, TableNotFound } from "./BranchKeyTableError.ts"
import { acquire, type Client, isOutput, tableBounds, tableFields } from "./internal/client.ts"
import { explain, isNamed, unreadable } from "./internal/dynamoDbErrors.ts"
import { partitionKey, sortKey } from "./internal/items.ts"
import { type TableDescription, tableDescriptionOf } from "./internal/tableDescription.ts"

export type { Client, ClientOrConfig } from "./internal/client.ts"

/** Options of both operations. */
export const Options = /*#__PURE__*/ (() =>
  Schema.Struct({
    ...tableFields,
    /** Time until the operation gives up, the wait for a new table included. Default: one minute. */
    deadline: PositiveDuration
  }))()

/** See the schema of the same name. */
export type Options = typeof Options.Type

/**
 * Makes the table where there is none, with on-demand capacity, and waits until it can be used. Returns its ARN. Where there is one, it
 * is checked: other keys than those of branch keys are a `KeySchemaMismatch`. Two callers at once make one table.
 *
 * Needs the permissions `dynamodb:CreateTable` and `dynamodb:DescribeTable`.
 *
 * **Gotchas**
 *
 * It sets no backups, no deletion protection and no key of your own for the table. Who deletes the table deletes all that was
 * encrypted under its branch keys.
 */
export const create: (options: Options) => Effect.Effect<string, InvalidOption | BranchKeyTableError> =
  /*#__PURE__*/ operationOf("create", (table) =>
    Effect.flatMap(describe(table), (found) =>
      found === undefined
        ? Effect.andThen(createTable(table), waitForTable(table))
        : found.status === "CREATING"
        ? waitForTable(table)
        : checkDescription(table, found)))

/** Checks that there is such a table, with the keys of one of branch keys, and that it can be used. Returns its ARN. */
export const check: (options: Options) => Effect.Effect<string, InvalidOption | BranchKeyTableError> =
  /*#__PURE__*/ operationOf("check", (table) =>
    Effect.flatMap(
      describe(table),
      (found) => found === undefined ? fail(table, new TableNotFound({})) : checkDescription(table, found)
    ))

/** Time between two looks at a table that is being made. */
const pollInterval = /*#__PURE__*/ Duration.seconds(1)

const defaultDeadline = /*#__PURE__*/ Duration.minutes(1)

const checkOptions = /*#__PURE__*/ optionsOf(Options, "a table of branch keys", {
  ...tableBounds,
  deadline: positiveDuration
})

interface Table {
  readonly operation: BranchKeyTableError["operation"]
  readonly tableName: string
  readonly client: Client
}

/** An operation with its options, its client and its deadline. */
function operationOf(
  operation: BranchKeyTableError["operation"],
  run: (table: Table) => Effect.Effect<string, BranchKeyTableError>
) {
  return (options: Options): Effect.Effect<string, InvalidOption | BranchKeyTableError> =>
    Effect.scoped(Effect.gen(function*() {
      const { client, deadline: given, tableName } = yield* checkOptions(options)
      const deadline = parsePositive(given) ?? defaultDeadline
      const table: Table = { operation, tableName, client: yield* acquire(client) }
      return yield* within(run(table), deadline, () => errorOf(table, deadlineExceeded(deadline)))
    }))
}

const deadlineExceeded = (deadline: Duration.Duration) =>
  new StorageFailed({
    code: "DeadlineExceeded",
    description: `the table cannot be used after ${Duration.format(deadline)}`,
    isRetryable: true
  })

const errorOf = ({ operation, tableName }: Table, reason: BranchKeyTableError["reason"]): BranchKeyTableError =>
  new BranchKeyTableError({ operation, tableName, reason })

const fail = (
  table: Table,
  reason: BranchKeyTableError["reason"]
): Effect.Effect<never, BranchKeyTableError> => Effect.fail(errorOf(table, reason))

/** The ARN of a table of branch keys that can be used. */
const checkDescription = (
  table: Table,
  { mismatch, status, tableArn }: TableDescription
): Effect.Effect<string, BranchKeyTableError> =>
  mismatch !== undefined
    ? fail(table, new KeySchemaMismatch({ description: mismatch }))
    : status !== "ACTIVE" && status !== "UPDATING"
    ? fail(table, new TableNotActive({ status }))
    : Effect.succeed(tableArn)

/** The description of a table; undefined where there is none. */
const describe = (table: Table): Effect.Effect<TableDescription | undefined, BranchKeyTableError> => {
  const request = { tableName: table.tableName, isWrite: false }
  return settle(
    (abortSignal) => table.client.send(new DescribeTableCommand({ TableName: table.tableName }), { abortSignal }),
    (output) => {
      const description = isOutput(output) ? tableDescriptionOf(output.Table) : undefined
      return description === undefined ? fail(table, unreadable(request)) : Effect.succeed(description)
    },
    (thrown): Effect.Effect<TableDescription | undefined, BranchKeyTableError> =>
      isNamed(thrown, "ResourceNotFoundException") ? Effect.succeed(undefined) : fail(table, explain(request, thrown))
  )
}

/** Makes the table. One that another caller makes at the same time is as good. */
const createTable = (table: Table): Effect.Effect<void, BranchKeyTableError> => {
  const request = { tableName: table.tableName, isWrite: true }
  return settle(
    (abortSignal) =>
      table.client.send(
        new CreateTableCommand({
          TableName: table.tableName,
          BillingMode: "PAY_PER_REQUEST",
          AttributeDefinitions: [
            { AttributeName: partitionKey, AttributeType: "S" },
            { AttributeName: sortKey, AttributeType: "S" }
          ],
          KeySchema: [
            { AttributeName: partitionKey, KeyType: "HASH" },
            { AttributeName: sortKey, KeyType: "RANGE" }
          ]
        }),
        { abortSignal }
      ),
    () => Effect.void,
    (thrown): Effect.Effect<void, BranchKeyTableError> =>
      isNamed(thrown, "ResourceInUseException") ? Effect.void : fail(table, explain(request, thrown))
  )
}

/** Looks at a table until it is made. It may take a while until one that was made is seen at all. */
const waitForTable = (table: Table): Effect.Effect<string, BranchKeyTableError> =>
  Effect.flatMap(describe(table), (found) =>
    found === undefined || found.status === "CREATING"
      ? Effect.andThen(Effect.sleep(pollInterval), Effect.suspend(() => waitForTable(table)))
      : checkDescription(table, found))
