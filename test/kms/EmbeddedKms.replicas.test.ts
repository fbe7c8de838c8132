import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { Kms } from "effect-encryption-sdk/kms"
import { EmbeddedKms, EmbeddedKmsError } from "effect-encryption-sdk/kms/development-only"
import { failureOf as errorOf } from "../support/client.ts"
import { infoOf } from "../support/embeddedKms.ts"
import { failureOf, request } from "../support/kmsContract.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const primary = "arn:aws:kms:us-east-1:111122223333:key/mrk-4321abcd12ab34cd56ef1234567890ab"
const replica = primary.replace("us-east-1", "eu-central-1")
const elsewhere = primary.replace("us-east-1", "ap-south-1")
const single = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

const embedded = (options?: EmbeddedKms.Options) => EmbeddedKms.layer(options).pipe(Layer.provide(TestPrimitives.layer))
const replicated = { keys: [{ arn: primary, replicaRegions: ["eu-central-1"] }, { arn: single }] }

const wrap = Effect.fnUntraced(function*(keyId: string) {
  const { ciphertextBlob, plaintext } = yield* (yield* Kms.Kms).generateDataKey({
    ...request(keyId),
    numberOfBytes: 32
  })
  return { ciphertextBlob, bytes: DataKey.value(plaintext).slice() }
})

/** Asserts that a key unwraps what another one wrapped, and is named by the response. */
const unwraps = Effect.fnUntraced(
  function*(keyId: string, { bytes, ciphertextBlob }: Effect.Success<ReturnType<typeof wrap>>) {
    const decrypted = yield* (yield* Kms.Kms).decrypt({ ...request(keyId), ciphertextBlob })
    assert.strictEqual(decrypted.keyId, keyId)
    assert.deepStrictEqual(DataKey.value(decrypted.plaintext), bytes)
  }
)

const codeOf = (keyId: string, ciphertextBlob: Uint8Array) =>
  Effect.flatMap(
    Kms.Kms,
    (kms) => Effect.map(failureOf(kms.decrypt({ ...request(keyId), ciphertextBlob })), ({ code }) => code)
  )

describe("EmbeddedKms and replicas of multi-Region keys", () => {
  it.effect("what a replica wrapped, all of them unwrap, each in its Region and under its own ARN", () =>
    Effect.gen(function*() {
      const control = yield* EmbeddedKms.EmbeddedKms
      assert.strictEqual(yield* control.replicateKey(replica, "ap-south-1"), elsewhere)
      for (const from of [primary, replica, elsewhere]) {
        const wrapped = yield* wrap(from)
        for (const to of [primary, replica, elsewhere]) yield* unwraps(to, wrapped)
        assert.strictEqual(yield* codeOf(single, wrapped.ciphertextBlob), "IncorrectKeyException")
      }
      assert.strictEqual(yield* codeOf(replica, (yield* wrap(single)).ciphertextBlob), "IncorrectKeyException")
    }).pipe(Effect.provide(embedded(replicated))))

  it.effect("a replica unwraps what its primary wrapped, and a single-Region key does not", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const { ciphertextBlob } = yield* wrap(primary)
      const outcomes = yield* Effect.forEach(
        [replica, single],
        (keyId) =>
          Effect.match(kms.decrypt({ ...request(keyId), ciphertextBlob }), {
            onFailure: ({ code }) => code,
            onSuccess: (response) => response.keyId
          })
      )
      assert.deepStrictEqual(outcomes, [replica, "IncorrectKeyException"])
    }).pipe(Effect.provide(embedded(replicated))))

  it.effect("the encryption context stays bound", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const { ciphertextBlob } = yield* wrap(primary)
      const call = kms.decrypt({ ...request(replica, { tenant: "b" }), ciphertextBlob })
      assert.strictEqual((yield* failureOf(call)).code, "InvalidCiphertextException")
    }).pipe(Effect.provide(embedded(replicated))))

  it.effect("each has a state, aliases and an end of its own", () =>
    Effect.gen(function*() {
      const control = yield* EmbeddedKms.EmbeddedKms
      const wrapped = yield* wrap(primary)
      yield* control.setAlias("alias/orders", replica)
      yield* control.setKeyState(primary, "Disabled")
      assert.deepStrictEqual(yield* control.keys, [
        infoOf(primary, { state: "Disabled" }),
        infoOf(replica, { aliases: ["alias/orders"] }),
        infoOf(single)
      ])
      yield* control.deleteKey(primary)
      yield* unwraps(replica, wrapped)
      assert.strictEqual(yield* codeOf(primary, wrapped.ciphertextBlob), "NotFoundException")
      assert.strictEqual(yield* control.replicateKey(replica, "us-east-1"), primary)
      yield* unwraps(primary, wrapped)
    }).pipe(Effect.provide(embedded(replicated))))

  it.effect("a random key id may be that of a multi-Region key", () =>
    Effect.gen(function*() {
      const control = yield* EmbeddedKms.EmbeddedKms
      const arn = yield* control.createKey({ multiRegion: true, replicaRegions: ["eu-central-1"] })
      assert.match(arn, /^arn:aws:kms:us-east-1:111122223333:key\/mrk-[0-9a-f]{32}$/)
      yield* unwraps(arn.replace("us-east-1", "eu-central-1"), yield* wrap(arn))
      assert.match(yield* control.createKey({ multiRegion: false }), /key\/[0-9a-f]{8}-[0-9a-f]{4}-4/)
    }).pipe(Effect.provide(embedded())))

  it.effect("an exported key store carries them, and a program that starts again makes those that it lacks", () =>
    Effect.gen(function*() {
      const [wrapped, keyStore] = yield* Effect.gen(function*() {
        const control = yield* EmbeddedKms.EmbeddedKms
        return [yield* wrap(primary), yield* control.exportKeys] as const
      }).pipe(Effect.provide(embedded(replicated)))
      const keys = [{ arn: primary, replicaRegions: ["eu-central-1", "ap-south-1"] }]
      yield* Effect.gen(function*() {
        for (const arn of [primary, replica, elsewhere]) yield* unwraps(arn, wrapped)
      }).pipe(Effect.provide(embedded({ keyStore, keys })))
    }))

  it.effect("reads exports from before there were replicas, two keys of one key id among them", () =>
    Effect.gen(function*() {
      const material = (byte: number) => Buffer.alloc(32, byte).toString("base64")
      const old = {
        version: 1,
        keys: [
          { arn: primary, material: material(1), state: "Enabled", aliases: [] },
          { arn: replica, material: material(2), state: "Enabled", aliases: [] }
        ]
      }
      yield* Effect.gen(function*() {
        const wrapped = yield* wrap(primary)
        yield* unwraps(primary, wrapped)
        assert.strictEqual(yield* codeOf(replica, wrapped.ciphertextBlob), "InvalidCiphertextException")
      }).pipe(Effect.provide(embedded({ keyStore: Redacted.make(JSON.stringify(old)) })))
    }))

  it.effect.each<[string, EmbeddedKms.KeyOptions, string, RegExp]>([
    [
      "a replica of a single-Region key",
      { arn: single, replicaRegions: ["a"] },
      "replicaRegions",
      /no multi-Region key/
    ],
    ["a random one", { replicaRegions: ["eu-central-1"] }, "replicaRegions", /no multi-Region key/],
    ["an empty Region", { arn: primary, replicaRegions: ["b", ""] }, "replicaRegions[1]", /"" is no Region/],
    ["a Region with a colon", { arn: primary, replicaRegions: ["a:b"] }, "replicaRegions[0]", /"a:b" is no Region/],
    ["a key id that is none", { arn: single, multiRegion: true }, "multiRegion", /no key id that begins with mrk-/],
    ["Regions that are a text", { arn: primary, replicaRegions: "a" as never }, "replicaRegions", /array of strings/],
    ["a flag that is a text", { multiRegion: "yes" as never }, "multiRegion", /must be a boolean/]
  ])("is not made: %s, and nothing is left behind", ([, options, field, description]) =>
    Effect.gen(function*() {
      const control = yield* EmbeddedKms.EmbeddedKms
      const error = yield* errorOf(control.createKey(options))
      assert.instanceOf(error, EmbeddedKmsError)
      assert.strictEqual(error.field, field)
      assert.match(error.description, description)
      assert.deepStrictEqual(yield* control.keys, [])
    }).pipe(Effect.provide(embedded())))

  it.effect("a second key of a multi-Region key id is a replica, or is not made", () =>
    Effect.gen(function*() {
      const control = yield* EmbeddedKms.EmbeddedKms
      const errors = [
        yield* errorOf(control.createKey({ arn: elsewhere })),
        yield* errorOf(control.replicateKey(primary, "eu-central-1")),
        yield* errorOf(control.replicateKey(single, "eu-central-1")),
        yield* errorOf(control.replicateKey(elsewhere, "eu-west-1"))
      ]
      assert.deepStrictEqual(errors.map(({ description, field }) => [field, description]), [
        ["arn", `${primary} is that multi-Region key already: make a replica of it`],
        ["region", `there is a key ${replica} already`],
        ["keyId", `${single} is no multi-Region key, which begins with mrk-`],
        ["keyId", `Key '${elsewhere}' does not exist`]
      ])
    }).pipe(Effect.provide(embedded(replicated))))
})
