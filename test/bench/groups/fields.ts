/**
 * A table of 10,000 rows with three encrypted columns: rows encoded and decoded as a Schema of encrypted fields, beside the same values by
 * `encrypt` and `decrypt` one by one (the floor) and by the peer. And all values in one call of `encryptMany` and `decryptMany`.
 *
 * Every side has base64 text in its columns, data keys in a cache, and checks that a value is that of its column and tenant.
 */
import { Effect, Result, Schema } from "effect"
import { EncryptionSdk } from "effect-encryption-sdk"
import { EncryptedField, withEncryptionContext } from "effect-encryption-sdk/fields"
import { MessageHeader } from "effect-encryption-sdk/message"
import * as assert from "node:assert/strict"
import { type Benchmark, isWanted, type Result as Measured } from "../support/benchmark.ts"
import { measureWhole, type Mode, processorTime, type Sides } from "../support/measure.ts"
import * as sides from "../support/sides.ts"

/** Of the rows; each column has a data key for each of them. */
const tenants = 10
const columns = ["name", "email", "notes"] as const
type Column = typeof columns[number]
type Values = Readonly<Record<Column, string>>

/** A row, in the clear or encrypted. */
type Row = Values & { readonly id: string; readonly tenant: string }
type Rows = ReadonlyArray<Row>

const rowsOf = (count: number): Rows =>
  Array.from({ length: count }, (_, index) => ({
    id: `c${index}`,
    tenant: `tenant ${index % tenants}`,
    name: `Customer ${index}`,
    email: `customer.${index}@example.com`,
    notes: `${index}: prefers to be called in the afternoon. `.repeat(4)
  }))

const contextOf = (column: Column, tenant: string) => ({ table: "customers", column, tenant })
const utf8 = new TextDecoder("utf-8", { fatal: true })
const toText = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64")
const toBytes = (text: string): Uint8Array => Buffer.from(text, "base64")

/** What encodes and decodes all rows of a table. */
interface Party {
  readonly encode: (rows: Rows) => Promise<Rows>
  readonly decode: (rows: Rows) => Promise<Rows>
}

const withFields = (client: sides.Client, suite: sides.SuiteId): Party => {
  const field = (column: Column) =>
    EncryptedField.make(Schema.String, {
      encryptionContext: { table: "customers", column },
      requiredKeys: ["tenant"],
      algorithmSuite: sides.suites[suite]
    })
  const Customer = Schema.Struct({
    id: Schema.String,
    tenant: Schema.String,
    name: field("name"),
    email: field("email"),
    notes: field("notes")
  })
  const inEach =
    (code: (row: Row) => Effect.Effect<Row, Schema.SchemaError, EncryptionSdk.EncryptionSdk>) => (rows: Rows) =>
      Effect.forEach(rows, (row) => withEncryptionContext(code(row), { tenant: row.tenant })).pipe(
        Effect.provideService(EncryptionSdk.EncryptionSdk, client),
        Effect.runPromise
      )
  return { encode: inEach(Schema.encodeEffect(Customer)), decode: inEach(Schema.decodeEffect(Customer)) }
}

const oneByOne = (client: sides.Client, suite: sides.SuiteId): Party => {
  const algorithmSuite = sides.suites[suite]
  const inEach =
    (code: (text: string, column: Column, tenant: string) => Effect.Effect<string, unknown>) => (rows: Rows) =>
      Effect.forEach(rows, (row) =>
        Effect.gen(function*() {
          const name = yield* code(row.name, "name", row.tenant)
          const email = yield* code(row.email, "email", row.tenant)
          const notes = yield* code(row.notes, "notes", row.tenant)
          return { ...row, name, email, notes }
        })).pipe(Effect.runPromise)
  return {
    encode: inEach((text, column, tenant) =>
      Effect.map(
        client.encrypt(text, { algorithmSuite, encryptionContext: contextOf(column, tenant) }),
        ({ message }) => toText(message)
      )
    ),
    decode: inEach((text, column, tenant) =>
      Effect.map(
        client.decrypt(toBytes(text), { expectedEncryptionContext: contextOf(column, tenant) }),
        ({ plaintext }) => utf8.decode(plaintext)
      )
    )
  }
}

const manyAtOnce = (client: sides.Client, suite: sides.SuiteId): Party => {
  const algorithmSuite = sides.suites[suite]
  const rowsFrom = (rows: Rows, texts: ReadonlyArray<string>): Rows =>
    rows.map((row, index) => {
      const [name, email, notes] = texts.slice(columns.length * index) as [string, string, string]
      return { ...row, name, email, notes }
    })
  const itemsOf = <A>(rows: Rows, itemOf: (text: string, column: Column, tenant: string) => A) =>
    rows.flatMap((row) => columns.map((column) => itemOf(row[column], column, row.tenant)))
  return {
    encode: (rows) =>
      client.encryptMany(
        itemsOf(rows, (plaintext, column, tenant) => ({
          plaintext,
          algorithmSuite,
          encryptionContext: contextOf(column, tenant)
        }))
      ).pipe(
        Effect.map((results) => rowsFrom(rows, results.map((result) => toText(Result.getOrThrow(result).message)))),
        Effect.runPromise
      ),
    decode: (rows) =>
      client.decryptMany(
        itemsOf(rows, (text, column, tenant) => ({
          message: toBytes(text),
          expectedEncryptionContext: contextOf(column, tenant)
        }))
      ).pipe(
        Effect.map((results) =>
          rowsFrom(rows, results.map((result) => utf8.decode(Result.getOrThrow(result).plaintext)))
        ),
        Effect.runPromise
      )
  }
}

const theirs = (suite: sides.SuiteId): Party => {
  const client = sides.theirClient(suite)
  const manager = sides.theirCaching()
  const suiteId = sides.suites[suite].id
  const inEach =
    (code: (text: string, column: Column, tenant: string) => Promise<string>) => async (rows: Rows): Promise<Rows> => {
      const out: Array<Row> = []
      for (const row of rows) {
        const name = await code(row.name, "name", row.tenant)
        const email = await code(row.email, "email", row.tenant)
        const notes = await code(row.notes, "notes", row.tenant)
        out.push({ ...row, name, email, notes })
      }
      return out
    }
  return {
    encode: inEach(async (text, column, tenant) => {
      const { result } = await client.encrypt(manager, Buffer.from(text), {
        suiteId,
        encryptionContext: contextOf(column, tenant)
      })
      return result.toString("base64")
    }),
    decode: inEach(async (text, column, tenant) => {
      const { messageHeader: { encryptionContext }, plaintext } = await client.decrypt(manager, toBytes(text))
      // Their guide has callers do this.
      for (const [key, value] of Object.entries(contextOf(column, tenant))) {
        if (encryptionContext[key] !== value) throw new Error(`the message has another ${key}`)
      }
      return utf8.decode(plaintext)
    })
  }
}

const dataKeyOf = (text: string): string => {
  const { header } = Result.getOrThrow(MessageHeader.decode(toBytes(text)))
  return toText(header.encryptedDataKeys[0]!.ciphertext)
}

/** That all read what each has written, and each with as many data keys as there are contexts. */
const check = async (parties: ReadonlyArray<Party>, rows: Rows): Promise<void> => {
  for (const writer of parties) {
    const [first, second] = [await writer.encode(rows), await writer.encode(rows)]
    for (const reader of parties) assert.deepEqual(await reader.decode(second), rows)
    const dataKeys = new Set([...first, ...second].flatMap((row) => columns.map((column) => dataKeyOf(row[column]))))
    assert.equal(dataKeys.size, columns.length * Math.min(tenants, rows.length))
  }
}

/** Small tables in turns, until V8 has compiled what all sides call. */
const warmUp = async (parties: ReadonlyArray<Party>, { quick, smoke }: Mode): Promise<void> => {
  if (smoke) return
  const rows = rowsOf(50)
  const written = await parties[0]!.encode(rows)
  const end = processorTime() + (quick ? 1000 : 8000)
  while (processorTime() < end) {
    for (const party of parties) {
      await party.encode(rows)
      await party.decode(written)
    }
  }
}

/** The next rows of a table in each turn, from its beginning again after its end. */
const inSlices = (table: Rows, length: number): () => Rows => {
  let start = 0
  return () => {
    const slice = table.slice(start, start + length)
    start = (start + length) % table.length
    return slice
  }
}

/** A round takes a tenth of the table, so that the sides of a pair run soon after each other. */
const benchmark = (suite: sides.SuiteId, rowsOfTable: number): Benchmark => ({
  name: suite,
  processes: 3,
  run: async (mode) => {
    const length = mode.smoke ? 3 : rowsOfTable / 10
    const client = await sides.clientOf(sides.ours(suite))
    const [fields, single, many] = [withFields(client, suite), oneByOne(client, suite), manyAtOnce(client, suite)]
    const peer = theirs(suite)
    await check([fields, single, many, peer], rowsOf(3))
    await warmUp(mode.withoutPeer ? [fields, single, many] : [fields, single, many, peer], mode)
    const rows = rowsOf(mode.smoke ? length : rowsOfTable)
    const tables = { encode: rows, decode: await fields.encode(rows) }
    const cases: Array<[name: string, sides: Sides<Party>]> = [
      ["fields", { ours: fields, floor: single, peer }],
      ["many at once", { ours: many, floor: single }]
    ]
    const results: Array<Measured> = []
    for (const [name, { floor, ours, peer }] of cases) {
      for (const direction of ["encode", "decode"] as const) {
        const full = `${direction} ${length.toLocaleString("en")} rows, ${suite}, ${name}; floor: one by one`
        if (!isWanted(mode, full)) continue
        const whole = (party: Party) => {
          const next = inSlices(tables[direction], length)
          return { run: () => party[direction](next()) }
        }
        const all = { ours: whole(ours), floor: floor && whole(floor), peer: peer && whole(peer) }
        results.push({ case: full, unit: "ns", rounds: await measureWhole(all, mode) })
      }
    }
    return results
  }
})

/** A suite that signs takes fifty times as long: a smaller table is enough. */
export const benchmarks: ReadonlyArray<Benchmark> = [benchmark("0x0478", 10_000), benchmark("0x0578", 1000)]
