/** A page of headless Chromium with the library in it, served by Vite on localhost. */
import { Context, Effect, Layer } from "effect"
import { chromium as driver } from "playwright"
import { createServer, defaultClientConditions } from "vite"
import { chromium, missing } from "../../browser/chromium.ts"
import type { PageAnswer, PageRequest } from "../browser/library.ts"

type Handle = (request: PageRequest) => Promise<PageAnswer>

interface Globals {
  readonly library: { readonly page: Handle; readonly worker: Handle }
  readonly runtime: { readonly hasBuffer: boolean; readonly hasProcess: boolean }
}

export class Page extends Context.Service<Page, {
  /** Runs the library in the page. Its failures are rejections. */
  readonly run: (request: PageRequest) => Effect.Effect<PageAnswer, Error>
  /** Runs the library in a worker of the page. */
  readonly runInWorker: (request: PageRequest) => Effect.Effect<PageAnswer, Error>
  /** What of Node's globals the page has. */
  readonly runtime: Globals["runtime"]
  /** What went wrong in the page besides. */
  readonly errors: ReadonlyArray<string>
}>()("test/peers/Page") {}

const root = new URL("../../..", import.meta.url).pathname

export const layer: Layer.Layer<Page> = Layer.effect(
  Page,
  Effect.gen(function*() {
    if (chromium === undefined) return yield* Effect.die(new Error(missing))
    const server = yield* Effect.acquireRelease(
      Effect.promise(() =>
        createServer({
          root,
          configFile: false,
          logLevel: "error",
          cacheDir: "node_modules/.cache/vite-peers",
          server: { port: 0, host: "localhost", watch: null, hmr: false },
          optimizeDeps: { entries: ["test/peers/browser/{page,worker}.ts"] },
          resolve: { conditions: ["effect-encryption-sdk-source", ...defaultClientConditions] }
        }).then((server) => server.listen())
      ),
      (server) => Effect.promise(() => server.close())
    )
    const executablePath = chromium
    const browser = yield* Effect.acquireRelease(
      Effect.promise(() => driver.launch({ executablePath })),
      (browser) => Effect.promise(() => browser.close())
    )
    const errors: Array<string> = []
    const page = yield* Effect.promise(() => browser.newPage())
    page.on("pageerror", (error) => errors.push(error.message))
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text())
    })
    yield* Effect.promise(() => page.goto(`${server.resolvedUrls!.local[0]}test/peers/browser/index.html`))
    yield* Effect.promise(() =>
      page.waitForFunction("globalThis.library !== undefined", undefined, { timeout: 60_000 })
    )
    const call = (where: "page" | "worker") => (request: PageRequest) =>
      Effect.tryPromise({
        try: () =>
          page.evaluate(
            ([where, request]) => (globalThis as unknown as Globals).library[where](request),
            [where, request] as const
          ),
        catch: (error) => error as Error
      })
    const runtime = yield* Effect.promise(() => page.evaluate(() => (globalThis as unknown as Globals).runtime))
    return Page.of({ run: call("page"), runInWorker: call("worker"), runtime, errors })
  })
)
