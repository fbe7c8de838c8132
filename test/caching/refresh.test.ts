import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import { TestClock } from "../support/TestClock.ts"
import { caching, settle } from "../support/caching.ts"
import { decryptRequest, encryptRequest, failed, keyNumber } from "../support/scriptedManager.ts"

/** Without jitter: what is drawn is the earliest point. */
const options = {
  randomBytes: (length: number) => Effect.succeed(new Uint8Array(length)),
  partitionId: "p",
  policy: { maxAge: "10 minutes", maxMessagesEncrypted: 100, maxBytesEncrypted: 1000 },
  refreshAhead: { gracePeriod: "2 minutes", budgetShare: 0.5 }
} as const

describe("promise 12: refresh ahead", () => {
  it.effect("a served request within the grace period starts one background fetch, and the old entry goes on serving", () =>
    Effect.gen(function*() {
      const { calls, causes, encrypt } = yield* caching({
        ...options,
        script: { before: (call) => call === 1 ? Effect.void : Effect.sleep("10 seconds") }
      })
      yield* encrypt(encryptRequest())
      yield* TestClock.adjust("8 minutes")
      const answers = [yield* encrypt(encryptRequest()), yield* encrypt(encryptRequest())]
      assert.deepStrictEqual(answers.map(keyNumber), [1, 1])
      assert.deepStrictEqual(
        answers.map(({ receipt }) => receipt._tag === "Hit" && receipt.refreshStarted),
        [true, false]
      )
      assert.strictEqual(calls.length, 2)
      yield* TestClock.adjust("10 seconds")
      const renewed = yield* encrypt(encryptRequest())
      assert.strictEqual(keyNumber(renewed), 2)
      assert.strictEqual(renewed.receipt._tag, "Hit")
      if (renewed.receipt._tag === "Hit") assert.deepStrictEqual(renewed.receipt.usage, { messages: 1, bytes: 10n })
      assert.deepStrictEqual(causes(), ["replaced"])
    }))

  it.effect("not before, and never by a timer: idle entries are left to expire", () =>
    Effect.gen(function*() {
      const { calls, causes, encrypt } = yield* caching(options)
      yield* encrypt(encryptRequest())
      yield* TestClock.adjust("7 minutes")
      yield* encrypt(encryptRequest())
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(calls.length, 1)
      assert.deepStrictEqual(causes(), ["age"])
    }))

  for (
    const [title, lengths, at] of [
      ["messages", Array.from({ length: 60 }, () => 0), 50],
      ["bytes", Array.from({ length: 10 }, () => 99), 6]
    ] as const
  ) {
    it.effect(`past a share of its ${title} budget`, () =>
      Effect.gen(function*() {
        const { encrypt } = yield* caching({
          ...options,
          script: { before: (call) => call === 1 ? Effect.void : Effect.never }
        })
        const started: Array<number> = []
        for (const [index, length] of lengths.entries()) {
          const { receipt } = yield* encrypt(encryptRequest({ length }))
          if (receipt._tag === "Hit" && receipt.refreshStarted) started.push(index + 1)
        }
        assert.deepStrictEqual(started, [at])
      }))
  }

  it.effect("the point is jittered, drawn when the entry is made", () =>
    Effect.gen(function*() {
      const { calls, encrypt } = yield* caching({ ...options, randomBytes: undefined, capacity: 1000 })
      const contexts = Array.from({ length: 200 }, (_, i) => ({ tenant: String(i) }))
      yield* Effect.forEach(contexts, (context) => encrypt(encryptRequest({ context })))
      const perStep: Array<number> = []
      for (let step = 0; step < 8; step++) {
        yield* TestClock.adjust(step === 0 ? "8 minutes" : "10 seconds")
        const before = calls.length
        yield* Effect.forEach(contexts, (context) => encrypt(encryptRequest({ context })))
        perStep.push(calls.length - before)
      }
      assert.strictEqual(perStep.reduce((sum, n) => sum + n, 0), 200, "all within the first half of the grace period")
      assert.isTrue(perStep.filter((n) => n > 0).length >= 5, `spread: ${perStep.join(" ")}`)
    }))

  it.effect("a miss joins the refresh, also after the old entry expired, and only while it fits", () =>
    Effect.gen(function*() {
      const { calls, encrypt } = yield* caching({
        ...options,
        policy: { maxAge: "10 minutes", maxMessagesEncrypted: 2 },
        refreshAhead: { gracePeriod: "5 minutes", budgetShare: 0.99 },
        script: { before: (call) => call === 1 ? Effect.void : Effect.sleep("9 minutes") },
        fetchDeadline: "1 hour"
      })
      yield* encrypt(encryptRequest({ length: 0 }))
      yield* TestClock.adjust("5 minutes")
      const spending = yield* encrypt(encryptRequest({ length: 0 }))
      assert.isTrue(spending.receipt._tag === "Hit" && spending.receipt.refreshStarted, "the last message")
      yield* TestClock.adjust("6 minutes")
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(encrypt(encryptRequest())))
      yield* settle
      assert.strictEqual(calls.length, 3)
      yield* TestClock.adjust("1 hour")
      const answers = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(answers.map(keyNumber), [2, 2, 3])
      assert.deepStrictEqual(answers.map(({ receipt }) => receipt._tag), ["Joined", "Joined", "Miss"])
    }))

  it.effect("the old entry is served up to its hard limits and never past them", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching({
        ...options,
        policy: { maxAge: "10 minutes", maxMessagesEncrypted: 10 },
        script: { before: (call) => call === 1 ? Effect.void : Effect.sleep("20 seconds") }
      })
      const keys: Array<number> = []
      const take = Effect.map(encrypt(encryptRequest()), (answer) => void keys.push(keyNumber(answer)))
      for (let i = 0; i < 10; i++) yield* take
      const eleventh = yield* Effect.forkChild(take)
      yield* TestClock.adjust("20 seconds")
      yield* Fiber.join(eleventh)
      assert.deepStrictEqual(keys, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2])
    }))

  for (
    const [title, lengths, wait] of [
      ["age", [0, 0, 0], "60 seconds"],
      ["bytes", [600, 400, 1], "0 seconds"]
    ] as const
  ) {
    it.effect(`while a renewal is in flight the old entry is not served past its maximum ${title}`, () =>
      Effect.gen(function*() {
        const { calls, encrypt } = yield* caching({
          ...options,
          sweepInterval: "1 hour",
          script: { before: (call) => call === 1 ? Effect.void : Effect.sleep("2 minutes") },
          fetchDeadline: "1 hour"
        })
        const [first, second, third] = lengths
        yield* encrypt(encryptRequest({ length: first }))
        yield* TestClock.adjust("9 minutes")
        const { receipt } = yield* encrypt(encryptRequest({ length: second }))
        assert.isTrue(receipt._tag === "Hit" && receipt.refreshStarted)
        yield* TestClock.adjust(wait)
        const fiber = yield* Effect.forkChild(encrypt(encryptRequest({ length: third })))
        yield* settle
        assert.strictEqual(fiber.pollUnsafe(), undefined)
        yield* TestClock.adjust("2 minutes")
        const waited = yield* Fiber.join(fiber)
        assert.deepStrictEqual(waited.receipt, { _tag: "Joined", usage: { messages: 1, bytes: BigInt(third) } })
        assert.strictEqual(keyNumber(waited), 2)
        assert.strictEqual(calls.length, 2)
      }))
  }

  it.effect("the message that spends an entry drops it, also while a renewal is in flight", () =>
    Effect.gen(function*() {
      const { cache, causes, encrypt } = yield* caching({
        ...options,
        policy: { maxAge: "10 minutes", maxMessagesEncrypted: 4 },
        script: { before: (call) => call === 1 ? Effect.void : Effect.never }
      })
      for (let i = 0; i < 3; i++) yield* encrypt(encryptRequest())
      assert.strictEqual(yield* cache.size, 1)
      yield* encrypt(encryptRequest())
      assert.strictEqual(yield* cache.size, 0)
      assert.deepStrictEqual(causes(), ["messages"])
    }))

  it.effect("failures are retried with the schedule while the old entry is within its limits, and fail no request that it serves", () =>
    Effect.gen(function*() {
      const { calls, encrypt, events } = yield* caching({
        ...options,
        refreshAhead: { ...options.refreshAhead, retry: Schedule.spaced("10 seconds") },
        script: { before: (call) => call === 1 || call >= 4 ? Effect.void : Effect.fail(failed()) }
      })
      yield* encrypt(encryptRequest())
      yield* TestClock.adjust("8 minutes")
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 1)
      assert.strictEqual(calls.length, 2)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 1, "a request during the delay starts no other")
      assert.strictEqual(calls.length, 3)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 4)
      const fetched = events.flatMap((event) => event._tag === "Fetched" ? [[event.trigger, event.outcome]] : [])
      assert.deepStrictEqual(fetched, [
        ["request", "succeeded"],
        ["refresh", "failed"],
        ["refresh", "failed"],
        ["refresh", "succeeded"]
      ])
    }))

  it.effect("a schedule without delays retries too", () =>
    Effect.gen(function*() {
      const { calls, encrypt } = yield* caching({
        ...options,
        refreshAhead: { ...options.refreshAhead, retry: Schedule.recurs(3) },
        script: { before: (call) => call === 1 ? Effect.void : Effect.andThen(Effect.yieldNow, Effect.fail(failed())) }
      })
      yield* encrypt(encryptRequest())
      yield* TestClock.adjust("8 minutes")
      yield* encrypt(encryptRequest())
      for (let i = 0; i < 3; i++) yield* settle
      assert.strictEqual(calls.length, 5, "the refresh, and three retries of it")
    }))

  it.effect("no retry after the old entry met a hard limit", () =>
    Effect.gen(function*() {
      const { calls, encrypt } = yield* caching({
        ...options,
        refreshAhead: { ...options.refreshAhead, retry: Schedule.spaced("50 seconds") },
        script: { before: (call) => call === 1 ? Effect.void : Effect.fail(failed()) }
      })
      yield* encrypt(encryptRequest())
      yield* TestClock.adjust("8 minutes")
      yield* encrypt(encryptRequest())
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(calls.length, 4, "at 8:00, 8:50 and 9:40")
    }))

  it.effect("no retry after the old entry met its maximum age, swept or not", () =>
    Effect.gen(function*() {
      const { cache, calls, encrypt } = yield* caching({
        ...options,
        sweepInterval: "1 day",
        refreshAhead: { ...options.refreshAhead, retry: Schedule.spaced("50 seconds") },
        script: { before: (call) => call === 1 ? Effect.void : Effect.fail(failed()) }
      })
      yield* encrypt(encryptRequest())
      yield* TestClock.adjust("8 minutes")
      yield* encrypt(encryptRequest())
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* cache.size, 1)
      assert.strictEqual(calls.length, 4, "at 8:00, 8:50 and 9:40")
    }))

  it.effect("no request waits for a retry delay", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching({
        ...options,
        policy: { maxAge: "10 minutes", maxMessagesEncrypted: 2 },
        refreshAhead: { gracePeriod: "5 minutes", budgetShare: 0.5, retry: Schedule.spaced("1 hour") },
        script: { before: (call) => call === 2 ? Effect.fail(failed()) : Effect.void }
      })
      const keys: Array<number> = []
      const take = Effect.map(encrypt(encryptRequest()), (answer) => void keys.push(keyNumber(answer)))
      yield* Effect.forkChild(Effect.repeat(take, { times: 3 }))
      yield* settle
      assert.deepStrictEqual(keys, [1, 1, 3, 3])
    }))

  it.effect("what succeeds after an invalidation is dropped", () =>
    Effect.gen(function*() {
      const { cache, calls, cmm, encrypt } = yield* caching({
        ...options,
        script: { before: (call) => call === 2 ? Effect.sleep("10 seconds") : Effect.void }
      })
      yield* encrypt(encryptRequest())
      yield* TestClock.adjust("8 minutes")
      yield* encrypt(encryptRequest())
      assert.deepStrictEqual(yield* cmm.invalidate({ encryptionContext: { tenant: "a" } }), {
        evicted: 1,
        isConfirmed: true
      })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* cache.size, 0)
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 3)
      assert.strictEqual(calls.length, 3)
    }))

  it.effect("an interrupted joiner does not end a refresh", () =>
    Effect.gen(function*() {
      const { calls, encrypt } = yield* caching({
        ...options,
        policy: { maxAge: "10 minutes", maxMessagesEncrypted: 2 },
        refreshAhead: { ...options.refreshAhead, budgetShare: 0.99 },
        script: { before: (call) => call === 2 ? Effect.sleep("10 seconds") : Effect.void }
      })
      for (let i = 0; i < 2; i++) yield* encrypt(encryptRequest())
      const joiner = yield* Effect.forkChild(encrypt(encryptRequest()))
      yield* settle
      yield* Fiber.interrupt(joiner)
      yield* TestClock.adjust("10 seconds")
      const next = yield* encrypt(encryptRequest())
      assert.strictEqual(keyNumber(next), 2)
      assert.strictEqual(next.receipt._tag === "Hit" && next.receipt.usage.messages, 1, "its reservation returned")
      assert.strictEqual(calls.length, 2)
    }))

  it.effect("a decryption entry is renewed by asking the underlying manager again", () =>
    Effect.gen(function*() {
      const { count, decrypt } = yield* caching(options)
      yield* decrypt(decryptRequest())
      yield* TestClock.adjust("9 minutes")
      yield* decrypt(decryptRequest())
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(keyNumber(yield* decrypt(decryptRequest())), 2)
      assert.strictEqual(count("decrypt"), 2)
    }))

  for (
    const [refreshAhead, message] of [
      [{ gracePeriod: "10 minutes" }, "refreshAhead.gracePeriod: must be less than maxAge = 10m, got 10m"],
      [
        { gracePeriod: "0 seconds" },
        "refreshAhead.gracePeriod: must be a positive, finite Duration, got \"0 seconds\""
      ],
      [{ budgetShare: 0 }, "refreshAhead.budgetShare: must be between 0 and 1, got 0"],
      [{ budgetShare: 1 }, "refreshAhead.budgetShare: must be between 0 and 1, got 1"],
      [{ budgetShare: Number.NaN }, "refreshAhead.budgetShare: must be between 0 and 1, got NaN"]
    ] as const
  ) {
    it.effect(`${JSON.stringify(refreshAhead)} is refused`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(caching({ ...options, refreshAhead }))
        assert.strictEqual(error.message, message)
      }))
  }
})
