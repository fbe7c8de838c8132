import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "../support/TestClock.ts"
import { caching, mapCache } from "../support/caching.ts"
import { encryptRequest, keyNumber } from "../support/scriptedManager.ts"

/**
 * Requests one after another, under the contexts that the letters name. Only a fetch takes time, so that the request after
 * it, and all that find their entry, are made in the very moment in which the fetch before them succeeds.
 */
const inTurn = (contexts: string, options: Parameters<typeof caching>[0]) =>
  Effect.gen(function*() {
    const made = yield* caching({ ...options, script: { before: () => Effect.sleep("1 second") } })
    const fiber = yield* Effect.forkChild(
      Effect.forEach(contexts.split(""), (tenant) => made.encrypt(encryptRequest({ context: { tenant } })))
    )
    // In steps, because under an asynchronous layer of Primitives a sleep may begin behind a promise.
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
    const answers = yield* Fiber.join(fiber)
    return { ...made, keys: answers.map(keyNumber), receipts: answers.map(({ receipt }) => receipt._tag) }
  })

describe("the moment in which a fetch succeeds", () => {
  it.effect("what a request asks for as soon as it is served is charged to the entry", () =>
    Effect.gen(function*() {
      const policy = { maxAge: "2 hours", maxMessagesEncrypted: 10 }
      const { keys, receipts } = yield* inTurn("AAAAAABAAAAAAAA", { policy })
      assert.deepStrictEqual(keys, [1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 3, 3, 3, 3], "ten uses of the first key, no more")
      assert.deepStrictEqual(receipts.filter((tag) => tag === "Joined"), [], "there is no fetch in flight to join")
    }))

  it.effect("so are bytes", () =>
    Effect.gen(function*() {
      const policy = { maxAge: "2 hours", maxBytesEncrypted: 50 }
      const { keys } = yield* inTurn("AAABAAA", { policy })
      assert.deepStrictEqual(keys, [1, 1, 1, 2, 1, 1, 3])
    }))

  it.effect("the entry is in the cache by then, so that room is made in the order of use", () =>
    Effect.gen(function*() {
      const { causes, keys } = yield* inTurn("ABABAAB", { policy: { maxAge: "2 hours" }, capacity: 1 })
      assert.deepStrictEqual(keys, [1, 2, 3, 4, 5, 5, 6])
      assert.deepStrictEqual(causes(), ["capacity", "capacity", "capacity", "capacity", "capacity"])
    }))

  it.effect("while an asynchronous cache takes its time to store it, the entry is charged all the same", () =>
    Effect.gen(function*() {
      const { cache } = mapCache({ get: "1 millis", put: "5 millis" })
      const policy = { maxAge: "2 hours", maxMessagesEncrypted: 4 }
      const { keys } = yield* inTurn("AAAAAABAAAA", { policy, cache })
      assert.deepStrictEqual(keys, [1, 1, 1, 1, 2, 2, 3, 2, 2, 4, 4])
    }))
})
