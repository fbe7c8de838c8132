/** Descriptions of tables, as clients return them. */
import { quoted } from "../../../internal/printable.ts"
import { partitionKey, sortKey } from "./items.ts"

/** The parts of a description that are used. */
export interface TableDescription {
  readonly tableArn: string
  readonly status: string
  /** The keys that are not those of a table of branch keys; undefined where all are. */
  readonly mismatch: string | undefined
}

/** The keys of a table of branch keys, by DynamoDB's name of their kind. */
const expected = [
  { keyType: "HASH", kind: "partition key", name: partitionKey },
  { keyType: "RANGE", kind: "sort key", name: sortKey }
] as const

/**
 * Reads a description; undefined where it is none. Throws where a getter of it does.
 *
 * Specification: framework/branch-key-store.md#keyschema
 */
export const tableDescriptionOf = (table: unknown): TableDescription | undefined => {
  if (typeof table !== "object" || table === null) return undefined
  const { AttributeDefinitions, KeySchema, TableArn, TableStatus } = table as Readonly<Record<string, unknown>>
  const keys = rowsOf(KeySchema, "KeyType", "AttributeName")
  const types = rowsOf(AttributeDefinitions, "AttributeName", "AttributeType")
  if (typeof TableArn !== "string" || typeof TableStatus !== "string" || keys === undefined || types === undefined) {
    return undefined
  }
  const differences = expected.flatMap(({ keyType, kind, name }) => {
    const found = keys.get(keyType)
    const type = found === undefined ? undefined : types.get(found)
    if (found === name && type === "S") return []
    const is = found === undefined ? "is missing" : `is ${quoted(found, 101)} of the type ${quoted(type ?? "", 101)}`
    return [`its ${kind} ${is}, must be "${name}" of the type "S"`]
  })
  return {
    tableArn: TableArn,
    status: TableStatus,
    mismatch: differences.length === 0 ? undefined : differences.join("; ")
  }
}

/** The texts of one field by those of another; undefined where it is no list of objects that have both. */
const rowsOf = (list: unknown, key: string, value: string): ReadonlyMap<string, string> | undefined => {
  if (!Array.isArray(list)) return undefined
  const rows = new Map<string, string>()
  for (const row of list as ReadonlyArray<unknown>) {
    if (typeof row !== "object" || row === null) return undefined
    const { [key]: name, [value]: text } = row as Readonly<Record<string, unknown>>
    if (typeof name !== "string" || typeof text !== "string") return undefined
    rows.set(name, text)
  }
  return rows
}
