/** Reads of a branch key cache: who waits for them, for how long, and what renews an entry. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { BranchKeyStorage } from "effect-encryption-sdk/hierarchical"
import { cached, failure, settle } from "../support/branchKeyCache.ts"
import { failureOf } from "../support/client.ts"
import { TestClock } from "../support/TestClock.ts"

const down = failure(new BranchKeyStorage.StorageFailed({ code: "Down", description: "", isRetryable: true }))

describe("deadlines and interruptions", () => {
  it.effect("each request has its own deadline, from its own start; the read goes on for the others", () =>
    Effect.gen(function*() {
      const { get, interrupted, reads } = yield* cached(
        { fetchDeadline: "10 seconds" },
        () => Effect.sleep("12 seconds")
      )
      const first = yield* Effect.forkChild(Effect.exit(get()))
      yield* TestClock.adjust("5 seconds")
      const second = yield* Effect.forkChild(get())
      yield* TestClock.adjust("5 seconds")
      const error = yield* failureOf(Effect.flatten(Fiber.join(first)))
      assert.deepInclude(error.reason, {
        _tag: "StorageFailed",
        code: "DeadlineExceeded",
        description: "no answer within 10s"
      })
      assert.isTrue(error.isRetryable)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(second), 1)
      assert.deepStrictEqual([reads.length, interrupted()], [1, 0])
    }))

  it.effect("a read ends with the last that waits for it: at a deadline", () =>
    Effect.gen(function*() {
      const { get, interrupted, reads } = yield* cached({ fetchDeadline: "10 seconds" }, () => Effect.never)
      const fibers = yield* Effect.forEach([1, 2], () => Effect.forkChild(Effect.exit(get())))
      yield* TestClock.adjust("10 seconds")
      for (const fiber of fibers) assert.isTrue(Exit.isFailure(yield* Fiber.join(fiber)))
      assert.deepStrictEqual([reads.length, interrupted()], [1, 1])
    }))

  it.effect("none joins a read as old as the deadline, which still serves those who wait for it", () =>
    Effect.gen(function*() {
      const { get, reads } = yield* cached(
        { fetchDeadline: "10 seconds" },
        (read) => Effect.sleep(read === 1 ? "12 seconds" : "1 second")
      )
      const first = yield* Effect.forkChild(Effect.exit(get()))
      yield* TestClock.adjust("9 seconds")
      const second = yield* Effect.forkChild(get())
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(first)))
      const third = yield* Effect.forkChild(get())
      yield* settle
      assert.lengthOf(reads, 2)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(third), 2)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(second), 1)
      assert.strictEqual(yield* get(), 2, "the older read replaces nothing")
    }))

  it.effect("an interrupted request ends no read that another waits for, and the last one does", () =>
    Effect.gen(function*() {
      const { cache, get, interrupted, reads } = yield* cached({}, () => Effect.sleep("1 second"))
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(get()))
      yield* settle
      yield* Fiber.interrupt(fibers[0]!)
      yield* Fiber.interrupt(fibers[1]!)
      yield* settle
      assert.deepStrictEqual([reads.length, interrupted()], [1, 0])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fibers[2]!), 1)
      yield* cache.clear
      const alone = yield* Effect.forkChild(get())
      yield* settle
      yield* Fiber.interrupt(alone)
      yield* settle
      assert.deepStrictEqual([reads.length, interrupted(), yield* cache.size], [2, 1, 0])
    }))

  it.effect("a request that is interrupted in the very step in which its read begins leaves none behind", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      const { get, interrupted, reads } = yield* cached(
        {},
        () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      )
      const fiber = yield* Effect.forkChild(get())
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      yield* settle
      assert.deepStrictEqual([reads.length, interrupted()], [1, 1])
    }))

  it.effect("when its scope closes, reads and requests end, entries go, and further requests fail", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { cache, get, interrupted, source } = yield* Scope.provide(
        cached({}, (read) => read === 1 ? Effect.void : Effect.never),
        scope
      )
      yield* get("a")
      const waiting = yield* Effect.forkChild(get("b"))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(waiting)))
      assert.deepStrictEqual([interrupted(), yield* cache.size], [1, 0])
      const error = yield* failureOf(cache.get(source, "a"))
      assert.deepInclude(error.reason, { _tag: "StorageFailed", code: "CacheClosed", isRetryable: false })
    }))

  it.effect("a request whose scope is closed gets no key", () =>
    Effect.gen(function*() {
      const { cache, get, source } = yield* cached()
      yield* get()
      const scope = yield* Scope.make()
      yield* Scope.close(scope, Exit.void)
      for (const id of ["a", "b"]) {
        const exit = yield* Effect.exit(Scope.provide(cache.get(source, id), scope))
        assert.isTrue(Exit.isFailure(exit))
      }
    }))
})

describe("refreshing ahead", () => {
  const options = { maxAge: "100 seconds", refreshAhead: 0.5, fetchDeadline: "10 seconds" } as const

  it.effect("renews an entry that serves, while it serves, past its share of the age", () =>
    Effect.gen(function*() {
      const { cache, get, reads } = yield* cached(
        options,
        (read) => read === 1 ? Effect.void : Effect.sleep("1 second")
      )
      assert.strictEqual(yield* get(), 1)
      yield* TestClock.adjust("49 seconds")
      assert.strictEqual(yield* get(), 1)
      yield* settle
      assert.lengthOf(reads, 1, "not before the share")
      yield* TestClock.adjust("26 seconds")
      for (let i = 0; i < 5; i++) assert.strictEqual(yield* get(), 1)
      yield* settle
      assert.lengthOf(reads, 2, "one at a time")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* get(), 2)
      assert.strictEqual(yield* cache.size, 1)
      yield* TestClock.adjust("98 seconds")
      assert.strictEqual(yield* get(), 2)
    }))

  it.effect("is drawn for each entry from the first half of what is left", () =>
    Effect.gen(function*() {
      const seen = new Set<number>()
      for (let i = 0; i < 20; i++) {
        const { get, reads } = yield* cached(options)
        yield* get()
        for (let seconds = 50; seconds <= 76; seconds++) {
          yield* TestClock.adjust(seconds === 50 ? "50 seconds" : "1 second")
          yield* get()
          yield* settle
          if (reads.length === 2) {
            seen.add(seconds)
            break
          }
        }
      }
      assert.isTrue([...seen].every((seconds) => seconds >= 50 && seconds <= 75), [...seen].join())
      assert.isAbove(seen.size, 1)
    }))

  it.effect("never serves past the maximum age: then requests wait for the refresh", () =>
    Effect.gen(function*() {
      const { get, reads } = yield* cached(options, (read) => read === 1 ? Effect.void : Effect.sleep("5 seconds"))
      yield* get()
      yield* TestClock.adjust("98 seconds")
      assert.strictEqual(yield* get(), 1)
      yield* TestClock.adjust("2 seconds")
      const waiting = yield* Effect.forkChild(get())
      yield* settle
      assert.lengthOf(reads, 2, "it joins the refresh")
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* Fiber.join(waiting), 2)
    }))

  it.effect("that fails is tried again later, and not with each request", () =>
    Effect.gen(function*() {
      const { get, reads } = yield* cached(options, (read) => read === 1 ? Effect.void : Effect.fail(down))
      yield* get()
      yield* TestClock.adjust("80 seconds")
      for (let i = 0; i < 10; i++) {
        assert.strictEqual(yield* get(), 1)
        yield* settle
      }
      assert.lengthOf(reads, 2)
      for (let seconds = 81; seconds < 100; seconds++) {
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* get(), 1)
        yield* settle
      }
      assert.isAtLeast(reads.length, 4)
      assert.isAtMost(reads.length, 12)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* failureOf(get())).reason._tag, "StorageFailed")
    }))

  it.effect("that hangs ends at its deadline, and later where a request waits for it", () =>
    Effect.gen(function*() {
      const { get, interrupted, reads } = yield* cached(options, (read) => read === 1 ? Effect.void : Effect.never)
      yield* get()
      yield* TestClock.adjust("80 seconds")
      yield* get()
      yield* TestClock.adjust("9999 millis")
      assert.deepStrictEqual([reads.length, interrupted()], [2, 0])
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(interrupted(), 1)
      yield* get()
      yield* TestClock.adjust("9 seconds")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(interrupted(), 2)
      const waiting = yield* Effect.forkChild(Effect.exit(get()))
      yield* TestClock.adjust("10 seconds")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(waiting)))
      assert.deepStrictEqual([reads.length, interrupted()], [4, 3])
    }))

  it.effect("goes on when the request that started it is interrupted", () =>
    Effect.gen(function*() {
      const { cache, get, interrupted, source } = yield* cached(options, (read) =>
        read === 1 ? Effect.void : Effect.sleep("1 second"))
      yield* get()
      yield* TestClock.adjust("80 seconds")
      const fiber = yield* Effect.forkChild(Effect.scoped(Effect.andThen(cache.get(source, "a"), Effect.never)))
      yield* settle
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([yield* get(), interrupted()], [2, 0])
    }))
})
