/**
 * What a browser gets of each entry point: bundled for it, with everything that comes along, there is nothing of Node and
 * nothing of the AWS SDK in it.
 */
import { assert, describe, it } from "@effect/vitest"
import { build } from "esbuild"
import { readFileSync } from "node:fs"
import { builtinModules } from "node:module"
import { fileURLToPath } from "node:url"
import { parseSync } from "vite"
import manifest from "../../package.json" with { type: "json" }

const root = fileURLToPath(new URL("../..", import.meta.url))
const source = "effect-encryption-sdk-source"
const name = manifest.name

/** The entry points that have another runtime, and those that bring the AWS SDK. */
const forNode = ["./node", "./kms/development-only/server"]
const withAwsSdk = ["./kms/aws", "./hierarchical/dynamodb"]

const entries = Object.entries(manifest.exports).flatMap(([key, value]) =>
  key !== "./package.json" && value !== null && !forNode.includes(key) ? [key] : []
)

const nodeGlobals = new Set(["Buffer", "process", "global", "require", "__dirname", "__filename", "setImmediate"])
const builtin = new RegExp(`^(node:.*|${builtinModules.filter((name) => /^\w+$/.test(name)).join("|")})$`)

type Node = { readonly type: string } & Readonly<Record<string, unknown>>
const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"

/** The globals of Node that a module uses: identifiers that are neither members, nor keys, nor looked for by typeof. */
const usedGlobals = (path: string, text: string): ReadonlyArray<string> => {
  const found = new Set<string>()
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit)
    if (!isNode(value)) return
    if (value.type === "UnaryExpression" && value["operator"] === "typeof") return
    if (value.type === "Identifier" && nodeGlobals.has(String(value["name"]))) found.add(String(value["name"]))
    for (const [key, child] of Object.entries(value)) {
      const isName = (key === "property" || key === "key" || key === "imported" || key === "exported") &&
        value["computed"] !== true
      if (!isName) visit(child)
    }
  }
  visit(parseSync(path, text).program)
  return [...found]
}

/** Every module that the entry's bundle holds, before anything is left out of it, and what cannot be bundled. */
const bundle = async (contents: string) => {
  const { metafile } = await build({
    stdin: { contents, resolveDir: root, sourcefile: "entry.js" },
    bundle: true,
    format: "esm",
    platform: "browser",
    conditions: [source],
    // Named here, so that it is seen and named by the test instead of an error of the bundler.
    external: ["node:*", ...builtinModules],
    metafile: true,
    write: false,
    logLevel: "silent",
    treeShaking: true
  })
  const [output] = Object.values(metafile.outputs)
  const held = Object.entries(output!.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path)
  return {
    modules: Object.keys(metafile.inputs),
    held,
    outside: Object.values(metafile.inputs).flatMap(({ imports }) =>
      imports.filter(({ external }) => external === true).map(({ path }) => path)
    )
  }
}

const problems = async (contents: string) => {
  const { held, modules, outside } = await bundle(contents)
  return [
    ...outside.filter((path) => builtin.test(path)),
    ...modules.filter((path) => /node_modules\/(@aws-sdk|@aws-crypto|@smithy|buffer)\//.test(path)),
    ...held.filter((path) => path.endsWith(".ts") && !path.includes("node_modules")).flatMap((path) =>
      usedGlobals(path, readFileSync(`${root}/${path}`, "utf8")).map((global) => `${path}: ${global}`)
    )
  ]
}

describe("the check", () => {
  it("finds what is of Node, and the AWS SDK", async () => {
    assert.includeMembers(await problems(`export * from "${name}/node"`), ["node:crypto"])
    assert.isNotEmpty(await problems(`export * from "${name}/kms/aws"`))
    assert.deepStrictEqual(await problems(`import "fs"`), ["fs"])
    assert.deepStrictEqual(
      usedGlobals("x.ts", "const b = Buffer.from([]); x.Buffer; typeof process; ({ process: 1 })"),
      [
        "Buffer"
      ]
    )
  })
})

describe("bundled for a browser", () => {
  for (const key of entries) {
    const specifier = key.replace(".", name)
    it(specifier, async () => {
      const found = await problems(`export * from "${specifier}"`)
      // Of the entry point for the AWS SDK it holds as well that nothing of Node is asked for.
      const relevant = withAwsSdk.includes(key) ? found.filter((path) => !path.includes("node_modules/")) : found
      assert.deepStrictEqual(relevant, [])
    })
  }

  it("the entry points are all but those for Node", () => {
    assert.includeMembers(entries, [".", "./caching", "./crypto", "./kms", "./message", "./raw", "./web"])
  })
})
