import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Metric } from "effect"
import { AlgorithmSuite, CryptographicMaterialsManager, DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import { type CacheEntry, CachePolicy, CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { CachingCounts, ScriptedKms } from "effect-encryption-sdk/testing"
import { TestClock } from "../support/TestClock.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { caching, mapCache, settle } from "../support/caching.ts"
import { decryptRequest, edk, encryptRequest, keyNumber } from "../support/scriptedManager.ts"

describe("promise 17: invalidate and clear", () => {
  it.effect("by encryption context: all entries that have the pairs, for both operations", () =>
    Effect.gen(function*() {
      const { causes, cmm, decrypt, encrypt } = yield* caching()
      for (const context of [{ tenant: "a" }, { tenant: "a", purpose: "x" }, { tenant: "b" }, {}]) {
        yield* encrypt(encryptRequest({ context }))
        yield* decrypt(decryptRequest({ context }))
      }
      assert.deepStrictEqual(yield* cmm.invalidate({ encryptionContext: { tenant: "a" } }), {
        evicted: 4,
        isConfirmed: true
      })
      assert.deepStrictEqual(causes(), Array.from({ length: 4 }, () => "invalidated"))
      assert.strictEqual((yield* encrypt(encryptRequest({ context: { tenant: "a" } }))).receipt._tag, "Miss")
      assert.strictEqual((yield* encrypt(encryptRequest({ context: { tenant: "b" } }))).receipt._tag, "Hit")
    }))

  it.effect("by the key that generated or unwrapped the data key", () =>
    Effect.gen(function*() {
      const { cmm, decrypt, encrypt, evictions } = yield* caching()
      yield* encrypt(encryptRequest())
      yield* decrypt(decryptRequest({ edks: [edk(1), edk(7)] }))
      yield* decrypt(decryptRequest({ edks: [edk(7), edk(1)], context: {} }))
      assert.deepStrictEqual(yield* cmm.invalidate({ wrappingKey: "key-1" }), { evicted: 2, isConfirmed: true })
      assert.deepStrictEqual(evictions.map(({ metadata }) => metadata.operation), ["encrypt", "decrypt"])
      assert.deepStrictEqual(
        yield* cmm.invalidate({ wrappingKey: "key-" }),
        { evicted: 0, isConfirmed: true },
        "a part of a name is no name"
      )
    }))

  it.effect("by both: everything that is given must fit", () =>
    Effect.gen(function*() {
      const { cmm, encrypt } = yield* caching()
      yield* encrypt(encryptRequest())
      assert.deepStrictEqual(yield* cmm.invalidate({ encryptionContext: { tenant: "a" }, wrappingKey: "key-2" }), {
        evicted: 0,
        isConfirmed: true
      })
      assert.deepStrictEqual(yield* cmm.invalidate({ encryptionContext: { tenant: "a" }, wrappingKey: "key-1" }), {
        evicted: 1,
        isConfirmed: true
      })
    }))

  it.effect("clear clears this manager's partition, and no other", () =>
    Effect.gen(function*() {
      const cache = yield* LocalCache.make({ capacity: 10 })
      const decryptCache = yield* LocalCache.make({ capacity: 10 })
      const one = yield* caching({ cache, decryptCache })
      const other = yield* caching({ cache, decryptCache })
      for (const { decrypt, encrypt } of [one, other]) {
        yield* encrypt(encryptRequest())
        yield* decrypt(decryptRequest())
      }
      yield* one.cmm.clear
      assert.deepStrictEqual([yield* cache.size, yield* decryptCache.size], [1, 1])
      assert.strictEqual((yield* one.encrypt(encryptRequest())).receipt._tag, "Miss")
      assert.strictEqual((yield* other.decrypt(decryptRequest())).receipt._tag, "Hit")
    }))

  for (
    const [title, act] of [
      ["invalidate", (cmm: CachingCmm.CachingCmm) => cmm.invalidate({ encryptionContext: { tenant: "a" } })],
      [
        "invalidate by a key that is not known yet",
        (cmm: CachingCmm.CachingCmm) => cmm.invalidate({ wrappingKey: "k" })
      ],
      ["clear", (cmm: CachingCmm.CachingCmm) => cmm.clear]
    ] as const
  ) {
    it.effect(`${title}: fetches in flight serve their waiters, and nothing of them is cached`, () =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const { cache, calls, cmm, encrypt } = yield* caching({ script: { before: () => Deferred.await(gate) } })
        const waiters = yield* Effect.forEach([1, 2], () => Effect.forkChild(encrypt(encryptRequest())))
        yield* settle
        yield* act(cmm)
        const newcomer = yield* Effect.forkChild(encrypt(encryptRequest()))
        yield* settle
        assert.strictEqual(calls.length, 2, "a newcomer does not join what was invalidated")
        yield* Deferred.succeed(gate, undefined)
        const answers = yield* Effect.forEach([...waiters, newcomer], Fiber.join)
        assert.deepStrictEqual(answers.map(keyNumber), [1, 1, 2])
        assert.strictEqual(yield* cache.size, 1)
        assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 2)
      }))
  }

  it.effect("a flight of another context goes on", () =>
    Effect.gen(function*() {
      const { cmm, count, encrypt } = yield* caching({ script: { before: () => Effect.sleep("1 second") } })
      const waiter = yield* Effect.forkChild(encrypt(encryptRequest({ context: { tenant: "b" } })))
      yield* settle
      yield* cmm.invalidate({ encryptionContext: { tenant: "a" } })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(waiter)
      yield* encrypt(encryptRequest({ context: { tenant: "b" } }))
      assert.strictEqual(count(), 1)
    }))

  it.effect("what was invalidated while its put was in flight is not served", () =>
    Effect.gen(function*() {
      const deleted: Array<string> = []
      const { cache: slow, entries } = mapCache({ put: "500 millis" }, {
        delete: (entry, cause) =>
          Effect.sync(() => {
            deleted.push(cause)
            entries.delete(entry.metadata.key)
          })
      })
      const { cmm, encrypt } = yield* caching({ cache: slow })
      yield* encrypt(encryptRequest())
      yield* cmm.invalidate({ encryptionContext: { tenant: "a" } })
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 2)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 2)
      assert.deepStrictEqual(deleted, ["invalidated", "invalidated"], "again once the cache has stored it")
    }))
})

describe("rules, over the running manager", () => {
  it.effect("a rule by context keeps a tenant out of the cache, and binds another more strictly", () =>
    Effect.gen(function*() {
      const policy = CachePolicy.tightest(
        yield* CachePolicy.make({ maxAge: "1 hour", maxMessagesEncrypted: 100 }),
        CachePolicy.rule(({ encryptionContext }) =>
          encryptionContext["tenant"] === "vault"
            ? "bypass"
            : encryptionContext["tenant"] === "strict"
            ? { maxAge: "1 minute", maxMessagesEncrypted: 2 }
            : undefined
        )
      )
      const { encrypt } = yield* caching({ policy })
      const keys = (tenant: string) =>
        Effect.forEach([1, 2, 3], () => Effect.map(encrypt(encryptRequest({ context: { tenant } })), keyNumber))
      assert.deepStrictEqual(yield* keys("vault"), [1, 2, 3])
      assert.deepStrictEqual(yield* keys("strict"), [4, 4, 5])
      assert.deepStrictEqual(yield* keys("other"), [6, 6, 6])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* keys("strict"), [7, 7, 8])
      assert.deepStrictEqual(yield* keys("other"), [6, 6, 6])
    }))

  it.effect("a rule that throws means bypass, for encrypt and decrypt, and is passed on unchanged", () =>
    Effect.gen(function*() {
      const policy = CachePolicy.tightest(
        yield* CachePolicy.make({ maxAge: "1 hour" }),
        CachePolicy.rule(() => {
          throw new Error("broken rule")
        })
      )
      const { cache, calls, decrypt, encrypt } = yield* caching({ policy })
      const request = encryptRequest()
      assert.deepStrictEqual((yield* encrypt(request)).receipt, { _tag: "Bypassed", reason: "Rule" })
      assert.deepStrictEqual((yield* decrypt(decryptRequest())).receipt, { _tag: "Bypassed", reason: "Rule" })
      assert.strictEqual(calls[0]!.request, request)
      assert.strictEqual(yield* cache.size, 0)
    }))

  it.effect("a rule with maximum messages does not bound decryption", () =>
    Effect.gen(function*() {
      const policy = CachePolicy.tightest(
        yield* CachePolicy.make({ maxAge: "1 hour" }),
        CachePolicy.rule(() => ({ maxMessagesEncrypted: 1, maxBytesEncrypted: 0 }))
      )
      const { count, decrypt } = yield* caching({ policy })
      for (let i = 0; i < 5; i++) yield* decrypt(decryptRequest())
      assert.strictEqual(count(), 1)
    }))
})

/** The whole stack over a scripted KMS: what the option means for a user. */
const overKms = (options: Partial<CachingCmm.Options>) =>
  Effect.gen(function*() {
    const control = yield* EmbeddedKms.EmbeddedKms
    const kms = yield* ScriptedKms.ScriptedKms
    const keyA = yield* control.createKey()
    const keyB = yield* control.createKey()
    const evictions: Array<string> = []
    const cache = yield* LocalCache.make({ capacity: 100, onEviction: ({ cause }) => evictions.push(cause) })
    const make = (generatorKeyId: string) =>
      Effect.gen(function*() {
        const materialsManager = yield* DefaultCmm.make(yield* KmsKeyring.make({ generatorKeyId }))
        const cmm = yield* CachingCmm.make({
          policy: { maxAge: "10 minutes" },
          partitionId: "p",
          refreshAhead: { gracePeriod: "5 minutes" },
          evictRevoked: true,
          ...options,
          cache,
          materialsManager
        })
        const client = yield* Effect.provideService(
          EncryptionSdk.make(),
          CryptographicMaterialsManager.CryptographicMaterialsManager,
          cmm
        )
        return { cmm, client }
      })
    return { control, kms, keyA, keyB, evictions, cache, a: yield* make(keyA), b: yield* make(keyB) }
  })

const kmsLayer = ScriptedKms.layer().pipe(Layer.provideMerge(TestPrimitives.layer))

describe("evictRevoked", () => {
  const encrypt = (client: EncryptionSdk.EncryptionSdk, tenant: string) =>
    client.encrypt("hello", { encryptionContext: { tenant } })

  it.effect("access denied drops what is in reserve for the same requests too", () =>
    Effect.gen(function*() {
      const { a, cache, evictions, kms } = yield* overKms({})
      for (const tenant of ["a", "b"]) yield* a.cmm.warm({ encryptionContext: { tenant }, dataKeys: 3 })
      yield* kms.when({ operation: "GenerateDataKey" }, ScriptedKms.fail("AccessDenied"))
      yield* TestClock.adjust("9 minutes")
      yield* encrypt(a.client, "a")
      yield* settle
      assert.deepStrictEqual(evictions, ["revoked", "revoked", "revoked"])
      assert.strictEqual(yield* cache.size, 3)
    }).pipe(Effect.provide(kmsLayer)))

  it.effect("access denied drops only the entry whose own refresh was denied", () =>
    Effect.gen(function*() {
      const { a, cache, evictions, kms } = yield* overKms({})
      for (const tenant of ["a", "b"]) yield* encrypt(a.client, tenant)
      yield* kms.when({ operation: "GenerateDataKey" }, ScriptedKms.fail("AccessDenied"))
      yield* TestClock.adjust("9 minutes")
      assert.strictEqual((yield* encrypt(a.client, "a")).receipt._tag, "Hit", "served by the old entry")
      yield* settle
      assert.deepStrictEqual(evictions, ["revoked"])
      assert.strictEqual(yield* cache.size, 1)
    }).pipe(Effect.provide(kmsLayer)))

  for (
    const [title, evictRevoked] of [
      ["without the option the old entry is served up to its limits", false],
      ["is off by default", undefined]
    ] as const
  ) {
    it.effect(title, () =>
      Effect.gen(function*() {
        const { a, evictions, kms } = yield* overKms({ evictRevoked })
        yield* encrypt(a.client, "a")
        yield* kms.when({ operation: "GenerateDataKey" }, ScriptedKms.fail("AccessDenied"))
        yield* TestClock.adjust("9 minutes")
        for (let i = 0; i < 3; i++) {
          assert.strictEqual((yield* encrypt(a.client, "a")).receipt._tag, "Hit")
          yield* settle
          assert.deepStrictEqual(evictions, [])
        }
      }).pipe(Effect.provide(kmsLayer)))
  }

  for (const state of ["Disabled", "PendingDeletion"] as const) {
    it.effect(`a key that is ${state} takes all entries of that key with it, and no other key's`, () =>
      Effect.gen(function*() {
        const { a, b, cache, control, evictions, keyA } = yield* overKms({})
        const { message } = yield* encrypt(a.client, "a")
        yield* a.client.decrypt(message)
        yield* encrypt(a.client, "b")
        yield* b.client.encrypt("hello", { encryptionContext: { tenant: "b-only" } })
        assert.strictEqual(yield* cache.size, 4)
        yield* control.setKeyState(keyA, state)
        const error = yield* Effect.flip(encrypt(a.client, "new"))
        assert.strictEqual(error.reason._tag, "KeyringError")
        yield* settle
        assert.deepStrictEqual(evictions, ["revoked", "revoked", "revoked"])
        assert.strictEqual(yield* cache.size, 1)
      }).pipe(Effect.provide(kmsLayer)))
  }

  it.effect("other failures of the key provider evict nothing", () =>
    Effect.gen(function*() {
      const { a, evictions, kms } = yield* overKms({})
      yield* encrypt(a.client, "a")
      for (const failure of ["Throttled", "Unreachable", "KeyNotFound", "InvalidCiphertext", "Rejected"] as const) {
        yield* kms.clearRules
        yield* kms.when({}, ScriptedKms.fail(failure))
        yield* Effect.flip(encrypt(a.client, `new ${failure}`))
      }
      yield* settle
      assert.deepStrictEqual(evictions, [])
    }).pipe(Effect.provide(kmsLayer)))
})

describe("seedDecryptCache", () => {
  it.effect("is off by default", () =>
    Effect.gen(function*() {
      const { a, cache, kms } = yield* overKms({})
      const { message } = yield* a.client.encrypt("hello")
      assert.strictEqual(yield* cache.size, 1)
      yield* a.client.decrypt(message)
      assert.strictEqual(yield* kms.count("Decrypt"), 1)
    }).pipe(Effect.provide(kmsLayer)))

  for (const algorithmSuite of AlgorithmSuite.all.filter(AlgorithmSuite.isCacheable)) {
    it.effect(`reads back what was just written, without a call: ${algorithmSuite.name}`, () =>
      Effect.gen(function*() {
        const { a, kms } = yield* overKms({ seedDecryptCache: true })
        const client = yield* EncryptionSdk.make({
          commitmentPolicy: AlgorithmSuite.isCommitting(algorithmSuite)
            ? "RequireEncryptRequireDecrypt"
            : "ForbidEncryptAllowDecrypt"
        }).pipe(Effect.provideService(CryptographicMaterialsManager.CryptographicMaterialsManager, a.cmm))
        for (const text of ["one", "two"]) {
          const { message } = yield* client.encrypt(text, { algorithmSuite, encryptionContext: { tenant: "a" } })
          const { plaintext, receipt } = yield* client.decrypt(message)
          assert.strictEqual(new TextDecoder().decode(plaintext), text)
          assert.strictEqual(receipt._tag, "Hit")
        }
        assert.strictEqual(yield* kms.count("Decrypt"), 0)
      }).pipe(Effect.provide(kmsLayer)))
  }

  it.effect("inherits the age, and serves this manager alone", () =>
    Effect.gen(function*() {
      const { a, kms } = yield* overKms({ seedDecryptCache: true, refreshAhead: undefined })
      const twin = yield* overKms({ seedDecryptCache: true, refreshAhead: undefined })
      const { message } = yield* a.client.encrypt("hello")
      yield* TestClock.adjust("9 minutes")
      const again = yield* a.client.encrypt("hello")
      assert.strictEqual((yield* a.client.decrypt(again.message)).receipt._tag, "Hit")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* a.client.decrypt(message)).receipt._tag, "Miss", "as old as the encryption entry")
      assert.strictEqual(yield* kms.count("Decrypt"), 1)
      void twin
    }).pipe(Effect.provide(kmsLayer)))

  it.effect("another manager with the same partition must ask", () =>
    Effect.gen(function*() {
      const { a, cache, keyA, kms } = yield* overKms({ seedDecryptCache: true })
      const materialsManager = yield* DefaultCmm.make(yield* KmsKeyring.make({ generatorKeyId: keyA }))
      const cmm = yield* CachingCmm.make({
        policy: { maxAge: "10 minutes" },
        partitionId: "p",
        seedDecryptCache: true,
        cache,
        materialsManager
      })
      const { message } = yield* a.client.encrypt("hello")
      assert.strictEqual((yield* a.client.decrypt(message, { materialsManager: cmm })).receipt._tag, "Miss")
      assert.strictEqual(yield* kms.count("Decrypt"), 1)
    }).pipe(Effect.provide(kmsLayer)))

  it.effect("a request that expects a context is not served from what was seeded", () =>
    Effect.gen(function*() {
      const { a, kms } = yield* overKms({ seedDecryptCache: true })
      const { message } = yield* a.client.encrypt("hello", { encryptionContext: { tenant: "a" } })
      yield* a.client.decrypt(message, { expectedEncryptionContext: { tenant: "a" } })
      assert.strictEqual(yield* kms.count("Decrypt"), 1)
    }).pipe(Effect.provide(kmsLayer)))
})

describe("metrics", () => {
  it.effect("have stable names and attributes, and count what happened", () =>
    Effect.gen(function*() {
      const read = Effect.map(Metric.snapshot, (snapshots) =>
        Object.fromEntries(snapshots.map(({ attributes, id, state }) => [
          `${id} ${Object.values(attributes ?? {}).join(" ")}`,
          "count" in state ? Number(state.count) : "value" in state ? Number(state.value) : state
        ])))
      const { cmm, decrypt, encrypt } = yield* caching({
        policy: { maxAge: "1 minute", maxMessagesEncrypted: 3 },
        script: {
          before: () =>
            Effect.sleep("1 second")
        }
      })
      const fiber = yield* Effect.forkChild(Effect.all([
        ...[1, 2].map(() =>
          Effect.asVoid(encrypt(encryptRequest()))
        ),
        Effect.asVoid(decrypt(decryptRequest())),
        Effect.asVoid(encrypt(encryptRequest({ length: undefined })))
      ], { concurrency: "unbounded" }))
      yield* settle
      const during = yield* read
      assert.strictEqual(during["effect_encryption_sdk_cache_flights encrypt"], 1)
      assert.strictEqual(during["effect_encryption_sdk_cache_waiters encrypt"], 2)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      yield* encrypt(encryptRequest())
      yield* cmm.clear
      assert.deepStrictEqual(yield* read, {
        "effect_encryption_sdk_cache_requests encrypt miss": 1,
        "effect_encryption_sdk_cache_requests encrypt joined": 1,
        "effect_encryption_sdk_cache_requests encrypt hit": 1,
        "effect_encryption_sdk_cache_requests decrypt miss": 1,
        "effect_encryption_sdk_cache_requests encrypt bypassed": 1,
        "effect_encryption_sdk_cache_bypasses encrypt UnknownPlaintextLength": 1,
        "effect_encryption_sdk_cache_flights encrypt": 0,
        "effect_encryption_sdk_cache_flights decrypt": 0,
        "effect_encryption_sdk_cache_waiters encrypt": 0,
        "effect_encryption_sdk_cache_waiters decrypt": 0,
        "effect_encryption_sdk_cache_fetches encrypt request succeeded": 1,
        "effect_encryption_sdk_cache_fetches decrypt request succeeded": 1,
        "effect_encryption_sdk_cache_fetch_latency_millis encrypt request": 1,
        "effect_encryption_sdk_cache_fetch_latency_millis decrypt request": 1,
        "effect_encryption_sdk_cache_entries encrypt": 0,
        "effect_encryption_sdk_cache_entries decrypt": 0,
        "effect_encryption_sdk_cache_evictions encrypt messages": 1,
        "effect_encryption_sdk_cache_evictions decrypt cleared": 1,
        "effect_encryption_sdk_cache_eviction_age_millis encrypt": 1,
        "effect_encryption_sdk_cache_eviction_age_millis decrypt": 1,
        "effect_encryption_sdk_cache_eviction_messages encrypt": 1,
        "effect_encryption_sdk_cache_eviction_messages decrypt": 1
      })
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))
})

describe("metrics of materials that may not be cached", () => {
  it.effect("a request that was admitted before that showed is counted once", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching({
        script: { suite: () => AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_NO_KDF }
      })
      yield* encrypt(encryptRequest({ policy: "ForbidEncryptAllowDecrypt" }))
      const { bypasses, requests } = (yield* CachingCounts.read).encrypt
      assert.deepStrictEqual(requests, { hit: 0, joined: 0, miss: 1, bypassed: 0 })
      assert.deepStrictEqual(bypasses, { MaterialsNotCacheable: 1 })
    }).pipe(CachingCounts.isolate))
})

describe("what is handed out of an entry", () => {
  it.effect("encrypted data keys, which all copies share, cannot be changed", () =>
    Effect.gen(function*() {
      const entries: Array<CacheEntry.EntryMetadata> = []
      const { cache, decrypt, encrypt } = yield* caching()
      const encrypted = [yield* encrypt(encryptRequest({})), yield* encrypt(encryptRequest({}))]
      const decrypted = [yield* decrypt(decryptRequest({})), yield* decrypt(decryptRequest({}))]
      assert.deepStrictEqual([encrypted[1]!.receipt._tag, decrypted[1]!.receipt._tag], ["Hit", "Hit"])
      yield* cache.deleteWhere((metadata) => entries.push(metadata) < 0, "invalidated")
      assert.strictEqual(entries.length, 2)
      const handedOut = [
        ...encrypted.flatMap(({ materials }) => materials.encryptedDataKeys),
        ...decrypted.map(({ materials }) => materials.unwrappedDataKey),
        ...entries.flatMap(({ encryptedDataKeys }) => encryptedDataKeys)
      ]
      for (const edk of handedOut) {
        assert.throws(() => Object.assign(edk, { keyProviderId: "another" }), TypeError)
        assert.throws(() => Object.assign(edk, { ciphertext: new Uint8Array(70_000) }), TypeError)
      }
    }))
})
