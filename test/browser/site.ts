/** Drives the example page in Chromium: `node test/browser/site.ts`, as part of `npm run test:browser`. */
import * as assert from "node:assert/strict"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { chromium as driver } from "playwright"
import { build, preview } from "vite"
import { chromium, missing } from "./chromium.ts"
import { actor, scenes } from "./siteScenes.ts"

const site = fileURLToPath(new URL("../../docs/site", import.meta.url))

/** Plays all scenes, and returns what they have shown, one line each. Throws at what is not as it should be. */
export const driveSite = async (executablePath: string): Promise<ReadonlyArray<string>> => {
  const shown: Array<string> = []
  await build({ root: site, configFile: join(site, "vite.config.ts"), logLevel: "error" })
  const server = await preview({
    root: site,
    configFile: join(site, "vite.config.ts"),
    preview: { port: 0, host: "127.0.0.1" },
    logLevel: "error"
  })
  const browser = await driver.launch({ executablePath })
  try {
    const page = await browser.newPage({ viewport: { width: 1200, height: 1500 } })
    const errors: Array<string> = []
    page.on("pageerror", (error) => errors.push(error.message))
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") errors.push(message.text())
    })
    await page.goto(server.resolvedUrls!.local[0]!)
    const playing = actor(page)
    for (const scene of scenes) shown.push(await scene(playing))
    assert.deepEqual(errors, [])
    shown.push("the console stayed empty")
    return shown
  } finally {
    await browser.close()
    await server.close()
  }
}

if (import.meta.main) {
  if (chromium === undefined) throw new Error(missing)
  for (const line of await driveSite(chromium)) console.log(line)
}
