import { assert, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import manifest from "../../package.json" with { type: "json" }
import { oldestBrowsers } from "../support/oldestBrowsers.ts"

const textOf = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8").replaceAll(/\s+/g, " ")

const browsers = Object.entries(oldestBrowsers).map(([name, version]) => `${name} ${version}`)
const node = `Node.js ${manifest.engines.node.replace(">=", "")}`

it("the README and the guide for browsers name the oldest versions that are tested", () => {
  for (const name of [node, ...browsers]) assert.include(textOf("README.md"), name)
  for (const name of browsers) assert.include(textOf("docs/browser.md"), name)
})
