/**
 * Records as items of DynamoDB.
 *
 * Specification: framework/branch-key-store.md#record-format
 */
import type { AttributeValue } from "@aws-sdk/client-dynamodb"
import * as Result from "effect/Result"
import * as bytes from "../../../internal/bytes.ts"
import { shown } from "../../../internal/printable.ts"
import { checked, orReject, reject } from "../../../internal/rejection.ts"
import { type BranchKeyRecord, decode, encode, RecordRejected } from "../../BranchKeyRecord.ts"

/** Attributes by their names. */
export type Item = Record<string, AttributeValue>

/** Name of the partition key. */
export const partitionKey = "branch-key-id"

/** Name of the sort key. */
export const sortKey = "type"

/** Name of the attribute that holds the wrapped key. */
export const wrappedKeyAttribute = "enc"

/** Longest values of keys in bytes of UTF-8. */
const maxLengths = { [partitionKey]: 2048, [sortKey]: 1024 }

/** The key of a record's item. Fails where DynamoDB takes no such key. */
export const keyOf = (branchKeyId: string, type: string): Result.Result<Item, RecordRejected> =>
  checked(() => ({ [partitionKey]: keyValue(partitionKey, branchKeyId), [sortKey]: keyValue(sortKey, type) }))

const keyValue = (name: keyof typeof maxLengths, value: string): AttributeValue => {
  if (value === "") rejected(name, "is empty, which a key of DynamoDB cannot be")
  if (!bytes.isWellFormed(value)) rejected(name, "is not well-formed Unicode")
  const { length } = bytes.utf8(value)
  const max = maxLengths[name]
  if (length > max) rejected(name, `is ${length} bytes of UTF-8, a key of DynamoDB has ${max} at most`)
  return { S: value }
}

/** The item of a record. Fails where DynamoDB takes no such key. */
export const itemOf = (record: BranchKeyRecord): Result.Result<Item, RecordRejected> =>
  Result.map(keyOf(record.branchKeyId, record.type), (key) => ({
    ...Object.fromEntries(Object.entries(encode(record)).map(([name, value]) => [name, attributeOf(value)])),
    ...key
  }))

const attributeOf = (value: string | number | Uint8Array): AttributeValue =>
  typeof value === "string" ? { S: value } : typeof value === "number" ? { N: String(value) } : { B: value }

/**
 * The record of an item. Fails where an attribute is of another type than S, N and B, or the record is malformed. Throws where a
 * getter of the item does.
 */
export const recordOf = (item: object): Result.Result<BranchKeyRecord, RecordRejected> =>
  checked(() => {
    const attributes = Object.entries(item).map(([name, value]) => [name, valueOf(name, value)] as const)
    return orReject(decode(Object.fromEntries(attributes)))
  })

const valueOf = (name: string, value: unknown): string | number | Uint8Array => {
  const types = typeof value === "object" && value !== null ? Object.entries(value) : []
  const [type, content] = types.find(([, content]) => content !== undefined) ?? []
  if (type === "S" && typeof content === "string") return content
  if (type === "B" && bytes.isBytes(content)) return content
  if (type === "N" && typeof content === "string" && /^-?\d{1,15}$/.test(content)) return Number(content)
  if (type === "N") return rejected(name, `is no whole number: ${shown(content)}`)
  return rejected(name, `is of the type ${shown(type)} of DynamoDB, must be S, N or B`)
}

const rejected = (attribute: string, description: string): never =>
  reject(new RecordRejected({ attribute, description }))
