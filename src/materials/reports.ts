/**
 * Rows of encrypted data keys that were not unwrapped. For keyrings of the library: no entry point exports it.
 */
import type { EncryptedDataKeyReport } from "../model/errors/KeyringError.ts"

/** Rows of each kind that are kept. Who wrote a message chose their number, and each takes memory. */
const maxRows = 512

/** Rows, and the number of those that are left out. */
export interface Kept<Row> {
  readonly rows: ReadonlyArray<Row>
  readonly omitted: number
}

/** Rows as they are collected. At most 512 of each kind are kept, so that attempts are there however many others are passed over. */
export class Reports<Row extends EncryptedDataKeyReport> implements Kept<Row> {
  readonly rows: Array<Row> = []
  omitted = 0
  /** Number of rows by kind, those that are left out included. */
  readonly counts = { Skipped: 0, Attempted: 0 }

  /** Adds a row, which is made only where it is kept. */
  add(kind: Row["_tag"], row: () => Row): void {
    if (++this.counts[kind] > maxRows) this.omitted++
    else this.rows.push(row())
  }

  /** Adds the rows of others. */
  addAll(rows: ReadonlyArray<Row>, omitted = 0): void {
    for (const row of rows) this.add(row._tag, () => row)
    this.omitted += omitted
  }
}

/** The field of an error or result that counts the rows that are left out: absent where there are none. */
export const omittedOf = ({ omitted = 0 }: { readonly omitted?: number | undefined }): { readonly omitted?: number } =>
  omitted === 0 ? {} : { omitted }
