/** The contract of ECDSA. */
import { assert, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { Ecdsa, Primitives } from "effect-encryption-sdk/crypto"
import { flip, hex } from "../bytes.ts"
import { fails, invalidKey, utf8 } from "./helpers.ts"
import type { ecdsa } from "./vectors.ts"

export const signatures = (primitives: Primitives.Primitives, { curve, r, s, x, y }: typeof ecdsa[number]) => {
  const length = Ecdsa.algorithm(curve).signatureLength
  const point = 1 + Ecdsa.coordinateLength(curve)
  const together = { concurrency: "unbounded" } as const
  const pair = Effect.gen(function*() {
    const { publicKey, signingKey } = yield* primitives.generateSigningKey(curve)
    return { publicKey, signingKey, key: yield* primitives.importVerificationKey(curve, publicKey) }
  })
  const invalid = invalidKey("importVerificationKey", `is not a compressed point of ${curve}`)

  it.effect("a compressed point is that of the published key, by its sign", () =>
    Effect.gen(function*() {
      const point = Ecdsa.compress(curve, hex(`04${x}${y}`))
      const signature = Ecdsa.derFromRaw(curve, hex(r + s))!
      const key = yield* primitives.importVerificationKey(curve, point)
      assert.isTrue(yield* primitives.verify(key, utf8("sample"), signature))
      assert.isFalse(yield* primitives.verify(key, utf8("Sample"), signature))
      const otherSign = yield* primitives.importVerificationKey(curve, flip(point, 0, 1))
      assert.isFalse(yield* primitives.verify(otherSign, utf8("sample"), signature))
    }))

  it.effect("bytes that are no compressed point of the curve are an invalid key, as about half of all x are", () =>
    Effect.gen(function*() {
      const published = hex(`02${x}`)
      let refused = 0
      for (let mask = 1; mask <= 40; mask++) {
        const exit = yield* Effect.exit(primitives.importVerificationKey(curve, flip(published, point - 1, mask)))
        if (Exit.isSuccess(exit)) continue
        assert.deepStrictEqual<unknown>(exit, Exit.fail(invalid))
        refused++
      }
      assert.isTrue(refused > 5 && refused < 35, `${refused} of 40`)
      for (
        const bytes of [
          new Uint8Array(0),
          new Uint8Array(point),
          published.slice(1),
          Uint8Array.of(...published, 0),
          Uint8Array.of(4, ...published.subarray(1)),
          hex(`04${x}${y}`),
          Uint8Array.of(2, ...new Uint8Array(point - 1).fill(0xff))
        ]
      ) yield* fails(primitives.importVerificationKey(curve, bytes), invalid)
    }))

  it.effect("every key pair is new, and its signatures are of one length", () =>
    Effect.gen(function*() {
      const { key, publicKey, signingKey } = yield* pair
      assert.strictEqual(publicKey.constructor, Uint8Array)
      assert.strictEqual(publicKey.length, point)
      assert.notDeepEqual((yield* primitives.generateSigningKey(curve)).publicKey, publicKey)
      for (let i = 0; i < 60; i++) {
        const signature = yield* primitives.sign(signingKey, Uint8Array.of(i))
        assert.strictEqual(signature.constructor, Uint8Array)
        assert.strictEqual(signature.length, length)
        assert.isTrue(yield* primitives.verify(key, Uint8Array.of(i), signature))
        assert.isFalse(yield* primitives.verify(key, Uint8Array.of(i + 1), signature))
      }
    }))

  it.effect("a changed message, a changed or malformed signature and another key are just wrong", () =>
    Effect.gen(function*() {
      const { key, signingKey } = yield* pair
      const signature = yield* primitives.sign(signingKey, utf8("message"))
      assert.isTrue(yield* primitives.verify(key, utf8("message"), signature))
      assert.isFalse(yield* primitives.verify(key, utf8("massage"), signature))
      for (let i = 0; i < signature.length; i++) {
        assert.isFalse(yield* primitives.verify(key, utf8("message"), flip(signature, i, 1)), `byte ${i}`)
      }
      for (
        const malformed of [
          new Uint8Array(0),
          signature.slice(0, -1),
          Uint8Array.of(...signature, 0),
          new Uint8Array(length),
          Uint8Array.of(0x30, 0x80, ...signature.subarray(2), 0, 0)
        ]
      ) assert.isFalse(yield* primitives.verify(key, utf8("message"), malformed))
      assert.isFalse(yield* primitives.verify((yield* pair).key, utf8("message"), signature))
    }))

  it.effect("a zero before a number of a signature is there if and only if the number begins with a set bit", () =>
    Effect.gen(function*() {
      const { key, signingKey } = yield* pair
      const message = utf8("message")
      const signature = yield* primitives.sign(signingKey, message)
      // Of the two numbers of a signature of this length, exactly one has a zero in front.
      const [r, s] = [2, 4 + signature[3]!]
      const [signed, unsigned] = signature[r + 2] === 0 ? [r, s] : [s, r]
      const negative = Uint8Array.from([...signature.subarray(0, signed + 2), ...signature.subarray(signed + 3)])
      negative[1]! -= 1
      negative[signed + 1]! -= 1
      assert.isAtLeast(negative[signed + 2]!, 0x80)
      const padded = Uint8Array.from([...signature.subarray(0, unsigned + 2), 0, ...signature.subarray(unsigned + 2)])
      padded[1]! += 1
      padded[unsigned + 1]! += 1
      for (const [given, isValid] of [[signature, true], [negative, false], [padded, false]] as const) {
        assert.strictEqual(yield* primitives.verify(key, message, given), isValid)
        const verifier = yield* primitives.verifier(key)
        verifier.update(message)
        assert.strictEqual(yield* verifier.finish(given), isValid)
      }
    }))

  it.effect("a verification key is a copy of its point", () =>
    Effect.gen(function*() {
      const { publicKey, signingKey } = yield* primitives.generateSigningKey(curve)
      const key = yield* primitives.importVerificationKey(curve, publicKey)
      publicKey.fill(0)
      const signature = yield* primitives.sign(signingKey, utf8("message"))
      assert.isTrue(yield* primitives.verify(key, utf8("message"), signature))
      const verifier = yield* primitives.verifier(key)
      verifier.update(utf8("message"))
      const exit = yield* Effect.exit(verifier.finish(signature))
      assert.deepStrictEqual(exit, Exit.succeed(true))
    }))

  it.effect.each([10, 65_537])(
    "signs and verifies messages of %i bytes alone and together",
    (length) =>
      Effect.gen(function*() {
        const { key, signingKey } = yield* pair
        const message = (index: number) => new Uint8Array(length).fill(index)
        const alone = yield* primitives.sign(signingKey, message(0))
        assert.isTrue(yield* primitives.verify(key, message(0), alone))
        const indices = [0, 1, 2, 3, 4, 5, 6, 7]
        // One of those that wait together gives up, which leaves the others as they are.
        const given = yield* Effect.forkChild(primitives.sign(signingKey, message(9)), { startImmediately: true })
        const signing = yield* Effect.forkChild(
          Effect.forEach(indices, (index) => primitives.sign(signingKey, message(index)), together),
          { startImmediately: true }
        )
        yield* Fiber.interrupt(given)
        const signatures = yield* Fiber.join(signing)
        const verified = (offset: number) =>
          Effect.forEach(
            indices,
            (index) => primitives.verify(key, message(index + offset), signatures[index]!),
            together
          )
        assert.deepStrictEqual(yield* verified(0), indices.map(() => true))
        assert.deepStrictEqual(yield* verified(1), indices.map(() => false))
      })
  )

  it.effect("takes message and signature as they are when it is called, and changes neither", () =>
    Effect.gen(function*() {
      const { key, signingKey } = yield* pair
      const message = Uint8Array.of(1, 2, 3)
      const signature = yield* primitives.sign(signingKey, message)
      const signatureBefore = signature.slice()
      assert.isTrue(yield* primitives.verify(key, message, signature))
      assert.deepStrictEqual(message, Uint8Array.of(1, 2, 3))
      assert.deepStrictEqual(signature, signatureBefore)

      const fiber = yield* Effect.forkChild(primitives.verify(key, message, signature), { startImmediately: true })
      message.fill(0)
      signature.fill(0)
      assert.isTrue(yield* Fiber.join(fiber))
    }))

  it.effect("messages in parts are signed and verified as whole ones, whatever becomes of the parts", () =>
    Effect.gen(function*() {
      const { key, signingKey } = yield* pair
      const message = Uint8Array.from({ length: 50 }, (_, index) => index)
      const whole = yield* primitives.sign(signingKey, message)
      const verify = Effect.fnUntraced(function*(parts: ReadonlyArray<Uint8Array>, signature: Uint8Array) {
        const verifier = yield* primitives.verifier(key)
        for (const part of parts) {
          const copy = part.slice()
          verifier.update(copy)
          copy.fill(0)
        }
        return yield* verifier.finish(signature)
      })
      for (const cuts of [[], [0], [1, 20], [49, 50, 50]]) {
        const parts = [...cuts, 50].map((end, index) => message.slice(cuts[index - 1] ?? 0, end))
        const signer = yield* primitives.signer(signingKey)
        for (const part of parts) {
          const copy = part.slice()
          signer.update(copy)
          copy.fill(0)
        }
        const signature = yield* signer.finish
        assert.strictEqual(signature.constructor, Uint8Array)
        assert.strictEqual(signature.length, length)
        assert.isTrue(yield* primitives.verify(key, message, signature))
        for (const right of [signature, whole]) {
          assert.isTrue(yield* verify(parts, right))
          assert.isFalse(yield* verify([message.subarray(1)], right))
          assert.isFalse(yield* verify([message.subarray(0, -1)], right))
          assert.isFalse(yield* verify([message.subarray(10), message.subarray(0, 10)], right))
          for (const wrong of [new Uint8Array(0), right.subarray(1), right.map((byte) => byte ^ 1)]) {
            assert.isFalse(yield* verify(parts, wrong))
          }
        }
      }
    }))
}
