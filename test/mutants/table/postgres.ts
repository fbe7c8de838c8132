/** Defects of the storage of branch keys in Postgres. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const storage = "src/hierarchical/postgres/PostgresBranchKeyStorage.ts"
const rows = "src/hierarchical/postgres/internal/rows.ts"
const statements = "src/hierarchical/postgres/internal/statements.ts"

const by = places.byFolder("hierarchical/postgres")
const byStorage = by("PostgresBranchKeyStorage", "Postgres, as every storage of branch keys > ")
const byTable = by("PostgresBranchKeyStorage", "a storage in Postgres > ")
const byIds = by("PostgresBranchKeyStorage", "ids of branch keys in Postgres > ")
const byRows = by("PostgresBranchKeyStorage", "rows of others > ")
const byErrors = by("PostgresBranchKeyStorage", "errors of Postgres > ")

export const postgres: ReadonlyArray<Mutant> = [
  {
    name: "Postgres: a version is added over another one than it was read over",
    file: storage,
    find: " AND enc = ${new Uint8Array(replaces)}",
    replace: " AND ${new Uint8Array(replaces)}::bytea IS NOT NULL",
    killedBy: byStorage("adds no version over another one than it was read over")
  },
  {
    name: "Postgres: a version that was not added is no conflict",
    file: storage,
    find: "if (written.length !== 1)",
    replace: "if (written.length > 1)",
    killedBy: byStorage("adds no version over another one than it was read over")
  },
  {
    name: "Postgres: the record of the active version keeps its version",
    file: storage,
    find: "            version = ${next.version},\n",
    replace: "",
    killedBy: byStorage("adds a version: the active one is replaced, the one before and the beacon stay")
  },
  {
    name: "Postgres: what exists already is a failure of the storage",
    file: statements,
    find: "if (reason._tag === \"UniqueViolation\")",
    replace: "if (reason._tag === \"DeadlockError\")",
    killedBy: byStorage("creates a branch key once, and writes nothing the second time")
  },
  {
    name: "Postgres: columns are named as the program names its own",
    file: storage,
    find: "client.withoutTransforms()",
    replace: "client",
    killedBy: byTable("uses its own names of columns, whatever the client makes of those of the program")
  },
  {
    name: "Postgres: a client of another database is taken",
    file: storage,
    find: "orElse: () => false",
    replace: "orElse: () => true",
    killedBy: byErrors("a client of another database is rejected")
  },
  {
    name: "Postgres: ids are too long for the index",
    file: rows,
    find: "length <= maxIdLength",
    replace: "length <= maxIdLength + 2",
    killedBy: byIds("have at most 2,048 bytes as they are stored")
  },
  {
    name: "Postgres: a backslash in an id is not doubled",
    file: rows,
    find: "branchKeyId.replaceAll(\"\\\\\", \"\\\\\\\\\").replaceAll(",
    replace: "branchKeyId.replaceAll(",
    killedBy: byIds("double each backslash: one before a zero is no NUL")
  },
  {
    name: "Postgres: rows of hierarchy version 2 are read as those of version 1",
    file: rows,
    find: "hierarchyVersion: row.hierarchy_version",
    replace: "hierarchyVersion: 1",
    killedBy: byRows("are rejected: hierarchy_version 2")
  },
  {
    name: "Postgres: a write with an unknown outcome does not say so",
    file: statements,
    find: "isRetryable && operation !== \"read\"",
    replace: "isRetryable && operation === \"read\"",
    killedBy: byErrors("that leave open whether a record was written say so: connection")
  },
  {
    name: "Postgres: an id that is not well-formed becomes another",
    file: rows,
    find: "if (!bytes.isWellFormed(branchKeyId))",
    replace: "if (branchKeyId === \"\")",
    killedBy: byIds("are well-formed: a lone surrogate is no other one")
  }
]
