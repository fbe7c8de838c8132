/** Defects of the rotation of a table. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const fieldRotation = "src/fields/FieldRotation.ts"
const rotateRow = "src/fields/internal/rotateRow.ts"

const by = places.byFolder("fields")
const byTable = by("FieldRotation", "a rotation of a table > ")
const byOptions = by("FieldRotation", "options of a rotation > ")

export const rotationOfTables: ReadonlyArray<Mutant> = [
  {
    name: "rotation of a table: what is current is rotated again",
    file: rotateRow,
    find: `if (isCurrent) return Effect.succeed("current")`,
    replace: `if (isCurrent && dryRun) return Effect.succeed("current")`,
    killedBy: byTable("finds what was rotated to be current, and writes nothing")
  },
  {
    name: "rotation of a table: a dry run rotates",
    file: rotateRow,
    find: `if (dryRun) return Effect.succeed("due")`,
    replace: `if (dryRun && isCurrent) return Effect.succeed("due")`,
    killedBy: byTable("counts in a dry run what it would do, and does nothing")
  },
  {
    name: "rotation of a table: the suite of the field is forgotten",
    file: rotateRow,
    find: "const { algorithmSuite = fieldSuite, materialsManager } = rewrap ?? {}",
    replace:
      "const { algorithmSuite = fieldSuite === undefined ? fieldSuite : undefined, materialsManager } = rewrap ?? {}",
    killedBy: byTable("gives every value the keys of now, in its place, and its column's suite and form")
  },
  {
    name: "rotation of a table: bytes become text",
    file: rotateRow,
    find: `typeof value === "string" ? Base64.encode(next) : next`,
    replace: `typeof value === "string" ? Base64.encode(next) : Base64.encode(next)`,
    killedBy: byTable("gives every value the keys of now, in its place, and its column's suite and form")
  },
  {
    name: "rotation of a table: a message of another row is rotated",
    file: rotateRow,
    find: "return other === undefined",
    replace: "return other !== null",
    killedBy: byTable("passes over what is no message or no value, and hides nothing that fails")
  },
  {
    name: "rotation of a table: the row has no pairs",
    file: rotateRow,
    find: "{ ...row.encryptionContext, ...field.encryptionContext }",
    replace: "{ ...field.encryptionContext }",
    killedBy: byTable("gives every value the keys of now, in its place, and its column's suite and form")
  },
  {
    name: "rotation of a table: a conflict is a success",
    file: rotateRow,
    find: "return { ...counts, rotated: 0, conflicts: 1, failures }",
    replace: "return { ...counts, failures }",
    killedBy: byTable("leaves a row that changed meanwhile as it is")
  },
  {
    name: "rotation of a table: previous values are the new ones",
    file: rotateRow,
    find: "previous[column] = value",
    replace: "previous[column] = outcome.success.next",
    killedBy: byTable("gives every value the keys of now, in its place, and its column's suite and form")
  },
  {
    name: "rotation of a table: failures are not counted",
    file: fieldRotation,
    find: "failed: before.failed + failures.length",
    replace: "failed: before.failed",
    killedBy: byTable("passes over what is no message or no value, and hides nothing that fails")
  },
  {
    name: "rotation of a table: rows are rotated all at a time",
    file: fieldRotation,
    find: "rotateRow(sdk, settings, row), { concurrency })",
    replace: "rotateRow(sdk, settings, row), { concurrency: concurrency * 2 })",
    killedBy: byTable("works on so many rows at a time")
  },
  {
    name: "rotation of a table: reads that do not go on are read for ever",
    file: fieldRotation,
    find: "last.id === before.after || rows.length > batchSize",
    replace: "rows.length > batchSize",
    killedBy: byTable("fails where reads do not go on, and with their errors")
  },
  {
    name: "rotation of a table: there may be no columns",
    file: fieldRotation,
    find: "Object.values(value).length > 0 &&",
    replace: "",
    killedBy: byOptions(`are rejected: columns of {"columns":{}}`)
  }
]
