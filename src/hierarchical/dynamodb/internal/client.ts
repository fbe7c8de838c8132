/** Clients of DynamoDB: the user's own, and those that are made from a configuration. */
import type { DynamoDBClientConfig } from "@aws-sdk/client-dynamodb"
import { DynamoDBClient } from "@aws-sdk/client-dynamodb"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { shown } from "../../../internal/printable.ts"
import { InvalidOption } from "../../../model/errors/Reasons.ts"

/** The part of an AWS SDK client that is used. */
export type Client = Pick<DynamoDBClient, "send">

/** A client of the user's own, which stays the user's to destroy, or the configuration of one that is made. */
export type ClientOrConfig = Client | DynamoDBClientConfig

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

/** A table's name or its ARN, as DynamoDB takes them. */
const isTableName = (value: unknown): value is string =>
  typeof value === "string" && /^([a-zA-Z0-9_.-]{3,255}|arn:[\x21-\x7e]{1,1020})$/.test(value)

/** Options that name a table, and the way to it. */
export const tableFields = /*#__PURE__*/ (() => ({
  /** Name of the table, or its ARN. */
  tableName: Schema.declare(isTableName),
  /**
   * A client of the user's own, which stays the user's to destroy, or the configuration of one (`region`, `endpoint`, `credentials`,
   * `maxAttempts` …), which is destroyed with the scope. Default: what the AWS SDK chooses by itself.
   */
  client: Schema.optional(Schema.declare((value): value is ClientOrConfig => isObject(value)))
} as const))()

/** Bounds of those options. */
export const tableBounds = {
  tableName: (value: unknown) =>
    `must be the name of a table, 3 to 255 letters, digits, dots, hyphens and underscores, or its ARN, got ${
      shown(value)
    }`,
  client: "must be a client of DynamoDB, or the configuration of one"
}

/** The client of an option. One that is made is destroyed with the scope. */
export const acquire = (option: ClientOrConfig = {}): Effect.Effect<Client, InvalidOption, Scope.Scope> =>
  Effect.flatMap(
    orInvalid(() => isClient(option)),
    (isOwn) =>
      isOwn ? Effect.succeed(option as Client) : Effect.acquireRelease(
        orInvalid(() => {
          const config = option as DynamoDBClientConfig
          return new DynamoDBClient({ ...config, customUserAgent: userAgentOf(config) })
        }),
        (client) => Effect.sync(() => client.destroy())
      )
  )

const isClient = (option: ClientOrConfig): boolean => "send" in option && typeof option.send === "function"

const orInvalid = <A>(evaluate: () => A): Effect.Effect<A, InvalidOption> =>
  Effect.try({
    try: evaluate,
    catch: (thrown) =>
      new InvalidOption({
        field: "client",
        description: `is no configuration of a client of DynamoDB: ${shown(thrown)}`
      })
  })

/** The user's own user agent, and the name by which requests for branch keys are known. */
const userAgentOf = (
  { customUserAgent }: DynamoDBClientConfig
): NonNullable<DynamoDBClientConfig["customUserAgent"]> => [
  ...typeof customUserAgent === "string" ? [[customUserAgent] as [string]] : customUserAgent ?? [],
  ["aws-kms-hierarchy"]
]

/** Whether a response can be read at all. A client of the user's own may return anything. */
export const isOutput = isObject
