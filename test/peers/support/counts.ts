/**
 * The messages that have crossed between us and a peer, by keyring, and the branch keys that were made on one side and used on the
 * other. The workers of a run write to one file, and its end prints it.
 */
import { appendFileSync, readFileSync } from "node:fs"
import { inject } from "vitest"

declare module "vitest" {
  interface ProvidedContext {
    /** Path of the file. */
    readonly crossings: string
  }
}

/** Counts one message, or one branch key, that was read on the other side, and compared. */
export const count = (keyring: string, direction: "read" | "written"): void =>
  appendFileSync(inject("crossings"), `${keyring} ${direction}\n`)

/** A table of all messages of a file, by keyring. */
export const format = (path: string): string => {
  const lines = readFileSync(path, "utf8").split("\n").filter((line) => line !== "")
  const keyrings = [...new Set(lines.map((line) => line.slice(0, line.lastIndexOf(" "))))].toSorted()
  const of = (keyring: string, direction: string) => lines.filter((line) => line === `${keyring} ${direction}`).length
  const row = (name: string, ...cells: ReadonlyArray<string | number>) =>
    [name.padEnd(32), ...cells.map((cell) => String(cell).padStart(18))].join("")
  return [
    row("messages by keyring", "of peers, read", "ours, read there"),
    ...keyrings.map((keyring) => row(keyring, of(keyring, "read"), of(keyring, "written")))
  ].join("\n")
}
