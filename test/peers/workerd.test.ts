/**
 * Requests of Cloudflare Workers that share one client. The runtime ends a request that waits for nothing of its own, and cancels
 * what belongs to a request that has ended.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { start } from "./support/workerd.ts"

interface Answer {
  readonly status: number
  readonly receipt?: string
  readonly plaintext?: string
}

const ask = (url: string) =>
  Effect.promise(async (): Promise<Answer> => {
    const response = await fetch(url, { signal: AbortSignal.timeout(20_000) })
    const text = await response.text()
    return {
      status: response.status,
      ...response.ok ? JSON.parse(text) as Omit<Answer, "status"> : { plaintext: text }
    }
  })

const receipts = (answers: ReadonlyArray<Answer>) =>
  answers.map(({ receipt = "" }) => receipt).toSorted((a, b) => a < b ? -1 : 1)

describe("workerd", () => {
  it.live("requests that miss together share one fetch, and each has its response", () =>
    Effect.gen(function*() {
      const url = yield* start
      const together = yield* Effect.all([1, 2, 3].map(() => ask(`${url}/a`)), { concurrency: "unbounded" })
      for (const { plaintext, status } of together) assert.deepStrictEqual([status, plaintext], [200, "secret"])
      assert.deepStrictEqual(receipts(together), ["Joined", "Joined", "Miss"])
      assert.strictEqual((yield* ask(`${url}/a`)).receipt, "Hit")
      const others = yield* Effect.all(["b", "c", "b", "c"].map((path) => ask(`${url}/${path}`)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(receipts(others), ["Joined", "Joined", "Miss", "Miss"])
    }).pipe(Effect.scoped))
})
