/** A Worker in workerd, the runtime of Cloudflare Workers, on a free port of this machine. */
import { Effect } from "effect"
import { build } from "esbuild"
import { spawn } from "node:child_process"
import { createRequire } from "node:module"
import { copyFileSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"

/** The path of the program. The package has no types. */
const { default: workerd } = createRequire(import.meta.url)("workerd") as { readonly default: string }

const folderOf = (path: string) => fileURLToPath(new URL(`../workerd/${path}`, import.meta.url))

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "workerd-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** The first line that a process writes to a stream of its own. */
const firstLine = (stream: Readable): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ""
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk
      if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")))
    }).on("end", () => reject(new Error("workerd does not listen")))
  })

/** Starts the Worker, which ends with the scope. Returns its URL, without a path. */
export const start = Effect.gen(function*() {
  const folder = yield* temporary
  copyFileSync(folderOf("config.capnp"), join(folder, "config.capnp"))
  yield* Effect.promise(() =>
    build({
      entryPoints: [folderOf("worker.ts")],
      outfile: join(folder, "worker.js"),
      bundle: true,
      format: "esm",
      platform: "browser",
      conditions: ["effect-encryption-sdk-source", "worker"],
      logLevel: "error"
    })
  )
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(workerd, ["serve", join(folder, "config.capnp"), "--control-fd=3"], {
        stdio: ["ignore", "ignore", "ignore", "pipe"]
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  const line = yield* Effect.promise(() => firstLine(child.stdio[3] as Readable))
  const { port } = JSON.parse(line) as { readonly port: number }
  return `http://127.0.0.1:${port}`
})
