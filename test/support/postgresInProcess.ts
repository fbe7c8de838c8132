/** A Postgres in the process of the test (PGlite), reached through the client of `@effect/sql-pg`. */
import { PGlite } from "@electric-sql/pglite"
import { PgClient } from "@effect/sql-pg"
import { Effect, Exit, Layer, Scope } from "effect"
import type { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { Duplex } from "node:stream"
import { afterAll } from "vitest"

const database = Effect.acquireRelease(
  Effect.promise(() => PGlite.create()),
  (database) => Effect.promise(() => database.close())
)

/** One connection: what is written to it is given to the database, whole messages at a time. */
const connect = (database: PGlite): Duplex => {
  const duplex: Duplex = new Duplex({
    read: () => undefined,
    write: (chunk: Uint8Array, _encoding, done) =>
      Effect.runCallback(Effect.promise(() => database.execProtocolRaw(chunk)), {
        onExit: (exit) => {
          if (Exit.isSuccess(exit)) duplex.push(exit.value)
          done(Exit.isSuccess(exit) ? null : new Error("the database failed", { cause: exit.cause }))
        }
      })
  })
  return duplex
}

/** A client of a database of its own. */
export const layerWith = (
  config: Partial<PgClient.PgClientConfig> = {}
): Layer.Layer<SqlClient.SqlClient | PgClient.PgClient, SqlError> =>
  Layer.unwrap(
    Effect.map(database, (database) =>
      PgClient.layerFrom(
        PgClient.makeClient({ username: "postgres", database: "postgres", stream: () => connect(database), ...config })
      ))
  )

/** A client that the tests of a file share: a database takes seconds to start. */
export const shared = (): Layer.Layer<SqlClient.SqlClient | PgClient.PgClient, SqlError> => {
  const scope = Scope.makeUnsafe()
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  const build = Effect.runSync(Effect.cached(Layer.buildWithScope(layerWith(), scope)))
  return Layer.effectContext(build)
}
