/** What the model found once, as the smallest programs that show it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { caching } from "../../support/caching.ts"
import { decryptRequest, encryptRequest } from "../../support/scriptedManager.ts"

describe("found by the model", () => {
  it.effect("a receipt does not count the reservation of a waiter that was interrupted", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching({ script: { before: () => Effect.sleep("1 second") } })
      const [first, second] = [
        yield* Effect.forkChild(encrypt(encryptRequest({ length: 4 }))),
        yield* Effect.forkChild(encrypt(encryptRequest({ length: 5 })))
      ]
      yield* TestClock.adjust(0)
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("1 second")
      const receipts = [(yield* Fiber.join(second)).receipt, (yield* encrypt(encryptRequest({ length: 6 }))).receipt]
      assert.deepStrictEqual(
        receipts.map((receipt) => "usage" in receipt && receipt.usage),
        [{ messages: 1, bytes: 5n }, { messages: 2, bytes: 11n }]
      )
    }))

  it.effect("an invalidation by a pair that is reproduced, and not stored, closes the flight in the air", () =>
    Effect.gen(function*() {
      const { cache, cmm, decrypt } = yield* caching({ script: { before: () => Effect.sleep("1 second") } })
      const fiber = yield* Effect.forkChild(decrypt(decryptRequest({ expected: { region: "z" } })))
      yield* TestClock.adjust(0)
      yield* cmm.invalidate({ encryptionContext: { region: "z" } })
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).receipt._tag, "Miss")
      assert.strictEqual(yield* cache.size, 0)
    }))

  for (const operation of ["encrypt", "decrypt"] as const) {
    it.effect(`a byte budget of 0 is never past its share: no refresh with each ${operation}`, () =>
      Effect.gen(function*() {
        const { calls, decrypt, encrypt } = yield* caching({
          policy: { maxAge: "10 minutes", maxBytesEncrypted: 0 },
          refreshAhead: { gracePeriod: "1 minute" }
        })
        const one = operation === "encrypt" ? encrypt(encryptRequest({ length: 0 })) : decrypt(decryptRequest())
        for (let i = 0; i < 5; i++) yield* Effect.asVoid(one as Effect.Effect<unknown>)
        assert.strictEqual(calls.length, 1)
      }))
  }
})
