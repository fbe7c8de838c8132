/**
 * Whatever a page of the documentation points at is there: files, headings, tests by their titles, scripts, errors.
 */
import { assert, describe, it } from "@effect/vitest"
import { KeyringError } from "effect-encryption-sdk"
import { existsSync } from "node:fs"
import { posix } from "node:path"
import manifest from "../../package.json" with { type: "json" }
import { pages, prose, read, root } from "./pages.ts"

interface Link {
  readonly text: string
  readonly target: string
}

const links = (page: string): ReadonlyArray<Link> =>
  [...prose(page).matchAll(/\[((?:[^\]`]|`[^`]*`)*)\]\(([^)\s]+)\)/g)].map(([, text, target]) => ({
    text: text!,
    target: target!
  }))

/** The anchors of a page's headings, as GitHub makes them. */
const anchors = (page: string): ReadonlySet<string> => {
  const seen = new Map<string, number>()
  return new Set([...prose(page).matchAll(/^#+ +(.*)$/gm)].map(([, heading]) => {
    const slug = heading!.trim().toLowerCase().replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, "").replaceAll(" ", "-")
    const count = seen.get(slug) ?? 0
    seen.set(slug, count + 1)
    return count === 0 ? slug : `${slug}-${count}`
  }))
}

for (const page of pages) {
  describe(page, () => {
    for (const { target, text } of links(page)) {
      if (/^[a-z]+:/.test(target)) continue
      const [path, anchor] = target.split("#") as [string, string | undefined]
      const file = path === "" ? page : posix.join(posix.dirname(page), path)
      it(`[${text}](${target})`, () => {
        assert.isTrue(existsSync(`${root}${file}`), `${file} is there`)
        if (anchor !== undefined) assert.include([...anchors(file)], anchor)
        // A test is quoted by its title.
        if (file.endsWith(".test.ts") && text.startsWith("`")) assert.include(read(file), text.slice(1, -1))
      })
    }

    it("links of the kind [text][label] are not used", () => {
      assert.notMatch(prose(page), /\]\[/)
    })

    it("npm scripts are there", () => {
      for (const [, script] of read(page).matchAll(/npm run ([\w:-]+)/g)) assert.property(manifest.scripts, script!)
    })
  })
}

const entryPoints = Object.keys(manifest.exports).filter((name) => !/package\.json|internal/.test(name))

/** The error classes that an entry point exports, by their names; those of its namespaces too. */
const errorNames = (module: Readonly<Record<string, unknown>>): ReadonlyArray<string> =>
  Object.entries(module).flatMap(([name, value]) => {
    if (typeof value === "function") return value.prototype instanceof Error ? [name] : []
    return typeof value === "object" && value !== null && Object.prototype.toString.call(value) === "[object Module]"
      ? errorNames(value as Readonly<Record<string, unknown>>)
      : []
  })

describe("the page on errors", () => {
  // Those of `testing` are failed assertions, of which a test dies.
  for (const name of entryPoints.filter((name) => name !== "./testing")) {
    it(`names every error of ${name}`, async () => {
      const names = errorNames(await import(/* @vite-ignore */ posix.join(manifest.name, name)))
      for (const error of names) assert.include(read("docs/errors.md"), `\`${error}\``)
    })
  }

  it("names every failure of a key provider", () => {
    for (const failure of KeyringError.ProviderFailure.literals) {
      assert.include(read("docs/errors.md"), `| \`${failure}\``)
    }
  })

  it("names the errors of several entry points", async () => {
    assert.includeMembers([...errorNames(await import("effect-encryption-sdk"))], ["DecryptError", "DataKeyNotWrapped"])
  })
})

describe("the README", () => {
  for (const name of entryPoints) {
    it(`names the entry point ${name}`, () => {
      assert.include(read("README.md"), `\`${posix.join(manifest.name, name)}\``)
    })
  }

  it("links every guide", () => {
    for (const page of pages.filter((page) => /^docs\/[^/]+\.md$/.test(page))) {
      assert.include(read("README.md"), `](${page})`)
    }
  })
})
