/**
 * The contract of `Primitives`: what holds for every layer, in every runtime. Its oracles are published vectors and the
 * layer itself; `primitives/nodeOracle.ts` has what takes node:crypto to tell.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Primitives } from "effect-encryption-sdk/crypto"
import { flip, toHex } from "./bytes.ts"
import { aesGcm, derivation } from "./primitives/aesGcm.ts"
import { isDone, utf8 } from "./primitives/helpers.ts"
import { pkcs1, rsa } from "./primitives/rsa.ts"
import { signatures } from "./primitives/signatures.ts"
import { ecdsa } from "./primitives/vectors.ts"
import { rsaPrivateKey } from "./rsaKeys.ts"

/** What layers may differ in. */
export interface Traits {
  /** Most jobs that `seal` and `open` have in hand at a time. */
  readonly maxInFlight: number
  /** Whether RSA has PKCS #1 v1.5 padding. */
  readonly hasPkcs1: boolean
}

/** Registers the contract's tests for a layer. */
export const primitivesContract = (primitives: Primitives.Primitives, traits: Traits) => {
  describe("randomBytes, sha384, timingSafeEqual", () => bytes(primitives))
  describe("deriveKeys", () => derivation(primitives))
  describe("AES-GCM", () => aesGcm(primitives, traits.maxInFlight))
  describe.each(ecdsa)("ECDSA $curve", (vector) => signatures(primitives, vector))
  describe("RSA", () => rsa(primitives))
  if (traits.hasPkcs1) describe("PKCS1", () => pkcs1(primitives))
  it.effect("keys print as redacted", () =>
    Effect.gen(function*() {
      const aes = yield* primitives.importAesKey(Redacted.make(new Uint8Array(32).fill(7)))
      const { signingKey } = yield* primitives.generateSigningKey("P-256")
      const rsa = yield* primitives.importRsaPrivateKey(Redacted.make(rsaPrivateKey), "OAEP-SHA256")
      assert.deepStrictEqual([aes, signingKey, rsa].map(String), [
        "<redacted:aes-key>",
        "<redacted:signing-key>",
        "<redacted:rsa-private-key>"
      ])
    }))
}

const bytes = (primitives: Primitives.Primitives) => {
  it.effect("random bytes have the length, are plain arrays of their own, and differ", () =>
    Effect.gen(function*() {
      for (const length of [0, 1, 32, 100_000, 200_000]) {
        const bytes = yield* primitives.randomBytes(length)
        assert.strictEqual(bytes.constructor, Uint8Array)
        assert.strictEqual(bytes.length, length)
        assert.strictEqual(bytes.buffer.byteLength, length)
        for (let offset = 0; offset + 50_000 <= length; offset += 50_000) {
          assert.isTrue(isDone(bytes.subarray(offset, offset + 50_000)))
        }
      }
      assert.notDeepEqual(yield* primitives.randomBytes(16), yield* primitives.randomBytes(16))
    }))

  it.effect("SHA-384 of \"abc\" is FIPS 180's", () =>
    Effect.gen(function*() {
      const digest = yield* primitives.sha384(utf8("abc"))
      assert.strictEqual(digest.constructor, Uint8Array)
      assert.strictEqual(
        toHex(digest),
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"
      )
    }))

  it("compares all bytes, and arrays of different lengths are just not equal", () => {
    for (let i = 0; i < 40; i++) {
      const bytes = new Uint8Array(40).fill(9)
      assert.isTrue(primitives.timingSafeEqual(bytes, bytes.slice()))
      assert.isFalse(primitives.timingSafeEqual(bytes, flip(bytes, i, 1)))
      assert.isFalse(primitives.timingSafeEqual(bytes, bytes.subarray(0, i)))
    }
    assert.isTrue(primitives.timingSafeEqual(new Uint8Array(0), new Uint8Array(0)))
    for (const [a, b] of [[4, 5], [5, 4], [0, 1], [1, 0]] as const) {
      assert.isFalse(primitives.timingSafeEqual(new Uint8Array(a), new Uint8Array(b)))
    }
  })
}
