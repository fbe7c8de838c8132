/** Runs a script of this folder in a process of its own, for what only a fresh process shows. */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"

/** What the script prints, trimmed. */
export const run = (
  script: string,
  args: ReadonlyArray<string | number>,
  execArgv: ReadonlyArray<string> = []
): string =>
  execFileSync(
    process.execPath,
    [
      "--conditions=effect-encryption-sdk-source",
      ...execArgv,
      fileURLToPath(new URL(script, import.meta.url)),
      ...args.map(String)
    ],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }
  ).trim()
