import { Effect } from "effect"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

/** How a program ended, and what it wrote. */
export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** What is done with a program while it runs. Gets all that it wrote so far, each time that it writes. */
export interface Watch {
  readonly onStdout?: (text: string, kill: (signal: NodeJS.Signals) => void) => void
  readonly onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void
}

/**
 * Runs a TypeScript file of the repository in a process of its own, on the sources, until it ends by itself. One that is
 * still there after `timeout` milliseconds is killed, and ends with the status `null`.
 */
export const run = (
  file: string,
  args: ReadonlyArray<string> = [],
  { environment = {}, onStderr, onStdout, timeout = 100_000 }: Watch & {
    readonly timeout?: number
    readonly environment?: Readonly<Record<string, string>>
  } = {}
): Effect.Effect<Ended> =>
  Effect.callback<Ended>((resume) => {
    const root = new URL("../../", import.meta.url)
    const child = spawn(
      process.execPath,
      ["--conditions=effect-encryption-sdk-source", fileURLToPath(new URL(file, root)), ...args],
      // A terminal's variables would change how programs write.
      {
        cwd: root,
        env: { PATH: process.env["PATH"], ...environment },
        stdio: ["ignore", "pipe", "pipe"],
        timeout,
        killSignal: "SIGKILL"
      }
    )
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
      onStdout?.(stdout, (signal) => child.kill(signal))
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text
      onStderr?.(stderr, (signal) => child.kill(signal))
    })
    child.once("error", (error) => resume(Effect.die(error)))
    child.once(
      "close",
      (status) => resume(Effect.succeed({ status, stdout, stderr }))
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** The last line that is not empty. */
export const lastLine = (text: string): string => text.trimEnd().split("\n").at(-1) ?? ""
