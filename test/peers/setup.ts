/**
 * Before the tests of the peers: a Python with what `requirements.txt` pins, made once and kept in `.venv`, and the moto server, for KMS
 * and DynamoDB, on a free port of 127.0.0.1. Where Python, the Redis server or Postgres is missing, the run stops with one line and exit
 * status 1.
 */
import { execFileSync, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import type { TestProject } from "vitest/node"
import { format } from "./support/counts.ts"

declare module "vitest" {
  interface ProvidedContext {
    /** Path of the Python of the peers. */
    readonly python: string
    /** Where the KMS server, which serves DynamoDB too, is: `http://127.0.0.1:…`. */
    readonly kmsEndpoint: string
  }
}

const here = fileURLToPath(new URL(".", import.meta.url))
const venv = fileURLToPath(new URL("../../.venv", import.meta.url))
const requirements = join(here, "requirements.txt")

const stop = (line: string): never => {
  console.error(line)
  process.exit(1)
}

const needed = "test:peers needs python3, version 3.11 or newer, with venv and ensurepip"

/** Answers the standard output of a command, or `undefined` where it fails or is not there. */
const attempt = (command: string, ...args: ReadonlyArray<string>): string | undefined => {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim()
  } catch {
    return undefined
  }
}

/** The Python of the peers, which is made where it is missing or not what the requirements say. */
const prepare = (): string => {
  const version = attempt("python3", "-c", "import sys; print('.'.join(map(str, sys.version_info[:3])))")
  if (version === undefined) return stop(`${needed}: there is no python3. On Debian: apt-get install python3-venv`)
  const [major, minor] = version.split(".").map(Number) as [number, number]
  if (major !== 3 || minor < 11) return stop(`${needed}: python3 is version ${version}`)
  const python = join(venv, "bin", "python")
  const stamp = join(venv, "requirements.sha256")
  const wanted = createHash("sha256").update(version).update(readFileSync(requirements)).digest("hex")
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted && existsSync(python)) return python
  if (attempt("python3", "-c", "import venv, ensurepip") === undefined) {
    return stop(`${needed}: there is no venv or ensurepip. On Debian: apt-get install python3-venv`)
  }
  console.log("Installing the Python packages of the peers, once")
  try {
    execFileSync("python3", ["-m", "venv", "--clear", venv], { stdio: ["ignore", "ignore", "inherit"] })
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    execFileSync(python, [...pip, "--requirement", requirements], { stdio: ["ignore", "ignore", "inherit"] })
  } catch {
    return stop(`${needed}, and a package index: its packages could not be installed, for the reason above`)
  }
  writeFileSync(stamp, wanted)
  return python
}

export default async (project: TestProject) => {
  const python = prepare()
  if (attempt("redis-server", "--version") === undefined) {
    stop("test:peers needs redis-server: there is none. On Debian: apt-get install redis-server")
  }
  if (!existsSync("/usr/lib/postgresql")) {
    stop("test:peers needs Postgres: there is none. On Debian: apt-get install postgresql")
  }
  const server = spawn(python, ["-u", join(here, "kms_server.py")], { stdio: ["pipe", "pipe", "inherit"] })
  const ended = new Promise<void>((resolve) => server.once("close", () => resolve()))
  const port = await new Promise<number>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("the KMS server did not get ready in a minute")), 60_000)
    createInterface(server.stdout).once("line", (line) => {
      clearTimeout(late)
      resolve((JSON.parse(line) as { readonly port: number }).port)
    })
    void ended.then(() => reject(new Error("the KMS server ended before it was ready")))
  })
  project.provide("python", python)
  project.provide("kmsEndpoint", `http://127.0.0.1:${port}`)
  const folder = mkdtempSync(join(tmpdir(), "effect-encryption-sdk-peers-"))
  const crossings = join(folder, "crossings")
  writeFileSync(crossings, "")
  project.provide("crossings", crossings)
  return async () => {
    console.log(`\n${format(crossings)}`)
    rmSync(folder, { recursive: true })
    const kill = setTimeout(() => server.kill("SIGKILL"), 3_000)
    server.stdin.end()
    await ended
    clearTimeout(kill)
  }
}
