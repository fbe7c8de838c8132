import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { Primitives } from "effect-encryption-sdk/crypto"
import { Kms } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { ScriptedKms, SeededRandom } from "effect-encryption-sdk/testing"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { concat } from "../support/bytes.ts"

const seeded = (seed: string) => SeededRandom.layer(seed).pipe(Layer.provide(TestPrimitives.layer))
const draw = (seed: string, lengths: ReadonlyArray<number>) =>
  Effect.flatMap(Primitives.Primitives, (primitives) => Effect.forEach(lengths, primitives.randomBytes)).pipe(
    Effect.provide(seeded(seed))
  )
const sha384 = (bytes: Uint8Array) =>
  Effect.map(
    Effect.promise(() => globalThis.crypto.subtle.digest("SHA-384", new Uint8Array(bytes))),
    (digest) => new Uint8Array(digest)
  )
const block = (seed: string, call: number, index: number) => {
  const counter = Buffer.alloc(12)
  counter.writeBigUInt64BE(BigInt(call))
  counter.writeUInt32BE(index, 8)
  return sha384(concat(Buffer.from(seed), counter))
}

describe("SeededRandom", () => {
  it.effect("is the SHA-384 counter stream that it says it is", () =>
    Effect.gen(function*() {
      const [first, empty, long] = yield* draw("seed", [32, 0, 100])
      assert.deepStrictEqual(first, (yield* block("seed", 0, 0)).slice(0, 32))
      assert.lengthOf(empty!, 0)
      assert.deepStrictEqual(
        long,
        concat(yield* block("seed", 2, 0), yield* block("seed", 2, 1), (yield* block("seed", 2, 2)).subarray(0, 4))
      )
    }))

  it.effect.prop(
    "the same seed gives the same bytes, another seed others",
    { lengths: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 16, maximum: 200 }))) },
    ({ lengths }) =>
      Effect.gen(function*() {
        const bytes = yield* draw("a", lengths)
        assert.deepStrictEqual(bytes.map((part) => part.length), [...lengths])
        assert.deepStrictEqual(yield* draw("a", lengths), bytes)
        for (const [index, part] of (yield* draw("b", lengths)).entries()) assert.notDeepEqual(part, bytes[index])
        assert.strictEqual(new Set(bytes.map((part) => part.join())).size, lengths.length)
      }),
    { arbitrary: { seed: "seeded", runs: 50 } }
  )

  it.effect("with the scripted KMS makes the same keys, data keys and ciphertexts in every run", () =>
    Effect.gen(function*() {
      const run = (seed: string) =>
        Effect.gen(function*() {
          const kms = yield* Kms.Kms
          const control = yield* EmbeddedKms.EmbeddedKms
          const keyId = yield* control.createKey()
          const request = { keyId, encryptionContext: {}, grantTokens: [] }
          const { ciphertextBlob, plaintext } = yield* kms.generateDataKey({ ...request, numberOfBytes: 32 })
          return [keyId, DataKey.value(plaintext).slice(), ciphertextBlob] as const
        }).pipe(Effect.provide(ScriptedKms.layer().pipe(Layer.provide(seeded(seed)))))
      const first = yield* run("a")
      assert.deepStrictEqual(yield* run("a"), first)
      for (const [index, part] of (yield* run("b")).entries()) assert.notDeepEqual(part, first[index])
    }))

  it.effect("gives every call an array of its own", () =>
    Effect.gen(function*() {
      const { randomBytes } = yield* Primitives.Primitives
      const bytes = yield* randomBytes(32)
      assert.strictEqual(bytes.byteLength, bytes.buffer.byteLength)
      const copy = bytes.slice()
      yield* randomBytes(32)
      assert.deepStrictEqual(bytes, copy)
    }).pipe(Effect.provide(seeded("seed"))))

  it.effect("leaves the other primitives as they are", () =>
    Effect.gen(function*() {
      const primitives = yield* Primitives.Primitives
      assert.deepStrictEqual(
        yield* primitives.sha384(Uint8Array.of(1, 2, 3)),
        yield* sha384(Uint8Array.of(1, 2, 3))
      )
      const key = yield* primitives.importAesKey(Redacted.make(yield* primitives.randomBytes(32)))
      const output = new Uint8Array(19)
      yield* primitives.seal(key, [{
        iv: new Uint8Array(12),
        aad: new Uint8Array(0),
        plaintext: Uint8Array.of(1, 2, 3),
        output
      }])
      const opened = new Uint8Array(3)
      yield* primitives.open(key, [{
        iv: new Uint8Array(12),
        aad: new Uint8Array(0),
        ciphertext: output.subarray(0, 3),
        tag: output.subarray(3),
        output: opened
      }])
      assert.deepStrictEqual(opened, Uint8Array.of(1, 2, 3))
      assert.isTrue(primitives.timingSafeEqual(opened, Uint8Array.of(1, 2, 3)))
    }).pipe(Effect.provide(seeded("seed"))))
})
