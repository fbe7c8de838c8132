/** Stores of Effect whose values are encrypted: as the store beneath to the program, and messages alone to who looks into it. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Cause, Effect, Exit, Fiber, Layer, Schema } from "effect"
import { DecryptError } from "effect-encryption-sdk"
import { EncryptedKeyValueStore, EncryptedPersistence } from "effect-encryption-sdk/fields"
import { KeyValueStore, Persistable, PersistedCache, Persistence } from "effect/persistence"
import { failureOf } from "../support/client.ts"
import { sdkLayer } from "../support/fields.ts"
import { TestClock } from "../support/TestClock.ts"

const encryptionContext = { store: "sessions" }
const secret = "tangerine-4711"

/** A stand-in for a keyed hash. */
const blindKey = (key: string) => Effect.succeed(`blind-${Buffer.from(key).toString("hex")}`)

const variants = [
  ["with keys as they are", { encryptionContext }],
  ["with blinded keys", { encryptionContext, blindKey }]
] as const

/** A store in memory beneath an encrypted one. */
const stores = (options: EncryptedKeyValueStore.Options = { encryptionContext }) =>
  Effect.gen(function*() {
    const beneath = yield* KeyValueStore.KeyValueStore
    const store = yield* EncryptedKeyValueStore.make(beneath, options)
    return { beneath, store }
  }).pipe(Effect.provide([Layer.fresh(KeyValueStore.layerMemory), sdkLayer]))

/** Everything that the store beneath holds, as text. */
const contentOf = (beneath: KeyValueStore.KeyValueStore) =>
  Effect.flatMap(beneath.keys, (keys) =>
    Effect.map(
      Effect.forEach(keys, (key) => beneath.getUint8Array(key)),
      (values) => [...keys, ...values.map((value) => Buffer.from(value!).toString("latin1"))].join("\n")
    ))

for (const [name, options] of variants) {
  describe(`a key-value store ${name}`, () => {
    it.effect("gives back text and bytes, as the stores of Effect do", () =>
      Effect.gen(function*() {
        const { store } = yield* stores(options)
        const reference = yield* Effect.provide(KeyValueStore.KeyValueStore, Layer.fresh(KeyValueStore.layerMemory))
        for (const each of [store, reference]) {
          yield* each.set("a", "text")
          yield* each.set("b", Uint8Array.of(0, 255))
          yield* each.set("", "")
        }
        for (const key of ["a", "b", "", "none"]) {
          assert.strictEqual(yield* store.get(key), yield* reference.get(key))
          assert.deepStrictEqual(yield* store.getUint8Array(key), yield* reference.getUint8Array(key))
          assert.strictEqual(yield* store.has(key), yield* reference.has(key))
        }
        assert.deepStrictEqual((yield* store.keys).toSorted(), (yield* reference.keys).toSorted())
        assert.strictEqual(yield* store.size, 3)
        assert.isFalse(yield* store.isEmpty)
        assert.strictEqual(yield* store.modify("a", (text) => `${text}!`), "text!")
        assert.strictEqual(yield* store.get("a"), "text!")
        yield* store.remove("a")
        assert.isUndefined(yield* store.get("a"))
        yield* store.clear
        assert.isTrue(yield* store.isEmpty)
      }))

    it.effect("clears the keys that begin with a prefix, and no others", () =>
      Effect.gen(function*() {
        const { store } = yield* stores(options)
        for (const key of ["a:1", "a:2", "b:1"]) yield* store.set(key, key)
        yield* store.clearPrefix("a:")
        assert.deepStrictEqual(yield* store.keys, ["b:1"])
        const view = KeyValueStore.prefix(store, "b:")
        assert.strictEqual(yield* view.get("1"), "b:1")
        yield* view.clear
        assert.strictEqual(yield* store.size, 0)
      }))

    it.effect("holds no value, and does not take one for that of another key", () =>
      Effect.gen(function*() {
        const { beneath, store } = yield* stores(options)
        yield* store.set(`key-${secret}`, secret)
        yield* store.set("other", "x")
        const content = (yield* contentOf(beneath)).replaceAll(`key-${secret}`, "")
        assert.notInclude(content, secret)
        const [from, to] = yield* beneath.keys
        yield* beneath.set(to!, (yield* beneath.getUint8Array(from!))!)
        const error = yield* failureOf(store.get("other"))
        assert.include(error.message, "the value is that of another key")
        assert.notInclude(JSON.stringify(error), secret)
      }))
  })
}

describe("an encrypted key-value store", () => {
  it.effect("fails with the library's error as cause, and the key", () =>
    Effect.gen(function*() {
      const { beneath, store } = yield* stores()
      yield* beneath.set("a", "no message")
      const error = yield* failureOf(store.get("a"))
      assert.strictEqual(error._tag, "KeyValueStoreError")
      assert.strictEqual(error.method, "get")
      assert.strictEqual(error.key, "a")
      assert.instanceOf(error.cause, DecryptError)
    }))

  it.effect("does not name a key that is blinded, nor what blindKey says of it", () =>
    Effect.gen(function*() {
      const hostile: ReadonlyArray<(key: string) => Effect.Effect<string, unknown>> = [
        (key) => Effect.fail(key),
        (key) => Effect.die(new Error(key)),
        (key) => {
          throw new Error(key)
        },
        () => 1 as never,
        () => Effect.succeed(1 as never),
        (key) => Effect.succeed(key)
      ]
      for (const blindKey of hostile) {
        const { store } = yield* stores({ encryptionContext, blindKey })
        const operations: ReadonlyArray<Effect.Effect<unknown, KeyValueStore.KeyValueStoreError>> = [
          store.get(secret),
          store.set(secret, "x"),
          store.has(secret),
          store.remove(secret)
        ]
        for (const operation of operations) {
          const exit = yield* Effect.exit(operation)
          assert.isTrue(Exit.isFailure(exit) && Cause.hasFails(exit.cause))
          if (Exit.isFailure(exit)) assert.notInclude(Cause.pretty(exit.cause) + JSON.stringify(exit.cause), secret)
        }
      }
    }))

  it.effect("encrypts the value as it is when the effect starts to run", () =>
    Effect.gen(function*() {
      const { store } = yield* stores({ encryptionContext, blindKey: (key) => Effect.as(Effect.yieldNow, `b-${key}`) })
      const value = Uint8Array.of(1, 2, 3)
      const fiber = yield* Effect.forkChild(store.set("a", value), { startImmediately: true })
      value.fill(9)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* store.getUint8Array("a"), Uint8Array.of(1, 2, 3))
    }))

  it.effect("has no text without UTF-8", () =>
    Effect.gen(function*() {
      const { store } = yield* stores()
      for (const [key, value] of [["a", "\ud800"], ["\ud800", "a"]] as const) {
        assert.include((yield* failureOf(store.set(key, value))).message, "is not well-formed Unicode")
      }
    }))

  it.effect("is a layer in the place of the store", () =>
    Effect.gen(function*() {
      const store = yield* KeyValueStore.KeyValueStore
      yield* store.set("a", "x")
      assert.strictEqual(yield* store.get("a"), "x")
    }).pipe(
      Effect.provide(
        EncryptedKeyValueStore.layer({ encryptionContext }).pipe(
          Layer.provide([Layer.fresh(KeyValueStore.layerMemory), sdkLayer])
        )
      )
    ))

  for (
    const [field, options] of [
      ["options", null],
      ["encryptionContext", {}],
      ["encryptionContext", { encryptionContext: {} }],
      ["algorithmSuite", { encryptionContext, algorithmSuite: 1 }],
      ["blindKey", { encryptionContext, blindKey: "sha" }],
      ["keys", { encryptionContext, keys: true }]
    ] as const
  ) {
    it.effect(`rejects ${field} of ${JSON.stringify(options)}`, () =>
      Effect.gen(function*() {
        const beneath = yield* Effect.provide(KeyValueStore.KeyValueStore, KeyValueStore.layerMemory)
        const error = yield* failureOf(EncryptedKeyValueStore.make(beneath, options as never))
        assert.deepStrictEqual([error._tag, error.field], ["InvalidOption", field])
      }).pipe(Effect.provide(sdkLayer)))
  }

  it.effect.prop(
    "gives back any text under any key, and fails for any changed byte",
    {
      key: Arbitrary.schema(Schema.String.check(Schema.isPattern(/^\P{Surrogate}*$/u))),
      value: Arbitrary.schema(
        Schema.Union([Schema.Uint8Array, Schema.String.check(Schema.isPattern(/^\P{Surrogate}*$/u))])
      ),
      at: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 20 })))
    },
    ({ at, key, value }) =>
      Effect.gen(function*() {
        const { beneath, store } = yield* stores()
        yield* store.set(key, value)
        if (typeof value === "string") assert.strictEqual(yield* store.get(key), value)
        else assert.deepStrictEqual(yield* store.getUint8Array(key), new Uint8Array(value))
        const message = new Uint8Array((yield* beneath.getUint8Array(key))!)
        message[at % message.length]! ^= 1
        yield* beneath.set(key, message)
        assert.isTrue(Exit.isFailure(yield* Effect.exit(store.getUint8Array(key))))
      }),
    { arbitrary: { seed: "stores", runs: 100 } }
  )
})

describe("an encrypted persistence", () => {
  class User extends Persistable.Class<{ payload: { readonly id: string } }>()("User", {
    primaryKey: ({ id }) => id,
    success: Schema.Struct({ name: Schema.String, at: Schema.Date })
  }) {}

  const backing = (options: EncryptedPersistence.Options = { encryptionContext }) =>
    Effect.gen(function*() {
      const beneath = yield* Persistence.BackingPersistence
      const encrypted = yield* EncryptedPersistence.make(beneath, options)
      return {
        beneath: yield* beneath.make("users"),
        beneathOf: beneath.make,
        encrypted,
        store: yield* encrypted.make("users")
      }
    }).pipe(Effect.provide([Layer.fresh(Persistence.layerBackingMemory), sdkLayer]))

  for (const [name, options] of variants) {
    it.effect(`gives back values ${name}, one and many, until they expire`, () =>
      Effect.gen(function*() {
        const { beneath, store } = yield* backing(options)
        yield* store.set("a", { name: secret }, undefined)
        yield* store.setMany([["b", { n: 1 }, undefined], ["c", [2], undefined]])
        assert.deepStrictEqual(yield* store.get("a"), { name: secret })
        assert.deepStrictEqual(yield* store.getMany(["c", "none", "b"]), [[2], undefined, { n: 1 }])
        const stored = yield* beneath.get("blindKey" in options ? yield* blindKey("a") : "a")
        assert.deepStrictEqual(Object.keys(stored!), ["message"])
        assert.notInclude(JSON.stringify(stored), secret)
        yield* store.remove("a")
        assert.isUndefined(yield* store.get("a"))
        yield* store.clear
        assert.isUndefined(yield* store.get("b"))
      }))
  }

  it.effect("does not take a value for that of another key or store", () =>
    Effect.gen(function*() {
      const { beneath, beneathOf, encrypted, store } = yield* backing()
      yield* store.set("a", { n: 1 }, undefined)
      yield* beneath.set("b", (yield* beneath.get("a"))!, undefined)
      assert.include((yield* failureOf(store.get("b"))).message, "the value is that of another key")
      const others = yield* encrypted.make("others")
      yield* others.set("a", { n: 2 }, undefined)
      assert.deepStrictEqual(yield* store.get("a"), { n: 1 })
      const other = yield* beneathOf("others")
      yield* other.set("a", (yield* beneath.get("a"))!, undefined)
      assert.include((yield* failureOf(others.get("a"))).message, "the value is that of another key")
      for (const stored of [{}, { message: 1 }, { message: "!" }, { message: "AAAA" }, [1]]) {
        yield* beneath.set("c", stored, undefined)
        assert.strictEqual((yield* failureOf(store.get("c")))._tag, "PersistenceError")
      }
    }))

  it.effect("has no value without JSON, and says so without the value", () =>
    Effect.gen(function*() {
      const { store } = yield* backing()
      const cyclic: Record<string, unknown> = { secret }
      cyclic["self"] = cyclic
      for (const value of [cyclic, { toJSON: () => undefined }, { secret, n: 1n }]) {
        const error = yield* failureOf(store.set("a", value, undefined))
        assert.include(error.message, "the value has no JSON")
        assert.notInclude(JSON.stringify(error), secret)
      }
    }))

  it.effect("serves PersistedCache, which holds messages alone", () =>
    Effect.gen(function*() {
      let lookups = 0
      const cache = yield* PersistedCache.make(
        (key: User) => Effect.sync(() => ({ name: `${secret} ${key.id} ${++lookups}`, at: new Date(0) })),
        {
          storeId: "users",
          timeToLive: () => "1 minute",
          inMemoryCapacity: 0
        }
      )
      const first = yield* cache.get(new User({ id: "u1" }))
      assert.deepStrictEqual(first, { name: `${secret} u1 1`, at: new Date(0) })
      assert.deepStrictEqual(yield* cache.get(new User({ id: "u1" })), first)
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* cache.get(new User({ id: "u1" }))).name, `${secret} u1 2`)
    }).pipe(
      Effect.provide(Persistence.layer.pipe(
        Layer.provide(EncryptedPersistence.layerBacking({ encryptionContext })),
        Layer.provide([Layer.fresh(Persistence.layerBackingMemory), sdkLayer])
      ))
    ))
})
