/**
 * The records of a branch key store. A branch key has one of each of its versions, one more of its active version, and one of
 * its beacon key; each holds a wrapped key, and what AWS KMS has bound it to.
 *
 * Specification: framework/branch-key-store.md#record-format
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as bytes from "../internal/bytes.ts"
import { line, quoted, shown } from "../internal/printable.ts"
import { checked, reject } from "../internal/rejection.ts"
import { TaggedError } from "../internal/TaggedError.ts"

/** Value of `type` in the record of the active version. */
export const activeType = "branch:ACTIVE"

/** Value of `type` in the record of the beacon key. */
export const beaconType = "beacon:ACTIVE"

const versionPrefix = "branch:version:"

/** Value of `type` in the record of a version. */
export type VersionType = `branch:version:${string}`

/** Values of `type`. A branch key has one record of each. */
export type Type = typeof activeType | typeof beaconType | VersionType

/** Value of `type` in the record of a version, which is a UUID. The active version's record has it as `version`. */
export const versionType = (version: string): VersionType => `${versionPrefix}${version}`

/**
 * One record. AWS KMS has bound every field but the wrapped key to the wrapped key: a record of which one was changed, and one
 * that was copied to another place, is not readable.
 */
export interface BranchKeyRecord {
  readonly branchKeyId: string
  readonly type: Type
  /** The key, encrypted by AWS KMS. Attribute `enc`. */
  readonly wrappedKey: Uint8Array
  /** ARN of the KMS key that it was created under. Attribute `kms-arn`. */
  readonly kmsArn: string
  /** ISO 8601 in UTC, with microseconds. Attribute `create-time`. */
  readonly createTime: string
  /** Always 1 in what this library reads and writes. Attribute `hierarchy-version`. */
  readonly hierarchyVersion: number
  /** The `type` of the version that is active. In the record of the active version alone. */
  readonly version?: VersionType | undefined
  /** All other attributes: the custom encryption context, each key behind `aws-crypto-ec:`, and whatever others have added. */
  readonly attributes: Readonly<Record<string, string>>
}

/** A record by the attribute names of the specification, as a row of a table holds it. */
export type Attributes = Readonly<Record<string, string | number | Uint8Array>>

/** Error when a record cannot be used: it is malformed, not the one that was read, or not of the configured KMS key. */
export class RecordRejected extends (/*#__PURE__*/ TaggedError<RecordRejected>()("RecordRejected", {
  /** The attribute that is wrong or missing, such as `kms-arn`; `record` for the whole. */
  attribute: Schema.String,
  description: Schema.String
})) {
  override get message(): string {
    return line`${this.attribute} ${this.description}`
  }
}

/** Attribute names of the fields. */
const names = {
  branchKeyId: "branch-key-id",
  type: "type",
  wrappedKey: "enc",
  kmsArn: "kms-arn",
  createTime: "create-time",
  hierarchyVersion: "hierarchy-version",
  version: "version"
} as const

/** Name under which the KMS encryption context has the logical key store name. No record has it. */
const logicalName = "tablename"

const customPrefix = "aws-crypto-ec:"

const fieldNames: ReadonlySet<string> = /*#__PURE__*/ new Set([...Object.values(names), logicalName])

/** The only hierarchy version that this library reads and writes. */
const hierarchyVersion = 1

/** A record as attributes. */
export const encode = (record: BranchKeyRecord): Attributes => ({
  ...record.attributes,
  [names.branchKeyId]: record.branchKeyId,
  [names.type]: record.type,
  [names.wrappedKey]: new Uint8Array(record.wrappedKey),
  [names.kmsArn]: record.kmsArn,
  [names.createTime]: record.createTime,
  [names.hierarchyVersion]: record.hierarchyVersion,
  ...record.version === undefined ? {} : { [names.version]: record.version }
})

/**
 * Reads a record from attributes. Every attribute that no field holds goes to `attributes`, and must be text.
 *
 * Specification: framework/branch-key-store.md#record-format
 */
export const decode = (attributes: Attributes): Result.Result<BranchKeyRecord, RecordRejected> => {
  const field = (name: string): unknown => Object.hasOwn(attributes, name) ? attributes[name] : undefined
  const others = Object.entries(attributes).filter(([name]) => !Object.values<string>(names).includes(name))
  return check({
    branchKeyId: field(names.branchKeyId),
    type: field(names.type),
    wrappedKey: field(names.wrappedKey),
    kmsArn: field(names.kmsArn),
    createTime: field(names.createTime),
    hierarchyVersion: field(names.hierarchyVersion),
    version: field(names.version),
    attributes: Object.fromEntries(others)
  })
}

/**
 * A frozen copy of a record that a storage returned. Fails where it has not the form of the specification, and where it is of
 * another hierarchy version than 1.
 *
 * @internal
 */
export const check = (given: unknown): Result.Result<BranchKeyRecord, RecordRejected> =>
  checked(() => {
    const { attributes, branchKeyId, createTime, hierarchyVersion: found, kmsArn, type, version, wrappedKey } =
      fieldsOf(
        given
      )
    checkHierarchyVersion(found)
    const kind = checkType(text(names.type, type))
    const record = {
      branchKeyId: text(names.branchKeyId, branchKeyId),
      type: kind,
      wrappedKey: binary(names.wrappedKey, wrappedKey),
      kmsArn: text(names.kmsArn, kmsArn),
      createTime: text(names.createTime, createTime),
      hierarchyVersion,
      attributes: checkAttributes(attributes)
    }
    if (kind !== activeType) {
      return version === undefined
        ? Object.freeze(record)
        : rejected(names.version, `is there, in a record of the type ${quoted(kind)}`)
    }
    const active = text(names.version, version)
    return active.startsWith(versionPrefix)
      ? Object.freeze({ ...record, version: active as VersionType })
      : rejected(names.version, `does not begin with ${versionPrefix}`)
  })

type Fields = Readonly<Partial<Record<keyof BranchKeyRecord, unknown>>>

/** The fields of an object, each read once. */
const fieldsOf = (given: unknown): Fields => {
  if (typeof given !== "object" || given === null) return rejected("record", "is no object")
  try {
    const { attributes, branchKeyId, createTime, hierarchyVersion, kmsArn, type, version, wrappedKey } = given as Fields
    return { attributes, branchKeyId, createTime, hierarchyVersion, kmsArn, type, version, wrappedKey }
  } catch {
    return rejected("record", "cannot be read")
  }
}

const checkHierarchyVersion = (found: unknown): void => {
  if (found === hierarchyVersion) return
  rejected(
    names.hierarchyVersion,
    found === 2
      ? "is 2: branch keys of hierarchy version 2 are not supported, only those of version 1"
      : `must be the number 1, is ${shown(found)}`
  )
}

const checkType = (type: string): Type =>
  type === activeType || type === beaconType || (type.startsWith(versionPrefix) && type !== versionPrefix)
    ? type as Type
    : rejected(names.type, `is ${shown(type)}, which is none of the specification's`)

const text = (name: string, value: unknown): string => {
  if (typeof value !== "string") return rejected(name, value === undefined ? "is missing" : "is no text")
  if (value === "") return rejected(name, "is empty")
  return bytes.isWellFormed(value) ? value : rejected(name, "is not well-formed Unicode")
}

const binary = (name: string, value: unknown): Uint8Array => {
  if (!bytes.isBytes(value)) return rejected(name, value === undefined ? "is missing" : "is no Uint8Array")
  const gone = bytes.findGone(value)
  if (gone !== undefined) return rejected(name, gone)
  return value.length === 0 ? rejected(name, "is empty") : new Uint8Array(value)
}

const checkAttributes = (given: unknown): Readonly<Record<string, string>> => {
  if (typeof given !== "object" || given === null) return rejected("record", "has no attributes")
  let copy: Readonly<Record<string, unknown>>
  try {
    copy = { ...given }
  } catch {
    return rejected("record", "cannot be read")
  }
  for (const [name, value] of Object.entries(copy)) {
    if (fieldNames.has(name)) rejected(name, "is no attribute of its own")
    if (typeof value !== "string") {
      rejected(name, "is no text: attributes of other types cannot be authenticated")
    } else if (!bytes.isWellFormed(name) || !bytes.isWellFormed(value)) rejected(name, "is not well-formed Unicode")
  }
  return Object.freeze(copy as Record<string, string>)
}

const rejected = (attribute: string, description: string): never =>
  reject(new RecordRejected({ attribute, description }))

/**
 * The KMS encryption context of a record's wrapped key: every attribute but that, and the logical key store name.
 *
 * Specification: framework/branch-key-store.md#encryption-context
 *
 * @internal
 */
export const contextOf = (
  record: Omit<BranchKeyRecord, "wrappedKey">,
  logicalKeyStoreName: string
): Readonly<Record<string, string>> => ({
  ...record.attributes,
  [names.branchKeyId]: record.branchKeyId,
  [names.type]: record.type,
  [names.createTime]: record.createTime,
  [logicalName]: logicalKeyStoreName,
  [names.kmsArn]: record.kmsArn,
  [names.hierarchyVersion]: String(record.hierarchyVersion),
  ...record.version === undefined ? {} : { [names.version]: record.version }
})

/**
 * The attributes of a custom encryption context.
 *
 * Specification: framework/branch-key-store.md#custom-encryption-context
 *
 * @internal
 */
export const customAttributes = (
  encryptionContext: Readonly<Record<string, string>>
): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(encryptionContext).map(([key, value]) => [customPrefix + key, value]))

/**
 * The custom encryption context of a record.
 *
 * Specification: framework/branch-key-store.md#custom-encryption-context-from-authenticated-encryption-context
 *
 * @internal
 */
export const customContext = ({ attributes }: BranchKeyRecord): Readonly<Record<string, string>> =>
  Object.freeze(Object.fromEntries(
    Object.entries(attributes).filter(([name]) => name.startsWith(customPrefix))
      .map(([name, value]) => [name.slice(customPrefix.length), value])
  ))

/**
 * The version that a record of a branch key holds, without its prefix.
 *
 * Specification: framework/branch-key-store.md#branch-key-materials-from-authenticated-encryption-context
 *
 * @internal
 */
export const versionOf = ({ type, version }: BranchKeyRecord): string =>
  (type === activeType ? version! : type).slice(versionPrefix.length)
