/**
 * `npm run trace`: the way of one small message through the sources. Every function of `src` logs that it is entered; the third
 * repetition of each operation is counted (100 bytes, suite 0x0478, a raw AES keyring, one frame, one pair of context).
 *
 * `npm run trace -- --path [TEXT]` prints the files of each operation whose name has the text in it, in their order, as well.
 * `--src FOLDER` traces the sources of another checkout. A move is one time that control comes to a file from another; stations
 * are the files but for helpers that any file calls, and a return comes back to a station where control has been before.
 */
import Table from "cli-table3"
import { readFileSync } from "node:fs"
import { registerHooks } from "node:module"
import { join, relative, resolve } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { parseArgs } from "node:util"
import { hook, instrument, type Instrumented } from "./trace/instrument.ts"
import { type EntryPoints, make } from "./trace/operations.ts"
import { type Route, route } from "./trace/route.ts"

const { positionals: [text = ""], values: { path, src } } = parseArgs({
  allowPositionals: true,
  options: {
    path: { type: "boolean", default: false },
    src: { type: "string", default: fileURLToPath(new URL("../../src", import.meta.url)) }
  }
})

const folder = resolve(src)
const functions: Array<Instrumented> = []
let entered: Array<Instrumented> = []
Object.assign(globalThis, { [hook]: (index: number) => entered.push(functions[index]!) })

registerHooks({
  // One copy of the packages serves the sources and this program, whatever checkout the sources are from.
  resolve: (specifier, context, next) =>
    /^(effect|@noble)\//.test(specifier)
      ? next(specifier, { ...context, parentURL: import.meta.url })
      : next(specifier, context),
  load: (url, context, next) => {
    const loaded = next(url, context)
    const file = url.startsWith("file:") ? relative(folder, fileURLToPath(url)).replaceAll("\\", "/") : ".."
    if (file.startsWith("..")) return loaded
    return { ...loaded, source: instrument(file, readFileSync(fileURLToPath(url), "utf8"), functions) }
  }
})

const load = async <Key extends keyof EntryPoints>(entry: string): Promise<EntryPoints[Key]> =>
  await import(pathToFileURL(join(folder, entry, "index.ts")).href)

const operations = await make({
  sdk: await load<"sdk">("."),
  caching: await load<"caching">("caching"),
  node: await load<"node">("node"),
  raw: await load<"raw">("raw")
})

const routes: Array<readonly [string, Route]> = []
for (const { name, run } of operations) {
  for (let repetition = 1; repetition <= 3; repetition++) {
    entered = []
    await run()
  }
  routes.push([name, route(entered)])
}

const table = new Table({
  head: ["operation", "functions", "files", "moves", "stations", "moves between", "returns"],
  colAligns: ["left", "right", "right", "right", "right", "right", "right"],
  style: { head: [], border: [], compact: true }
})
for (const [name, { files, functions, moves, returns, stationMoves, stations }] of routes) {
  table.push([name, functions, files, moves, stations, stationMoves, returns])
}
console.log(table.toString())
if (path) {
  for (const [name, { path }] of routes) {
    if (name.includes(text)) console.log(`\n${name}\n${path.map((file) => file.replace(/\.ts$/, "")).join(" → ")}`)
  }
}
// The cache's timers are still open.
process.exit(0)
