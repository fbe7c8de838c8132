import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Exit, Fiber, Scope } from "effect"
import { AlgorithmSuite, CryptographicMaterialsManager, DataKey, type EncryptedDataKey } from "effect-encryption-sdk"
import { CacheEntry, LocalCache, MaterialsCacheError } from "effect-encryption-sdk/caching"
import { TestClock } from "../support/TestClock.ts"
import { caching, mapCache } from "../support/caching.ts"
import { managerOf } from "../support/client.ts"
import { staticKeyring } from "../support/keyrings.ts"
import { decryptRequest, edk, encryptRequest, failed, keyBytes, keyNumber } from "../support/scriptedManager.ts"

const isZero = (bytes: Uint8Array | undefined): boolean => bytes !== undefined && bytes.every((byte) => byte === 0)

/** Runs a request in a scope of its own, and answers the key's bytes as the operation sees them and the scope. */
const operation = <M extends { readonly plaintextDataKey: DataKey.DataKey }, E>(
  effect: Effect.Effect<CryptographicMaterialsManager.MaterialsResponse<M>, E, Scope.Scope>
) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const answer = yield* Effect.provideService(effect, Scope.Scope, scope)
    const bytes = DataKey.value(answer.materials.plaintextDataKey)
    return { answer, bytes, end: Scope.close(scope, Exit.void) }
  })

describe("promise 1: only suites with key derivation are cached", () => {
  it.effect("materials that may not be cached serve the request that fetched them, and every waiter fetches for itself at once", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { cache, calls, encrypt, events } = yield* caching({
        script: {
          before: (call) => call === 1 ? Deferred.await(gate) : Effect.sleep("1 second"),
          suite: () => AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_NO_KDF
        }
      })
      const requests = Array.from({ length: 5 }, () => encryptRequest({ policy: "ForbidEncryptAllowDecrypt" }))
      const fiber = yield* Effect.forkChild(Effect.forEach(requests, encrypt, { concurrency: "unbounded" }))
      yield* TestClock.adjust(0)
      assert.strictEqual(calls.length, 1)
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust(0)
      assert.strictEqual(calls.length, 5, "the four waiters ask in parallel")
      assert.deepStrictEqual(calls.slice(1).map(({ request }) => request), requests.slice(1), "each as it came")
      yield* TestClock.adjust("1 second")
      const answers = yield* Fiber.join(fiber)
      assert.deepStrictEqual(answers.map(keyNumber), [1, 2, 3, 4, 5])
      for (const { receipt } of answers) {
        assert.deepStrictEqual(receipt, { _tag: "Bypassed", reason: "MaterialsNotCacheable" })
      }
      assert.strictEqual(yield* cache.size, 0)
      assert.strictEqual(events.filter(({ _tag }) => _tag === "Admitted").length, 5)
    }))
})

describe("promise 2: what goes straight through", () => {
  it.effect("neither starts nor joins a flight", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { calls, encrypt } = yield* caching({
        policy: { maxAge: "1 minute", maxBytesEncrypted: 10 },
        script: { before: () => Deferred.await(gate) }
      })
      const through = [encryptRequest({ length: 11 }), encryptRequest({ length: undefined })]
      const fiber = yield* Effect.forkChild(
        Effect.forEach([...through, encryptRequest(), ...through, encryptRequest({ length: 0 })], encrypt, {
          concurrency: "unbounded"
        })
      )
      yield* TestClock.adjust(0)
      assert.strictEqual(calls.length, 5)
      yield* Deferred.succeed(gate, undefined)
      const receipts = (yield* Fiber.join(fiber)).map(({ receipt }) => receipt._tag)
      assert.deepStrictEqual(receipts, ["Bypassed", "Bypassed", "Miss", "Bypassed", "Bypassed", "Joined"])
    }))

  it.effect("a length that is no length is refused", () =>
    Effect.gen(function*() {
      const { calls, encrypt } = yield* caching()
      for (const length of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        const error = yield* Effect.flip(encrypt(encryptRequest({ length })))
        assert.strictEqual(
          error.message,
          `encrypt: maxPlaintextLength: must be an integer from 0 to 9007199254740991, got ${length}`
        )
      }
      assert.strictEqual(calls.length, 0)
    }))
})

describe("promise 3: the key under which an entry is stored", () => {
  it.effect("commitment policies, required keys and expected contexts never share an entry", () =>
    Effect.gen(function*() {
      const { decrypt, encrypt } = yield* caching()
      const suite = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
      const context = { a: "1", b: "2" }
      const requests = [
        encrypt(encryptRequest({ suite, context })),
        encrypt(encryptRequest({ suite, context, policy: "RequireEncryptAllowDecrypt" })),
        encrypt(encryptRequest({ suite, context, policy: "ForbidEncryptAllowDecrypt" })),
        encrypt(encryptRequest({ suite, context, required: ["a"] })),
        encrypt(encryptRequest({ suite, context, required: ["a", "b"] })),
        decrypt(decryptRequest({ context })),
        decrypt(decryptRequest({ context, policy: "RequireEncryptAllowDecrypt" })),
        decrypt(decryptRequest({ context, expected: { a: "1" } })),
        decrypt(decryptRequest({ context, expected: { a: "2" } })),
        decrypt(decryptRequest({ context, expected: { b: "2" } })),
        decrypt(decryptRequest({ context, expected: { a: "1", b: "2" } }))
      ]
      const all = Effect.map(
        Effect.all(requests as Array<Effect.Effect<any, any, Scope.Scope>>),
        (answers) => answers.map(keyNumber)
      )
      assert.deepStrictEqual(yield* all, requests.map((_, index) => index + 1))
      assert.deepStrictEqual(yield* all, requests.map((_, index) => index + 1))
    }))

  it.effect("the order of required keys and of expected pairs makes no difference", () =>
    Effect.gen(function*() {
      const { count, decrypt, encrypt } = yield* caching()
      const context = { a: "1", b: "2" }
      yield* encrypt(encryptRequest({ context, required: ["a", "b"] }))
      yield* encrypt(encryptRequest({ context, required: ["b", "a"] }))
      yield* decrypt(decryptRequest({ context, expected: { a: "1", b: "2" } }))
      yield* decrypt(decryptRequest({ context, expected: { b: "2", a: "1" } }))
      assert.strictEqual(count(), 2)
    }))

  it.effect("encryption and decryption entries never serve each other", () =>
    Effect.gen(function*() {
      const { count, decrypt, encrypt } = yield* caching()
      yield* encrypt(encryptRequest({ context: {}, suite: AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY }))
      yield* decrypt(decryptRequest({ context: {} }))
      assert.deepStrictEqual([count("encrypt"), count("decrypt")], [1, 1])
    }))

  it.effect("a caller's context may change while a fetch is in flight", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { calls, encrypt } = yield* caching({ script: { before: () => Deferred.await(gate) } })
      const context: Record<string, string> = { tenant: "a" }
      const fiber = yield* Effect.forkChild(encrypt(encryptRequest({ context })), { startImmediately: true })
      context["tenant"] = "b"
      yield* Deferred.succeed(gate, undefined)
      const { materials } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(materials.encryptionContext, { tenant: "a" })
      assert.deepStrictEqual(calls[0]!.request.encryptionContext, { tenant: "a" })
    }))

  it.effect("nobody can change the context of an entry", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching()
      yield* encrypt(encryptRequest())
      const { materials } = yield* encrypt(encryptRequest())
      assert.throws(() => {
        ;(materials.encryptionContext as Record<string, string>)["tenant"] = "b"
      }, TypeError)
    }))
})

describe("promise 4: the underlying manager learns nothing of the plaintext", () => {
  it.effect("a cacheable request has no length", () =>
    Effect.gen(function*() {
      const { calls, encrypt } = yield* caching()
      yield* encrypt(encryptRequest({ length: 123 }))
      assert.deepStrictEqual(calls[0]!.request, { ...encryptRequest(), maxPlaintextLength: undefined })
    }))

  it.effect("a cacheable decrypt asks for all that the request asked for", () =>
    Effect.gen(function*() {
      const { calls, decrypt } = yield* caching()
      const request = decryptRequest({ expected: { tenant: "a", purpose: "x" } })
      yield* decrypt(request)
      assert.deepStrictEqual(calls[0]!.request, request)
    }))
})

describe("promise 5: charging", () => {
  it.effect("charges before the materials are handed out, so that parallel requests never exceed a limit", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching({ policy: { maxAge: "1 minute", maxMessagesEncrypted: 7 } })
      yield* encrypt(encryptRequest())
      const answers = yield* Effect.forEach(Array.from({ length: 50 }), () => encrypt(encryptRequest()), {
        concurrency: "unbounded"
      })
      const uses = new Map<number, number>([[1, 1]])
      for (const number of answers.map(keyNumber)) uses.set(number, (uses.get(number) ?? 0) + 1)
      assert.deepStrictEqual([...uses.values()].toSorted((a, b) => a - b), [2, 7, 7, 7, 7, 7, 7, 7])
    }))
})

describe("promise 6: what was handed out stays charged", () => {
  it.effect("whatever becomes of the operation", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching({ policy: { maxAge: "1 minute", maxMessagesEncrypted: 3 } })
      const keys: Array<number> = []
      for (const outcome of [Effect.void, Effect.fail("broken"), Effect.interrupt, Effect.void]) {
        yield* Effect.exit(Effect.scoped(Effect.flatMap(encrypt(encryptRequest()), (answer) => {
          keys.push(keyNumber(answer))
          return outcome
        })))
      }
      assert.deepStrictEqual(keys, [1, 1, 1, 2])
    }))
})

describe("promise 7: age", () => {
  const minutes = (wall: number, monotonic: number): Clock.Clock => {
    return {
      currentTimeMillisUnsafe: () => wall * 60_000,
      currentTimeMillis: Effect.sync(() => wall * 60_000),
      currentTimeNanosUnsafe: () => BigInt(wall * 60_000) * 1_000_000n,
      currentTimeNanos: Effect.sync(() => BigInt(wall * 60_000) * 1_000_000n),
      monotonicTimeNanosUnsafe: () => BigInt(monotonic * 60_000) * 1_000_000n,
      monotonicTimeNanos: Effect.sync(() => BigInt(monotonic * 60_000) * 1_000_000n),
      sleep: () => Effect.never
    }
  }

  for (
    const [title, wall, monotonic, served] of [
      ["neither clock has reached the maximum age", 9.9, 9.9, true],
      ["wall time alone has reached it: the machine slept", 10, 1, false],
      ["monotonic time alone has reached it: the wall clock was set back", -60, 10, false],
      ["wall time was set back, monotonic time has not reached it", -60, 9.9, true]
    ] as const
  ) {
    it.effect(`is the larger of wall and monotonic time elapsed: ${title}`, () =>
      Effect.gen(function*() {
        let now = minutes(0, 0)
        const clock = Object.assign(minutes(0, 0), {
          currentTimeMillisUnsafe: () => now.currentTimeMillisUnsafe(),
          monotonicTimeNanosUnsafe: () => now.monotonicTimeNanosUnsafe()
        })
        const { encrypt } = yield* Effect.provideService(caching(), Clock.Clock, clock)
        yield* encrypt(encryptRequest())
        now = minutes(wall, monotonic)
        assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), served ? 1 : 2)
      }))
  }

  it.effect("is counted from the arrival of the underlying answer, for everybody who got it", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching({
        policy: { maxAge: "1 minute" },
        script: { before: () => Effect.sleep("20 seconds") }
      })
      const fiber = yield* Effect.forkChild(encrypt(encryptRequest()))
      yield* TestClock.adjust("20 seconds")
      yield* Fiber.join(fiber)
      yield* TestClock.adjust("59 seconds")
      const again = yield* Effect.forkChild(encrypt(encryptRequest()))
      yield* TestClock.adjust(0)
      assert.notStrictEqual(again.pollUnsafe(), undefined)
      const { receipt } = yield* Fiber.join(again)
      assert.strictEqual(receipt._tag, "Hit")
      if (receipt._tag === "Hit") assert.strictEqual(Duration.toMillis(receipt.age), 59_000)
    }))

  it.effect("an entry is served only while it is young enough, whatever the cache implementation answers", () =>
    Effect.gen(function*() {
      const { cache } = mapCache({}, { delete: () => Effect.void })
      const { encrypt } = yield* caching({ cache })
      yield* encrypt(encryptRequest())
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 1)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 2)
    }))

  it.effect("a manager with a smaller maximum age does not take an older entry that another one made", () =>
    Effect.gen(function*() {
      const cache = yield* LocalCache.make({ capacity: 10 })
      const long = yield* caching({ cache, partitionId: "p", policy: { maxAge: "1 hour" } })
      const short = yield* caching({ cache, partitionId: "p", policy: { maxAge: "1 minute" } })
      yield* long.encrypt(encryptRequest())
      yield* TestClock.adjust("1 minute")
      yield* short.encrypt(encryptRequest())
      assert.strictEqual(short.count(), 1)
    }))
})

describe("promise 14: keys in memory", () => {
  it.effect("each operation owns a copy, which is zeroed when it ends", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching()
      const first = yield* operation(encrypt(encryptRequest()))
      const second = yield* operation(encrypt(encryptRequest()))
      assert.notStrictEqual(first.bytes, second.bytes)
      yield* first.end
      assert.isTrue(isZero(first.bytes))
      assert.deepStrictEqual(second.bytes, keyBytes(1))
      yield* second.end
      assert.isTrue(isZero(second.bytes))
      const third = yield* operation(encrypt(encryptRequest()))
      assert.deepStrictEqual(third.bytes, keyBytes(1))
    }))

  it.effect("an eviction leaves the copies of running operations alone", () =>
    Effect.gen(function*() {
      const { cache, causes, encrypt } = yield* caching()
      const first = yield* operation(encrypt(encryptRequest()))
      const second = yield* operation(encrypt(encryptRequest()))
      yield* cache.clear
      assert.deepStrictEqual(causes(), ["cleared"])
      assert.deepStrictEqual([first.bytes, second.bytes], [keyBytes(1), keyBytes(1)])
    }))

  it.effect("a released key cannot be used by mistake", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching()
      const { answer, end } = yield* operation(encrypt(encryptRequest()))
      yield* end
      assert.throws(() => DataKey.value(answer.materials.plaintextDataKey))
    }))

  it.effect("the very array that the underlying manager answered is zeroed once the entry has its own", () =>
    Effect.gen(function*() {
      const { calls, decrypt, encrypt } = yield* caching()
      const encrypted = yield* operation(encrypt(encryptRequest()))
      const decrypted = yield* operation(decrypt(decryptRequest()))
      assert.deepStrictEqual(calls.map(({ key }) => isZero(key)), [true, true])
      assert.deepStrictEqual(encrypted.bytes, keyBytes(1))
      assert.deepStrictEqual(decrypted.bytes, keyBytes(2))
    }))

  it.effect("the closing of the cache's scope zeroes every entry, and what is put later is not kept", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const evictions: Array<CacheEntry.EvictionEvent> = []
      const cache = yield* Effect.provideService(
        LocalCache.make({ capacity: 10, onEviction: (event) => evictions.push(event) }),
        Scope.Scope,
        scope
      )
      const { encrypt } = yield* caching({ cache })
      for (const tenant of ["a", "b"]) yield* encrypt(encryptRequest({ context: { tenant } }))
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(evictions.map(({ cause }) => cause), ["scope", "scope"])
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 3)
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 4)
    }))

  it.effect("an interrupted request leaves no key behind", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { calls, encrypt } = yield* caching({ script: { before: () => Deferred.await(gate) } })
      const scope = yield* Scope.make()
      const fiber = yield* Effect.forkChild(Effect.provideService(encrypt(encryptRequest()), Scope.Scope, scope))
      yield* TestClock.adjust(0)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.interrupt(fiber)
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust(0)
      assert.isTrue(calls.every(({ key }) => key === undefined || isZero(key)))
    }))

  it.effect("an all-zero key that the underlying manager answers is refused, and not cached", () =>
    Effect.gen(function*() {
      const { cache, decrypt, encrypt } = yield* caching({
        script: { key: (call, length) => call <= 3 ? new Uint8Array(length) : keyBytes(call, length) }
      })
      const answers = [
        yield* Effect.result(encrypt(encryptRequest())),
        yield* Effect.result(decrypt(decryptRequest())),
        yield* Effect.result(encrypt(encryptRequest({ length: undefined })))
      ]
      const refused = answers.flatMap((answer) => answer._tag === "Failure" ? [answer.failure] : [])
      assert.strictEqual(refused.length, 3)
      for (const error of refused) {
        assert.strictEqual(error.reason._tag, "InvalidMaterials")
        assert.match(error.message, /crypt: materials: plaintextDataKey: is all zero$/)
      }
      assert.strictEqual(yield* cache.size, 0)
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 4)
    }))

  it.effect("a key of the wrong length is refused, and not cached", () =>
    Effect.gen(function*() {
      const { cache, encrypt } = yield* caching({ script: { key: () => new Uint8Array(16).fill(1) } })
      const error = yield* Effect.flip(encrypt(encryptRequest()))
      assert.strictEqual(
        error.message,
        "encrypt: materials: plaintextDataKey: is 16 bytes, the suite takes 32"
      )
      assert.strictEqual(yield* cache.size, 0)
    }))
})

describe("what an entry keeps", () => {
  it.effect("is its own: no larger buffer stays alive for it, and nobody else's array changes it", () =>
    Effect.gen(function*() {
      const metadata: Array<CacheEntry.EntryMetadata> = []
      const { cache, decrypt } = yield* caching()
      const message = new Uint8Array(1_000_000)
      const view = (at: number) => message.subarray(at, at + 10)
      yield* decrypt(decryptRequest({ edks: [{ keyProviderId: "p", keyProviderInfo: view(0), ciphertext: view(20) }] }))
      yield* cache.deleteWhere((each) => {
        metadata.push(each)
        return false
      }, "deleted")
      const [kept] = metadata[0]!.encryptedDataKeys
      assert.deepStrictEqual([kept!.keyProviderInfo.buffer.byteLength, kept!.ciphertext.buffer.byteLength], [10, 10])
      message.fill(1)
      assert.deepStrictEqual(kept!.ciphertext, new Uint8Array(10))
    }))

  it.effect("is its own, though the manager that made it keeps what it handed over", () =>
    Effect.gen(function*() {
      const handedOver: Array<EncryptedDataKey.EncryptedDataKey> = []
      const under = yield* managerOf(staticKeyring(new Uint8Array(32).fill(0x42)))
      const materialsManager = CryptographicMaterialsManager.make({
        ...under,
        decryptMaterials: (request) =>
          Effect.tap(under.decryptMaterials(request), ({ materials }) =>
            Effect.sync(() => handedOver.push(materials.unwrappedDataKey)))
      })
      const { decrypt } = yield* caching({ materialsManager })
      const request = decryptRequest()
      yield* decrypt(request)
      handedOver[0]!.ciphertext.fill(0xee)
      const { materials, receipt } = yield* decrypt(request)
      assert.strictEqual(receipt._tag, "Hit")
      assert.deepStrictEqual(materials.unwrappedDataKey, request.encryptedDataKeys[0])
    }))
})

describe("promise 16: a cache's faults are misses", () => {
  const broken = (operation: "get" | "put", fault: Effect.Effect<never, MaterialsCacheError>) =>
    mapCache({}, { delete: () => Effect.void, [operation]: () => fault }).cache
  for (
    const [fault, effect, how = ""] of [
      ["failed", Effect.fail(new MaterialsCacheError({ operation: "get" }))],
      ["died", Effect.die(new Error("the cache is broken"))],
      ["timedOut", Effect.never],
      ["timedOut", Effect.uninterruptible(Effect.never), ", uninterruptibly"]
    ] as const
  ) {
    for (const operation of ["get", "put"] as const) {
      it.effect(`${operation} ${fault}${how}: never a failed encrypt or decrypt, and counted`, () =>
        Effect.gen(function*() {
          const { decrypt, encrypt, events } = yield* caching({ cache: broken(operation, effect) })
          const fiber = yield* Effect.forkChild(Effect.all([encrypt(encryptRequest()), decrypt(decryptRequest())]))
          yield* TestClock.adjust("1 second")
          yield* TestClock.adjust("1 second")
          assert.notStrictEqual(fiber.pollUnsafe(), undefined)
          assert.deepStrictEqual((yield* Fiber.join(fiber)).map(keyNumber), [1, 2])
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(
            events.filter((event) => event._tag === "CacheFault"),
            Array.from({ length: 2 }, () => ({ _tag: "CacheFault" as const, operation, fault }))
          )
        }))
    }
  }

  it.effect("nobody waits for a put", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching({ cache: broken("put", Effect.never) })
      const fiber = yield* Effect.forkChild(encrypt(encryptRequest()))
      yield* TestClock.adjust(0)
      assert.notStrictEqual(fiber.pollUnsafe(), undefined)
      assert.strictEqual(keyNumber(yield* Fiber.join(fiber)), 1)
    }))

  it.effect("an entry of the wrong kind, or of another key, is a miss", () =>
    Effect.gen(function*() {
      let stored: unknown
      const { cache } = mapCache({}, {
        get: () => Effect.sync(() => stored as CacheEntry.CacheEntry),
        put: (entry) => Effect.sync(() => void (stored = entry)),
        delete: () => Effect.void
      })
      const { decrypt, encrypt } = yield* caching({ cache })
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 1)
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest({ context: { tenant: "b" } }))), 2, "another key")
      assert.strictEqual(keyNumber(yield* decrypt(decryptRequest({ context: { tenant: "b" } }))), 3, "another kind")
      stored = { metadata: {} }
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 4, "no entry at all")
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 4)
    }))

  it.effect("an entry that was evicted is a miss, though the cache still answers it", () =>
    Effect.gen(function*() {
      let stored: CacheEntry.CacheEntry | undefined
      const { cache } = mapCache({}, {
        get: () => Effect.sync(() => stored),
        put: (entry) => Effect.sync(() => void (stored = entry)),
        delete: () => Effect.void
      })
      const { encrypt } = yield* caching({ cache })
      yield* encrypt(encryptRequest())
      assert.isTrue(yield* CacheEntry.evict(stored!, "deleted"))
      assert.isFalse(yield* CacheEntry.evict(stored!, "deleted"), "evicting twice does nothing")
      const next = yield* encrypt(encryptRequest())
      assert.strictEqual(next.receipt._tag, "Miss")
      assert.strictEqual(keyNumber(next), 2)
    }))

  it.effect("a failed fetch is not the cache's fault: it fails, and is not cached", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching({
        script: { before: (call) => call === 1 ? Effect.fail(failed()) : Effect.void }
      })
      const error = yield* Effect.flip(encrypt(encryptRequest()))
      assert.strictEqual(error.message, "encrypt: materials manager: scripted fault")
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 2)
    }))
})

describe("a cache of its own for decryption", () => {
  it.effect("many distinct decrypts do not evict the encryption entries", () =>
    Effect.gen(function*() {
      const decryptCache = yield* LocalCache.make({ capacity: 2 })
      const { cache, decrypt, encrypt } = yield* caching({ capacity: 1, decryptCache })
      yield* encrypt(encryptRequest())
      for (let i = 0; i < 10; i++) yield* decrypt(decryptRequest({ edks: [edk(i)] }))
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 1)
      assert.deepStrictEqual([yield* cache.size, yield* decryptCache.size], [1, 2])
    }))
})
