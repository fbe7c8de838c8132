import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import {
  forDecryption,
  forEncryption,
  type Limits,
  type Request,
  requiredCalls
} from "../../docs/examples/demo/required-calls.ts"
import { arbitraryInt } from "../support/arbitraryBytes.ts"
import { caching } from "../support/caching.ts"
import { decryptRequest, edk, encryptRequest, keyNumber } from "../support/scriptedManager.ts"

const unlimited: Limits = { maxMessages: 2 ** 32, maxBytes: 2n ** 63n - 1n, capacity: 100 }

/** One byte for each record, under the contexts that the letters name. */
const records = (contexts: string): ReadonlyArray<Request> =>
  contexts.split("").map((context) => ({ context, length: 1 }))

const none = { messages: 0, bytes: 0, capacity: 0 }

describe("the calls that thresholds require to encrypt", () => {
  it("one for each context, where no threshold is met", () => {
    assert.deepStrictEqual(forEncryption(records("ABABCA"), unlimited), {
      calls: 3,
      hits: 3,
      misses: 3,
      evictions: none,
      dataKeys: [0, 1, 0, 1, 2, 0]
    })
  })

  it("a data key is dropped with the last message that it may encrypt", () => {
    assert.deepStrictEqual(forEncryption(records("AAAAA"), { ...unlimited, maxMessages: 2 }), {
      calls: 3,
      hits: 2,
      misses: 3,
      evictions: { ...none, messages: 2 },
      dataKeys: [0, 0, 1, 1, 2]
    })
  })

  it("a data key for one message is never stored", () => {
    const limits = { ...unlimited, maxMessages: 1, capacity: 1 }
    assert.deepStrictEqual(forEncryption(records("ABA"), limits).evictions, none)
  })

  it("a message that does not fit beside the bytes before it gets a new data key, even if the next one would fit", () => {
    const requests = [4, 4, 4, 2, 2, 0].map((length) => ({ context: "A", length }))
    assert.deepStrictEqual(forEncryption(requests, { ...unlimited, maxBytes: 10n }), {
      calls: 2,
      hits: 4,
      misses: 2,
      evictions: { ...none, bytes: 1 },
      dataKeys: [0, 0, 1, 1, 1, 1]
    })
  })

  it("a message that is larger than the threshold by itself leaves the cache as it is", () => {
    const requests = [3, 11, 7, 0].map((length) => ({ context: "A", length }))
    assert.deepStrictEqual(forEncryption(requests, { ...unlimited, maxBytes: 10n }), {
      calls: 2,
      hits: 2,
      misses: 1,
      evictions: none,
      dataKeys: [0, 1, 0, 0]
    })
  })

  it("the least recently used entry makes room", () => {
    assert.deepStrictEqual(forEncryption(records("ABACB"), { ...unlimited, capacity: 2 }), {
      calls: 4,
      hits: 1,
      misses: 4,
      evictions: { ...none, capacity: 2 },
      dataKeys: [0, 1, 0, 2, 3]
    })
  })

  it("capacity 0 means one call for each record", () => {
    assert.deepStrictEqual(forEncryption(records("AAA"), { ...unlimited, capacity: 0 }), {
      calls: 3,
      hits: 0,
      misses: 0,
      evictions: none,
      dataKeys: [0, 1, 2]
    })
  })

  it("bytes are counted exactly beyond 2^53", () => {
    const requests = [2 ** 53 - 1, 2 ** 53 - 1, 1].map((length) => ({ context: "A", length }))
    assert.strictEqual(forEncryption(requests, { ...unlimited, maxBytes: 2n ** 54n - 2n }).calls, 2)
    assert.strictEqual(forEncryption(requests, { ...unlimited, maxBytes: 2n ** 54n - 1n }).calls, 1)
  })
})

describe("the calls that are required to decrypt", () => {
  it("one for each data key, and one more for each that had to make room", () => {
    assert.deepStrictEqual(forDecryption([0, 1, 0, 2, 1], 100), {
      calls: 3,
      hits: 2,
      misses: 3,
      evictions: none,
      dataKeys: [0, 1, 0, 2, 1]
    })
    assert.deepStrictEqual(forDecryption([0, 1, 0, 2, 1], 2), {
      calls: 4,
      hits: 1,
      misses: 4,
      evictions: { ...none, capacity: 2 },
      dataKeys: [0, 1, 0, 2, 1]
    })
    assert.strictEqual(forDecryption([0, 0, 0], 0).calls, 3)
  })
})

describe("what is required of a run", () => {
  it("is exact one after another, and in parallel where the cache has room for all that is in use", () => {
    const limits = { ...unlimited, maxMessages: 2, capacity: 2 }
    const requests = records("ABCAABBC")
    assert.deepStrictEqual(requiredCalls(requests, limits, 1), {
      encryption: { exactly: 5, atLeast: 5 },
      decryption: { exactly: 6, atLeast: 5 }
    })
    assert.deepStrictEqual(requiredCalls(requests, limits, 2), {
      encryption: { exactly: undefined, atLeast: 5 },
      decryption: { exactly: undefined, atLeast: 5 }
    })
    assert.deepStrictEqual(requiredCalls(requests, { ...limits, capacity: 3 }, 2), {
      encryption: { exactly: 5, atLeast: 5 },
      decryption: { exactly: undefined, atLeast: 5 }
    })
    assert.deepStrictEqual(requiredCalls(requests, { ...limits, capacity: 5 }, 2).decryption, {
      exactly: 5,
      atLeast: 5
    })
  })

  it("is one call for each record without a cache, in parallel too", () => {
    assert.deepStrictEqual(requiredCalls(records("ABA"), { ...unlimited, capacity: 0 }, 8), {
      encryption: { exactly: 3, atLeast: 3 },
      decryption: { exactly: 3, atLeast: 3 }
    })
  })
})

const arbitraryRequest = Arbitrary.all({
  context: Arbitrary.schema(Schema.Literals(["A", "B", "C", "D", "E"])),
  length: arbitraryInt(0, 12)
})

const arbitraryRun = Arbitrary.all({
  requests: Arbitrary.array(arbitraryRequest, { maxLength: 60 }),
  maxMessages: arbitraryInt(1, 8),
  maxBytes: arbitraryInt(0, 40),
  capacity: arbitraryInt(0, 6),
  /** Each n-th fetch takes no time; 1 for none that takes time. */
  immediate: arbitraryInt(1, 3)
})

const settings = (runs: number) => ({ arbitrary: { seed: "required calls", runs } })

const fetchTime = (immediate: number) => (call: number) =>
  call % immediate === 0 ? Effect.void : Effect.sleep("1 second")

const tallyCauses = (causes: ReadonlyArray<string>) => ({
  messages: causes.filter((cause) => cause === "messages").length,
  bytes: causes.filter((cause) => cause === "bytes").length,
  capacity: causes.filter((cause) => cause === "capacity").length
})

const tallyReceipts = (answers: ReadonlyArray<{ readonly receipt: { readonly _tag: string } }>) => ({
  hits: answers.filter(({ receipt }) => receipt._tag === "Hit").length,
  misses: answers.filter(({ receipt }) => receipt._tag === "Miss" || receipt._tag === "Unoffered").length
})

describe("the caching manager does what is required", () => {
  it.effect.prop(
    "record by record, to encrypt",
    { run: arbitraryRun },
    ({ run: { capacity, immediate, maxBytes, maxMessages, requests } }) =>
      Effect.gen(function*() {
        const { causes, count, encrypt } = yield* caching({
          policy: { maxAge: "1 day", maxMessagesEncrypted: maxMessages, maxBytesEncrypted: maxBytes },
          capacity,
          script: { before: fetchTime(immediate) }
        })
        const fiber = yield* Effect.forkChild(Effect.forEach(
          requests,
          ({ context, length }) => encrypt(encryptRequest({ context: { context }, length }))
        ))
        yield* TestClock.adjust("1 hour")
        const answers = yield* Fiber.join(fiber)
        const plan = forEncryption(requests, { maxMessages, maxBytes: BigInt(maxBytes), capacity })
        assert.deepStrictEqual(
          {
            calls: count(),
            ...tallyReceipts(answers),
            evictions: tallyCauses(causes()),
            dataKeys: answers.map((answer) => keyNumber(answer) - 1)
          },
          plan
        )
      }),
    settings(400)
  )

  it.effect.prop(
    "record by record, to decrypt",
    { dataKeys: Arbitrary.array(arbitraryInt(0, 6), { maxLength: 60 }), capacity: arbitraryInt(0, 7) },
    ({ capacity, dataKeys }) =>
      Effect.gen(function*() {
        const { causes, count, decrypt } = yield* caching({ capacity, script: { before: fetchTime(2) } })
        const fiber = yield* Effect.forkChild(
          Effect.forEach(dataKeys, (dataKey) => decrypt(decryptRequest({ edks: [edk(dataKey)] })))
        )
        yield* TestClock.adjust("5 minutes")
        const answers = yield* Fiber.join(fiber)
        assert.deepStrictEqual(
          { calls: count(), ...tallyReceipts(answers), evictions: tallyCauses(causes()), dataKeys },
          forDecryption(dataKeys, capacity)
        )
      }),
    settings(200)
  )

  it.effect.prop(
    "in parallel too, where there is room; and never with less than the lower bound",
    { run: arbitraryRun, parallel: arbitraryInt(2, 20) },
    ({ parallel, run: { capacity, immediate, maxBytes, maxMessages, requests } }) =>
      Effect.gen(function*() {
        const made = yield* caching({
          policy: { maxAge: "1 day", maxMessagesEncrypted: maxMessages, maxBytesEncrypted: maxBytes },
          capacity,
          script: { before: fetchTime(immediate) }
        })
        const fresh = yield* caching({
          policy: { maxAge: "1 day" },
          capacity,
          script: { before: fetchTime(immediate) }
        })
        const inParallel = <A, B, E, R>(items: ReadonlyArray<A>, use: (item: A) => Effect.Effect<B, E, R>) =>
          Effect.gen(function*() {
            const fiber = yield* Effect.forkChild(Effect.forEach(items, use, { concurrency: parallel }))
            yield* TestClock.adjust("1 hour")
            return yield* Fiber.join(fiber)
          })
        const encrypted = yield* inParallel(
          requests,
          ({ context, length }) => made.encrypt(encryptRequest({ context: { context }, length }))
        )
        yield* inParallel(
          encrypted.map(keyNumber),
          (dataKey) => fresh.decrypt(decryptRequest({ edks: [edk(dataKey)] }))
        )
        const { decryption, encryption } = requiredCalls(
          requests,
          { maxMessages, maxBytes: BigInt(maxBytes), capacity },
          parallel
        )
        if (encryption.exactly !== undefined) assert.strictEqual(made.count(), encryption.exactly)
        if (decryption.exactly !== undefined) assert.strictEqual(fresh.count(), decryption.exactly)
        assert.isAtLeast(made.count(), encryption.atLeast)
        assert.isAtLeast(fresh.count(), decryption.atLeast)
      }),
    settings(300)
  )

  it.effect.prop(
    "and never with less than the lower bound when data keys expire on the way",
    { run: arbitraryRun, pauses: Arbitrary.array(arbitraryInt(0, 90), { minLength: 60, maxLength: 60 }) },
    ({ pauses, run: { capacity, maxBytes, maxMessages, requests } }) =>
      Effect.gen(function*() {
        const made = yield* caching({
          policy: { maxAge: "2 minutes", maxMessagesEncrypted: maxMessages, maxBytesEncrypted: maxBytes },
          capacity,
          sweepInterval: "1 second"
        })
        const fresh = yield* caching({ policy: { maxAge: "2 minutes" }, capacity, sweepInterval: "1 second" })
        const dataKeys: Array<number> = []
        for (const [index, { context, length }] of requests.entries()) {
          yield* TestClock.adjust(pauses[index]! * 1000)
          dataKeys.push(keyNumber(yield* made.encrypt(encryptRequest({ context: { context }, length }))))
        }
        for (const [index, dataKey] of dataKeys.entries()) {
          yield* TestClock.adjust(pauses[index]! * 1000)
          yield* fresh.decrypt(decryptRequest({ edks: [edk(dataKey)] }))
        }
        const required = requiredCalls(requests, { maxMessages, maxBytes: BigInt(maxBytes), capacity }, 1)
        assert.isAtLeast(made.count(), required.encryption.atLeast)
        assert.isAtLeast(fresh.count(), required.decryption.atLeast)
      }),
    settings(60)
  )
})
