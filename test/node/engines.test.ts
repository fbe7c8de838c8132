/** The oldest engines that the package names: nothing of it needs what came later. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { build, type BuildOptions } from "esbuild"
import { execFile } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { oldestBrowsers } from "../support/oldestBrowsers.ts"

const fixtures = fileURLToPath(new URL("fixtures/", import.meta.url))

const { Chromium, Firefox, Safari } = oldestBrowsers
const browsers = [`chrome${Chromium}`, `firefox${Firefox}`, `safari${Safari}`]

/** The Node that runs npm, which may be older than the one that runs the tests. */
const system = process.env["npm_node_execpath"] ?? process.execPath

const options = {
  bundle: true,
  format: "esm",
  platform: "node",
  conditions: ["effect-encryption-sdk-source"],
  tsconfigRaw: {}
} satisfies BuildOptions

const bundleFor = async (target: string | Array<string>): Promise<string> => {
  const { outputFiles } = await build({
    ...options,
    entryPoints: [join(fixtures, "roundTrips.ts")],
    target,
    // The layer for Node is in it too. And esbuild does not say which property escapes these browsers lack: none of those here.
    supported: { "node-colon-prefix-import": true, "regexp-unicode-property-escapes": true },
    write: false
  })
  return outputFiles[0]!.text
}

let temporary: string

beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), "effect-encryption-sdk-"))
  await build({
    ...options,
    entryPoints: ["olderEngine.ts", "roundTrips.ts"].map((name) => join(fixtures, name)),
    outdir: temporary,
    outExtension: { ".js": ".mjs" }
  })
})

afterAll(() => rm(temporary, { recursive: true, force: true }))

/** The lines that the round trips wrote, and why they ended where they failed. */
const roundTrips = (node: string, args: ReadonlyArray<string>): Promise<ReadonlyArray<string>> =>
  new Promise((resolve) =>
    execFile(node, [...args, join(temporary, "roundTrips.mjs")], { timeout: 60_000 }, (error, stdout, stderr) => {
      resolve([...stdout.trimEnd().split("\n"), ...error === null ? [] : [stderr]])
    })
  )

const expected = ["node", "web"].flatMap((layer) => [
  `${layer}: plaintext is a view of a buffer that was transferred`,
  ...["unsigned", "signed"].flatMap((kind) =>
    ["0 bytes", "2048 bytes", "1048576 bytes", "stream"].map((what) => `${layer}, ${kind}, ${what}: same`)
  )
])

describe("the oldest engines", () => {
  it("have all that both layers and streams use", async () => {
    assert.deepStrictEqual(
      await roundTrips(process.execPath, ["--import", join(temporary, "olderEngine.mjs")]),
      expected
    )
  })

  it("include the Node that runs npm", async () => {
    assert.deepStrictEqual(await roundTrips(system, []), expected)
  })

  it("read the syntax of all of it, as it is", async () => {
    assert.strictEqual(await bundleFor(browsers), await bundleFor("esnext"))
  })
})
