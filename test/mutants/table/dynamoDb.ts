/** Defects of the storage of branch keys in DynamoDB, and of its table. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const storage = "src/hierarchical/dynamodb/DynamoDbBranchKeyStorage.ts"
const table = "src/hierarchical/dynamodb/BranchKeyTable.ts"
const client = "src/hierarchical/dynamodb/internal/client.ts"
const errors = "src/hierarchical/dynamodb/internal/dynamoDbErrors.ts"
const items = "src/hierarchical/dynamodb/internal/items.ts"
const description = "src/hierarchical/dynamodb/internal/tableDescription.ts"

const by = places.byFolder("hierarchical/dynamodb")
const byStorage = by("DynamoDbBranchKeyStorage", "DynamoDbBranchKeyStorage > ")
const byRead = by("DynamoDbBranchKeyStorage", "DynamoDbBranchKeyStorage.read > ")
const byClients = by("DynamoDbBranchKeyStorage", "clients of DynamoDB > ")
const byContract = by("contract", "DynamoDB, consistentRead undefined, as every storage of branch keys > ")
const byFailures = by("failures", "failures of DynamoDB > ")
const byCancelled = by("failures", "transactions that are cancelled > ")
const byItems = by("failures", "items that are no records > ")
const byKeys = by("failures", "keys that DynamoDB does not take > ")
const byCreate = by("BranchKeyTable", "BranchKeyTable.create > ")
const byCheck = by("BranchKeyTable", "BranchKeyTable.check > ")

export const dynamoDb: ReadonlyArray<Mutant> = [
  {
    name: "DynamoDB: the beacon key of a new branch key is written over another",
    file: storage,
    find: "{ record: beacon, ...isNew() }",
    replace: "{ record: beacon }",
    killedBy: byStorage("#writing-branch-key-and-beacon-key-to-keystore: one transaction of three new items")
  },
  {
    name: "DynamoDB: a version is written over another",
    file: storage,
    find: "{ record: version, ...isNew() }, { record: active, ...isReplaced",
    replace: "{ record: version }, { record: active, ...isReplaced",
    killedBy: byStorage("#versionkey: the version is new, and the active one is that which was read")
  },
  {
    name: "DynamoDB: the active version is replaced whatever it is",
    file: storage,
    find: "{ record: active, ...isReplaced(replaces) }",
    replace: "{ record: active, ...replaces.length === 0 ? isReplaced(replaces) : {} }",
    killedBy: byContract("adds no version over another one than it was read over")
  },
  {
    name: "DynamoDB: the failed condition of the version counts as that of the active one",
    file: storage,
    find: "failed.has(1)",
    replace: "failed.has(0)",
    killedBy: byCancelled("by a condition: the item whose condition has failed says why")
  },
  {
    name: "DynamoDB: writes have an empty token",
    file: storage,
    find: "ClientRequestToken: token",
    replace: "ClientRequestToken: token.slice(36)",
    killedBy: byStorage("a client of the user's own is given a token with each write")
  },
  {
    name: "DynamoDB: the active version is read as it was a while ago",
    file: storage,
    find: "consistentRead ?? type === activeType",
    replace: "consistentRead ?? type !== activeType",
    killedBy: byRead("of the active version is strongly consistent")
  },
  {
    name: "DynamoDB: a version that is not seen yet is not looked for again",
    file: storage,
    find: "found === undefined && !isConsistent && consistentRead === undefined",
    replace: "found === null && !isConsistent && consistentRead === undefined",
    killedBy: byRead("of another record is eventually consistent, and once more strongly where it finds nothing")
  },
  {
    name: "DynamoDB: a second read is made against the option",
    file: storage,
    find: "!isConsistent && consistentRead === undefined",
    replace: "!isConsistent",
    killedBy: byRead("is as the option says")
  },
  {
    name: "DynamoDB: another transaction at the same time is final",
    file: errors,
    find: "  \"TransactionConflict\",\n",
    replace: "",
    killedBy: byCancelled("by something else: its code decides whether a retry may help")
  },
  {
    name: "DynamoDB: a write whose connection broke is not in doubt",
    file: errors,
    find: "unknown.has(code) || network !== undefined ||",
    replace: "unknown.has(code) ||",
    killedBy: byFailures("reset: retryable true, a write in doubt true")
  },
  {
    name: "DynamoDB: a write is not in doubt where an attempt before the last was lost",
    file: errors,
    find: " || Number(thrown.$metadata?.attempts) > 1",
    replace: "",
    killedBy: byFailures("where an attempt before the last was lost, a write is in doubt")
  },
  {
    name: "DynamoDB: an attribute of another type is read as text",
    file: items,
    find: "  return rejected(name, `is of the type",
    replace: "  if (type === \"BOOL\") return String(content)\n  return rejected(name, `is of the type",
    killedBy: byItems("an attribute of the type BOOL is named")
  },
  {
    name: "DynamoDB: a number is read however it is written",
    file: items,
    find: String.raw`/^-?\d{1,15}$/`,
    replace: "/^/",
    killedBy: byItems("an attribute that is added must be text, and numbers are whole")
  },
  {
    name: "DynamoDB: an id is sent that is too long for a key",
    file: items,
    find: "if (length > max)",
    replace: "if (length > max + 1)",
    killedBy: byKeys("are rejected before any call, with the bound")
  },
  {
    name: "DynamoDB: the types of a table's keys are not looked at",
    file: description,
    find: "found === name && type === \"S\"",
    replace: "found === name",
    killedBy: byCheck("#keyschema: says which keys differ")
  },
  {
    name: "DynamoDB: a table is used while it is being made",
    file: table,
    find: "status !== \"ACTIVE\" && status",
    replace: "status !== \"ACTIVE\" && status !== \"CREATING\" && status",
    killedBy: byCheck("says which state a table is in, and whether it leaves it by itself")
  },
  {
    name: "DynamoDB: the wait for a table ends before it is made",
    file: table,
    find: "found === undefined || found.status === \"CREATING\"",
    replace: "found === undefined",
    killedBy: byCreate("waits until a table that is made can be used, looking at it each second")
  },
  {
    name: "DynamoDB: a client that was made is never destroyed",
    file: client,
    find: "(client) => Effect.sync(() => client.destroy())",
    replace: "() => Effect.void",
    killedBy: byClients("one that is made of a configuration is destroyed with the scope, the user's own is not")
  }
]
