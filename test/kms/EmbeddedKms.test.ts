import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Layer, Redacted, Schema, Scope } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { Primitives } from "effect-encryption-sdk/crypto"
import { Kms, KmsError } from "effect-encryption-sdk/kms"
import { EmbeddedKms, EmbeddedKmsError } from "effect-encryption-sdk/kms/development-only"
import { TestClock } from "../support/TestClock.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { createKey, infoOf } from "../support/embeddedKms.ts"
import { inspect } from "../support/inspect.ts"
import { failureOf as errorOf } from "../support/client.ts"
import { allFail, eachCall, failureOf, kmsContract, request } from "../support/kmsContract.ts"

const arn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
const other = "arn:aws:kms:eu-central-1:444455556666:key/mrk-4321abcd12ab34cd56ef1234567890ab"
const embedded = (options?: EmbeddedKms.Options) =>
  EmbeddedKms.layer({ keys: [{ arn, aliases: ["alias/orders"] }, { arn: other }], ...options }).pipe(
    Layer.provide(TestPrimitives.layer)
  )

const prints = (value: unknown): ReadonlyArray<string> => [
  String(value),
  JSON.stringify(value) ?? "",
  inspect(value, { depth: 10, showHidden: true })
]

kmsContract({
  title: "EmbeddedKms",
  layer: EmbeddedKms.layer().pipe(Layer.orDie, Layer.provide(TestPrimitives.layer)),
  createKey,
  incorrectKey: ["IncorrectKeyException", "InvalidCiphertext"]
})

describe("EmbeddedKms", () => {
  it.effect.prop(
    "a ciphertext that is altered in any bit or cut anywhere does not unwrap",
    { position: Schema.Natural, bit: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 7 })) },
    ({ bit, position }) =>
      Effect.gen(function*() {
        const kms = yield* Kms.Kms
        const { ciphertextBlob } = yield* kms.generateDataKey({ ...request(arn), numberOfBytes: 32 })
        const index = position % ciphertextBlob.length
        const altered = ciphertextBlob.slice()
        altered[index]! ^= 1 << bit
        for (const blob of [altered, ciphertextBlob.subarray(0, index)]) {
          const refused = yield* failureOf(kms.decrypt({ ...request(arn), ciphertextBlob: blob }))
          assert.strictEqual(refused.failure, "InvalidCiphertext")
        }
        yield* kms.decrypt({ ...request(arn), ciphertextBlob })
      }).pipe(Effect.provide(embedded())),
    { arbitrary: { seed: "alter", runs: 100 } }
  )

  it.effect.each<[string, string, KmsError["failure"]]>([
    ["arn:aws:kms:us-west-2:111122223333:alias/orders", "NotFoundException", "KeyNotFound"],
    ["mrk-4321abcd12ab34cd56ef1234567890ab", "NotFoundException", "KeyNotFound"],
    ["", "NotFoundException", "KeyNotFound"],
    ["arn:aws:kms:us-east-1", "InvalidArnException", "Rejected"]
  ])("names no key: %s", ([name, code, failed]) =>
    Effect.gen(function*() {
      yield* allFail(yield* eachCall(arn), name, code, failed)
    }).pipe(Effect.provide(embedded())))

  it.effect("a key that is disabled or pending deletion does nothing until it is enabled again", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const control = yield* EmbeddedKms.EmbeddedKms
      const { ciphertextBlob, plaintext } = yield* kms.generateDataKey({ ...request(arn), numberOfBytes: 32 })
      const calls = yield* eachCall(arn)
      for (
        const [state, code] of [
          ["Disabled", "DisabledException"],
          ["PendingDeletion", "KMSInvalidStateException"]
        ] as const
      ) {
        yield* control.setKeyState("alias/orders", state)
        for (const name of [arn, "alias/orders"]) yield* allFail(calls, name, code, "KeyUnavailable")
        yield* kms.encrypt({ ...request(other), plaintext })
      }
      yield* control.setKeyState(arn, "Enabled")
      yield* kms.decrypt({ ...request(arn), ciphertextBlob })
      yield* control.deleteKey(arn)
      assert.strictEqual((yield* failureOf(kms.decrypt({ ...request(arn), ciphertextBlob }))).failure, "KeyNotFound")
      assert.strictEqual(
        (yield* failureOf(kms.encrypt({ ...request("alias/orders"), plaintext }))).failure,
        "KeyNotFound"
      )
      assert.deepStrictEqual(yield* control.keys, [infoOf(other)])
      const successor = yield* control.createKey({ aliases: ["alias/orders"] })
      assert.strictEqual((yield* kms.encrypt({ ...request("alias/orders"), plaintext })).keyId, successor)
    }).pipe(Effect.provide(embedded())))

  it.effect("sizes and contexts that AWS KMS refuses are a ValidationException", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const refused: ReadonlyArray<Effect.Effect<unknown, KmsError>> = [
        ...[0, -1, 1.5, Number.NaN].map((numberOfBytes) => kms.generateDataKey({ ...request(arn), numberOfBytes })),
        ...[0, 4097].map((length) => kms.encrypt({ ...request(arn), plaintext: DataKey.make(new Uint8Array(length)) })),
        kms.generateDataKey({ ...request(arn, { a: 1 } as never), numberOfBytes: 32 }),
        kms.generateDataKey({ ...request(arn, { a: "\ud800" }), numberOfBytes: 32 }),
        kms.generateDataKey({ ...request(arn, { a: "b".repeat(8192) }), numberOfBytes: 32 }),
        kms.generateDataKey({ ...request(arn, null as never), numberOfBytes: 32 }),
        kms.generateDataKey({ ...request(arn, { a: null } as never), numberOfBytes: 32 })
      ]
      for (const call of refused) {
        assert.deepInclude(yield* failureOf(call), { code: "ValidationException", failure: "Rejected" })
      }
      yield* kms.generateDataKey({ ...request(arn), numberOfBytes: 1024 })
      yield* kms.generateDataKey({ ...request(arn, { a: "b".repeat(8191) }), numberOfBytes: 32 })
      yield* kms.encrypt({ ...request(arn), plaintext: DataKey.make(new Uint8Array(4096)) })
    }).pipe(Effect.provide(embedded())))

  it.effect("every call takes its latency on the Clock", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const fiber = yield* Effect.forkChild(Effect.gen(function*() {
        const { ciphertextBlob, plaintext } = yield* kms.generateDataKey({ ...request(arn), numberOfBytes: 32 })
        const generated = yield* Clock.currentTimeMillis
        yield* kms.encrypt({ ...request(arn), plaintext })
        const encrypted = yield* Clock.currentTimeMillis
        yield* kms.decrypt({ ...request(arn), ciphertextBlob })
        return [generated, encrypted, yield* Clock.currentTimeMillis]
      }))
      for (let call = 0; call < 3; call++) yield* TestClock.adjust("25 millis")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [25, 50, 75])
    }).pipe(Effect.provide(embedded({ latency: "25 millis" }))))

  it.effect("keys are made with random ARNs, in a Region and under aliases", () =>
    Effect.gen(function*() {
      const control = yield* EmbeddedKms.EmbeddedKms
      const kms = yield* Kms.Kms
      const one = yield* control.createKey()
      const two = yield* control.createKey({ region: "eu-west-1", aliases: ["alias/a", "alias/b/c"] })
      const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
      assert.match(one, new RegExp(`^arn:aws:kms:ap-south-1:999988887777:key/${uuid}$`))
      assert.match(two, new RegExp(`^arn:aws:kms:eu-west-1:999988887777:key/${uuid}$`))
      assert.deepStrictEqual(yield* control.keys, [
        infoOf(one),
        infoOf(two, { aliases: ["alias/a", "alias/b/c"] })
      ])
      yield* control.setAlias("alias/a", two)
      yield* control.setAlias("alias/a", one)
      const generate = (keyId: string) =>
        Effect.map(kms.generateDataKey({ ...request(keyId), numberOfBytes: 16 }), ({ keyId }) => keyId)
      assert.strictEqual(yield* generate("alias/a"), one)
      assert.strictEqual(yield* generate("arn:aws:kms:eu-west-1:999988887777:alias/a"), two)
      assert.strictEqual(yield* generate("arn:aws:kms:eu-west-1:999988887777:alias/b/c"), two)
    }).pipe(Effect.provide(embedded({ keys: [], region: "ap-south-1", account: "999988887777" }))))

  it.effect("control that cannot be is an EmbeddedKmsError that names the field", () =>
    Effect.gen(function*() {
      const control = yield* EmbeddedKms.EmbeddedKms
      const fails = (effect: Effect.Effect<unknown, EmbeddedKmsError>, field: string, description: RegExp) =>
        Effect.map(errorOf(effect), (error) => {
          assert.instanceOf(error, EmbeddedKmsError)
          assert.strictEqual(error.field, field)
          assert.match(error.description, description)
          assert.strictEqual(error.message, `embedded KMS: ${field}: ${error.description}`)
        })
      const before = yield* control.keys
      yield* fails(control.createKey({ arn }), "arn", /already/)
      yield* fails(control.createKey({ arn: "alias/x" }), "arn", /"alias\/x" is no key ARN/)
      yield* fails(control.createKey({ region: "" }), "arn", /is no key ARN/)
      yield* fails(control.createKey({ aliases: ["orders"] }), "aliases", /must begin with alias\//)
      yield* fails(control.createKey({ aliases: ["alias/new", "alias/orders"] }), "aliases", /another key already/)
      yield* fails(control.setAlias("orders", arn), "alias", /must begin with alias\//)
      yield* fails(control.setAlias("alias/x", "alias/none"), "keyId", /is not found/)
      yield* fails(control.setKeyState("alias/none", "Disabled"), "keyId", /is not found/)
      yield* fails(control.setKeyState(arn, "On" as never), "state", /^is "On", must be one of Enabled, Disabled, Pend/)
      yield* fails(control.deleteKey("arn:aws:kms"), "keyId", /is no ARN/)
      assert.deepStrictEqual(yield* control.keys, before)
    }).pipe(Effect.provide(embedded())))

  it.effect("a layer with wrong options is an EmbeddedKmsError that names the field", () =>
    Effect.gen(function*() {
      const store = (text: string) => ({ keys: [], keyStore: Redacted.make(text) })
      const wiped = Redacted.make("{}")
      Redacted.wipeUnsafe(wiped)
      const material = (length: number, fill: number) => Buffer.alloc(length, fill).toString("base64")
      const key = (fields: object) =>
        JSON.stringify({
          version: 1,
          keys: [{ arn, material: material(32, 1), state: "Enabled", aliases: [], ...fields }]
        })
      for (
        const [options, field] of [
          [{ region: 1 } as never, "region"],
          [{ keystore: "" } as never, "keystore"],
          [{ keyStore: "{}" } as never, "keyStore"],
          [{ keyStore: wiped }, "keyStore"],
          [{ latency: "soon" } as never, "latency"],
          [{ keys: [{ arn: 1 }] } as never, "keys[0].arn"],
          [{ keys: [{ alias: "alias/x" }] } as never, "keys[0].alias"],
          [{ keys: [{ arn, aliases: "alias/x" }] } as never, "keys[0].aliases"],
          [{ keys: [{ arn: "no" }] }, "keys[0].arn"],
          [{ keys: [{ arn }, { arn: other, aliases: ["no"] }] }, "keys[1].aliases"],
          [store("{}"), "keyStore"],
          [store("not JSON"), "keyStore"],
          [store(key({ material: "***" })), "keyStore"],
          [store(key({ state: "Unheard-of" })), "keyStore"],
          [store(key({ material: material(31, 1) })), "keyStore"],
          [store(key({ material: material(32, 0) })), "keyStore"],
          [store(key({ arn: "alias/x" })), "keyStore.arn"],
          [store(key({ aliases: ["x"] })), "keyStore.aliases"]
        ] as const
      ) {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(embedded(options))))
        assert.instanceOf(error, EmbeddedKmsError)
        assert.strictEqual(error.field, field)
      }
      yield* Effect.scoped(Layer.build(embedded(store(key({})))))
    }))

  it.effect("an exported key store unwraps elsewhere, with the same states and aliases", () =>
    Effect.gen(function*() {
      const [ciphertextBlob, plaintext, keyStore] = yield* Effect.gen(function*() {
        const kms = yield* Kms.Kms
        const control = yield* EmbeddedKms.EmbeddedKms
        const { ciphertextBlob, plaintext } = yield* kms.generateDataKey({
          ...request("alias/orders"),
          numberOfBytes: 32
        })
        yield* control.setKeyState(other, "Disabled")
        return [ciphertextBlob, DataKey.value(plaintext).slice(), yield* control.exportKeys] as const
      }).pipe(Effect.provide(embedded()))
      for (const text of prints(keyStore)) {
        assert.notInclude(text, "material")
        assert.include(text, "redacted")
      }
      yield* Effect.gen(function*() {
        const kms = yield* Kms.Kms
        const control = yield* EmbeddedKms.EmbeddedKms
        const decrypted = yield* kms.decrypt({ ...request("alias/orders"), ciphertextBlob })
        assert.deepStrictEqual(DataKey.value(decrypted.plaintext), plaintext)
        assert.strictEqual(decrypted.keyId, arn)
        assert.deepStrictEqual(yield* control.keys, [
          infoOf(arn, { aliases: ["alias/orders"] }),
          infoOf(other, { state: "Disabled" })
        ])
        assert.deepStrictEqual(yield* control.exportKeys, keyStore)
      }).pipe(Effect.provide(embedded({ keyStore })))
    }))

  it.effect("key material is zeroed when the layer is released", () =>
    Effect.gen(function*() {
      const drawn: Array<Uint8Array> = []
      const recording = Layer.effect(
        Primitives.Primitives,
        Effect.map(Primitives.Primitives, (primitives) =>
          Primitives.Primitives.of({
            ...primitives,
            randomBytes: (length) =>
              Effect.map(primitives.randomBytes(length), (bytes) => {
                drawn.push(bytes)
                return bytes
              })
          }))
      ).pipe(Layer.provide(TestPrimitives.layer))
      const scope = yield* Scope.make()
      const services = yield* Layer.buildWithScope(
        EmbeddedKms.layer({ keys: [{ arn }, { arn: other }] }).pipe(Layer.provide(recording)),
        scope
      )
      const kms = yield* Effect.provideContext(Kms.Kms, services)
      assert.deepStrictEqual(drawn.map((bytes) => bytes.length), [32, 32])
      assert.isTrue(drawn.every((bytes) => bytes.some((byte) => byte !== 0)))
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(drawn.every((bytes) => bytes.every((byte) => byte === 0)))
      assert.strictEqual(
        (yield* failureOf(kms.generateDataKey({ ...request(arn), numberOfBytes: 32 }))).failure,
        "KeyNotFound"
      )
    }))

  it.effect("a data key that is interrupted before it is wrapped is zeroed", () =>
    Effect.gen(function*() {
      const drawn: Array<Uint8Array> = []
      const stuck = Layer.effect(
        Primitives.Primitives,
        Effect.map(Primitives.Primitives, (primitives) =>
          Primitives.Primitives.of({
            ...primitives,
            randomBytes: (length) =>
              Effect.map(primitives.randomBytes(length), (bytes) => {
                drawn.push(bytes)
                return bytes
              }),
            seal: () => Effect.never
          }))
      ).pipe(Layer.provide(TestPrimitives.layer))
      yield* Effect.gen(function*() {
        const kms = yield* Kms.Kms
        const fiber = yield* Effect.forkChild(kms.generateDataKey({ ...request(arn), numberOfBytes: 24 }), {
          startImmediately: true
        })
        const dataKey = drawn.find((bytes) => bytes.length === 24)!
        assert.isTrue(dataKey.some((byte) => byte !== 0))
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(dataKey, new Uint8Array(24))
      }).pipe(Effect.provide(EmbeddedKms.layer({ keys: [{ arn }] }).pipe(Layer.provide(stuck))))
    }))

  it.effect("inputs are not changed, and no public value prints key material", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const control = yield* EmbeddedKms.EmbeddedKms
      const input = DataKey.make(Uint8Array.from({ length: 32 }, (_, index) => index))
      const { ciphertextBlob } = yield* kms.encrypt({ ...request(arn), plaintext: input })
      assert.deepStrictEqual(DataKey.value(input), Uint8Array.from({ length: 32 }, (_, index) => index))
      const before = ciphertextBlob.slice()
      const answer = yield* kms.decrypt({ ...request(arn), ciphertextBlob })
      assert.deepStrictEqual(ciphertextBlob, before)
      const { material } = (JSON.parse(Redacted.value(yield* control.exportKeys)) as {
        keys: [{ material: string }]
      }).keys[0]
      const secrets = [material, Buffer.from(material, "base64").join(","), Buffer.from(DataKey.value(input)).join(",")]
      for (const value of [kms, control, answer, yield* control.keys]) {
        const texts = prints(value).map((text) => text.replaceAll(/\s/g, ""))
        for (const secret of secrets) assert.isTrue(texts.every((text) => !text.includes(secret)))
      }
    }).pipe(Effect.provide(embedded({ keys: [{ arn }] }))))
})
