/**
 * `npm run check:api`: the public names and their signatures must be those of `docs/api.md`. Prints the number of names of
 * each entry point, and the differences.
 *
 * `npm run check:api -- --update` writes the file.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, posix } from "node:path"
import manifest from "../../package.json" with { type: "json" }
import * as ApiReport from "./apiReport.ts"
import * as Declarations from "./declarations.ts"
import { root } from "./syntax.ts"

const page = "docs/api.md"

/** Runs a program of `node_modules` and returns its output. Ends this one with what it said where it fails. */
const run = (program: string, args: ReadonlyArray<string>, input = ""): string => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [join(root, "node_modules", program), ...args], {
    cwd: root,
    encoding: "utf8",
    input
  })
  if (status === 0) return stdout
  console.error(`${program} failed\n${stdout}${stderr}`)
  process.exit(1)
}

/** Formats each text as the house's sources are formatted. One run formats all: a start takes longer than the rest. */
const format = (texts: ReadonlyArray<string>): ReadonlyArray<string> => {
  const mark = "// next"
  const formatted = run("dprint/bin.cjs", ["fmt", "--stdin", "api.ts"], texts.join(`\n${mark}\n`))
  return formatted.split(`${mark}\n`).map((text) => text.trim().replaceAll(/^declare /gm, ""))
}

const block = (text: string): string => `\`\`\`mts\n${text}\n\`\`\`\n`

const render = ({ entryPoints, unnamed }: ApiReport.Report): string => {
  const texts = [
    ...entryPoints.flatMap(({ sections }) => sections.map(({ declarations }) => declarations.join("\n"))),
    ...unnamed.map(({ declarations }) => declarations.join("\n"))
  ]
  const formatted = format(texts).values()
  const next = () => block(formatted.next().value!)
  const total = entryPoints.reduce((sum, { count }) => sum + count, 0)
  return [
    "# API report\n",
    "Every public name with its signature, as the built declarations have it. `npm run check:api -- --update` writes this",
    "page, and `npm run check` compares: a change of the public surface is a change of this file.\n",
    "| entry point | names |",
    "| --- | --- |",
    ...entryPoints.map(({ count, specifier }) => `| \`${specifier}\` | ${count} |`),
    `| all | ${total} |\n`,
    ...entryPoints.flatMap(({ sections, specifier }) => [
      `## \`${specifier}\`\n`,
      ...sections.flatMap(({ declarations, title }) => {
        const text = next()
        return [...title === "" ? [] : [`### \`${title}\`\n`], ...declarations.length === 0 ? [] : [text]]
      })
    ]),
    "## Without a name\n",
    "Declarations that signatures above refer to, and that no entry point exports, by their modules.\n",
    ...unnamed.flatMap(({ module }) => [`### Module \`${module}\`\n`, next()])
  ].join("\n")
}

const entries = (folder: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(manifest.exports).flatMap(([key, value]) =>
      typeof value === "object" && value !== null
        ? [[posix.join(manifest.name, key), posix.join(folder, value.types.replace(/^\.\/dist\//, ""))]]
        : []
    )
  )

const report = (): { readonly report: ApiReport.Report; readonly text: string } => {
  const folder = mkdtempSync(join(tmpdir(), "effect-encryption-sdk-api-"))
  try {
    const flags = ["--emitDeclarationOnly", "--declarationMap", "false", "--sourceMap", "false"]
    run("typescript/bin/tsc", ["-p", "src", "--outDir", folder, ...flags])
    const declarations = Declarations.make((path) => readFileSync(path, "utf8"))
    const report = ApiReport.make(declarations, entries(folder))
    return { report, text: run("dprint/bin.cjs", ["fmt", "--stdin", page], render(report)) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const main = (args: ReadonlyArray<string>): void => {
  const { report: { entryPoints }, text } = report()
  for (const { count, specifier } of entryPoints) console.log(`${String(count).padStart(5)}  ${specifier}`)
  console.log(`${String(entryPoints.reduce((sum, { count }) => sum + count, 0)).padStart(5)}  names`)
  const path = join(root, page)
  if (args.includes("--update")) return writeFileSync(path, text)
  if (existsSync(path) && readFileSync(path, "utf8") === text) return
  const { stdout } = spawnSync("git", ["diff", "--no-index", "--unified=1", "--", page, "-"], {
    cwd: root,
    encoding: "utf8",
    input: text
  })
  console.error(
    `${stdout}\n${page} differs from the declarations: read the changes, then npm run check:api -- --update`
  )
  process.exitCode = 1
}

if (import.meta.main) main(process.argv.slice(2))
