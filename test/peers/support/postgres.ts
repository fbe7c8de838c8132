/** A Postgres server of Debian's packages, on a free port of 127.0.0.1, in a folder of its own. */
import { PgClient } from "@effect/sql-pg"
import { Data, Effect, Layer, Redacted, type Scope } from "effect"
import type { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { execFile, spawn } from "node:child_process"
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

class PostgresError extends Data.TaggedError("PostgresError")<{ readonly description: string }> {
  override get message(): string {
    return this.description
  }
}

const run = promisify(execFile)

/** Folder of the programs of the newest version; Debian puts none but the clients on the path. */
const programs = Effect.suspend(() => {
  const root = "/usr/lib/postgresql"
  const versions = existsSync(root) ? readdirSync(root).map(Number).toSorted((a, b) => b - a) : []
  const found = versions.map((version) => join(root, String(version), "bin")).find((bin) =>
    existsSync(join(bin, "initdb"))
  )
  return found === undefined
    ? Effect.fail(new PostgresError({ description: "there is no Postgres. On Debian: apt-get install postgresql" }))
    : Effect.succeed(found)
})

/** The user that the server runs as: it does not start as root. */
const userOf = Effect.promise(async () => {
  if (process.getuid?.() !== 0) return {}
  const id = async (flag: string) => Number((await run("id", [flag, "postgres"])).stdout)
  return { uid: await id("-u"), gid: await id("-g") }
})

const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

const password = "only for these tests"

/** Starts a server, which ends with the scope. */
const start: Effect.Effect<number, PostgresError, Scope.Scope> = Effect.gen(function*() {
  const bin = yield* programs
  const user = yield* userOf
  const port = yield* freePort
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-encryption-sdk-postgres-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  const data = join(folder, "data")
  const passwordFile = join(folder, "password")
  writeFileSync(passwordFile, password)
  if (user.uid !== undefined) [folder, passwordFile].forEach((path) => chownSync(path, user.uid, user.gid))
  const settings = [
    "--auth=scram-sha-256",
    `--pwfile=${passwordFile}`,
    "--username=postgres",
    "--encoding=UTF8",
    "--no-sync"
  ]
  yield* Effect.promise(() => run(join(bin, "initdb"), [...settings, data], { cwd: folder, ...user }))
  const options = ["-p", String(port), "-h", "127.0.0.1", "-k", folder, "-F"]
  const server = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(join(bin, "postgres"), ["-D", data, ...options], { cwd: folder, stdio: "ignore", ...user })
    ),
    (server) =>
      Effect.callback<void>((resume) => {
        if (server.exitCode !== null) return resume(Effect.void)
        server.once("close", () => resume(Effect.void))
        // An immediate shutdown: nothing of it is kept.
        server.kill("SIGQUIT")
      })
  )
  const ready = Effect.promise(() =>
    run(join(bin, "pg_isready"), ["-h", "127.0.0.1", "-p", String(port)], { cwd: folder }).then(() => true, () => false)
  )
  for (let attempts = 0; !(yield* ready); attempts++) {
    if (attempts > 150 || server.exitCode !== null) {
      return yield* new PostgresError({ description: "Postgres did not get ready" })
    }
    yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 200)))
  }
  return port
})

/** A pool of eight connections to a server of its own. */
export const layer: Layer.Layer<SqlClient.SqlClient, PostgresError | SqlError> = Layer.unwrap(
  Effect.map(start, (port) =>
    PgClient.layer({
      host: "127.0.0.1",
      port,
      database: "postgres",
      username: "postgres",
      password: Redacted.make(password),
      maxConnections: 8
    }))
)
