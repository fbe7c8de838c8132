/** Deadlines of fetches: each request has its own, from its own start. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "../support/TestClock.ts"
import { caching, settle } from "../support/caching.ts"
import { decryptRequest, encryptRequest, keyNumber } from "../support/scriptedManager.ts"

const overdue = "encrypt: materials manager: no answer within 5s"

/** A test clock that can stand still for its sleepers while time goes on, as in a process that is frozen; it counts them. */
const freezable = Effect.map(Clock.Clock, (clock) => {
  let frozen = Duration.zero
  let asleep = 0
  return {
    freeze: (duration: Duration.Input) => {
      frozen = Duration.sum(frozen, Duration.fromInputUnsafe(duration))
    },
    asleep: () => asleep,
    clock: {
      currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + Duration.toMillis(frozen),
      currentTimeMillis: clock.currentTimeMillis,
      currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
      currentTimeNanos: clock.currentTimeNanos,
      monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: clock.monotonicTimeNanos,
      sleep: (duration: Duration.Duration) =>
        Effect.acquireUseRelease(
          Effect.sync(() => asleep++),
          () => clock.sleep(duration),
          () => Effect.sync(() => asleep--)
        )
    } satisfies Clock.Clock
  }
})

const outcomes = (events: ReadonlyArray<{ readonly _tag: string }>) =>
  events.flatMap((event) => event._tag === "Fetched" && "outcome" in event ? [event.outcome] : [])

describe("promise 9: deadlines", () => {
  for (
    const [title, hang] of [["", Effect.never], [", uninterruptibly", Effect.uninterruptible(Effect.never)]] as const
  ) {
    it.effect(`a fetch that hangs${title}: each request waits as long as its own deadline, and none joins past that of the fetch`, () =>
      Effect.gen(function*() {
        const { calls, encrypt, events } = yield* caching({
          fetchDeadline: "5 seconds",
          script: { before: (call) => call === 1 ? hang : Effect.void }
        })
        const first = yield* Effect.forkChild(encrypt(encryptRequest()))
        yield* TestClock.adjust("4999 millis")
        const second = yield* Effect.forkChild(encrypt(encryptRequest()))
        yield* settle
        assert.strictEqual(calls.length, 1)
        yield* TestClock.adjust("1 millis")
        const error = yield* Effect.flip(Fiber.join(first))
        assert.strictEqual(error.message, overdue)
        assert.isTrue(error.isRetryable)
        assert.deepStrictEqual(outcomes(events), [])
        assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 2)
        yield* TestClock.adjust("4998 millis")
        assert.isUndefined(second.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* Effect.flip(Fiber.join(second))).message, overdue)
        assert.deepStrictEqual(outcomes(events), ["succeeded", "deadline"])
        assert.strictEqual(calls[0]!.outcome, title === "" ? "interrupted" : "pending")
      }))
  }

  it.effect("a request that comes late in a fetch is served by it, after the first one gave up", () =>
    Effect.gen(function*() {
      const { count, encrypt } = yield* caching({
        fetchDeadline: "5 seconds",
        script: { before: () => Effect.sleep("6 seconds") }
      })
      const first = yield* Effect.forkChild(Effect.exit(encrypt(encryptRequest())))
      yield* TestClock.adjust("3 seconds")
      const second = yield* Effect.forkChild(encrypt(encryptRequest()))
      yield* TestClock.adjust("3 seconds")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(first)))
      const exit = yield* Fiber.await(second)
      const receipt = Exit.isSuccess(exit) ? exit.value.receipt : assert.fail("it is not served")
      assert.deepStrictEqual([receipt._tag, "usage" in receipt && receipt.usage.messages], ["Joined", 1])
      assert.strictEqual(count(), 1)
    }))

  it.effect("a process that was frozen: a request joins no fetch that is older than its deadline", () =>
    Effect.gen(function*() {
      const { clock, freeze } = yield* freezable
      const { calls, encrypt } = yield* Effect.provideService(
        caching({
          fetchDeadline: "5 seconds",
          script: { before: (call) => call === 1 ? Effect.never : Effect.sleep("1 second") }
        }),
        Clock.Clock,
        clock
      )
      const first = yield* Effect.forkChild(encrypt(encryptRequest()))
      yield* TestClock.adjust("1 second")
      freeze("1 hour")
      const second = yield* Effect.forkChild(encrypt(encryptRequest()))
      yield* settle
      assert.strictEqual(calls.length, 2)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(keyNumber(yield* Fiber.join(second)), 2)
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* Effect.flip(Fiber.join(first))).message, overdue)
    }))

  it.effect("every request that waits has a sleep of its own in the air, and none when it waits no more", () =>
    Effect.gen(function*() {
      const { asleep, clock } = yield* freezable
      const { encrypt } = yield* Effect.provideService(
        caching({ script: { before: () => Effect.never }, fetchDeadline: "5 seconds" }),
        Clock.Clock,
        clock
      )
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(encrypt(encryptRequest())))
      yield* settle
      assert.strictEqual(asleep(), 3)
      yield* Fiber.interrupt(fibers[1]!)
      yield* settle
      assert.strictEqual(asleep(), 2)
      yield* TestClock.adjust("5 seconds")
      for (const fiber of fibers) yield* Fiber.await(fiber)
      assert.strictEqual(asleep(), 0)
    }))

  it.effect("no sleep is left by requests that were served", () =>
    Effect.gen(function*() {
      const { asleep, clock } = yield* freezable
      const { encrypt } = yield* Effect.provideService(
        caching({ script: { before: () => Effect.sleep("1 second") }, sweepInterval: "1 minute" }),
        Clock.Clock,
        clock
      )
      const fiber = yield* Effect.forkChild(
        Effect.forEach([1, 2, 3], () => encrypt(encryptRequest()), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      yield* settle
      assert.strictEqual(asleep(), 1, "the sweep")
    }))

  for (const leaves of ["its deadline", "an interruption"] as const) {
    it.effect(`a refresh that hangs ends at its deadline, or later by ${leaves} of the last request that joined it`, () =>
      Effect.gen(function*() {
        const { calls, encrypt, events } = yield* caching({
          policy: { maxAge: "10 seconds" },
          refreshAhead: { gracePeriod: "9 seconds" },
          fetchDeadline: "5 seconds",
          script: { before: (call) => call === 1 ? Effect.void : Effect.never }
        })
        yield* encrypt(encryptRequest())
        yield* TestClock.adjust("8 seconds")
        const { receipt } = yield* encrypt(encryptRequest())
        assert.isTrue(receipt._tag === "Hit" && receipt.refreshStarted)
        yield* TestClock.adjust("4 seconds")
        const joined = yield* Effect.forkChild(encrypt(encryptRequest()))
        yield* settle
        assert.strictEqual(calls.length, 2)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(outcomes(events), ["succeeded"])
        yield* leaves === "its deadline" ? TestClock.adjust("4 seconds") : Fiber.interrupt(joined)
        yield* settle
        assert.deepStrictEqual(outcomes(events).slice(0, 2), ["succeeded", "deadline"])
        assert.strictEqual(calls[1]!.outcome, "interrupted")
        assert.isTrue(Exit.isFailure(yield* Fiber.await(joined)))
      }))
  }

  it.effect("the deadline is 30 seconds by default", () =>
    Effect.gen(function*() {
      const { decrypt } = yield* caching({ script: { before: () => Effect.never } })
      const fiber = yield* Effect.forkChild(decrypt(decryptRequest()))
      yield* TestClock.adjust("29999 millis")
      assert.strictEqual(fiber.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 millis")
      assert.notStrictEqual(fiber.pollUnsafe(), undefined)
      const error = yield* Effect.flip(Fiber.join(fiber))
      assert.strictEqual(error.message, "decrypt: materials manager: no answer within 30s")
    }))

  it.effect("an answer after the deadline is thrown away, and zeroed", () =>
    Effect.gen(function*() {
      const { cache, calls, encrypt, events } = yield* caching({
        fetchDeadline: "1 second",
        script: { before: () => Effect.uninterruptible(Effect.sleep("2 seconds")) }
      })
      const fiber = yield* Effect.forkChild(Effect.exit(encrypt(encryptRequest())))
      yield* TestClock.adjust("3 seconds")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(fiber)))
      assert.isTrue(calls[0]!.key === undefined || calls[0]!.key.every((byte) => byte === 0))
      assert.deepStrictEqual(events.flatMap((event) => event._tag === "Fetched" ? [event.outcome] : []), ["deadline"])
      assert.strictEqual(yield* cache.size, 0)
    }))
})
