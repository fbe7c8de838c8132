/** `npm run bench -- NAME [--json]` runs a benchmark of this folder. */
import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"

const names = readdirSync(fileURLToPath(new URL(".", import.meta.url)))
  .map((file) => file.replace(/\.ts$/, ""))
  .filter((name) => name !== "run")

const [, , name, ...options] = process.argv
if (name === undefined || !names.includes(name) || options.some((option) => option !== "--json")) {
  console.error(`npm run bench -- NAME [--json], where NAME is one of: ${names.join(", ")}`)
  process.exit(1)
}
await import(`./${name}.ts`)
