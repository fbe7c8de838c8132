import { defineConfig } from "vitest/config"

const source = "effect-encryption-sdk-source"
const project = (name: string, include: Array<string>, rest: object = {}) => ({
  extends: true as const,
  ssr: { resolve: { conditions: [source, "node"] } },
  test: { name, include, ...rest }
})

export default defineConfig({
  test: {
    testTimeout: 30_000,
    projects: [
      project("node", ["test/**/*.test.ts"], { exclude: ["test/structure/**", "test/peers/**"] }),
      project("structure", ["test/structure/**/*.test.ts"]),
      project("peers", ["test/peers/**/*.test.ts"], {
        globalSetup: ["test/peers/setup.ts"],
        testTimeout: 60_000,
        hookTimeout: 120_000
      })
    ]
  }
})
