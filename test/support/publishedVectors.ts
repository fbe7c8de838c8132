/**
 * Published data of other implementations. They are no part of this repository, but of a folder beside it, `../shared/vectors`:
 * tests that read them are skipped where it is not, and say so.
 */
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const fileOf = (name: string): string => fileURLToPath(new URL(`../../../shared/vectors/${name}`, import.meta.url))

/** The contents of a file of that folder; undefined where it is not. */
export const readVectors = (name: string): unknown => {
  const file = fileOf(name)
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined
}

/** A title, with the reason for which tests of these vectors are skipped, where they are. */
export const titleOf = (title: string, vectors: unknown): string =>
  vectors === undefined ? `${title} (skipped: there is no ../shared/vectors)` : title
