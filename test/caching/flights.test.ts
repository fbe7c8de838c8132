import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, References, Scope } from "effect"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { TestClock } from "../support/TestClock.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { caching, mapCache, settle } from "../support/caching.ts"
import { recordingTracer } from "../support/recordingTracer.ts"
import { decryptRequest, edk, encryptRequest, failed, keyNumber, scriptedManager } from "../support/scriptedManager.ts"

/** Calls that wait for their own gate. */
const gated = Effect.sync(() => {
  const gates: Array<Deferred.Deferred<void, ReturnType<typeof failed>>> = []
  const gate = (call: number) => (gates[call] ??= Deferred.makeUnsafe())
  return {
    before: (call: number) => Deferred.await(gate(call)),
    open: (...calls: ReadonlyArray<number>) =>
      Effect.andThen(
        Effect.forEach(calls, (call) => Deferred.succeed(gate(call), undefined)),
        TestClock.adjust(0)
      ),
    fail: (call: number) => Effect.andThen(Deferred.fail(gate(call), failed()), TestClock.adjust(0))
  }
})

describe("promise 8: single flight with reservations", () => {
  it.effect("equal requests on a cold cache make one call, for encrypt and for decrypt", () =>
    Effect.gen(function*() {
      const { count, decrypt, encrypt } = yield* caching({ script: { before: () => Effect.sleep("1 second") } })
      const fiber = yield* Effect.forkChild(Effect.forEach(
        Array.from({ length: 100 }),
        () => Effect.all([encrypt(encryptRequest()), decrypt(decryptRequest())], { concurrency: 2 }),
        { concurrency: "unbounded" }
      ))
      yield* TestClock.adjust("1 second")
      const answers = yield* Fiber.join(fiber)
      assert.deepStrictEqual([count("encrypt"), count("decrypt")], [1, 1])
      const receipts = answers.map(([encrypted, decrypted]) => [encrypted.receipt._tag, decrypted.receipt._tag])
      assert.deepStrictEqual(receipts[0], ["Miss", "Miss"])
      assert.isTrue(receipts.slice(1).every(([a, b]) => a === "Joined" && b === "Joined"))
    }))

  it.effect("a request that does not fit beside what is reserved closes the flight, and starts another beside it", () =>
    Effect.gen(function*() {
      const { calls, encrypt } = yield* caching({
        policy: { maxAge: "1 minute", maxMessagesEncrypted: 3, maxBytesEncrypted: 10 },
        script: { before: () => Effect.sleep("1 second") }
      })
      const lengths = [4, 4, 4, 0, 0, 1, 10, 0]
      const fiber = yield* Effect.forkChild(
        Effect.forEach(lengths, (length) => encrypt(encryptRequest({ length })), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual((yield* Fiber.join(fiber)).map(keyNumber), [1, 1, 2, 2, 2, 3, 4, 4])
      assert.strictEqual(calls.length, 4, "in parallel: all were made before the first answered")
    }))

  const context = { a: "1", b: "2" }
  const policy = "RequireEncryptAllowDecrypt"
  for (
    const [title, { decrypts = [], encrypts = [] }] of [
      ["encrypts of another context", {
        encrypts: [encryptRequest({ context }), encryptRequest({ context: { ...context, b: "3" } })]
      }],
      ["encrypts of another commitment policy", {
        encrypts: [encryptRequest({ context }), encryptRequest({ context, policy })]
      }],
      ["encrypts of other required context keys", {
        encrypts: [encryptRequest({ context }), encryptRequest({ context, required: ["a"] })]
      }],
      ["decrypts of another context", {
        decrypts: [decryptRequest({ context }), decryptRequest({ context: { ...context, b: "3" } })]
      }],
      ["decrypts of another commitment policy", {
        decrypts: [decryptRequest({ context }), decryptRequest({ context, policy })]
      }],
      ["decrypts of another expected context", {
        decrypts: [decryptRequest({ context }), decryptRequest({ context, expected: { a: "1" } })]
      }],
      ["decrypts of another encrypted data key", {
        decrypts: [decryptRequest({ context, edks: [edk(1)] }), decryptRequest({ context, edks: [edk(2)] })]
      }]
    ] as ReadonlyArray<
      readonly [string, {
        readonly encrypts?: ReadonlyArray<ReturnType<typeof encryptRequest>>
        readonly decrypts?: ReadonlyArray<ReturnType<typeof decryptRequest>>
      }]
    >
  ) {
    it.effect(`${title} do not join`, () =>
      Effect.gen(function*() {
        const { calls, decrypt, encrypt } = yield* caching({ script: { before: () => Effect.sleep("1 second") } })
        const fiber = yield* Effect.forkChild(Effect.all([
          ...encrypts.map((request) => Effect.map(encrypt(request), keyNumber)),
          ...decrypts.map((request) => Effect.map(decrypt(request), keyNumber))
        ], { concurrency: "unbounded" }))
        yield* settle
        assert.strictEqual(calls.length, 2)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* Fiber.join(fiber), [1, 2])
      }))
  }

  it.effect("receipts tell what each request was charged in its turn", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching({ script: { before: () => Effect.sleep("1 second") } })
      const fiber = yield* Effect.forkChild(
        Effect.forEach([1, 2, 3], (length) => encrypt(encryptRequest({ length })), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual((yield* Fiber.join(fiber)).map(({ receipt }) => receipt), [
        { _tag: "Miss", usage: { messages: 1, bytes: 1n } },
        { _tag: "Joined", usage: { messages: 2, bytes: 3n } },
        { _tag: "Joined", usage: { messages: 3, bytes: 6n } }
      ])
    }))

  it.effect("only the open flight's materials are cached, with the reservations as their initial usage", () =>
    Effect.gen(function*() {
      const gates = yield* gated
      const { cache, encrypt } = yield* caching({
        policy: { maxAge: "1 minute", maxMessagesEncrypted: 3 },
        script: { before: gates.before }
      })
      const fiber = yield* Effect.forkChild(
        Effect.forEach([1, 2, 3, 4, 5], () => encrypt(encryptRequest()), { concurrency: "unbounded" })
      )
      yield* settle
      yield* gates.open(2)
      assert.strictEqual(yield* cache.size, 1)
      yield* gates.open(1)
      assert.deepStrictEqual((yield* Fiber.join(fiber)).map(keyNumber), [1, 1, 1, 2, 2])
      assert.strictEqual(yield* cache.size, 1, "the closed flight succeeded last, and replaced nothing")
      const next = yield* encrypt(encryptRequest())
      assert.strictEqual(keyNumber(next), 2)
      assert.strictEqual(next.receipt._tag, "Hit")
      if (next.receipt._tag === "Hit") assert.deepStrictEqual(next.receipt.usage, { messages: 3, bytes: 30n })
      assert.strictEqual(yield* cache.size, 0)
    }))

  it.effect("the leftovers of a closed flight are dropped", () =>
    Effect.gen(function*() {
      const gates = yield* gated
      const { cache, encrypt } = yield* caching({
        policy: { maxAge: "1 minute", maxBytesEncrypted: 10 },
        script: { before: gates.before }
      })
      const fiber = yield* Effect.forkChild(
        Effect.forEach([6, 6], (length) => encrypt(encryptRequest({ length })), { concurrency: "unbounded" })
      )
      yield* settle
      yield* gates.open(1)
      assert.strictEqual(yield* cache.size, 0, "there was room for 4 bytes more, but nobody could ask for it")
      yield* gates.open(2)
      yield* Fiber.join(fiber)
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest({ length: 4 }))), 2)
    }))

  it.effect("a flight stays joinable until its put has ended", () =>
    Effect.gen(function*() {
      const { count, encrypt } = yield* caching({
        cache: mapCache({ put: "500 millis" }).cache,
        policy: { maxAge: "1 minute", maxMessagesEncrypted: 3 }
      })
      const one = yield* encrypt(encryptRequest())
      const two = yield* encrypt(encryptRequest())
      const three = yield* encrypt(encryptRequest())
      const four = yield* encrypt(encryptRequest())
      assert.deepStrictEqual([one, two, three, four].map(keyNumber), [1, 1, 1, 2])
      assert.deepStrictEqual([one, two, three, four].map(({ receipt }) => receipt._tag), [
        "Miss",
        "Joined",
        "Joined",
        "Miss"
      ])
      assert.strictEqual(count(), 2)
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 2)
    }))

  it.effect("an interrupted waiter's reservation returns while the fetch is unanswered", () =>
    Effect.gen(function*() {
      const gates = yield* gated
      const { calls, encrypt } = yield* caching({
        policy: { maxAge: "1 minute", maxMessagesEncrypted: 2 },
        script: { before: gates.before }
      })
      const [first, second] = [
        yield* Effect.forkChild(encrypt(encryptRequest()), { startImmediately: true }),
        yield* Effect.forkChild(encrypt(encryptRequest()), { startImmediately: true })
      ]
      yield* settle
      yield* Fiber.interrupt(second)
      const third = yield* Effect.forkChild(encrypt(encryptRequest()), { startImmediately: true })
      yield* settle
      assert.strictEqual(calls.length, 1, "the third took the place of the second")
      yield* gates.open(1)
      assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(third)].map(keyNumber), [1, 1])
      const fourth = yield* Effect.forkChild(encrypt(encryptRequest()), { startImmediately: true })
      yield* gates.open(2)
      assert.strictEqual(keyNumber(yield* Fiber.join(fourth)), 2)
    }))
})

describe("promise 9: a failed fetch", () => {
  it.effect("fails everyone who joined it with the same error, caches nothing, and the next request tries anew", () =>
    Effect.gen(function*() {
      const gates = yield* gated
      const { cache, calls, encrypt } = yield* caching({ script: { before: gates.before } })
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(encrypt(encryptRequest())))
      yield* settle
      yield* gates.fail(1)
      const errors = yield* Effect.forEach(fibers, (fiber) => Effect.flip(Fiber.join(fiber)))
      assert.strictEqual(errors[0]!.message, "encrypt: materials manager: scripted fault")
      assert.isTrue(errors.every((error) => error === errors[0]))
      assert.strictEqual(yield* cache.size, 0)
      const next = yield* Effect.forkChild(encrypt(encryptRequest()))
      yield* settle
      assert.strictEqual(calls.length, 2)
      yield* gates.open(2)
      assert.strictEqual(keyNumber(yield* Fiber.join(next)), 2)
    }))

  it.effect("a defect of the fetch is everyone's, and the next request tries anew", () =>
    Effect.gen(function*() {
      const bug = new Error("bug")
      const { encrypt } = yield* caching({
        script: {
          before: (call) => call === 1 ? Effect.andThen(Effect.sleep("1 second"), Effect.die(bug)) : Effect.void
        }
      })
      const fibers = yield* Effect.forEach([1, 2], () => Effect.forkChild(encrypt(encryptRequest())))
      yield* TestClock.adjust("1 second")
      for (const fiber of fibers) {
        const exit = yield* Fiber.await(fiber)
        assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === bug)
      }
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 2)
    }))
})

describe("promise 10: interruption", () => {
  it.effect("of one waiter, the first one included, disturbs no other", () =>
    Effect.gen(function*() {
      const gates = yield* gated
      const { calls, encrypt } = yield* caching({ script: { before: gates.before } })
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(encrypt(encryptRequest())))
      yield* settle
      yield* Fiber.interrupt(fibers[0]!)
      assert.strictEqual(calls[0]!.outcome, "pending")
      yield* gates.open(1)
      assert.strictEqual(calls[0]!.outcome, "answered")
      assert.deepStrictEqual([yield* Fiber.join(fibers[1]!), yield* Fiber.join(fibers[2]!)].map(keyNumber), [1, 1])
      assert.strictEqual(calls.length, 1)
    }))

  it.effect("when all are interrupted the fetch is interrupted, and the flight accepts nobody", () =>
    Effect.gen(function*() {
      const gates = yield* gated
      const { cache, calls, encrypt } = yield* caching({ script: { before: gates.before } })
      const fibers = yield* Effect.forEach([1, 2], () => Effect.forkChild(encrypt(encryptRequest())))
      yield* settle
      for (const fiber of fibers) yield* Fiber.interrupt(fiber)
      yield* settle
      assert.strictEqual(calls[0]!.outcome, "interrupted")
      const next = yield* Effect.forkChild(encrypt(encryptRequest()))
      yield* settle
      assert.strictEqual(calls.length, 2)
      yield* gates.open(1, 2)
      assert.strictEqual(keyNumber(yield* Fiber.join(next)), 2)
      assert.strictEqual(yield* cache.size, 1)
    }))

  it.effect("nobody waits for the interruption of a fetch to finish, and a flight without waiters accepts none", () =>
    Effect.gen(function*() {
      const { calls, encrypt } = yield* caching({
        script: {
          before: (call) => call === 1 ? Effect.onInterrupt(Effect.never, () => Effect.never) : Effect.void
        }
      })
      const first = yield* Effect.forkChild(encrypt(encryptRequest()))
      yield* settle
      yield* Fiber.interrupt(first)
      const second = yield* Effect.forkChild(encrypt(encryptRequest()))
      yield* settle
      assert.strictEqual(calls.length, 2)
      assert.strictEqual(keyNumber(yield* Fiber.join(second)), 2)
    }))

  it.effect("closing the manager's scope interrupts flights and those who wait for them", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { calls, encrypt } = yield* Effect.provideService(
        caching({ script: { before: () => Effect.never } }),
        Scope.Scope,
        scope
      )
      const fibers = yield* Effect.forEach([1, 2], () => Effect.forkChild(encrypt(encryptRequest())))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      for (const fiber of fibers) {
        const exit = yield* Fiber.await(fiber)
        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      }
      yield* settle
      assert.strictEqual(calls[0]!.outcome, "interrupted")
      const late = yield* Effect.forkChild(Effect.flip(encrypt(encryptRequest())))
      yield* settle
      assert.strictEqual(calls.length, 1)
      assert.strictEqual((yield* Fiber.join(late)).message, "encrypt: materials manager: its scope is closed")
    }))

  it.effect("closing the manager's scope waits for nothing, and nor do they who wait for a fetch that cannot be interrupted", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { encrypt } = yield* Effect.provideService(
        caching({ script: { before: () => Effect.uninterruptible(Effect.never) } }),
        Scope.Scope,
        scope
      )
      const waiter = yield* Effect.forkChild(encrypt(encryptRequest()))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      yield* settle
      const exit = waiter.pollUnsafe()
      assert.isTrue(exit !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
    }))

  it.effect("nothing of a caller reaches a flight: no span, no annotations, no references, no uninterruptibility", () =>
    Effect.gen(function*() {
      class Mark extends Context.Reference<string>("test/Mark", { defaultValue: () => "none" }) {}
      const seen: Array<unknown> = []
      const { encrypt } = yield* caching({
        script: {
          before: () =>
            Effect.withFiber((fiber) => {
              seen.push(
                fiber.getRef(Mark),
                fiber.getRef(References.CurrentLogAnnotations)["caller"],
                fiber.cache.span?._tag === "Span" ? fiber.cache.span.name : undefined
              )
              return Effect.void
            })
        }
      })
      yield* encrypt(encryptRequest()).pipe(
        Effect.annotateLogs("caller", "secret"),
        Effect.withSpan("caller"),
        Effect.provideService(Mark, "caller"),
        Effect.uninterruptible
      )
      assert.deepStrictEqual(seen, ["none", undefined, undefined])
    }))

  it.effect("spans of those who waited are linked to the fetch's, which is a root", () =>
    Effect.gen(function*() {
      const { spans, tracer } = recordingTracer()
      yield* Effect.gen(function*() {
        const { encrypt } = yield* caching({ script: { before: () => Effect.sleep("1 second") } })
        const fiber = yield* Effect.forkChild(
          Effect.forEach([1, 2], (n) => Effect.withSpan(encrypt(encryptRequest()), `waiter ${n}`), {
            concurrency: "unbounded"
          })
        )
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
      }).pipe(Effect.withTracer(tracer))
      const fetch = spans.find(({ name }) => name === "CachingCmm.fetch")!
      assert.strictEqual(fetch.parent._tag, "None")
      assert.deepStrictEqual([...fetch.attributes], [["operation", "encrypt"], ["trigger", "request"]])
      for (const waiter of spans.filter(({ name }) => name.startsWith("waiter"))) {
        assert.deepStrictEqual(waiter.links.map(({ span }) => span.spanId), [fetch.spanId])
      }
    }))
})

describe("promise 13: flights are per manager", () => {
  it.effect("two managers on one cache and partition may each fetch, and a put replaces", () =>
    Effect.gen(function*() {
      const evictions: Array<string> = []
      const cache = yield* LocalCache.make({ capacity: 10, onEviction: ({ cause }) => evictions.push(cause) })
      const options = { cache, partitionId: "p", script: { before: () => Effect.sleep("1 second") } }
      const one = yield* caching(options)
      const other = yield* caching(options)
      const fiber = yield* Effect.forkChild(
        Effect.all([one.encrypt(encryptRequest()), other.encrypt(encryptRequest())], { concurrency: 2 })
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual([one.count(), other.count()], [1, 1])
      assert.strictEqual(yield* cache.size, 1)
      assert.deepStrictEqual(evictions, ["replaced"])
    }))
})

describe("layers", () => {
  it.effect("a caching manager over a caching manager", () =>
    Effect.gen(function*() {
      const inner = scriptedManager()
      const cache = yield* LocalCache.make({ capacity: 10 })
      const make = (materialsManager: typeof inner.manager, maxMessagesEncrypted: number) =>
        Effect.provide(
          CachingCmm.make({ materialsManager, cache, policy: { maxAge: "1 minute", maxMessagesEncrypted } }),
          TestPrimitives.layer
        )
      const outer = yield* make(yield* make(inner.manager, 2), 3)
      const keys: Array<number> = []
      for (let i = 0; i < 7; i++) keys.push(keyNumber(yield* outer.getEncryptionMaterials(encryptRequest())))
      assert.deepStrictEqual(keys, [1, 1, 1, 2, 2, 2, 3], "the inner manager is asked without a length: it is bypassed")
    }))
})
