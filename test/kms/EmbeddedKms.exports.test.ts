import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Layer, Redacted, Schema, Scope } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { Primitives } from "effect-encryption-sdk/crypto"
import { Kms } from "effect-encryption-sdk/kms"
import { EmbeddedKms, EmbeddedKmsError } from "effect-encryption-sdk/kms/development-only"
import * as KeyStore from "../../src/kms/development-only/internal/keyStore.ts"
import { isZero } from "../support/bytes.ts"
import { failureOf as errorOf } from "../support/client.ts"
import { infoOf } from "../support/embeddedKms.ts"
import { request } from "../support/kmsContract.ts"
import { TestClock } from "../support/TestClock.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const embedded = (options?: EmbeddedKms.Options) => EmbeddedKms.layer(options).pipe(Layer.provide(TestPrimitives.layer))
const arn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

interface ExportedKey {
  readonly arn: string
  readonly keySpec: string
  readonly material: string
}

const textOf = (keys: ReadonlyArray<object>, version: unknown = 2) => Redacted.make(JSON.stringify({ version, keys }))

/** The export of new keys. RSA keys take long to make: there is one. */
const exported = (specs: ReadonlyArray<EmbeddedKms.KeySpec>) =>
  EmbeddedKms.EmbeddedKms.use(({ exportKeys }) => exportKeys).pipe(
    Effect.provide(embedded({ keys: specs.map((keySpec) => ({ keySpec })) })),
    Effect.map((text) => (JSON.parse(Redacted.value(text)) as { readonly keys: ReadonlyArray<ExportedKey> }).keys)
  )

const state = Schema.Literals(["Enabled", "Disabled", "PendingDeletion"])

/** Keys of any number, spec, Region, state and names. */
const stores = Arbitrary.schema(
  Schema.Array(Schema.Struct({
    keySpec: Schema.Literals(["SYMMETRIC_DEFAULT", "ECC_NIST_P256", "ECC_NIST_P384"]),
    region: Schema.Literals(["us-east-1", "eu-central-1"]),
    replicated: Schema.Boolean,
    aliases: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 })),
    state,
    age: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1e6 })),
    waitingDays: Schema.Int.check(Schema.isBetween({ minimum: 6, maximum: 30 }))
  })).check(Schema.isMaxLength(5))
)

describe("EmbeddedKms and exported key stores", () => {
  it.effect.prop(
    "every key store loads as it was exported, and exports the same text again",
    { keys: stores },
    ({ keys }) =>
      Effect.gen(function*() {
        const [infos, publicKeys, keyStore] = yield* Effect.gen(function*() {
          const control = yield* EmbeddedKms.EmbeddedKms
          for (const [index, { age, aliases, keySpec, region, replicated, state, waitingDays }] of keys.entries()) {
            yield* TestClock.adjust(age)
            const made = yield* control.createKey({
              keySpec,
              region,
              aliases: Array.from({ length: aliases }, (_, alias) => `alias/${index}/${alias}`),
              multiRegion: replicated,
              replicaRegions: replicated ? ["ap-south-1"] : []
            })
            yield* control.setKeyState(made, state)
            if (waitingDays > 6) yield* control.scheduleKeyDeletion(made, waitingDays)
          }
          return [yield* control.keys, yield* publicKeysOf, yield* control.exportKeys] as const
        }).pipe(Effect.provide(embedded()))
        yield* Effect.gen(function*() {
          const control = yield* EmbeddedKms.EmbeddedKms
          assert.deepStrictEqual(yield* control.keys, infos)
          assert.deepStrictEqual(yield* publicKeysOf, publicKeys)
          assert.strictEqual(Redacted.value(yield* control.exportKeys), Redacted.value(keyStore))
        }).pipe(Effect.provide(embedded({ keyStore })))
      }),
    { arbitrary: { seed: "key stores", runs: 25 } }
  )

  it.effect("version 1 still loads: symmetric keys, made now", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("1 minute")
      const key = { arn, material: Buffer.alloc(32, 7).toString("base64"), state: "Disabled", aliases: ["alias/a"] }
      yield* Effect.gen(function*() {
        const control = yield* EmbeddedKms.EmbeddedKms
        assert.deepStrictEqual(yield* control.keys, [
          infoOf(arn, { state: "Disabled", aliases: ["alias/a"], creationDate: 60_000 })
        ])
        assert.include(Redacted.value(yield* control.exportKeys), `"version":2`)
      }).pipe(Effect.provide(embedded({ keyStore: textOf([key], 1) })))
    }))

  it.effect("material that is none of its spec is an error of the option", () =>
    Effect.gen(function*() {
      const [aes, rsa, p256] = yield* exported(["SYMMETRIC_DEFAULT", "RSA_2048", "ECC_NIST_P256"])
      assert.isTrue(aes !== undefined && rsa !== undefined && p256 !== undefined)
      const cut = (text: string) => Buffer.from(text, "base64").subarray(0, -1).toString("base64")
      for (
        const [key, message] of [
          [{ ...rsa!, keySpec: "RSA_3072" }, /^the material of .* is no key of RSA_3072$/],
          [{ ...p256!, keySpec: "ECC_NIST_P384" }, /^the material of /],
          [{ ...rsa!, keySpec: "ECC_NIST_P256" }, /^the material of /],
          [{ ...p256!, keySpec: "RSA_2048" }, /^the material of /],
          [{ ...rsa!, keySpec: "SYMMETRIC_DEFAULT" }, /^the material of .* is not 32 bytes/],
          [{ ...aes!, keySpec: "RSA_2048" }, /^the material of /],
          [{ ...rsa!, material: cut(rsa!.material) }, /^the material of /],
          [{ ...p256!, material: "" }, /^the material of /],
          [{ ...aes!, keySpec: "SM2" }, /is not what exportKeys gives/],
          [{ ...aes!, creationDate: "now" }, /is not what exportKeys gives/]
        ] as const
      ) {
        const error = yield* errorOf(Effect.scoped(Layer.build(embedded({ keyStore: textOf([key]) }))))
        assert.instanceOf(error, EmbeddedKmsError)
        assert.strictEqual(error.field, "keyStore")
        assert.match(error.description, message)
        assert.notInclude(error.message, key.material === "" ? "\0" : key.material)
      }
      const later = yield* errorOf(Effect.scoped(Layer.build(embedded({ keyStore: textOf([aes!], 3) }))))
      assert.strictEqual(later.message, "embedded KMS: keyStore: is not what exportKeys gives")
      yield* Effect.scoped(Layer.build(embedded({ keyStore: textOf([aes!, rsa!, p256!]) })))
    }))

  it.effect("a key of the options that is in the key store already is left as it is, and is of the same spec", () =>
    Effect.gen(function*() {
      const [key] = yield* exported(["ECC_NIST_P256"])
      const { arn } = key!
      const build = (keySpec?: EmbeddedKms.KeySpec) =>
        Layer.build(
          embedded({ keyStore: textOf([key!]), keys: [{ arn, ...keySpec === undefined ? {} : { keySpec } }] })
        )
      for (const keySpec of [undefined, "ECC_NIST_P256"] as const) {
        const control = yield* Effect.provideContext(EmbeddedKms.EmbeddedKms, yield* build(keySpec))
        assert.include(Redacted.value(yield* control.exportKeys), key!.material)
      }
      const error = yield* errorOf(build("RSA_2048"))
      assert.deepInclude(error, {
        field: "keys[0].keySpec",
        description: `is RSA_2048, and the key store has ${arn} as ECC_NIST_P256`
      })
    }))

  it.effect("a key without an ARN is the one that its first alias names in the key store, and a second one is not", () =>
    Effect.gen(function*() {
      const keys = [{ aliases: ["alias/orders"] }, { aliases: ["alias/mail"], region: "eu-central-1" }]
      const start = (keyStore?: Redacted.Redacted, more: typeof keys = []) =>
        Layer.build(embedded({ keys: [...keys, ...more], ...keyStore === undefined ? {} : { keyStore } }))
      const arnsOf = (control: EmbeddedKms.EmbeddedKms) => Effect.map(control.keys, (all) => all.map(({ arn }) => arn))
      const first = yield* Effect.provideContext(EmbeddedKms.EmbeddedKms, yield* start())
      const again = yield* Effect.provideContext(EmbeddedKms.EmbeddedKms, yield* start(yield* first.exportKeys))
      assert.deepStrictEqual(yield* arnsOf(again), yield* arnsOf(first))
      assert.deepInclude(yield* errorOf(start(undefined, [keys[0]!])), {
        field: "keys[2].aliases",
        description: "arn:aws:kms:us-east-1:111122223333:alias/orders names another key already"
      })
    }))

  it.effect("a key is deleted after a waiting time, and can be taken back", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("1 second")
      const control = yield* EmbeddedKms.EmbeddedKms
      const day = 24 * 60 * 60 * 1000
      const pending = { state: "PendingDeletion", aliases: ["alias/a"] } as const
      const [thirty, seven] = [
        infoOf(arn, { ...pending, deletionDate: 1000 + 30 * day }),
        infoOf(arn, { ...pending, deletionDate: 1000 + 7 * day })
      ]
      assert.deepStrictEqual(yield* control.scheduleKeyDeletion("alias/a"), thirty)
      assert.deepStrictEqual(yield* control.scheduleKeyDeletion(arn, 7), seven)
      assert.deepStrictEqual(yield* control.describeKey(arn), seven)
      for (const waitingDays of [6, 31, 7.5, Number.NaN, "7" as unknown as number]) {
        const error = yield* errorOf(control.scheduleKeyDeletion(arn, waitingDays))
        assert.strictEqual(error.field, "waitingDays")
      }
      assert.include(Redacted.value(yield* control.exportKeys), `"deletionDate":${1000 + 7 * day}`)
      yield* control.setKeyState(arn, "Enabled")
      assert.deepStrictEqual(yield* control.describeKey(arn), infoOf(arn, { aliases: ["alias/a"] }))
      assert.strictEqual((yield* errorOf(control.describeKey("alias/none"))).field, "keyId")
      assert.strictEqual((yield* errorOf(control.scheduleKeyDeletion("alias/none"))).field, "keyId")
    }).pipe(Effect.provide(embedded({ keys: [{ arn, aliases: ["alias/a"] }] }))))

  it.effect("the key that a ciphertext names", () =>
    Effect.gen(function*() {
      const { wrappedBy } = yield* EmbeddedKms.EmbeddedKms
      const { ciphertextBlob } = yield* (yield* Kms.Kms).encrypt({
        ...request(arn),
        plaintext: DataKey.make(Uint8Array.of(1))
      })
      assert.strictEqual(wrappedBy(ciphertextBlob), arn)
      for (const other of [new Uint8Array(), new Uint8Array(256), ciphertextBlob.subarray(0, 40)]) {
        assert.isUndefined(wrappedBy(other))
      }
    }).pipe(Effect.provide(embedded({ keys: [{ arn }] }))))

  it.effect("secrets of every kind are zeroed with the layer and with their key, each replica's apart", () =>
    Effect.gen(function*() {
      const primitives = yield* Primitives.Primitives
      const scope = yield* Scope.make()
      const options = { primitives, region: "us-east-1", account: "111122223333", maxContextLength: 8192 }
      const store = yield* Scope.provide(KeyStore.make(options), scope)
      const secrets: Array<Uint8Array> = []
      for (const keySpec of ["SYMMETRIC_DEFAULT", "RSA_2048", "ECC_NIST_P256"] as const) {
        const made = yield* KeyStore.createKey(store, { keySpec, multiRegion: true, replicaRegions: ["eu-west-1"] }, "")
        const keys = [made, made.replace("us-east-1", "eu-west-1")].map((arn) => store.keys.get(arn)!)
        secrets.push(...keys.map(({ secret }) => DataKey.value(secret)))
        assert.isFalse(secrets.slice(-2).some(isZero))
        KeyStore.destroy(store, keys[0]!)
        assert.deepStrictEqual(secrets.slice(-2).map(isZero), [true, false])
      }
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(secrets.every(isZero))
    }).pipe(Effect.provide(TestPrimitives.layer)))
})

const publicKeysOf = Effect.gen(function*() {
  const control = yield* EmbeddedKms.EmbeddedKms
  const agreement = yield* Kms.KmsKeyAgreement
  const enabled = (yield* control.keys).filter(({ keyUsage, state }) =>
    keyUsage === "KEY_AGREEMENT" && state === "Enabled"
  )
  return yield* Effect.forEach(enabled, (key) => agreement.getPublicKey(request(key.arn)))
})
