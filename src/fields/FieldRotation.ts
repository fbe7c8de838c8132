/**
 * Rotation of a table: goes over its rows in batches and gives the encrypted values that are not current a new message, under the
 * wrapping keys and the suite of now.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { EncryptionSdk } from "../EncryptionSdk.ts"
import { type Bounds, isFunction } from "../internal/options.ts"
import { optionsOf } from "../model/errors/optionsOf.ts"
import { InvalidOption } from "../model/errors/Reasons.ts"
import { type Outcome, rotateRow } from "./internal/rotateRow.ts"
import type { Options, Progress } from "./internal/rotationTypes.ts"

export type * from "./internal/rotationTypes.ts"

/**
 * Rotates a table. The stream emits the progress after each batch, and reads the next batch when that was taken: take it slowly to go
 * slowly. A rotation that was interrupted, or failed, goes on behind the last progress (`after`); one that runs again from the start
 * finds what was rotated to be current.
 *
 * A value that fails does not end the rotation: it is in `failures`, with the library's error. Each new value is made of the one
 * that was read, which must belong to its row and column, and is written only over that one. Fails with `InvalidOption`, which
 * names the option, with that of `read` where the rows do not go on, and with the errors of `read` and `write`.
 *
 * **Gotchas**
 *
 * A value that failed for a while, by a KMS that throttles, is behind the cursor: rotate again from the start until none fail.
 *
 * With a caching manager, each comparison is charged as a message of no bytes; `wrappingKeys` avoids that.
 */
export const rotate = <Id, E = never, R = never>(
  options: Options<Id, E, R>
): Stream.Stream<Progress<Id>, E | InvalidOption, R | EncryptionSdk> =>
  Stream.unwrap(
    Effect.map(Effect.all([EncryptionSdk, check(options)]), ([sdk, checked]) => {
      const settings = checked as unknown as Options<Id, E, R>
      const start: Progress<Id | undefined> = { ...nothing, after: settings.after, failures: [] }
      return Stream.unfold(start, (progress) => batch(sdk, settings, progress))
    })
  )

const nothing = { rows: 0, current: 0, rotated: 0, plaintext: 0, conflicts: 0, failed: 0 }

/** Reads and rotates the next rows. Undefined where there are none. */
const batch = Effect.fnUntraced(function*<Id, E, R>(
  sdk: EncryptionSdk,
  settings: Options<Id, E, R>,
  before: Progress<Id | undefined>
) {
  const { batchSize = 100, concurrency = 4, read } = settings
  const rows = yield* read(before.after, batchSize)
  const last = rows.at(-1)
  if (last === undefined) return undefined
  if (last.id === before.after || rows.length > batchSize) {
    return yield* new InvalidOption({
      field: "read",
      description: `must return rows behind the given one, at most ${batchSize}`
    })
  }
  const outcomes = yield* Effect.forEach(rows, (row) => rotateRow(sdk, settings, row), { concurrency })
  const sum = (count: (outcome: Outcome<Id>) => number) =>
    outcomes.reduce((total, outcome) => total + count(outcome), 0)
  const failures = outcomes.flatMap(({ failures }) => failures)
  const progress: Progress<Id> = {
    after: last.id,
    rows: before.rows + rows.length,
    current: before.current + sum(({ current }) => current),
    rotated: before.rotated + sum(({ rotated }) => rotated),
    plaintext: before.plaintext + sum(({ plaintext }) => plaintext),
    conflicts: before.conflicts + sum(({ conflicts }) => conflicts),
    failed: before.failed + failures.length,
    failures
  }
  return [progress, progress] as const
})

const isColumns = (value: unknown): value is Options<unknown>["columns"] =>
  typeof value === "object" && value !== null && Object.values(value).length > 0 &&
  Object.values(value as Readonly<Record<string, unknown>>).every((field) =>
    (typeof field === "object" || typeof field === "function") && field !== null && "encryptionContext" in field
  )

const count = (maximum: number) =>
  /*#__PURE__*/ Schema.optional(
    /*#__PURE__*/ Schema.Int.check(/*#__PURE__*/ Schema.isBetween({ minimum: 1, maximum }))
  )

const check = /*#__PURE__*/ optionsOf(
  /*#__PURE__*/ Schema.Struct({
    columns: /*#__PURE__*/ Schema.declare(isColumns),
    read: /*#__PURE__*/ Schema.declare(isFunction),
    write: /*#__PURE__*/ Schema.declare(isFunction),
    after: /*#__PURE__*/ Schema.optional(Schema.Unknown),
    batchSize: /*#__PURE__*/ count(10_000),
    concurrency: /*#__PURE__*/ count(1024),
    dryRun: /*#__PURE__*/ Schema.optional(Schema.Boolean),
    wrappingKeys: /*#__PURE__*/ Schema.optional(Schema.Unknown),
    rewrap: /*#__PURE__*/ Schema.optional(Schema.Unknown)
  }),
  "the rotation of a table",
  {
    columns: "must be an object of at least one column and its encrypted field",
    read: "must be a function that returns an Effect",
    write: "must be a function that returns an Effect",
    after: "must be an id",
    batchSize: "must be an integer from 1 to 10,000",
    concurrency: "must be an integer from 1 to 1024",
    dryRun: "must be true or false",
    wrappingKeys: "must be a list of wrapping keys",
    rewrap: "must be options of rewrap"
  } satisfies Bounds<Options<unknown>>
)
