/**
 * Every example of the documentation is run, and every page shows it as it is. DOCS_UPDATE=1 writes the output and the
 * pages instead.
 */
import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { readdirSync, writeFileSync } from "node:fs"
import { relative, resolve } from "node:path"
import { promisify } from "node:util"
import { pages, read, root } from "./pages.ts"

const update = process.env["DOCS_UPDATE"] === "1"

const examples = readdirSync(`${root}docs/examples`).filter((name) => name.endsWith(".ts"))

/** A program, and the lines that it prints, which stand behind it as comments. */
const split = (source: string) => {
  const trailing = /(?:^|\n)((?:\/\/.*\n)*)$/.exec(source)![1]!
  return {
    program: source.slice(0, source.length - trailing.length).trimEnd(),
    output: trailing.replaceAll(/^\/\/ ?/gm, "")
  }
}

const comment = (output: string): string => output.replaceAll(/^(?=.)/gm, "// ").replaceAll(/^$\n/gm, "//\n")

/** What a page includes: the path of the file from the root, and the text that the page shows. */
const includes = (page: string) =>
  [...read(page).matchAll(/^<!-- include: (\S+) -->\n+```ts\n([\s\S]*?)^```$/gm)].map(([, path, shown]) => ({
    path: relative(root, resolve(root, "docs", path!)),
    shown
  }))

const withIncludes = (page: string): string =>
  read(page).replaceAll(
    /^(<!-- include: (\S+) -->\n+```ts\n)[\s\S]*?^```$/gm,
    (_, opening: string, path: string) => `${opening}${read(relative(root, resolve(root, "docs", path)))}\`\`\``
  )

describe("examples", () => {
  it("there are some", () => {
    assert.isAbove(examples.length, 0)
  })

  for (const name of examples) {
    it(`${name} prints what it says`, async () => {
      const path = `docs/examples/${name}`
      const { output, program } = split(read(path))
      const { stderr, stdout } = await promisify(execFile)(
        process.execPath,
        ["--conditions=effect-encryption-sdk-source", path],
        { cwd: root, env: { PATH: process.env["PATH"] } }
      )
      assert.strictEqual(stderr, "")
      if (update) writeFileSync(`${root}${path}`, `${program}\n\n${comment(stdout)}`)
      else assert.strictEqual(output, stdout)
    })

    it(`${name} is on a page`, () => {
      assert.isTrue(pages.some((page) => read(page).includes(`examples/${name}`)))
    })
  }
})

describe("pages", () => {
  for (const page of pages) {
    it(`${page} shows files as they are`, () => {
      if (update) writeFileSync(`${root}${page}`, withIncludes(page))
      for (const { path, shown } of includes(page)) assert.strictEqual(shown, read(path), path)
    })

    it(`${page} has no program that is not run`, () => {
      const blocks = read(page).match(/^```(?:ts|js|typescript|javascript)\b/gm) ?? []
      assert.strictEqual(includes(page).length, blocks.length)
    })
  }
})
