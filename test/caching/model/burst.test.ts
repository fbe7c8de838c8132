/** Promise 8, in numbers: how many calls a burst of equal requests makes. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Fiber, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { arbitraryInt } from "../../support/arbitraryBytes.ts"
import { caching } from "../../support/caching.ts"
import { decryptRequest, encryptRequest, keyNumber } from "../../support/scriptedManager.ts"
import { arbitraryInterleaving, interleaved, type Interleaving } from "./permutingScheduler.ts"

/** The receipts and keys of equal requests in parallel, and the number of calls that they make. */
const burst = (
  { latency, ...options }: Parameters<typeof caching>[0] & { readonly latency: number },
  interleaving: Interleaving | undefined,
  requests: number,
  length: number | undefined
) => {
  const run = (settle: Effect.Effect<void>) =>
    Effect.gen(function*() {
      const made = yield* caching({ ...options, script: { before: () => Effect.sleep(latency) } })
      const one: Effect.Effect<number, unknown, Scope.Scope> = length === undefined
        ? Effect.map(made.decrypt(decryptRequest()), keyNumber)
        : Effect.map(made.encrypt(encryptRequest({ length })), keyNumber)
      const fiber = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: requests }), () => one, { concurrency: "unbounded" })
      )
      yield* settle
      yield* TestClock.adjust(0)
      const inParallel = made.count()
      yield* settle
      yield* TestClock.adjust(latency)
      return { keys: yield* Fiber.join(fiber), calls: made.count(), inParallel }
    }).pipe(Effect.scoped)
  return interleaving === undefined ? run(Effect.void) : interleaved(interleaving, run)
}

/** In any order of fibers, or as they come. */
const anyOrder = Arbitrary.map(
  Arbitrary.all({ interleaving: arbitraryInterleaving, permuted: arbitraryInt(0, 1) }),
  ({ interleaving, permuted }) => permuted === 1 ? interleaving : undefined
)

describe("N equal requests in parallel", () => {
  it.effect.prop(
    "encrypts of b bytes make exactly ceil(N / min(L, floor(B / b))) calls, all of them at once",
    {
      requests: arbitraryInt(1, 60),
      length: arbitraryInt(0, 12),
      // 0 stands for no limit of the program's own.
      messages: arbitraryInt(0, 20),
      extraBytes: arbitraryInt(-1, 100),
      latency: arbitraryInt(0, 2),
      anyOrder
    },
    ({ anyOrder, extraBytes, latency, length, messages, requests }) =>
      Effect.gen(function*() {
        const bytes = extraBytes === -1 ? undefined : length + extraBytes
        const { calls, inParallel, keys } = yield* burst(
          {
            policy: {
              maxAge: "1 minute",
              maxMessagesEncrypted: messages === 0 ? undefined : messages,
              maxBytesEncrypted: bytes
            },
            latency: latency * 500
          },
          anyOrder,
          requests,
          length
        )
        const fit = Math.min(
          messages === 0 ? requests : messages,
          bytes === undefined || length === 0 ? requests : Math.floor(bytes / length)
        )
        const least = Math.ceil(requests / fit)
        assert.strictEqual(calls, least)
        assert.strictEqual(inParallel, least)
        assert.isTrue(keys.every((key) => key >= 1 && key <= calls))
        const uses = Array.from({ length: calls }, (_, call) => keys.filter((key) => key === call + 1).length)
        assert.deepStrictEqual(
          uses.toSorted((a, b) => b - a),
          Array.from({ length: calls }, (_, call) => Math.min(fit, requests - call * fit)),
          "each key is used as often as the thresholds allow, before the next"
        )
      }),
    { timeout: 60_000, arbitrary: { seed: "bursts", runs: 400 } }
  )

  it.effect.prop(
    "decrypts make exactly one call, whatever the thresholds of messages and bytes",
    { requests: arbitraryInt(1, 100), messages: arbitraryInt(1, 5), bytes: arbitraryInt(0, 5), anyOrder },
    ({ anyOrder, bytes, messages, requests }) =>
      Effect.gen(function*() {
        const policy = { maxAge: "1 minute", maxMessagesEncrypted: messages, maxBytesEncrypted: bytes }
        const { calls, keys } = yield* burst({ policy, latency: 500 }, anyOrder, requests, undefined)
        assert.strictEqual(calls, 1)
        assert.isTrue(keys.every((key) => key === 1))
      }),
    { timeout: 60_000, arbitrary: { seed: "bursts of decrypts", runs: 50 } }
  )
})
