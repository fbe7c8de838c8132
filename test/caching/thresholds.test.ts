import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Result } from "effect"
import { AlgorithmSuite, EncryptionContext } from "effect-encryption-sdk"
import { CacheEntryIdentifier, type CachePolicy, LocalCache, NullCache } from "effect-encryption-sdk/caching"
import { TestClock } from "../support/TestClock.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { hex } from "../support/bytes.ts"
import { caching } from "../support/caching.ts"
import { decryptRequest, edk, encryptRequest, keyNumber } from "../support/scriptedManager.ts"

/** The numbers of the underlying calls whose keys a sequence of encrypt requests of these lengths gets. */
const keysFor = (thresholds: CachePolicy.ThresholdsInput, lengths: ReadonlyArray<number>) =>
  Effect.gen(function*() {
    const { encrypt } = yield* caching({ policy: { maxAge: "10 minutes", ...thresholds } })
    return yield* Effect.forEach(lengths, (length) => Effect.map(encrypt(encryptRequest({ length })), keyNumber))
  })

describe("the rules of the thresholds guide", () => {
  it.effect("maximum age is required", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(caching({ policy: { maxMessagesEncrypted: 10 } }))
      assert.strictEqual(error._tag, "InvalidPolicy")
      assert.strictEqual(error.message, "cache policy: maxAge is required")
    }))

  describe("bounds of each threshold", () => {
    for (
      const [title, thresholds, message] of [
        [
          "maxAge 0",
          { maxAge: "0 millis" },
          /^cache policy: maxAge must be a positive, finite Duration.*got "0 millis"$/
        ],
        ["maxAge negative", { maxAge: Duration.seconds(-1) }, /^cache policy: maxAge .* got -1s$/],
        ["maxAge infinite", { maxAge: "Infinity" }, /^cache policy: maxAge .* got "Infinity"$/],
        [
          "maxAge a bare number",
          { maxAge: 300 as never },
          /^cache policy: maxAge .*a bare number is refused.* got 300$/
        ],
        [
          "maxMessagesEncrypted 0",
          { maxMessagesEncrypted: 0 },
          /^cache policy: maxMessagesEncrypted must be an integer from 1 to 4294967296, got 0$/
        ],
        [
          "maxMessagesEncrypted 2^32 + 1",
          { maxMessagesEncrypted: 2 ** 32 + 1 },
          /from 1 to 4294967296, got 4294967297$/
        ],
        ["maxMessagesEncrypted 1.5", { maxMessagesEncrypted: 1.5 }, /from 1 to 4294967296, got 1.5$/],
        [
          "maxBytesEncrypted -1",
          { maxBytesEncrypted: -1 },
          /^cache policy: maxBytesEncrypted must be an integer from 0 to 9223372036854775807, .* got -1$/
        ],
        ["maxBytesEncrypted 2^63", { maxBytesEncrypted: 2n ** 63n }, /got 9223372036854775808$/],
        [
          "maxBytesEncrypted 2^53, a number that is not safe",
          { maxBytesEncrypted: 2 ** 53 },
          /as a bigint, a safe integer or a decimal string, got 9007199254740992$/
        ]
      ] as const
    ) {
      it.effect(`${title} is refused`, () =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(caching({ policy: { maxAge: "1 minute", ...thresholds } }))
          assert.match(error.message, message)
        }))
    }

    for (
      const [title, thresholds] of [
        ["maxAge 1 nanosecond", { maxAge: Duration.nanos(1n) }],
        ["maxAge of a thousand years", { maxAge: Duration.days(365_000) }],
        ["maxMessagesEncrypted 1", { maxMessagesEncrypted: 1 }],
        ["maxMessagesEncrypted 2^32", { maxMessagesEncrypted: 2 ** 32 }],
        ["maxBytesEncrypted 0", { maxBytesEncrypted: 0 }],
        ["maxBytesEncrypted 2^63 - 1", { maxBytesEncrypted: 2n ** 63n - 1n }],
        ["maxBytesEncrypted 2^63 - 1 as a decimal string", { maxBytesEncrypted: "9223372036854775807" }]
      ] as const
    ) {
      it.effect(`${title} is accepted`, () => caching({ policy: { maxAge: "1 minute", ...thresholds } }))
    }
  })

  it.effect("maximum age: an entry is served only while it is younger", () =>
    Effect.gen(function*() {
      const { causes, encrypt } = yield* caching({ policy: { maxAge: "10 minutes" } })
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 1)
      yield* TestClock.adjust(Duration.subtract(Duration.minutes(10), Duration.millis(1)))
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 2)
      assert.deepStrictEqual(causes(), ["age"])
    }))

  it.effect("maximum age never slides: use does not make an entry younger", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching({ policy: { maxAge: "10 minutes" } })
      const keys: Array<number> = []
      for (let minute = 0; minute < 25; minute++) {
        keys.push(keyNumber(yield* encrypt(encryptRequest())))
        yield* TestClock.adjust("1 minute")
      }
      assert.deepStrictEqual(keys, [
        ...Array.from({ length: 10 }, () => 1),
        ...Array.from({ length: 10 }, () => 2),
        ...Array.from({ length: 5 }, () => 3)
      ])
    }))

  it.effect("maximum messages: the current request is counted, and meeting the limit exactly is within it", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* keysFor({ maxMessagesEncrypted: 3 }, [1, 1, 1, 1, 1, 1, 1]), [1, 1, 1, 2, 2, 2, 3])
      assert.deepStrictEqual(yield* keysFor({ maxMessagesEncrypted: 1 }, [1, 1, 1]), [1, 2, 3])
    }))

  it.effect("maximum bytes: the current request is counted, and meeting the limit exactly is within it", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* keysFor({ maxBytesEncrypted: 10 }, [4, 6, 1, 9, 1]), [1, 1, 2, 2, 3])
      assert.deepStrictEqual(yield* keysFor({ maxBytesEncrypted: 10 }, [10, 10]), [1, 2])
    }))

  it.effect("the first use of a data key is exempt from the thresholds but counted", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching({
        policy: { maxAge: "1 minute", maxMessagesEncrypted: 2, maxBytesEncrypted: 5 }
      })
      const first = yield* encrypt(encryptRequest({ length: 5 }))
      assert.deepStrictEqual(first.receipt, { _tag: "Miss", usage: { messages: 1, bytes: 5n } })
      const second = yield* encrypt(encryptRequest({ length: 0 }))
      assert.strictEqual(keyNumber(second), 1)
      assert.strictEqual(second.receipt._tag, "Hit")
      if (second.receipt._tag === "Hit") assert.deepStrictEqual(second.receipt.usage, { messages: 2, bytes: 5n })
    }))

  it.effect("an entry that a request would take over a limit is evicted, though a smaller one might have fit", () =>
    Effect.gen(function*() {
      const { causes, encrypt } = yield* caching({ policy: { maxAge: "1 minute", maxBytesEncrypted: 10 } })
      const keys: Array<number> = []
      for (const length of [5, 6, 4]) keys.push(keyNumber(yield* encrypt(encryptRequest({ length }))))
      assert.deepStrictEqual(keys, [1, 2, 2])
      assert.deepStrictEqual(causes(), ["bytes"])
    }))

  it.effect("an entry whose messages are spent is dropped at once", () =>
    Effect.gen(function*() {
      const { cache, causes, encrypt } = yield* caching({ policy: { maxAge: "1 minute", maxMessagesEncrypted: 2 } })
      yield* encrypt(encryptRequest())
      assert.strictEqual(yield* cache.size, 1)
      yield* encrypt(encryptRequest())
      assert.strictEqual(yield* cache.size, 0)
      assert.deepStrictEqual(causes(), ["messages"])
    }))

  it.effect("an entry whose bytes are spent still serves empty messages", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* keysFor({ maxBytesEncrypted: 10 }, [10, 0, 0, 1, 0]), [1, 1, 1, 2, 2])
    }))

  it.effect("0 bytes serves only empty messages from the cache", () =>
    Effect.gen(function*() {
      const { count, encrypt } = yield* caching({ policy: { maxAge: "1 minute", maxBytesEncrypted: 0 } })
      const tags: Array<string> = []
      for (const length of [0, 0, 1, 0, 1]) tags.push((yield* encrypt(encryptRequest({ length }))).receipt._tag)
      assert.deepStrictEqual(tags, ["Miss", "Hit", "Bypassed", "Hit", "Bypassed"])
      assert.strictEqual(count(), 3)
    }))

  it.effect("maximum bytes is exact beyond 2^53", () =>
    Effect.gen(function*() {
      const half = 2 ** 53 - 1
      assert.deepStrictEqual(
        yield* keysFor({ maxBytesEncrypted: 2n * BigInt(half) + 1n }, [half, half, 1, 1]),
        [1, 1, 1, 2]
      )
    }))

  for (const suite of AlgorithmSuite.all.filter((suite) => suite.keyDerivation._tag === "Identity")) {
    it.effect(`suites without key derivation are never cached: ${suite.name}`, () =>
      Effect.gen(function*() {
        const { cache, calls, decrypt, encrypt } = yield* caching()
        const request = encryptRequest({ suite, policy: "ForbidEncryptAllowDecrypt" })
        for (const number of [1, 2]) {
          const answer = yield* encrypt(request)
          assert.strictEqual(keyNumber(answer), number)
          assert.deepStrictEqual(answer.receipt, { _tag: "Bypassed", reason: "SuiteWithoutKeyDerivation" })
          assert.strictEqual(calls.at(-1)!.request, request, "passed on unchanged")
        }
        const answer = yield* decrypt(decryptRequest({ suite, policy: "ForbidEncryptAllowDecrypt" }))
        assert.deepStrictEqual(answer.receipt, { _tag: "Bypassed", reason: "SuiteWithoutKeyDerivation" })
        assert.strictEqual(yield* cache.size, 0)
      }))
  }

  for (const suite of AlgorithmSuite.all.filter((suite) => suite.keyDerivation._tag === "Hkdf")) {
    it.effect(`suites with key derivation are cached: ${suite.name}`, () =>
      Effect.gen(function*() {
        const { decrypt, encrypt } = yield* caching()
        const keys = [yield* encrypt(encryptRequest({ suite })), yield* encrypt(encryptRequest({ suite }))].map(
          keyNumber
        )
        assert.deepStrictEqual(keys, [1, 1])
        const decrypted = [yield* decrypt(decryptRequest({ suite })), yield* decrypt(decryptRequest({ suite }))]
        assert.deepStrictEqual(decrypted.map(keyNumber), [2, 2])
      }))
  }

  it.effect("a request of unknown plaintext length goes straight through, unchanged", () =>
    Effect.gen(function*() {
      const { cache, calls, encrypt } = yield* caching()
      const request = encryptRequest({ length: undefined })
      for (const number of [1, 2]) {
        const answer = yield* encrypt(request)
        assert.strictEqual(keyNumber(answer), number)
        assert.deepStrictEqual(answer.receipt, { _tag: "Bypassed", reason: "UnknownPlaintextLength" })
        assert.strictEqual(calls.at(-1)!.request, request)
      }
      assert.strictEqual(yield* cache.size, 0)
    }))

  it.effect("a request larger than the byte limit by itself goes straight through and evicts nothing", () =>
    Effect.gen(function*() {
      const { cache, calls, causes, encrypt } = yield* caching({
        policy: { maxAge: "1 minute", maxBytesEncrypted: 10 }
      })
      yield* encrypt(encryptRequest({ length: 1 }))
      const request = encryptRequest({ length: 11 })
      const answer = yield* encrypt(request)
      assert.deepStrictEqual(answer.receipt, { _tag: "Bypassed", reason: "LargerThanMaxBytesEncrypted" })
      assert.strictEqual(calls[1]!.request, request)
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest({ length: 1 }))), 1)
      assert.strictEqual(yield* cache.size, 1)
      assert.deepStrictEqual(causes(), [])
    }))

  it.effect("managers share entries if and only if they share a cache and an equal partition ID", () =>
    Effect.gen(function*() {
      const cache = yield* LocalCache.make({ capacity: 10 })
      const otherCache = yield* LocalCache.make({ capacity: 10 })
      const one = yield* caching({ cache, partitionId: "p" })
      const same = yield* caching({ cache, partitionId: "p" })
      const otherPartition = yield* caching({ cache, partitionId: "q" })
      const otherPlace = yield* caching({ cache: otherCache, partitionId: "p" })
      const random = yield* caching({ cache })
      const random2 = yield* caching({ cache })
      yield* one.encrypt(encryptRequest())
      for (const manager of [same, otherPartition, otherPlace, random, random2]) {
        yield* manager.encrypt(encryptRequest())
      }
      assert.deepStrictEqual(
        [one, same, otherPartition, otherPlace, random, random2].map((manager) => manager.count()),
        [1, 0, 1, 1, 1, 1]
      )
    }))

  it.effect("a context object that is used again and again is served by what separates its entries, each time", () =>
    Effect.gen(function*() {
      const cache = yield* LocalCache.make({ capacity: 10 })
      const context = Result.getOrThrow(EncryptionContext.validate({ tenant: "one" }))
      const managers = [
        yield* caching({ cache, partitionId: "p" }),
        yield* caching({ cache, partitionId: "q" })
      ]
      const requests = [
        encryptRequest({ context }),
        { ...encryptRequest({ context }), commitmentPolicy: "RequireEncryptAllowDecrypt" } as const,
        { ...encryptRequest({ context }), algorithmSuite: AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY },
        { ...encryptRequest({ context }), requiredEncryptionContextKeys: ["tenant"] }
      ]
      for (let round = 0; round < 4; round++) {
        // The managers in turn, so that what one has remembered of a request is there when the other has the same.
        for (const request of requests) {
          for (const manager of managers) yield* manager.encrypt(request)
        }
      }
      assert.deepStrictEqual(managers.map((manager) => manager.count()), [requests.length, requests.length])
      assert.strictEqual(yield* cache.size, 2 * requests.length)
    }))

  it.effect("a caller's own context object counts as it is at each request", () =>
    Effect.gen(function*() {
      const { count, encrypt } = yield* caching()
      const context: Record<string, string> = { tenant: "one" }
      const keys = []
      for (const tenant of ["one", "one", "two", "one", "two"]) {
        context["tenant"] = tenant
        keys.push(keyNumber(yield* encrypt(encryptRequest({ context }))))
      }
      assert.deepStrictEqual(keys, [1, 1, 2, 1, 2])
      assert.strictEqual(count(), 2)
    }))

  it.effect("the encryption context separates entries", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching()
      const key = (context: Record<string, string>) => Effect.map(encrypt(encryptRequest({ context })), keyNumber)
      assert.strictEqual(yield* key({ a: "1", b: "2" }), 1)
      assert.strictEqual(yield* key({ b: "2", a: "1" }), 1, "the order of the pairs makes no difference")
      assert.strictEqual(yield* key({ a: "1" }), 2)
      assert.strictEqual(yield* key({ a: "2", b: "1" }), 3)
      assert.strictEqual(yield* key({}), 4)
      assert.strictEqual(yield* key({ a: "1", b: "2" }), 1)
    }))

  it.effect("the algorithm suite separates entries, and so does leaving it open", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching()
      const suites = [
        undefined,
        AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
        AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA256
      ]
      const keys: Array<number> = []
      for (const suite of [...suites, ...suites]) keys.push(keyNumber(yield* encrypt(encryptRequest({ suite }))))
      assert.deepStrictEqual(keys, [1, 2, 3, 1, 2, 3])
    }))

  it.effect("decryption is cached by encrypted data keys and context, in any order of the encrypted data keys", () =>
    Effect.gen(function*() {
      const { decrypt } = yield* caching()
      const key = (options: Parameters<typeof decryptRequest>[0]) =>
        Effect.map(decrypt(decryptRequest(options)), keyNumber)
      assert.strictEqual(yield* key({ edks: [edk(1), edk(2), edk(3)] }), 1)
      assert.strictEqual(yield* key({ edks: [edk(3), edk(1), edk(2)] }), 1)
      assert.strictEqual(yield* key({ edks: [edk(1), edk(2)] }), 2)
      assert.strictEqual(yield* key({ edks: [edk(1), edk(2), edk(3)], context: { tenant: "b" } }), 3)
      assert.strictEqual(yield* key({ edks: [edk(2), edk(3), edk(1)] }), 1)
    }))

  it.effect("decryption is bounded by age alone", () =>
    Effect.gen(function*() {
      const { count, decrypt } = yield* caching({
        policy: { maxAge: "1 minute", maxMessagesEncrypted: 1, maxBytesEncrypted: 0 }
      })
      for (let i = 0; i < 50; i++) assert.strictEqual(keyNumber(yield* decrypt(decryptRequest())), 1)
      assert.strictEqual(count(), 1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(keyNumber(yield* decrypt(decryptRequest())), 2)
    }))

  for (
    const [title, cache] of [
      ["null cache", Effect.succeed(NullCache.make)],
      ["a local cache of capacity 0", LocalCache.make({ capacity: 0 })]
    ] as const
  ) {
    it.effect(`${title}: N requests make N calls with N data keys`, () =>
      Effect.gen(function*() {
        const { calls, count, decrypt, encrypt } = yield* caching({
          cache: yield* cache,
          script: { before: () => Effect.sleep("1 second") }
        })
        const requests = Array.from({ length: 20 }, () => encryptRequest())
        const encrypts = yield* Effect.forkChild(Effect.forEach(requests, encrypt, { concurrency: "unbounded" }))
        yield* TestClock.adjust(0)
        assert.strictEqual(count("encrypt"), 20, "in parallel: nobody waits for another's call")
        yield* TestClock.adjust("1 second")
        const answers = yield* Fiber.join(encrypts)
        assert.strictEqual(new Set(answers.map(keyNumber)).size, 20)
        assert.deepStrictEqual(calls.map(({ request }) => request), requests, "each is passed on unchanged")
        assert.deepStrictEqual(answers[0]!.receipt, { _tag: "Bypassed", reason: "CachingOff" })
        const decrypts = yield* Effect.forkChild(
          Effect.forEach(requests, () => decrypt(decryptRequest()), { concurrency: "unbounded" })
        )
        yield* TestClock.adjust(0)
        assert.strictEqual(count("decrypt"), 20)
        yield* TestClock.adjust("1 second")
        const decrypted = yield* Fiber.join(decrypts)
        assert.strictEqual(new Set(decrypted.map(keyNumber)).size, 20)
      }))
  }
})

describe("cache entry identifiers", () => {
  const sha384 = (digits: string) => TestPrimitives.make.sha384(hex(digits))
  const digest = TestPrimitives.make.sha384
  const context = { b: "2", a: "1" }
  const serialized = "0002000161000131000162000132"

  it.effect("of encryption materials, without an algorithm suite", () =>
    Effect.gen(function*() {
      const preimage = CacheEntryIdentifier.encryptionPreimage({
        partitionId: "pärt",
        algorithmSuite: undefined,
        encryptionContext: context
      })
      assert.deepStrictEqual(
        yield* digest(preimage),
        yield* sha384(`01 00 01 00 70c3a47274 00 00 00 ${serialized}`.replaceAll(" ", ""))
      )
    }))

  it.effect("of encryption materials, with an algorithm suite", () =>
    Effect.gen(function*() {
      const preimage = CacheEntryIdentifier.encryptionPreimage({
        partitionId: "p",
        algorithmSuite: AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384,
        encryptionContext: {}
      })
      assert.deepStrictEqual(
        yield* digest(preimage),
        yield* sha384("01 00 01 00 70 00 01 00 0578 00".replaceAll(" ", ""))
      )
    }))

  it.effect("of decryption materials, with the encrypted data keys in lexicographic order", () =>
    Effect.gen(function*() {
      const key = (provider: string, info: string, ciphertext: string) => ({
        keyProviderId: provider,
        keyProviderInfo: Buffer.from(info),
        ciphertext: Buffer.from(ciphertext, "hex")
      })
      const preimage = CacheEntryIdentifier.decryptionPreimage({
        partitionId: "p",
        algorithmSuite: AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA256,
        encryptedDataKeys: [key("z", "i", "ff"), key("a", "i", "ff"), key("a", "i", "00")],
        encryptionContext: context
      })
      const entry = (provider: string, ciphertext: string) => `0001${provider}0001690001${ciphertext}`
      assert.deepStrictEqual(
        yield* digest(preimage),
        yield* sha384(
          `01 00 02 00 70 00 0178 00 ${entry("61", "00")}${entry("61", "ff")}${entry("7a", "ff")} 00 ${serialized}`
            .replaceAll(" ", "")
        )
      )
    }))
})
