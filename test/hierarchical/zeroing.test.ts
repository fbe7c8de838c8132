/** Every copy of a branch key is zeroed once it is not needed, whichever way it left, in whatever order fibers run. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Duration, Effect, Exit, Fiber, Schema, Scope } from "effect"
import type { DataKey } from "effect-encryption-sdk"
import { BranchKeyStorage } from "effect-encryption-sdk/hierarchical"
import { vi } from "vitest"
import { arbitraryInt } from "../support/arbitraryBytes.ts"
import { cached, failure } from "../support/branchKeyCache.ts"
import { isZero } from "../support/bytes.ts"
import { arbitraryInterleaving, interleaved } from "../caching/model/permutingScheduler.ts"
import { checkCopies, copiesMade, forgetCopies } from "../caching/model/recordedCopies.ts"
import { TestClock } from "../support/TestClock.ts"

vi.mock("../../src/model/DataKey.ts", async (importOriginal) => {
  const { recording } = await import("../caching/model/recordedCopies.ts")
  return recording(await importOriginal<typeof DataKey>())
})

const down = failure(new BranchKeyStorage.StorageFailed({ code: "Down", description: "", isRetryable: true }))

/** The copy that the cache itself keeps is the first of a read. */
const kept = Effect.sync(() => copiesMade()[0]!)

const prepared = Effect.fnUntraced(function*(options: Parameters<typeof cached>[0] = {}) {
  yield* forgetCopies
  const subject = yield* cached(options)
  yield* subject.get("a")
  const own = copiesMade().find((copy) => !isZero(copy))!
  assert.lengthOf(copiesMade().filter((copy) => !isZero(copy)), 1, "the cache's own")
  return { ...subject, own }
})

describe("an entry is zeroed", () => {
  it.effect("when it leaves for another", () =>
    Effect.gen(function*() {
      const { get, own } = yield* prepared({ capacity: 1 })
      yield* get("b")
      assert.isTrue(isZero(own))
    }))

  it.effect("when it is replaced", () =>
    Effect.gen(function*() {
      const { get, own } = yield* prepared()
      yield* TestClock.adjust("10 seconds")
      yield* get("a", { maxAge: "10 seconds" })
      assert.isTrue(isZero(own))
      assert.lengthOf(copiesMade().filter((copy) => !isZero(copy)), 1)
    }))

  it.effect("at the next request after it is expired, and not before", () =>
    Effect.gen(function*() {
      const { get, own } = yield* prepared()
      yield* TestClock.adjust("1 minute")
      assert.isFalse(isZero(own))
      yield* get("b")
      assert.isTrue(isZero(own))
    }))

  it.effect("when it is invalidated or cleared", () =>
    Effect.gen(function*() {
      for (const how of ["invalidate", "clear"] as const) {
        const { cache, own } = yield* prepared()
        yield* how === "clear" ? cache.clear : cache.invalidate("a")
        assert.isTrue(isZero(own), how)
      }
    }))

  it.effect("when the scope of the cache closes", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { own } = yield* Scope.provide(prepared(), scope)
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(isZero(own))
      assert.isTrue(isZero(yield* kept))
    }))
})

interface Step {
  readonly request: boolean
  readonly branchKey: number
  readonly pause: number
  /** Milliseconds after which the request is interrupted; undefined where it is not. */
  readonly interruptAfter: number | undefined
}

const step: Arbitrary.Arbitrary<Step> = Arbitrary.map(
  Arbitrary.all([
    arbitraryInt(0, 9),
    arbitraryInt(0, 2),
    arbitraryInt(0, 8),
    Arbitrary.schema(Schema.Boolean),
    arbitraryInt(0, 12)
  ]),
  ([kind, branchKey, pause, interrupts, after]) => ({
    request: kind > 0,
    branchKey,
    pause,
    interruptAfter: interrupts ? after : undefined
  })
)

describe("in any order of fibers", () => {
  it.effect.prop(
    "requests have whole keys, flights end, and no copy is left behind",
    {
      steps: Arbitrary.array(step, { maxLength: 25 }),
      interleaving: arbitraryInterleaving,
      capacity: arbitraryInt(1, 3),
      takes: arbitraryInt(0, 12),
      failsEach: arbitraryInt(2, 6)
    },
    ({ capacity, failsEach, interleaving, steps, takes }) =>
      interleaved(interleaving, (settle) =>
        Effect.gen(function*() {
          yield* forgetCopies
          const scope = yield* Scope.make()
          const { arrays, cache, get } = yield* Scope.provide(
            cached({ capacity, maxAge: "20 millis", refreshAhead: 0.5, fetchDeadline: "10 millis" }, (read) =>
              Effect.andThen(
                takes === 0 ? Effect.void : Effect.sleep(Duration.millis(takes)),
                read % failsEach === 0 ? Effect.fail(down) : Effect.void
              )),
            scope
          )
          const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
          for (const { branchKey, interruptAfter, pause, request } of steps) {
            if (request) {
              const fiber = yield* Effect.forkChild(Effect.exit(get(`id${branchKey}`)))
              fibers.push(fiber)
              if (interruptAfter !== undefined) {
                yield* Effect.forkChild(
                  Effect.andThen(
                    Effect.sleep(Duration.millis(interruptAfter)),
                    Effect.sync(() =>
                      fiber.interruptUnsafe()
                    )
                  )
                )
              }
            } else yield* cache.invalidate(`id${branchKey}`)
            yield* settle
            yield* TestClock.adjust(Duration.millis(pause))
            assert.isAtMost(yield* cache.size, capacity)
          }
          yield* TestClock.adjust("1 second")
          yield* settle
          for (const fiber of fibers) {
            const exit = fiber.pollUnsafe()
            assert.isDefined(exit, "a request is left waiting")
          }
          assert.isTrue(arrays.every(isZero))
          const held = copiesMade().filter((copy) => !isZero(copy))
          assert.strictEqual(held.length, yield* cache.size)
          yield* Scope.close(scope, Exit.void)
          yield* settle
          yield* checkCopies
        })),
    { timeout: 120_000, arbitrary: { seed: "branch keys", runs: 500, maxShrinks: 1000 } }
  )
})
