/** Cold start: how long a fresh process takes to import what caches data keys over a raw keyring; and how much there is to load. */
import { build } from "esbuild"
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { rolldown } from "rolldown"
import { type Benchmark, counted, type Result } from "../support/benchmark.ts"
import { inPairs, type Mode, type Rounds } from "../support/measure.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))

const ours = `import { EncryptionSdk } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
globalThis.used = [EncryptionSdk.layer, CachingCmm.layer, LocalCache.layer, NodePrimitives.layer, RawAesKeyring.layer,
  Effect.runPromise, Effect.provide, Layer.provide, Redacted.make]
`

/** The same parts of the peer, without its key management over the network. */
const peerParts = `import { NodeCachingMaterialsManager, getLocalCryptographicMaterialsCache }
  from "@aws-crypto/caching-materials-manager-node"
import { buildDecrypt } from "@aws-crypto/decrypt-node"
import { buildEncrypt } from "@aws-crypto/encrypt-node"
import { RawAesKeyringNode } from "@aws-crypto/raw-aes-keyring-node"
globalThis.used = [buildDecrypt, buildEncrypt, NodeCachingMaterialsManager, getLocalCryptographicMaterialsCache,
  RawAesKeyringNode]
`

/** The peer as its guide imports it: the one package there is for Node. */
const peerPackage =
  `import { buildClient, getLocalCryptographicMaterialsCache, NodeCachingMaterialsManager, RawAesKeyringNode }
  from "@aws-crypto/client-node"
globalThis.used = [buildClient, NodeCachingMaterialsManager, getLocalCryptographicMaterialsCache, RawAesKeyringNode]
`

/** Imports a file in a fresh process and answers nanoseconds, without those that the process takes by itself. */
const timed = (file: string): number => {
  const program = `const started = performance.now()
    await import(${JSON.stringify(file)})
    console.log(performance.now() - started)
    process.exit(0)`
  return 1e6 * Number(execFileSync(process.execPath, ["--input-type=module", "--eval", program], { encoding: "utf8" }))
}

const alternately = (files: { readonly ours: string; readonly peer: string }, mode: Mode): Promise<Rounds> => {
  const rounds = mode.smoke ? 1 : mode.quick ? 5 : 31
  const plan = { isMirrored: false, dropped: mode.smoke ? 0 : 1, time: 0, rounds: [rounds, rounds] } as const
  return inPairs(files, (file) => async () => timed(file), plan, mode)
}

type Bundler = (from: string, to: string) => Promise<unknown>

const bundlers: Readonly<Record<"esbuild" | "rolldown", Bundler>> = {
  esbuild: (from, to) =>
    build({
      entryPoints: [from],
      outfile: to,
      bundle: true,
      minify: true,
      format: "esm",
      platform: "node",
      target: "node22",
      // Packages in CommonJS call for node's own by require.
      banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);` },
      // That of the repository makes sources of the package's name.
      tsconfigRaw: {},
      logLevel: "silent"
    }),
  rolldown: async (from, to) => {
    const bundle = await rolldown({ input: from, platform: "node", logLevel: "silent" })
    await bundle.write({ file: to, format: "esm", minify: true, codeSplitting: false })
    await bundle.close()
  }
}

/** Bytes of all files of a package and of the packages that it needs, as an installation has them. */
const installed = (names: ReadonlyArray<string>): number => {
  const seen = new Set<string>()
  const add = (name: string): number => {
    const folder = name === "effect-encryption-sdk" ? root : join(root, "node_modules", name)
    if (seen.has(name)) return 0
    seen.add(name)
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
    const own = name === "effect-encryption-sdk" ? 0 : sizeOf(folder)
    return Object.keys(manifest.dependencies ?? {}).reduce((sum, dependency) => sum + add(dependency), own)
  }
  return names.reduce((sum, name) => sum + add(name), 0)
}

const sizeOf = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .reduce((sum, entry) => entry.isFile() ? sum + statSync(join(entry.parentPath, entry.name)).size : sum, 0)

/** Builds the package beside the repository's own, so that fresh processes load what users load. */
const withPackage = async <A>(use: (folder: string) => Promise<A>): Promise<A> => {
  const cache = join(root, "node_modules/.cache")
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, "bench-"))
  try {
    const own = join(folder, "node_modules/effect-encryption-sdk")
    mkdirSync(own, { recursive: true })
    // A package of its own: otherwise the name of the repository's package would mean itself.
    writeFileSync(join(folder, "package.json"), `{ "type": "module" }`)
    cpSync(join(root, "package.json"), join(own, "package.json"))
    execFileSync(process.execPath, [
      join(root, "node_modules/typescript/bin/tsc"),
      "-p",
      join(root, "src"),
      "--outDir",
      join(own, "dist")
    ])
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const sizes = (folder: string): ReadonlyArray<Result> => {
  const own = sizeOf(join(folder, "node_modules/effect-encryption-sdk")) + sizeOf(join(root, "src"))
  const peer = installed(["@aws-crypto/client-node"])
  return [
    {
      case: "size, installed, with effect",
      unit: "bytes",
      rounds: counted({ ours: own + installed(["effect-encryption-sdk", "effect"]), peer })
    },
    {
      case: "size, installed, without effect",
      unit: "bytes",
      rounds: counted({ ours: own + installed(["effect-encryption-sdk"]), peer })
    }
  ]
}

/** Minifies both, and measures what that gives. */
const minified = async (
  bundler: keyof typeof bundlers,
  from: { readonly ours: string; readonly peer: string },
  what: string,
  mode: Mode
): Promise<ReadonlyArray<Result>> => {
  const [ours, peer] = [from.ours, from.peer].map((file) => file.replace(/mjs$/, `${bundler}.mjs`)) as [string, string]
  await bundlers[bundler](from.ours, ours)
  await bundlers[bundler](from.peer, peer)
  const name = `minified by ${bundler}, the peer's ${what}`
  return [
    { case: `import, ${name}`, unit: "ns", rounds: await alternately({ ours, peer }, mode) },
    {
      case: `size, ${name}`,
      unit: "bytes",
      rounds: counted({ ours: statSync(ours).size, peer: statSync(peer).size })
    }
  ]
}

export const benchmarks: ReadonlyArray<Benchmark> = [{
  name: "client, caching manager, raw AES keyring",
  run: (mode) =>
    withPackage(async (folder) => {
      const write = (name: string, text: string) => {
        writeFileSync(join(folder, name), text)
        return join(folder, name)
      }
      const parts = { ours: write("ours.mjs", ours), peer: write("parts.mjs", peerParts) }
      const whole = { ...parts, peer: write("package.mjs", peerPackage) }
      const results: Array<Result> = [
        { case: "import, the peer's same parts", unit: "ns", rounds: await alternately(parts, mode) },
        { case: "import, the peer's whole package", unit: "ns", rounds: await alternately(whole, mode) }
      ]
      for (const bundler of ["esbuild", "rolldown"] as const) {
        results.push(
          ...await minified(bundler, parts, "same parts", mode),
          ...await minified(bundler, whole, "whole package", mode)
        )
      }
      return [...results, ...sizes(folder)]
    })
}]
