/**
 * The package as its users get it: built, packed, installed in an empty folder, imported and type-checked there.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { cp, glob, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import manifest from "../../package.json" with { type: "json" }

const root = fileURLToPath(new URL("../..", import.meta.url))
const name = manifest.name
const specifiers = Object.entries(manifest.exports)
  .filter(([key, value]) => key !== "./package.json" && value !== null)
  .map(([key]) => key.replace(".", name))

/** The entry points that need a client of the AWS SDK, and the client. */
const needsAwsSdk: Readonly<Record<string, string>> = {
  [`${name}/hierarchical/dynamodb`]: "@aws-sdk/client-dynamodb",
  [`${name}/kms/aws`]: "@aws-sdk/client-kms"
}

let temporary: string
let copy: string
let user: string
let withoutAwsSdk: Readonly<Record<string, number | string>>

/** Runs a command to its end. An `npm run` above must not tell an npm below what to do. */
const run = (folder: string, command: string, args: ReadonlyArray<string>): Promise<string> => {
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^npm_(?!config_cache$)/i.test(key)))
  return new Promise((resolve, reject) =>
    execFile(
      command,
      args,
      { cwd: folder, env, timeout: 120_000 },
      (error, stdout, stderr) =>
        error === null ? resolve(stdout) : reject(new Error(`${error.message}\n${stdout}${stderr}`))
    )
  )
}

/** What is missing is missed in the package. */
const isThere = (path: string) => existsSync(join(root, path))

const list = async (folder: string, pattern: string) => {
  const paths: Array<string> = []
  for await (const path of glob(pattern, { cwd: folder })) paths.push(path.replaceAll("\\", "/"))
  return paths.toSorted()
}

/** Makes a package of the repository available to programs in a folder, as an installation would. */
const link = async (folder: string, peer: string) => {
  const path = join(folder, "node_modules", peer)
  await mkdir(dirname(path), { recursive: true })
  await symlink(join(root, "node_modules", peer), path, "dir")
}

/** What each specifier gives to a program of the user: the number of its exports, or why there are none. */
const importAll = async (specifiers: ReadonlyArray<string>): Promise<Record<string, number | string>> => {
  const program = `
    const found = {}
    for (const specifier of ${JSON.stringify(specifiers)}) {
      found[specifier] = await import(specifier).then(
        (module) => Object.keys(module).length,
        (error) => error.code + " " + error.message
      )
    }
    console.log(JSON.stringify(found))`
  return JSON.parse(await run(user, process.execPath, ["--input-type=module", "--eval", program]))
}

beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), "effect-encryption-sdk-"))
  const packed = join(temporary, "packed")
  copy = join(temporary, "copy")
  user = join(temporary, "user")
  // Packing a copy leaves this folder's dist alone, where another build may be at work.
  for (const path of ["package.json", "tsconfig.json", "src", "README.md", "LICENSE"].filter(isThere)) {
    await cp(join(root, path), join(copy, path), { recursive: true })
  }
  await symlink(join(root, "node_modules"), join(copy, "node_modules"), "dir")
  await mkdir(packed)
  await mkdir(user)
  await run(copy, "npm", ["pack", "--pack-destination", packed])
  const [tarball] = await list(packed, "*.tgz")
  assert(tarball !== undefined)
  await writeFile(join(user, "package.json"), JSON.stringify({ private: true, type: "module" }))
  // The peers are linked below, from what the repository has installed.
  const flags = ["--prefer-offline", "--ignore-scripts", "--legacy-peer-deps"]
  await run(user, "npm", ["install", ...flags, join(packed, tarball)])
  await link(user, "effect")
  withoutAwsSdk = await importAll(specifiers)
  for (const client of Object.values(needsAwsSdk)) await link(user, client)
}, 240_000)

afterAll(() => rm(temporary, { recursive: true, force: true }))

describe("the packed package", () => {
  it("holds the sources and what was built from them", async () => {
    const folder = join(user, "node_modules", name)
    const modules = (await list(join(copy, "src"), "**/*.ts")).map((path) => path.replace(/\.ts$/, ""))
    const expected = modules.flatMap((path) => [
      `dist/${path}.d.ts`,
      `dist/${path}.d.ts.map`,
      `dist/${path}.js`,
      `dist/${path}.js.map`,
      `src/${path}.ts`
    ])
    const files = await list(folder, "**/*.*")
    assert.isAbove(modules.length, 0)
    assert.deepStrictEqual(files, [...expected, "README.md", "package.json"].toSorted())
    assert.include(await readFile(join(folder, "LICENSE"), "utf8"), "MIT License")
  })

  it("has exports at every entry point, and two of them need the AWS SDK", async () => {
    assert.deepStrictEqual(Object.keys(withoutAwsSdk), specifiers)
    for (
      const [specifier, found] of Object.entries({ ...withoutAwsSdk, ...await importAll(Object.keys(needsAwsSdk)) })
    ) {
      assert.isAbove(Number(found), 0, `${specifier}: ${found}`)
    }
    for (const [specifier, client] of Object.entries(needsAwsSdk)) {
      assert.match(String(withoutAwsSdk[specifier]), /^ERR_MODULE_NOT_FOUND /)
      assert.include(String(withoutAwsSdk[specifier]), `'${client}'`)
    }
  })

  it("keeps everything else closed", async () => {
    const closed = [
      "internal/bytes.js",
      "internal/bytes",
      "dist/internal/bytes.js",
      "dist/index.js",
      "DataKey",
      "src/index.ts"
    ]
    for (const [specifier, found] of Object.entries(await importAll(closed.map((path) => `${name}/${path}`)))) {
      assert.match(String(found), /^ERR_PACKAGE_PATH_NOT_EXPORTED /, specifier)
    }
  })

  const typeCheck = async (title: string, entries: ReadonlyArray<string>, options: object) => {
    const folder = join(user, title)
    await mkdir(folder, { recursive: true })
    const lines = entries.map((specifier, index) => `export * as entry${index} from "${specifier}"\n`)
    await writeFile(join(folder, "all.ts"), lines.join(""))
    // No skipLibCheck: with it, an error in the package's own declarations would pass for `any`.
    const compilerOptions = {
      target: "ES2023",
      lib: ["ES2024", "DOM", "DOM.AsyncIterable"],
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      ...options
    }
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["all.ts"] }))
    await run(folder, process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "."])
  }

  for (
    const options of [
      { module: "NodeNext", moduleResolution: "NodeNext" },
      { module: "ESNext", moduleResolution: "Bundler" }
    ]
  ) {
    const { moduleResolution } = options
    it(`type-checks under ${moduleResolution}`, async () => {
      await link(join(user, moduleResolution), "@types/node")
      await typeCheck(moduleResolution, specifiers, { ...options, types: ["node"] })
    })

    it(`type-checks under ${moduleResolution} without Node's types where neither the AWS SDK nor Node is used`, async () => {
      // Streams of Node are among the types of the entry for Node.
      const entries = specifiers.filter((specifier) =>
        !Object.hasOwn(needsAwsSdk, specifier) && specifier !== `${name}/node`
      )
      await typeCheck(`${moduleResolution}-plain`, entries, { ...options, types: [] })
    })
  }
})
