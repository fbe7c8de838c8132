/**
 * A DynamoDB in memory, at the level of HTTP: a request handler of the AWS SDK. It knows the operations and the conditions that a table of
 * branch keys needs, as AWS documents them, and nothing of the code under test. A request with anything else fails the test.
 */
import type { DynamoDBClientConfig } from "@aws-sdk/client-dynamodb"
import { assert } from "@effect/vitest"
import { Effect } from "effect"

type Json = Record<string, any>
type Item = Record<string, Json>

export interface Request {
  readonly operation: string
  readonly body: Json
  readonly headers: Record<string, string>
}

interface Table {
  readonly description: Json
  /** Items by key, as JSON. */
  items: Map<string, Item>
  /** What reads that are not consistent see. Default: all. */
  stale: Map<string, Item> | undefined
  /** How often it is still described as missing, and then as being made. */
  unseen: number
  creating: number
}

/** What a request meets instead of its response. */
export type Trouble =
  /** It is carried out, and the connection breaks before the response. */
  | "response lost"
  /** It does not arrive. */
  | "not reached"
  /** Nothing comes back until it is aborted. */
  | "no response"
  /** The service's own error. */
  | { readonly status: number; readonly code?: string; readonly fields?: Json }
  /** A response as it is. */
  | { readonly body: string }

/** An error of the service. */
class Rejected extends Error {
  readonly code: string
  readonly fields: Json
  constructor(code: string, message: string, fields: Json = {}) {
    super(message)
    this.code = code
    this.fields = fields
  }
}

/** A request that this DynamoDB does not know. */
class Unknown extends Error {}

const keysOf = ({ KeySchema }: Json) => (KeySchema as Array<Json>).map(({ AttributeName }) => String(AttributeName))

const only = (object: Json, ...names: ReadonlyArray<string>) => {
  for (const name of Object.keys(object)) if (!names.includes(name)) throw new Unknown(`field ${name}`)
}

/** The text of a key, checked as the service does. */
const keyOf = ({ description }: Table, attributes: Item): string => {
  const values = keysOf(description).map((name, index) => {
    const value = attributes[name]?.["S"]
    if (typeof value !== "string") throw new Rejected("ValidationException", `no key ${name} of the type S`)
    const { length } = new TextEncoder().encode(value)
    if (length === 0 || length > [2048, 1024][index]!) throw new Rejected("ValidationException", `size of ${name}`)
    return value
  })
  return JSON.stringify(values)
}

/** Whether a condition holds: terms with AND, of names and values that are all defined and all used. */
const holds = (put: Json, found: Item | undefined): boolean => {
  const { ConditionExpression, ExpressionAttributeNames: names = {}, ExpressionAttributeValues: values = {} } = put
  const used = new Set<string>()
  const resolve = (word: string, from: Json) => {
    if (!(word in from)) throw new Rejected("ValidationException", `${word} is not defined`)
    used.add(word)
    return from[word]
  }
  const term = (text: string): boolean => {
    const call = /^(attribute_exists|attribute_not_exists)\((#\w+)\)$/.exec(text)
    if (call !== null) {
      const isThere = found !== undefined && resolve(call[2]!, names) in found
      resolve(call[2]!, names)
      return isThere === (call[1] === "attribute_exists")
    }
    const equation = /^(#\w+) = (:\w+)$/.exec(text)
    if (equation === null) throw new Unknown(`condition ${text}`)
    const [name, value] = [resolve(equation[1]!, names), resolve(equation[2]!, values)]
    return found !== undefined && JSON.stringify(found[name]) === JSON.stringify(value)
  }
  const results = ConditionExpression === undefined ? [] : String(ConditionExpression).split(" AND ").map(term)
  for (const word of [...Object.keys(names), ...Object.keys(values)]) {
    if (!used.has(word)) throw new Rejected("ValidationException", `${word} is not used`)
  }
  return results.every(Boolean)
}

/** Everything that one DynamoDB holds. */
const newState = () => ({
  tables: new Map<string, Table>(),
  /** The transactions that were carried out, by their tokens. */
  tokens: new Map<string, string>(),
  requests: [] as Array<Request>,
  troubles: [] as Array<Trouble | undefined>,
  unknown: [] as Array<string>,
  /** What a table that is made goes through. */
  creation: { unseen: 0, creating: 0 },
  counts: { aborted: 0, destroyed: 0 }
})

type State = ReturnType<typeof newState>

const tableOf = ({ tables }: State, name: string): Table => {
  const table = tables.get(name)
  if (table === undefined) throw new Rejected("ResourceNotFoundException", "Requested resource not found")
  return table
}

const addTable = ({ creation, tables }: State, name: string, description: Json = branchKeys) =>
  tables.set(name, {
    description: { ...description, TableStatus: description["TableStatus"] ?? "ACTIVE", TableArn: arnOf(name) },
    items: new Map(),
    stale: undefined,
    ...creation
  })

const putFields = [
  "TableName",
  "Item",
  "ConditionExpression",
  "ExpressionAttributeNames",
  "ExpressionAttributeValues"
]

/** One Put of a transaction, and whether its condition holds. */
const readPut = (state: State, transactItem: Json) => {
  only(transactItem, "Put")
  const { Put } = transactItem as { readonly Put: Json }
  only(Put, ...putFields)
  const table = tableOf(state, Put["TableName"])
  const key = keyOf(table, Put["Item"])
  return { table, key, item: Put["Item"] as Item, isAllowed: holds(Put, table.items.get(key)) }
}

const cancelled = (writes: ReadonlyArray<{ readonly isAllowed: boolean }>) => {
  const CancellationReasons = writes.map(({ isAllowed }) =>
    isAllowed ? { Code: "None" } : { Code: "ConditionalCheckFailed", Message: "The conditional request failed" }
  )
  const codes = CancellationReasons.map(({ Code }) => Code).join(", ")
  return new Rejected("TransactionCanceledException", `Transaction cancelled [${codes}]`, { CancellationReasons })
}

const transact = (state: State, { ClientRequestToken: token, TransactItems: items }: Json) => {
  if (token !== undefined) {
    if (!/^.{1,36}$/.test(token)) throw new Rejected("ValidationException", "ClientRequestToken")
    const before = state.tokens.get(token)
    if (before === JSON.stringify(items)) return {}
    if (before !== undefined) throw new Rejected("IdempotentParameterMismatchException", "another request")
  }
  const writes = (items as Array<Json>).map((item) => readPut(state, item))
  if (new Set(writes.map(({ key }) => key)).size !== writes.length) {
    throw new Rejected("ValidationException", "Transaction request cannot include multiple operations on one item")
  }
  if (writes.some(({ isAllowed }) => !isAllowed)) throw cancelled(writes)
  for (const { item, key, table } of writes) table.items.set(key, item)
  if (token !== undefined) state.tokens.set(token, JSON.stringify(items))
  return {}
}

const operations: Record<string, (state: State, body: Json) => Json> = {
  GetItem: (state, body) => {
    only(body, "TableName", "Key", "ConsistentRead")
    const table = tableOf(state, body["TableName"])
    const key = keyOf(table, body["Key"])
    const found = (body["ConsistentRead"] === true ? table.items : table.stale ?? table.items).get(key)
    return found === undefined ? {} : { Item: found }
  },
  TransactWriteItems: (state, body) => {
    only(body, "TransactItems", "ClientRequestToken")
    return transact(state, body)
  },
  DescribeTable: (state, body) => {
    only(body, "TableName")
    const table = tableOf(state, body["TableName"])
    if (table.unseen-- > 0) throw new Rejected("ResourceNotFoundException", "Requested resource not found")
    const isMade = table.creating-- <= 0
    return { Table: { ...table.description, ...isMade ? {} : { TableStatus: "CREATING" } } }
  },
  CreateTable: (state, body) => {
    only(body, "TableName", "BillingMode", "AttributeDefinitions", "KeySchema")
    const { TableName } = body
    if (state.tables.has(TableName)) throw new Rejected("ResourceInUseException", `Table already exists: ${TableName}`)
    addTable(state, TableName, body)
    return { TableDescription: { ...tableOf(state, TableName).description, TableStatus: "CREATING" } }
  }
}

const respond = (status: number, body: string) => ({
  response: {
    statusCode: status,
    headers: { "content-type": "application/x-amz-json-1.0" },
    body: new TextEncoder().encode(body)
  }
})

const carryOut = (state: State, { body, operation }: Request) => {
  try {
    const run = operations[operation]
    if (run === undefined) throw new Unknown(`operation ${operation}`)
    return respond(200, JSON.stringify(run(state, body)))
  } catch (error) {
    if (!(error instanceof Rejected)) {
      state.unknown.push(String(error))
      throw error
    }
    const type = `com.amazonaws.dynamodb.v20120810#${error.code}`
    return respond(400, JSON.stringify({ __type: type, message: error.message, ...error.fields }))
  }
}

const untilAborted = ({ counts }: State, signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => {
      counts.aborted++
      reject(Object.assign(new Error("Request aborted"), { name: "AbortError" }))
    })
  })

const handle = async (
  state: State,
  http: { readonly headers: Record<string, string>; readonly body: string | Uint8Array },
  abortSignal: AbortSignal | undefined
) => {
  const text = typeof http.body === "string" ? http.body : new TextDecoder().decode(http.body)
  const operation = http.headers["x-amz-target"]!.split(".")[1]!
  const request: Request = { operation, body: JSON.parse(text) as Json, headers: http.headers }
  state.requests.push(request)
  const trouble = state.troubles.shift()
  if (trouble === undefined) return carryOut(state, request)
  if (trouble === "no response") return untilAborted(state, abortSignal!)
  if (typeof trouble === "string") {
    if (trouble === "response lost") carryOut(state, request)
    throw Object.assign(new Error("socket hang up"), { code: "ECONNRESET" })
  }
  if ("body" in trouble) return respond(200, trouble.body)
  const { code, fields, status } = trouble
  return respond(status, JSON.stringify({ ...code === undefined ? {} : { __type: code }, ...fields }))
}

/** A DynamoDB that lives as long as the scope. */
export const make = Effect.gen(function*() {
  const state = newState()
  yield* Effect.addFinalizer(() => Effect.sync(() => assert.deepStrictEqual(state.unknown, [])))
  const requestHandler = {
    handle: (http: never, options: { readonly abortSignal?: AbortSignal } = {}) =>
      handle(state, http, options.abortSignal),
    destroy: () => void state.counts.destroyed++,
    metadata: { handlerProtocol: "http/1.1" }
  }
  const config: DynamoDBClientConfig = {
    region: "eu-central-1",
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "example" },
    maxAttempts: 1,
    requestHandler: requestHandler as never
  }
  return { ...state, config, addTable: (name: string, description?: Json) => addTable(state, name, description) }
})

export type DynamoDb = Effect.Success<typeof make>

export const arnOf = (name: string) => `arn:aws:dynamodb:eu-central-1:111122223333:table/${name}`

/** The keys of a table of branch keys. */
export const branchKeys = {
  AttributeDefinitions: [
    { AttributeName: "branch-key-id", AttributeType: "S" },
    { AttributeName: "type", AttributeType: "S" }
  ],
  KeySchema: [
    { AttributeName: "branch-key-id", KeyType: "HASH" },
    { AttributeName: "type", KeyType: "RANGE" }
  ]
}
