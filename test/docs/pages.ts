import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** The repository's root, with a slash at its end. */
export const root = fileURLToPath(new URL("../../", import.meta.url))

/** The README, and every page below docs, by their paths from the root. */
export const pages: ReadonlyArray<string> = [
  "README.md",
  ...readdirSync(`${root}docs`, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".md"))
    .map((path) => `docs/${path.replaceAll("\\", "/")}`)
]

export const read = (path: string): string => readFileSync(`${root}${path}`, "utf8")

/** A page without its fenced blocks, in which nothing is a link or a heading. */
export const prose = (page: string): string => read(page).replaceAll(/^```.*\n[\s\S]*?^```$/gm, "")
