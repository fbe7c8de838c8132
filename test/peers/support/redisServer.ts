/** A Redis server of a test's own, on 127.0.0.1 and a free port, that keeps nothing. */
import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  if (address === null || typeof address === "string") throw new Error("no port")
  return address.port
}

const responds = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => socket.write("PING\r\n"))
    socket.once("data", (data) => {
      socket.destroy()
      resolve(data.toString().startsWith("+PONG"))
    })
    socket.once("error", () => resolve(false))
  })

/** A server that runs until the scope closes. It can be killed and started again, on the same port. */
export const make = Effect.gen(function*() {
  const port = yield* Effect.promise(freePort)
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-encryption-sdk-redis-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  let running: ChildProcess | undefined
  const start = Effect.promise(async () => {
    const options = { port, bind: "127.0.0.1", save: "", appendonly: "no", dir: folder }
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
    running = spawn("redis-server", args, { stdio: "ignore" })
    for (let attempt = 0; attempt < 200; attempt++) {
      if (await responds(port)) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error("the Redis server did not get ready in 10 seconds")
  })
  const kill = Effect.promise(async () => {
    const child = running
    running = undefined
    if (child === undefined || child.exitCode !== null) return
    const ended = once(child, "exit")
    child.kill("SIGKILL")
    await ended
  })
  yield* Effect.acquireRelease(start, () => kill)
  return { url: `redis://127.0.0.1:${port}`, start, kill }
})
