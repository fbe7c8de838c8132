/**
 * `npm run size`: what programs for the browser weigh, minified and gzipped, as the two common bundlers make them. Fails where
 * one is over its budget. What a program loads later, when it is needed, is counted apart.
 */
import { build } from "esbuild"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"
import { entries } from "./entries.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const source = "effect-encryption-sdk-source"
const external = /^(effect|@noble|@aws-sdk)(\/|$)/

interface Chunk {
  readonly name: string
  readonly code: string | Uint8Array
  readonly imports: ReadonlyArray<string>
  readonly isEntry: boolean
}

interface Size {
  readonly minified: number
  readonly gzipped: number
}

type Bundler = (file: string, own: boolean) => Promise<ReadonlyArray<Chunk>>

const bundlers: Readonly<Record<"rolldown" | "esbuild", Bundler>> = {
  rolldown: async (file, own) => {
    const bundle = await rolldown({
      input: file,
      platform: "browser",
      external: own ? external : [],
      resolve: { conditionNames: [source, "browser", "import", "default"] },
      logLevel: "silent",
      // As Vite has it for applications: what the entry and a later part share stays in the entry.
      preserveEntrySignatures: false
    })
    const { output } = await bundle.generate({ format: "esm", minify: true, comments: false })
    await bundle.close()
    return output.flatMap((chunk) =>
      chunk.type === "chunk"
        ? [{ name: chunk.fileName, code: chunk.code, imports: chunk.imports, isEntry: chunk.isEntry }]
        : []
    )
  },
  esbuild: async (file, own) => {
    const { metafile, outputFiles } = await build({
      entryPoints: [file],
      outdir: "/out",
      bundle: true,
      splitting: true,
      minify: true,
      legalComments: "none",
      format: "esm",
      platform: "browser",
      target: "es2023",
      conditions: [source],
      external: own ? ["effect/*", "@noble/*", "@aws-sdk/*"] : [],
      metafile: true,
      write: false,
      logLevel: "silent"
    })
    return outputFiles.map(({ contents, path }) => {
      const output = Object.entries(metafile.outputs).find(([name]) =>
        path.endsWith(name.replace(/^(\.\.\/)+/, "/"))
      )![1]
      return {
        name: path,
        code: contents,
        imports: output.imports.filter(({ kind }) => kind === "import-statement")
          .map(({ path }) => path.replace(/^(\.\.\/)*/, "/")),
        // A chunk that is loaded later is an entry point of the bundle too.
        isEntry: output.entryPoint?.endsWith("entry.js") === true
      }
    })
  }
}

const sum = (chunks: ReadonlyArray<Chunk>): Size => {
  let minified = 0
  let gzipped = 0
  for (const { code } of chunks) {
    minified += Buffer.byteLength(code)
    gzipped += gzipSync(code, { level: 9 }).length
  }
  return { minified, gzipped }
}

/** What is loaded with the entry, and what is not. */
const measure = (chunks: ReadonlyArray<Chunk>) => {
  const atOnce = new Set<Chunk>()
  const add = (chunk: Chunk | undefined) => {
    if (chunk === undefined || atOnce.has(chunk)) return
    atOnce.add(chunk)
    for (const name of chunk.imports) add(chunks.find((other) => other.name === name))
  }
  add(chunks.find(({ isEntry }) => isEntry))
  if (atOnce.size === 0) throw new Error("the bundle has no entry")
  return { atOnce: sum([...atOnce]), later: sum(chunks.filter((chunk) => !atOnce.has(chunk))) }
}

const kib = (bytes: number) => `${(bytes / 1024).toFixed(1)} KiB`
const cache = join(root, "node_modules/.cache")
mkdirSync(cache, { recursive: true })
const folder = mkdtempSync(join(cache, "size-"))
let over = 0
try {
  const file = join(folder, "entry.js")
  for (const { budget, ownBudget, text, title } of entries) {
    writeFileSync(file, text)
    console.log(`\n${title}`)
    for (const [name, bundle] of Object.entries(bundlers)) {
      const all = measure(await bundle(file, false))
      const own = measure(await bundle(file, true))
      const line = (what: string, { gzipped, minified }: Size, limit?: number) => {
        const verdict = limit === undefined
          ? ""
          : `, ${gzipped > limit ? "OVER the" : "within the"} budget of ${kib(limit)}`
        if (limit !== undefined && gzipped > limit) over++
        console.log(
          `  ${name.padEnd(9)} ${what.padEnd(22)} ${kib(gzipped).padStart(9)} (minified ${kib(minified)})${verdict}`
        )
      }
      line("everything", all.atOnce, budget)
      line("without other packages", own.atOnce, ownBudget[name as keyof typeof bundlers])
      line("later, when needed", all.later)
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(
  "\n\"later\": streams, their signatures, rotation, RSA, AES-192 and compressed points where WebCrypto lacks them, parts of the AWS SDK"
)
console.log(over === 0 ? "\nall within their budgets; sizes are those after gzip" : `\n${over} over budget`)
process.exitCode = over === 0 ? 0 : 1
