/** Code of others that throws, never responds, lies, or calls back: managers, caches, clocks and scopes of a user's own. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { AlgorithmSuite, CryptographicMaterialsManager, DataKey } from "effect-encryption-sdk"
import { CachingCmm, LocalCache, MaterialsCache } from "effect-encryption-sdk/caching"
import type { CacheEntry } from "effect-encryption-sdk/caching"
import { Primitives } from "effect-encryption-sdk/crypto"
import { TestClock } from "../support/TestClock.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { caching, mapCache, settle } from "../support/caching.ts"
import { decryptRequest, encryptRequest, keyNumber, scriptedManager } from "../support/scriptedManager.ts"

const boom = (): never => {
  throw new Error("thrown, and not failed")
}

describe("a cache that throws", () => {
  for (const operation of ["get", "put", "delete"] as const) {
    it.effect(`${operation}: every request is served, and the fault is an event`, () =>
      Effect.gen(function*() {
        const { cache } = mapCache({}, { [operation]: boom })
        const { encrypt, events } = yield* caching({ cache, policy: { maxAge: "1 minute", maxMessagesEncrypted: 2 } })
        for (let i = 0; i < 6; i++) assert.isTrue(Exit.isSuccess(yield* Effect.exit(encrypt(encryptRequest()))))
        yield* settle
        const faults = events.flatMap((event) => event._tag === "CacheFault" ? [[event.operation, event.fault]] : [])
        assert.isAbove(faults.length, 0)
        for (const fault of faults) assert.deepStrictEqual(fault, [operation, "died"])
      }))
  }

  it.effect("deleteWhere: what was invalidated is not served, and the answer says that it was not confirmed", () =>
    Effect.gen(function*() {
      const { cache } = mapCache({}, { deleteWhere: boom })
      const { cmm, encrypt } = yield* caching({ cache })
      yield* encrypt(encryptRequest())
      yield* settle
      assert.deepStrictEqual(yield* cmm.invalidate({ encryptionContext: { tenant: "a" } }), {
        evicted: 0,
        isConfirmed: false
      })
      assert.strictEqual(keyNumber(yield* encrypt(encryptRequest())), 2)
    }))
})

describe("a cache that is slow", () => {
  it.effect("its look-up is interrupted with the request", () =>
    Effect.gen(function*() {
      let interrupted = 0
      const { cache } = mapCache({}, {
        get: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      })
      const { encrypt } = yield* caching({ cache })
      const request = yield* Effect.forkChild(encrypt(encryptRequest()))
      yield* settle
      yield* Fiber.interrupt(request)
      assert.strictEqual(interrupted, 1)
    }))
})

describe("a request that changes while its materials are fetched", () => {
  it.effect("the list of encrypted data keys and their bytes are the request's own", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const asked: Array<unknown> = []
      const scripted = scriptedManager()
      const materialsManager = CryptographicMaterialsManager.make({
        ...scripted.manager,
        decryptMaterials: (request) =>
          Effect.andThen(
            Deferred.await(gate),
            Effect.suspend(() => {
              asked.push(...request.encryptedDataKeys.map(({ ciphertext }) => [...ciphertext]))
              return scripted.manager.decryptMaterials(request)
            })
          )
      })
      const { decrypt } = yield* caching({ materialsManager })
      const request = decryptRequest()
      const list = request.encryptedDataKeys.map((edk) => ({ ...edk, ciphertext: new Uint8Array(edk.ciphertext) }))
      const before = list.map(({ ciphertext }) => [...ciphertext])
      const waiting = yield* Effect.forkChild(decrypt({ ...request, encryptedDataKeys: list }))
      yield* settle
      list[0]!.ciphertext.fill(0xff)
      list.length = 0
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(asked, before)
    }))
})

describe("a manager that returns what the policy does not allow", () => {
  it.effect("seeds nothing that the policy may not decrypt", () =>
    Effect.gen(function*() {
      const { cache, encrypt } = yield* caching({
        seedDecryptCache: true,
        script: { suite: () => AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA256 }
      })
      yield* encrypt(encryptRequest({ policy: "RequireEncryptRequireDecrypt" }))
      yield* settle
      assert.strictEqual(yield* cache.size, 1)
    }))
})

describe("a cache that does not do what control asks for", () => {
  const unfaithful: Readonly<Record<string, Partial<Parameters<typeof MaterialsCache.make>[0]>>> = {
    "says that it evicted one, and keeps it": { deleteWhere: () => Effect.succeed(1) },
    "fails": { deleteWhere: () => Effect.die("no connection") },
    "never responds": { deleteWhere: () => Effect.never },
    "counts what is no number": { deleteWhere: () => Effect.succeed(Number.NaN) }
  }
  for (const [title, operations] of Object.entries(unfaithful)) {
    for (const act of ["invalidate", "clear"] as const) {
      it.effect(`${act}: a cache that ${title} serves none of it`, () =>
        Effect.gen(function*() {
          const { cache } = mapCache({}, operations)
          const { cmm, decrypt, encrypt } = yield* caching({ cache })
          yield* encrypt(encryptRequest())
          yield* decrypt(decryptRequest())
          yield* settle
          const done = yield* Effect.forkChild(act === "clear" ? cmm.clear : Effect.orDie(cmm.invalidate({})))
          yield* TestClock.adjust("1 second")
          const { isConfirmed } = yield* Fiber.join(done)
          assert.strictEqual(isConfirmed, title.startsWith("says"))
          assert.strictEqual((yield* encrypt(encryptRequest())).receipt._tag, "Miss")
          assert.strictEqual((yield* decrypt(decryptRequest())).receipt._tag, "Miss")
          yield* settle
          assert.strictEqual((yield* encrypt(encryptRequest())).receipt._tag, "Hit", "an entry that is newer is served")
        }))
    }
  }

  it.effect("a thousand invalidations are told apart; of more, everything before the oldest is refused", () =>
    Effect.gen(function*() {
      const { cache } = mapCache({}, { deleteWhere: () => Effect.succeed(0) })
      const { cmm, encrypt } = yield* caching({ cache })
      const other = encryptRequest({ context: { tenant: "other" } })
      yield* encrypt(other)
      yield* settle
      yield* Effect.forEach(
        Array.from({ length: 1000 }).keys(),
        (i) => cmm.invalidate({ encryptionContext: { tenant: String(i) } })
      )
      assert.strictEqual((yield* encrypt(other)).receipt._tag, "Hit")
      yield* cmm.invalidate({ encryptionContext: { tenant: "one more" } })
      assert.strictEqual((yield* encrypt(other)).receipt._tag, "Miss")
    }))

  it.effect("an invalid selector is an error that names the field, and invalidates nothing", () =>
    Effect.gen(function*() {
      const { cmm, encrypt } = yield* caching()
      yield* encrypt(encryptRequest())
      for (
        const [selector, field] of [
          [{ encryptionContex: {} }, "encryptionContex"],
          [{ wrappingKey: 5 }, "wrappingKey"],
          [{ encryptionContext: { tenant: 1 } }, "encryptionContext"],
          [null, "options"]
        ] as const
      ) {
        assert.strictEqual((yield* Effect.flip(cmm.invalidate(selector as never))).field, field)
      }
      assert.strictEqual((yield* encrypt(encryptRequest())).receipt._tag, "Hit")
    }))

  it.effect("a selector that is changed afterwards selects what it did", () =>
    Effect.gen(function*() {
      const { cache } = mapCache({}, { deleteWhere: () => Effect.succeed(0) })
      const { cmm, encrypt } = yield* caching({ cache })
      yield* encrypt(encryptRequest())
      yield* settle
      const encryptionContext = { tenant: "a" }
      yield* cmm.invalidate({ encryptionContext })
      encryptionContext.tenant = "b"
      assert.strictEqual((yield* encrypt(encryptRequest())).receipt._tag, "Miss")
    }))
})

describe("a cache whose predicate runs other code", () => {
  it.effect("an entry that arrives while entries are selected is not one of them", () =>
    Effect.gen(function*() {
      const cache = yield* LocalCache.make({ capacity: 100 })
      const { cmm, encrypt } = yield* caching({ cache })
      yield* cmm.warm({ encryptionContext: { tenant: "a" } })
      let asked = 0
      const evicted = yield* cache.deleteWhere(() => {
        asked++
        Effect.runFork(Effect.scoped(encrypt(encryptRequest({ context: { tenant: `new ${asked}` } }))))
        return true
      }, "deleted")
      assert.deepStrictEqual([asked, evicted], [1, 1])
    }))

  it.effect("metadata that a cache changes are its own", () =>
    Effect.gen(function*() {
      const { cache, entries } = mapCache()
      const { calls, encrypt } = yield* caching({ cache })
      const { materials } = yield* encrypt(encryptRequest())
      yield* settle
      const [entry] = entries.values()
      const { metadata } = entry as CacheEntry.CacheEntry
      metadata.encryptedDataKeys[0]!.ciphertext.fill(0xff)
      assert.throws(() => Object.assign(metadata, { key: "another" }), TypeError)
      const again = yield* encrypt(encryptRequest())
      assert.deepStrictEqual(again.materials.encryptedDataKeys, materials.encryptedDataKeys)
      assert.strictEqual(calls.length, 1)
    }))
})

describe("seeds on their way into a slow cache", () => {
  for (const act of ["invalidate", "clear"] as const) {
    it.effect(`${act} reaches them`, () =>
      Effect.gen(function*() {
        const { cache, entries } = mapCache({ put: "500 millis" })
        const { cmm, encrypt } = yield* caching({ cache, seedDecryptCache: true })
        yield* encrypt(encryptRequest())
        yield* act === "clear" ? cmm.clear : cmm.invalidate({ encryptionContext: { tenant: "a" } })
        yield* TestClock.adjust("500 millis")
        assert.deepStrictEqual([...entries.values()], [])
      }))
  }
})

describe("the limits of the manager that made an entry", () => {
  for (const [title, cacheOf] of [["by the look-up at once", undefined], ["by get", mapCache]] as const) {
    it.effect(`its maximum age holds for a manager with a greater one, ${title}`, () =>
      Effect.gen(function*() {
        const cache = cacheOf?.().cache ?? (yield* LocalCache.make({ capacity: 10, sweepInterval: "1 hour" }))
        const shared = { cache, partitionId: "shared" }
        const short = yield* caching({ ...shared, policy: { maxAge: "1 second" } })
        const long = yield* caching({ ...shared, policy: { maxAge: "1 hour" } })
        for (const operation of ["encrypt", "decrypt"] as const) {
          const ask = ({ decrypt, encrypt }: typeof short) =>
            operation === "encrypt" ? encrypt(encryptRequest()) : decrypt(decryptRequest())
          yield* ask(short)
          yield* settle
          assert.strictEqual((yield* ask(long)).receipt._tag, "Hit")
          yield* TestClock.adjust("59 seconds")
          assert.strictEqual((yield* ask(long)).receipt._tag, "Miss", operation)
        }
      }))

    it.effect(`its maximum of bytes and of messages too, ${title}`, () =>
      Effect.gen(function*() {
        const cache = cacheOf?.().cache ?? (yield* LocalCache.make({ capacity: 10 }))
        for (const limit of [{ maxBytesEncrypted: 10 }, { maxMessagesEncrypted: 2 }]) {
          const shared = { cache, partitionId: Object.keys(limit).join() }
          const strict = yield* caching({ ...shared, policy: { maxAge: "1 minute", ...limit } })
          const generous = yield* caching({ ...shared, policy: { maxAge: "1 minute" } })
          const request = encryptRequest({ length: 4 })
          yield* strict.encrypt(request)
          yield* settle
          assert.strictEqual((yield* generous.encrypt(request)).receipt._tag, "Hit")
          assert.strictEqual((yield* generous.encrypt(request)).receipt._tag, "Miss")
        }
      }))
  }
})

describe("the scope of a request", () => {
  it.effect("closed while it waits: it fails, and no key is left", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { calls, encrypt } = yield* caching({ script: { before: () => Deferred.await(gate) } })
      const scope = yield* Scope.make()
      const waiter = yield* Effect.forkChild(Effect.flip(Scope.provide(encrypt(encryptRequest()), scope)))
      const other = yield* Effect.forkChild(encrypt(encryptRequest()))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      const { reason } = yield* Fiber.join(waiter)
      assert.match(reason.message, /the scope of the request is closed/)
      yield* Deferred.succeed(gate, undefined)
      const { receipt } = yield* Fiber.join(other)
      assert.deepStrictEqual(receipt, { _tag: "Joined", usage: { messages: 1, bytes: 10n } })
      assert.strictEqual(calls.length, 1)
    }))

  it.effect("closed while it waits alone: the fetch is abandoned", () =>
    Effect.gen(function*() {
      const { calls, encrypt } = yield* caching({ script: { before: () => Effect.never } })
      const scope = yield* Scope.make()
      const waiter = yield* Effect.forkChild(Effect.flip(Scope.provide(encrypt(encryptRequest()), scope)))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      yield* settle
      assert.isDefined(waiter.pollUnsafe())
      assert.strictEqual(calls[0]!.outcome, "interrupted")
    }))

  it.effect("closed before: nothing is charged, and nothing is handed out", () =>
    Effect.gen(function*() {
      for (const cache of [mapCache().cache, yield* LocalCache.make({ capacity: 10 })]) {
        const { count, encrypt } = yield* caching({ cache })
        yield* encrypt(encryptRequest())
        yield* settle
        const scope = yield* Scope.make()
        yield* Scope.close(scope, Exit.void)
        const late = Scope.provide(encrypt(encryptRequest()), scope)
        assert.isTrue(Exit.isFailure(yield* Effect.exit(late)))
        const { reason } = yield* Effect.flip(late)
        assert.match(reason.message, /the scope of the request is closed/)
        assert.include(reason, { isRetryable: false })
        const { receipt } = yield* encrypt(encryptRequest())
        assert.deepInclude(receipt, { _tag: "Hit", usage: { messages: 2, bytes: 20n } })
        assert.strictEqual(count(), 1)
      }
    }))
})

describe("a deadline for every way to a key provider", () => {
  it.effect("a bypassed request fails at it, and a key that comes later is zeroed", () =>
    Effect.gen(function*() {
      const scripted = scriptedManager({ before: () => Effect.sleep("1 hour") })
      const materialsManager = CryptographicMaterialsManager.make({
        ...scripted.manager,
        getEncryptionMaterials: (request) => Effect.uninterruptible(scripted.manager.getEncryptionMaterials(request))
      })
      const { encrypt } = yield* caching({ materialsManager, fetchDeadline: "2 seconds" })
      const bypassed = encryptRequest({ length: undefined })
      const request = yield* Effect.forkChild(Effect.flip(Effect.scoped(encrypt(bypassed))))
      yield* TestClock.adjust("2 seconds")
      assert.isDefined(request.pollUnsafe())
      const { reason } = yield* Fiber.join(request)
      assert.match(reason.message, /no answer within 2s/)
      assert.include(reason, { isRetryable: true })
      yield* TestClock.adjust("1 hour")
      assert.isTrue(scripted.calls[0]!.key!.every((byte) => byte === 0))
    }))

  it.effect("a manager that asks itself fails at once, and says so", () =>
    Effect.gen(function*() {
      const self: { cmm?: CachingCmm.CachingCmm } = {}
      const materialsManager = CryptographicMaterialsManager.make({
        getEncryptionMaterials: (request) => self.cmm!.getEncryptionMaterials(request),
        decryptMaterials: (request) => self.cmm!.decryptMaterials(request)
      })
      const made = yield* caching({ materialsManager })
      self.cmm = made.cmm
      const known = encryptRequest()
      for (const request of [known, { ...known, maxPlaintextLength: undefined }]) {
        const asking = yield* Effect.forkChild(Effect.flip(made.encrypt(request)))
        yield* settle
        assert.isDefined(asking.pollUnsafe())
        assert.match((yield* Fiber.join(asking)).reason.message, /it asks itself/)
      }
      assert.match((yield* Effect.flip(made.decrypt(decryptRequest()))).reason.message, /it asks itself/)
    }))

  it.effect("a manager over a manager over the first fails at once too", () =>
    Effect.gen(function*() {
      const first: { cmm?: CachingCmm.CachingCmm } = {}
      const leadingBack = CryptographicMaterialsManager.make({
        getEncryptionMaterials: (request) => first.cmm!.getEncryptionMaterials({ ...request, maxPlaintextLength: 1 }),
        decryptMaterials: (request) => first.cmm!.decryptMaterials(request)
      })
      const second = yield* caching({ materialsManager: leadingBack })
      const made = yield* caching({ materialsManager: second.cmm })
      first.cmm = made.cmm
      assert.match((yield* Effect.flip(made.decrypt(decryptRequest()))).reason.message, /it asks itself/)
    }))

  it.effect("a closed manager serves nothing, bypassed requests included", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { calls, decrypt, encrypt } = yield* Scope.provide(caching(), scope)
      yield* encrypt(encryptRequest())
      yield* Scope.close(scope, Exit.void)
      for (const request of [encryptRequest(), encryptRequest({ length: undefined })]) {
        assert.isTrue(Exit.isFailure(yield* Effect.exit(encrypt(request))))
        const { reason } = yield* Effect.flip(encrypt(request))
        assert.match(reason.message, /its scope is closed/)
        assert.include(reason, { isRetryable: false })
      }
      yield* Effect.flip(decrypt(decryptRequest()))
      assert.strictEqual(calls.length, 1)
    }))
})

describe("receipts of what was not offered to the cache", () => {
  it.effect("a data key that its first request spends", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching({ policy: { maxAge: "1 minute", maxMessagesEncrypted: 1 } })
      assert.deepStrictEqual((yield* encrypt(encryptRequest())).receipt, {
        _tag: "Unoffered",
        usage: { messages: 1, bytes: 10n }
      })
    }))

  it.effect("what was offered is a miss", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* caching()
      assert.strictEqual((yield* encrypt(encryptRequest())).receipt._tag, "Miss")
    }))
})

describe("a manager whose key is gone when it responds", () => {
  it.effect("fails all that wait, at once", () =>
    Effect.gen(function*() {
      const scripted = scriptedManager()
      const gate = yield* Deferred.make<void>()
      const materialsManager = CryptographicMaterialsManager.make({
        ...scripted.manager,
        getEncryptionMaterials: (request) =>
          Effect.tap(
            Effect.andThen(Deferred.await(gate), scripted.manager.getEncryptionMaterials(request)),
            ({ materials }) => Effect.sync(() => DataKey.zero(materials.plaintextDataKey))
          )
      })
      const { cache, encrypt } = yield* caching({ materialsManager })
      const waiters = yield* Effect.forEach([1, 2], () => Effect.forkChild(Effect.exit(encrypt(encryptRequest()))))
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      for (const waiter of waiters) assert.isTrue(Exit.isFailure(yield* Fiber.join(waiter)))
      assert.strictEqual(yield* cache.size, 0)
    }))
})

describe("entries whose keys collide", () => {
  it.effect("an entry of another context or partition is a miss, whatever the digest says", () =>
    Effect.gen(function*() {
      const primitives = { ...(yield* Primitives.Primitives), sha384: () => Effect.succeed(new Uint8Array(48)) }
      const { cache } = mapCache()
      const { count, manager: materialsManager } = scriptedManager()
      const make = (partitionId: string) =>
        Effect.provideService(
          CachingCmm.make({ cache, materialsManager, partitionId, policy: { maxAge: "1 minute" } }),
          Primitives.Primitives,
          primitives
        )
      const [p, q] = [yield* make("p"), yield* make("q")]
      const ask = (cmm: CachingCmm.CachingCmm, tenant: string) =>
        Effect.map(cmm.getEncryptionMaterials(encryptRequest({ context: { tenant } })), ({ receipt }) => receipt._tag)
      assert.strictEqual(yield* ask(p, "a"), "Miss")
      yield* settle
      assert.strictEqual(yield* ask(p, "a"), "Hit")
      assert.strictEqual(yield* ask(q, "a"), "Miss")
      yield* settle
      assert.strictEqual(yield* ask(q, "b"), "Miss")
      assert.strictEqual(count(), 3)
    }).pipe(Effect.provide(TestPrimitives.layer)))
})
