/** Rotation of a table in batches: every value gets the keys of now, once, in its place, and nothing is lost on the way. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Deferred, Effect, Exit, Fiber, Schema, Stream } from "effect"
import { AlgorithmSuite, EncryptionSdk } from "effect-encryption-sdk"
import { EncryptedField, FieldRotation, withEncryptionContext } from "effect-encryption-sdk/fields"
import { arbitraryInt } from "../support/arbitraryBytes.ts"
import { failureOf } from "../support/client.ts"
import { rotation } from "../support/rotation.ts"

const algorithmSuite = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
const name = EncryptedField.make(Schema.String, {
  encryptionContext: { table: "customers", column: "name" },
  requiredKeys: ["customer"],
  algorithmSuite
})
const photo = EncryptedField.make(Schema.Uint8Array, {
  encryptionContext: { table: "customers", column: "photo" },
  encoding: "Bytes"
})
const columns = { name, photo }

type Stored = { [column: string]: FieldRotation.Value | null }

/** A table in memory, ordered by id, and what was read and written. */
const tableOf = (rows: ReadonlyArray<Stored>) => {
  const stored = new Map(rows.map((row, index) => [index + 1, { ...row }]))
  const log = { reads: 0, writes: 0 }
  const read = (after: number | undefined, limit: number) =>
    Effect.sync(() => {
      log.reads++
      const ids = [...stored.keys()].filter((id) => id > (after ?? 0)).slice(0, limit)
      return ids.map((id) => ({ id, values: { ...stored.get(id)! }, encryptionContext: { customer: String(id) } }))
    })
  const write = ({ id, previous, values }: FieldRotation.Update<number>) =>
    Effect.sync(() => {
      const row = stored.get(id)!
      if (Object.keys(previous).some((column) => row[column] !== previous[column])) return false
      log.writes++
      Object.assign(row, values)
      return true
    })
  return { stored, log, source: { read, write } }
}

const encodeRow = (id: number, values: { readonly name: string; readonly photo: Uint8Array }) =>
  Effect.map(
    Effect.all({ name: Schema.encodeEffect(name)(values.name), photo: Schema.encodeEffect(photo)(values.photo) }),
    (row): Stored => row
  ).pipe(withEncryptionContext({ customer: String(id) }))

const decodeRow = (id: number, row: Stored) =>
  Effect.all({
    name: Schema.decodeEffect(name)(row["name"] as string),
    photo: Effect.map(Schema.decodeEffect(photo)(row["photo"] as Uint8Array), (bytes) => [...bytes])
  }).pipe(withEncryptionContext({ customer: String(id) }))

const under = (sdk: EncryptionSdk.EncryptionSdk) => Effect.provideService(EncryptionSdk.EncryptionSdk, sdk)

/** A table of values under the key of before. */
const setup = Effect.fnUntraced(function*(count: number) {
  const clients = yield* rotation()
  const rows = yield* Effect.forEach(
    Array.from({ length: count }, (_, index) => index + 1),
    (id) => encodeRow(id, { name: `customer ${id}`, photo: Uint8Array.of(id, 0) })
  ).pipe(under(clients.old))
  return { ...clients, table: tableOf(rows) }
})

const last = <A, E, R>(stream: Stream.Stream<A, E, R>) => Effect.map(Stream.runCollect(stream), (all) => all.at(-1)!)

describe("a rotation of a table", () => {
  it.effect("gives every value the keys of now, in its place, and its column's suite and form", () =>
    Effect.gen(function*() {
      const { both, current, table } = yield* setup(7)
      const before = table.stored.get(3)!
      const progress = yield* Stream.runCollect(FieldRotation.rotate({ ...table.source, columns, batchSize: 3 })).pipe(
        under(both)
      )
      assert.deepStrictEqual(progress.map(({ after, rotated, rows }) => [after, rows, rotated]), [
        [3, 3, 6],
        [6, 6, 12],
        [7, 7, 14]
      ])
      assert.strictEqual(table.log.writes, 7)
      for (const [id, row] of table.stored) {
        assert.strictEqual(typeof row["name"], "string")
        assert.instanceOf(row["photo"], Uint8Array)
        const decoded = yield* decodeRow(id, row).pipe(under(current))
        assert.deepStrictEqual(decoded, { name: `customer ${id}`, photo: [id, 0] })
      }
      assert.notStrictEqual(table.stored.get(3)!["name"], before["photo"])
      const { algorithmSuite: suite } = yield* both.inspect(Buffer.from(before["name"] as string, "base64"))
      assert.strictEqual(suite.id, algorithmSuite.id)
      assert.instanceOf(before["photo"], Uint8Array)
    }))

  it.effect("finds what was rotated to be current, and writes nothing", () =>
    Effect.gen(function*() {
      const { both, table } = yield* setup(4)
      const rotate = last(FieldRotation.rotate({ ...table.source, columns })).pipe(under(both))
      yield* rotate
      const again = yield* rotate
      assert.deepStrictEqual([again.current, again.rotated, again.failed], [8, 0, 0])
      assert.strictEqual(table.log.writes, 4)
    }))

  it.effect("counts in a dry run what it would do, and does nothing", () =>
    Effect.gen(function*() {
      const { both, table } = yield* setup(4)
      const before = structuredClone([...table.stored])
      const dry = yield* last(FieldRotation.rotate({ ...table.source, columns, dryRun: true })).pipe(under({
        ...both,
        rewrap: () => Effect.sync(() => assert.fail("no value is rotated in a dry run"))
      }))
      assert.deepStrictEqual([dry.rows, dry.current, dry.rotated], [4, 0, 8])
      assert.deepStrictEqual([...table.stored], before)
      assert.strictEqual(table.log.writes, 0)
    }))

  it.effect("goes on behind the row that it is given", () =>
    Effect.gen(function*() {
      const { both, table } = yield* setup(5)
      const first = yield* Stream.runCollect(
        FieldRotation.rotate({ ...table.source, columns, batchSize: 2 }).pipe(Stream.take(1))
      ).pipe(under(both))
      assert.strictEqual(table.log.reads, 1, "the next batch is read when it is wanted")
      const rest = yield* last(FieldRotation.rotate({ ...table.source, columns, after: first[0]!.after })).pipe(
        under(both)
      )
      assert.deepStrictEqual([rest.rows, rest.rotated], [3, 6])
    }))

  it.effect("passes over what is no message or no value, and hides nothing that fails", () =>
    Effect.gen(function*() {
      const { both, old, table } = yield* setup(6)
      table.stored.get(1)!["name"] = "plain text"
      table.stored.get(1)!["photo"] = null
      table.stored.get(2)!["name"] = table.stored.get(3)!["name"]!
      table.stored.get(4)!["name"] = (table.stored.get(4)!["name"] as string).slice(0, 101)
      const damaged = table.stored.get(5)!["photo"] as Uint8Array
      damaged[damaged.length - 1]! ^= 1
      const more = { ...photo.encryptionContext, customer: "6", more: "x" }
      table.stored.get(6)!["photo"] = (yield* old.encrypt(Uint8Array.of(1), { encryptionContext: more })).message
      const progress = yield* last(FieldRotation.rotate({ ...table.source, columns })).pipe(under(both))
      assert.strictEqual(progress.plaintext, 1)
      assert.deepStrictEqual(
        progress.failures.map(({ column, error, id }) => [id, column, error._tag, error.reason._tag]),
        [
          [2, "name", "DecryptError", "EncryptionContextMismatch"],
          [4, "name", "DecryptError", "InvalidOption"],
          [5, "photo", "DecryptError", "AuthenticationFailed"],
          [6, "photo", "DecryptError", "EncryptionContextMismatch"]
        ]
      )
      assert.strictEqual(progress.failed, 4)
      assert.strictEqual(progress.rotated, 6)
    }))

  it.effect("leaves a row that changed meanwhile as it is", () =>
    Effect.gen(function*() {
      const { both, table } = yield* setup(2)
      const read: typeof table.source.read = (after, limit) =>
        Effect.tap(table.source.read(after, limit), (rows) =>
          Effect.sync(() => {
            if (rows.length > 0) table.stored.get(2)!["name"] = "changed"
          }))
      const progress = yield* last(FieldRotation.rotate({ ...table.source, read, columns })).pipe(under(both))
      assert.deepStrictEqual([progress.conflicts, progress.rotated], [1, 2])
      assert.strictEqual(table.stored.get(2)!["name"], "changed")
    }))

  it.effect("keeps bodies where it is told to", () =>
    Effect.gen(function*() {
      const { both, current, keyrings, table } = yield* setup(1)
      const before = table.stored.get(1)!["name"] as string
      const rewrap = { keepBody: { keyring: keyrings.current } }
      yield* last(FieldRotation.rotate({ ...table.source, columns: { name }, rewrap })).pipe(under(both))
      const after = table.stored.get(1)!["name"] as string
      assert.notStrictEqual(after, before)
      const [old, kept] = [before, after].map((text) => Buffer.from(text, "base64").subarray(-30).toString("hex"))
      assert.strictEqual(kept, old)
      const row = { ...table.stored.get(1)! }
      assert.strictEqual(
        yield* Schema.decodeEffect(name)(row["name"] as string).pipe(
          withEncryptionContext({ customer: "1" }),
          under(current)
        ),
        "customer 1"
      )
    }))

  it.effect("works on so many rows at a time", () =>
    Effect.gen(function*() {
      const { both, table } = yield* setup(12)
      const at = { now: 0, most: 0 }
      const slow = under({
        ...both,
        rewrap: (message, options) =>
          Effect.acquireUseRelease(
            Effect.sync(() => void (at.most = Math.max(at.most, ++at.now))),
            () => Effect.andThen(Effect.yieldNow, both.rewrap(message, options)),
            () => Effect.sync(() => void at.now--)
          )
      })
      yield* last(FieldRotation.rotate({ ...table.source, columns, concurrency: 3 })).pipe(slow)
      assert.strictEqual(at.most, 3)
    }))

  it.effect("fails where reads do not go on, and with their errors", () =>
    Effect.gen(function*() {
      const { both, table } = yield* setup(2)
      const stuck = { ...table.source, columns, read: () => table.source.read(undefined, 2) }
      const error = yield* failureOf(
        Stream.runDrain(Stream.take(FieldRotation.rotate(stuck), 3)).pipe(under(both))
      )
      assert.deepStrictEqual([error._tag, error.field], ["InvalidOption", "read"])
      const many = { ...table.source, columns, batchSize: 1, read: () => table.source.read(undefined, 2) }
      assert.strictEqual(
        (yield* failureOf(Stream.runDrain(FieldRotation.rotate(many)).pipe(under(both)))).field,
        "read"
      )
      const { table: unread } = yield* setup(1)
      const broken = { ...unread.source, columns, write: () => Effect.fail("disk full" as const) }
      assert.strictEqual(yield* failureOf(Stream.runDrain(FieldRotation.rotate(broken)).pipe(under(both))), "disk full")
    }))

  it.effect("ends with its caller, and goes on from there", () =>
    Effect.gen(function*() {
      const { both, current, table } = yield* setup(6)
      const seen = yield* Deferred.make<number>()
      const fiber = yield* FieldRotation.rotate({ ...table.source, columns, batchSize: 2 }).pipe(
        Stream.runForEach(({ after }) =>
          after === 4 ? Effect.andThen(Deferred.succeed(seen, after), Effect.never) : Effect.void
        ),
        under(both),
        Effect.forkChild({ startImmediately: true })
      )
      const after = yield* Deferred.await(seen)
      yield* Fiber.interrupt(fiber)
      const rest = yield* last(FieldRotation.rotate({ ...table.source, columns, after })).pipe(under(both))
      assert.deepStrictEqual([rest.rows, rest.rotated], [2, 4])
      for (const [id, row] of table.stored) yield* decodeRow(id, row).pipe(under(current))
    }))
})

describe("options of a rotation", () => {
  for (
    const [field, change] of [
      ["columns", { columns: {} }],
      ["columns", { columns: { name: null } }],
      ["columns", { columns: { name: { fieldName: "customers.name" } } }],
      ["read", { read: 1 }],
      ["write", { write: undefined }],
      ["batchSize", { batchSize: 0 }],
      ["concurrency", { concurrency: 1.5 }],
      ["dryRun", { dryRun: 1 }],
      ["batch", { batch: 5 }]
    ] as const
  ) {
    it.effect(`are rejected: ${field} of ${JSON.stringify(change)}`, () =>
      Effect.gen(function*() {
        const { both, table } = yield* setup(0)
        const options = { ...table.source, columns, ...change }
        const error = yield* failureOf(Stream.runDrain(FieldRotation.rotate(options as never)).pipe(under(both)))
        assert.deepStrictEqual([error._tag, error.field], ["InvalidOption", field])
      }))
  }
})

describe("any table", () => {
  it.effect.prop(
    "is rotated once, whatever the batches and interruptions",
    {
      count: arbitraryInt(0, 6),
      batchSize: arbitraryInt(1, 4),
      stops: Arbitrary.array(arbitraryInt(0, 2), { maxLength: 3 })
    },
    ({ batchSize, count, stops }) =>
      Effect.gen(function*() {
        const { both, current, table } = yield* setup(count)
        let after: number | undefined
        for (const batches of stops) {
          const taken = yield* Stream.runCollect(
            FieldRotation.rotate({ ...table.source, columns, batchSize, after }).pipe(Stream.take(batches))
          ).pipe(under(both))
          after = taken.at(-1)?.after ?? after
        }
        yield* Stream.runDrain(FieldRotation.rotate({ ...table.source, columns, batchSize, after })).pipe(under(both))
        assert.strictEqual(table.log.writes, count)
        for (const [id, row] of table.stored) {
          const decoded = yield* Effect.exit(decodeRow(id, row).pipe(under(current)))
          assert.deepStrictEqual(decoded, Exit.succeed({ name: `customer ${id}`, photo: [id, 0] }))
        }
      }),
    { timeout: 60_000, arbitrary: { seed: "rotation", runs: 40 } }
  )
})
