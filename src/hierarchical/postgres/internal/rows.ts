/** Records as rows of a table. */
import * as Result from "effect/Result"
import * as bytes from "../../../internal/bytes.ts"
import { type BranchKeyRecord, check, RecordRejected } from "../../BranchKeyRecord.ts"

/** A row, by the names of its columns. */
export interface Row {
  readonly branch_key_id: string
  readonly type: string
  readonly enc: Uint8Array
  readonly kms_arn: string
  readonly create_time: string
  readonly hierarchy_version: number
  readonly version: string | null
  /** JSON. */
  readonly attributes: string
}

/** Most bytes of an id, which an index of Postgres holds: the same as in DynamoDB. */
const maxIdLength = 2048

/**
 * The id of a record as its column has it: text of Postgres cannot hold a NUL. Fails where it is too long for an index, or no text:
 * on its way a lone surrogate would become another id.
 */
export const toId = (branchKeyId: string): Result.Result<string, RecordRejected> => {
  if (!bytes.isWellFormed(branchKeyId)) {
    return Result.fail(new RecordRejected({ attribute: "branch-key-id", description: "is not well-formed Unicode" }))
  }
  const id = branchKeyId.replaceAll("\\", "\\\\").replaceAll("\0", "\\0")
  const { length } = bytes.utf8(id)
  return length <= maxIdLength
    ? Result.succeed(id)
    : Result.fail(
      new RecordRejected({
        attribute: "branch-key-id",
        description: `is ${length} bytes of UTF-8 in Postgres, at most ${maxIdLength} are allowed`
      })
    )
}

const fromId = (id: unknown): unknown =>
  typeof id === "string" ? id.replace(/\\[\\0]/g, (escaped) => escaped === "\\0" ? "\0" : "\\") : id

/** The row of a record. */
export const toRow = (record: BranchKeyRecord): Result.Result<Row, RecordRejected> =>
  Result.map(toId(record.branchKeyId), (id) => ({
    branch_key_id: id,
    type: record.type,
    enc: new Uint8Array(record.wrappedKey),
    kms_arn: record.kmsArn,
    create_time: record.createTime,
    hierarchy_version: record.hierarchyVersion,
    version: record.version ?? null,
    attributes: JSON.stringify(record.attributes)
  }))

/** The record of a row that someone else may have written. */
export const fromRow = (
  row: { readonly [Column in keyof Row]?: unknown }
): Result.Result<BranchKeyRecord, RecordRejected> =>
  Result.flatMap(parse(row.attributes), (attributes) =>
    check({
      branchKeyId: fromId(row.branch_key_id),
      type: row.type,
      wrappedKey: row.enc,
      kmsArn: row.kms_arn,
      createTime: row.create_time,
      hierarchyVersion: row.hierarchy_version,
      version: row.version ?? undefined,
      attributes
    }))

const parse = (attributes: unknown): Result.Result<unknown, RecordRejected> =>
  Result.try({
    try: (): unknown => JSON.parse(attributes as string),
    catch: () => new RecordRejected({ attribute: "attributes", description: "are no JSON" })
  })
