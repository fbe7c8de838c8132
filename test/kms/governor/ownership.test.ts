import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Redacted } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { own } from "../../../src/kms/calls.ts"
import { fly } from "../../../src/kms/governor/internal/flight.ts"
import { failureOf } from "../../support/client.ts"
import { governed, kmsError, stubborn } from "../../support/governedKms.ts"
import { TestClock } from "../../support/TestClock.ts"

const fork = <A, E>(call: Effect.Effect<A, E>) => Effect.forkChild(call, { startImmediately: true })

const isZeroed = (key: DataKey.DataKey) => !DataKey.isDataKey(key)

describe("secrets of calls that are given up", () => {
  /** A call whose response comes when the test says so. */
  const held = () => {
    let resume: () => void = () => undefined
    const before = () =>
      Effect.callback<void>((done) => {
        resume = () => done(Effect.void)
      })
    return { before, respond: () => resume() }
  }

  it.effect("a response and an interruption in one moment: the caller has the plaintext, or there is none", () =>
    Effect.gen(function*() {
      for (const isFirst of [true, false]) {
        const { before, respond } = held()
        const { decrypt, handedOut } = yield* governed({ rate: 10 }, before)
        const fiber = yield* fork(decrypt())
        if (!isFirst) fiber.interruptUnsafe()
        respond()
        fiber.interruptUnsafe()
        const exit = yield* Fiber.await(fiber)
        assert.deepStrictEqual([Exit.isSuccess(exit), handedOut.length], isFirst ? [true, 1] : [false, 0])
      }
    }))

  it.effect("a plaintext or shared secret that has come and that the caller has not taken yet is zeroed", () =>
    Effect.gen(function*() {
      for (const field of ["plaintext", "sharedSecret"]) {
        const { before, respond } = held()
        const secret = DataKey.make(new Uint8Array(32).fill(1))
        const call = () => Effect.as(before(), { keyId: "a", [field]: secret })
        // A caller that is busy when the response comes.
        const busy = <A, E, R>(waiting: Effect.Effect<A, E, R>) =>
          Effect.interruptible(Effect.tap(waiting, () => Effect.sleep("1 second")))
        const fiber = yield* fork(
          Effect.uninterruptible(fly("decrypt", call, {}, Duration.seconds(10), busy, () => kmsError("Unreachable")))
        )
        respond()
        assert.isFalse(isZeroed(secret))
        yield* Fiber.interrupt(fiber)
        assert.isTrue(isZeroed(secret), field)
      }
    }))

  it.effect("the caller does not wait for a call that cannot be interrupted", () =>
    Effect.gen(function*() {
      const { decrypt } = yield* governed({ rate: 10, deadline: "1 second" }, () => Effect.never, stubborn)
      const call = yield* fork(failureOf(decrypt()))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(call)).code, "GovernorDeadlineExceeded")
      const interrupted = yield* fork(decrypt())
      yield* Fiber.interrupt(interrupted)
    }))

  it.effect("a call is interrupted at the deadline, and its place is free", () =>
    Effect.gen(function*() {
      const { counts, decrypt } = yield* governed(
        { rate: 10, burst: "1 second", deadline: "1 second", concurrency: 1 },
        (number) => number === 1 ? Effect.never : Effect.void
      )
      const call = yield* fork(failureOf(decrypt()))
      yield* TestClock.adjust("500 millis")
      const second = yield* fork(decrypt())
      yield* TestClock.adjust("500 millis")
      assert.strictEqual((yield* Fiber.join(call)).code, "GovernorDeadlineExceeded")
      DataKey.zero((yield* Fiber.join(second)).plaintext)
      assert.deepStrictEqual([counts.interrupted, counts.inFlight], [1, 0])
    }))

  it.effect("one that arrives is its caller's, whole", () =>
    Effect.gen(function*() {
      const { decrypt, handedOut } = yield* governed({ rate: 10 }, () => Effect.sleep("10 millis"))
      const call = yield* fork(
        Effect.scoped(Effect.map(own(decrypt()), ({ plaintext }) => Redacted.value(plaintext)[0]))
      )
      yield* TestClock.adjust("10 millis")
      assert.strictEqual(yield* Fiber.join(call), 1)
      assert.deepStrictEqual(handedOut.map(isZeroed), [true], "by the scope")
    }))
})

describe("a caller that cannot be interrupted", () => {
  it.effect("has its deadline too, while it waits and while the call is in flight", () =>
    Effect.gen(function*() {
      const { counts, decrypt } = yield* governed(
        { rate: 10, deadline: "1 second", concurrency: 1 },
        () => Effect.never
      )
      const calls = yield* Effect.forEach([1, 2], () => fork(Effect.uninterruptible(failureOf(decrypt()))))
      yield* TestClock.adjust("1 second")
      const codes = calls.map((call) => call.pollUnsafe()).map((exit) =>
        exit !== undefined && Exit.isSuccess(exit) ? exit.value.description : "waits"
      )
      assert.deepStrictEqual(codes, ["no response within 1s", "had no turn within 1s"])
      assert.deepStrictEqual([counts.inFlight, counts.interrupted], [0, 1])
    }))
})

describe("the plaintext of a request", () => {
  const bytesOf = (request: object) => Redacted.value((request as { plaintext: DataKey.DataKey }).plaintext)

  it.effect("stays the caller's, and a call that goes on has its own until it ends", () =>
    Effect.gen(function*() {
      const latch = yield* Deferred.make<void>()
      const { encrypt, sent } = yield* governed(
        { rate: 10, deadline: "1 second" },
        () => Deferred.await(latch),
        stubborn
      )
      const plaintext = DataKey.make(new Uint8Array(32).fill(7))
      const call = yield* fork(failureOf(encrypt(plaintext)))
      const seen = bytesOf(sent[0]!.request)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(call)
      DataKey.zero(plaintext)
      assert.strictEqual(seen[0], 7)
      yield* Deferred.succeed(latch, undefined)
      yield* TestClock.adjust(0)
      assert.isTrue(seen.every((byte) => byte === 0))
    }))

  it.effect("is whole for the caller after the call, and the copy of each attempt is zeroed", () =>
    Effect.gen(function*() {
      const { encrypt, sent } = yield* governed({ rate: 10 })
      const plaintext = DataKey.make(new Uint8Array(32).fill(7))
      yield* encrypt(plaintext)
      assert.strictEqual(DataKey.value(plaintext)[31], 7)
      assert.isFalse(DataKey.isDataKey((sent[0]!.request as unknown as { plaintext: unknown }).plaintext))
    }))
})
