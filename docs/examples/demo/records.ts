/**
 * The records that are encrypted.
 *
 * By default they are the 10,000 wildlife strikes of `birdstrikes.csv` in the npm package `vega-datasets`, about 400 bytes
 * each as JSON, and the encryption context is built from the column `Phase of flight`: it has seven values of very
 * different frequency (half of all strikes happen on approach), so that a data key for each context meets its
 * thresholds at a different time. `Time of day` has 4 values, `Origin State` 29, `Aircraft Airline Operator` 46, and
 * `Flight Date` 3,625, for caches that are too small.
 */
import { Effect, FileSystem, Schema, Stream } from "effect"
import * as Csv from "effect/encoding/Csv"
import { fileURLToPath } from "node:url"
import { WrongOption } from "./wrong-option.ts"

/** A record: its JSON text as UTF-8, and the pair of its column. */
export interface SourceRecord {
  readonly plaintext: Uint8Array
  readonly encryptionContext: Readonly<Record<string, string>>
}

/** Records, with their name for the report. */
export interface Source {
  readonly name: string
  readonly column: string
  readonly records: ReadonlyArray<SourceRecord>
}

/** Selection of records by the options. */
export interface Selection {
  readonly input: string | undefined
  readonly column: string | undefined
  /** Number of records from the beginning; undefined for all of them. */
  readonly count: number | undefined
}

/** A file that should hold records does not. */
export class UnreadableRecords extends Schema.TaggedError<UnreadableRecords>()("UnreadableRecords", {
  description: Schema.String
}) {
  override get message(): string {
    return this.description
  }
}

const defaultColumn = "Phase of flight"

const utf8 = new TextEncoder()

/** Reads the records that are selected. */
export const load = Effect.fnUntraced(function*({ column, count, input }: Selection) {
  const { name, rows } = input === undefined ? yield* birdstrikes : yield* jsonLines(input)
  if (count !== undefined && count > rows.length) {
    return yield* new WrongOption({
      option: "records",
      description: `must be an integer from 1 to ${rows.length}, the number of records in ${name}, got ${count}`
    })
  }
  const selected = rows.slice(0, count)
  const chosen = column ?? (input === undefined ? defaultColumn : undefined)
  const columns = Object.keys(selected[0]!.record)
  if (chosen === undefined || !columns.includes(chosen)) {
    const got = chosen === undefined ? "" : `, got ${JSON.stringify(chosen)}`
    return yield* new WrongOption({
      option: "column",
      description: `must be a column of ${name}${got}: ${columns.map((name) => JSON.stringify(name)).join(", ")}`
    })
  }
  const records = yield* Effect.forEach(selected, ({ place, record, text }): Effect.Effect<
    SourceRecord,
    UnreadableRecords
  > => {
    const value = Object.hasOwn(record, chosen) ? record[chosen] : undefined
    return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
      ? Effect.succeed({ plaintext: utf8.encode(text), encryptionContext: { [chosen]: String(value) } })
      : Effect.fail(
        new UnreadableRecords({
          description: `${place}: column ${JSON.stringify(chosen)} must be a string, a number or a boolean`
        })
      )
  })
  return { name, column: chosen, records } satisfies Source
})

/** A record as it was read. */
interface Row {
  /** Place in the input, for messages. */
  readonly place: string
  readonly text: string
  readonly record: Readonly<Record<string, unknown>>
}

const birdstrikes = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const url = new URL("../data/birdstrikes.csv", import.meta.resolve("vega-datasets"))
  const records = yield* Stream.make(yield* fs.readFileString(fileURLToPath(url))).pipe(
    Stream.pipeThroughChannel(Csv.decodeString({ headers: true })),
    Stream.runCollect
  )
  const rows = records.map((record, index): Row => ({
    place: `birdstrikes, record ${index + 1}`,
    text: JSON.stringify(record),
    record
  }))
  return { name: "birdstrikes", rows }
})

const jsonLines = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  const bytes = yield* Effect.mapError(
    fs.readFile(path),
    ({ message }) => new WrongOption({ option: "input", description: `must be a file that can be read: ${message}` })
  )
  const text = yield* Effect.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    catch: () => new UnreadableRecords({ description: `${path} is not UTF-8 text` })
  })
  const rows: Array<Row> = []
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue
    const place = `${path}, line ${index + 1}`
    const record = yield* Effect.try({
      try: () => JSON.parse(line) as unknown,
      catch: () => new UnreadableRecords({ description: `${place} is not JSON` })
    })
    if (typeof record !== "object" || record === null || Array.isArray(record)) {
      return yield* new UnreadableRecords({ description: `${place} is not a JSON object` })
    }
    rows.push({ place, text: line, record: record as Row["record"] })
  }
  if (rows.length === 0) return yield* new UnreadableRecords({ description: `${path} has no records` })
  return { name: path, rows }
})
