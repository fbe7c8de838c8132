import { playwright } from "@vitest/browser-playwright"
import { defaultClientConditions, type Plugin } from "vite"
import { defineConfig } from "vitest/config"
import { chromium } from "./test/browser/chromium.ts"
import { exceptions } from "./test/browser/exceptions.ts"

const source = "effect-encryption-sdk-source"
const project = (name: string, include: Array<string>, rest: object = {}) => ({
  extends: true as const,
  ssr: { resolve: { conditions: [source, "node"] } },
  test: { name, include, ...rest }
})

const pattern = (path: string) => path.endsWith("/") ? `${path}**` : path

/** The tests of what every layer of `Primitives` does alike: of the library, and not of programs for Node. */
const shared = {
  include: ["test/**/*.test.ts"],
  exclude: [
    "test/{structure,peers,browser}/**",
    ...exceptions.filter(({ nodeOnly }) => nodeOnly === true).map(({ path }) => pattern(path))
  ]
}

/** Tests may use Buffer in a browser. The library may not: nothing is defined globally. */
const bufferForTests: Plugin = {
  name: "buffer-for-tests",
  transform: (code, id) =>
    /\/test\/[^?]*\.ts/.test(id) && /\bBuffer\b/.test(code)
      ? { code: `import { Buffer } from "buffer/"\n${code}`, map: null }
      : undefined
}

export default defineConfig({
  test: {
    testTimeout: 30_000,
    projects: [
      project("node", ["test/**/*.test.ts"], { exclude: ["test/structure/**", "test/peers/**", "test/browser/**"] }),
      project("web", shared.include, { exclude: shared.exclude, env: { TEST_PRIMITIVES: "web" } }),
      project("structure", ["test/structure/**/*.test.ts"]),
      project("peers", ["test/peers/**/*.test.ts"], {
        globalSetup: ["test/peers/setup.ts"],
        testTimeout: 60_000,
        hookTimeout: 120_000
      }),
      ...chromium === undefined ? [] : [{
        extends: true as const,
        plugins: [bufferForTests],
        resolve: { conditions: [source, ...defaultClientConditions] },
        optimizeDeps: {
          include: [
            "buffer/",
            "effect/SchemaGetter",
            "effect/persistence/KeyValueStore",
            "effect/persistence/Persistence",
            "@noble/ciphers/aes.js",
            "@noble/curves/nist.js",
            "@noble/hashes/hmac.js",
            "@noble/hashes/sha2.js"
          ]
        },
        test: {
          name: "browser",
          setupFiles: ["test/browser/immediate.ts"],
          testTimeout: 120_000,
          include: [...shared.include],
          exclude: [
            ...shared.exclude,
            ...exceptions.filter(({ name }) => name === undefined).map(({ path }) => pattern(path))
          ],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions: { executablePath: chromium } }),
            instances: [{ browser: "chromium" as const }]
          }
        }
      }]
    ]
  }
})
