/** Small messages under the web layer, in Node and in headless Chromium. The floor is bare WebCrypto. */
import { build } from "esbuild"
import { fileURLToPath } from "node:url"
import { chromium as driver } from "playwright"
import { chromium } from "../../browser/chromium.ts"
import type { Benchmark, Result } from "../support/benchmark.ts"
import type { Mode } from "../support/measure.ts"
import * as sides from "../support/sides.ts"
import * as web from "../support/web.ts"

const keys = async (): Promise<web.WebKeys> => {
  const { dataKey, headerBody } = await sides.floorKeys("0x0478")
  return { dataKey: [...dataKey], headerBody: [...headerBody] }
}

const inChromium = async (executablePath: string, mode: Mode): Promise<ReadonlyArray<Result>> => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("../support/page.ts", import.meta.url))],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2023",
    conditions: ["effect-encryption-sdk-source"],
    write: false,
    logLevel: "silent"
  })
  const browser = await driver.launch({ executablePath })
  try {
    const page = await browser.newPage()
    // A page that Chromium takes for a secure one, without a server: WebCrypto is there.
    await page.route(
      "**/*",
      (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><title>Benchmarks</title>" })
    )
    await page.goto("https://localhost/")
    await page.addScriptTag({ type: "module", content: outputFiles[0]!.text })
    await page.waitForFunction("globalThis.benchmarks !== undefined")
    return await page.evaluate(
      ([keys, mode]) =>
        (globalThis as unknown as { benchmarks: typeof web.results }).benchmarks("Chromium", keys, mode),
      [await keys(), mode] as const
    )
  } finally {
    await browser.close()
  }
}

export const benchmarks: ReadonlyArray<Benchmark> = [
  { name: "Node", processes: 3, run: async (mode) => web.results("Node", await keys(), mode) },
  {
    name: "Chromium",
    processes: 3,
    run: async (mode) => {
      if (chromium !== undefined) return await inChromium(chromium, mode)
      console.error("web: left out for a browser: no Chromium was found, CHROMIUM_PATH can name one")
      return []
    }
  }
]
