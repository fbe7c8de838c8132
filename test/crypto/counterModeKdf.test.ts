/** NIST SP 800-108, section 4.1: key derivation in counter mode, against the HMAC of the runtime. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { counterModeKdf, expand } from "../../src/crypto/counterModeKdf.ts"
import { arbitraryBytes, arbitraryInt } from "../support/arbitraryBytes.ts"
import { concat, hex, uint32 } from "../support/bytes.ts"
import { counterMode } from "../support/ecdh.ts"

const hash = Arbitrary.schema(Schema.Literals(["SHA-256", "SHA-384"]))

describe("counter mode", () => {
  it.effect.prop("any secret, input and length, as by hand", {
    hash,
    secret: arbitraryBytes(1, 200),
    fixedInput: arbitraryBytes(0, 200),
    length: arbitraryInt(1, 150)
  }, ({ fixedInput, hash, length, secret }) =>
    Effect.gen(function*() {
      const before = [secret.slice(), fixedInput.slice()]
      const expected = yield* Effect.promise(() => counterMode(hash, secret, fixedInput, length))
      assert.deepStrictEqual(expand(hash, secret, fixedInput, length), new Uint8Array(expected))
      assert.deepStrictEqual([secret, fixedInput], before, "the caller's arrays stay as they are")
    }), { arbitrary: { seed: "counter mode", runs: 100 } })

  it.effect.prop("the fixed input is label, zero, context and the length in bits", {
    label: arbitraryBytes(0, 80),
    context: arbitraryBytes(0, 40),
    length: arbitraryInt(1, 100)
  }, ({ context, label, length }) =>
    Effect.gen(function*() {
      const secret = hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b")
      const fixedInput = concat(label, Uint8Array.of(0), context, uint32(8 * length))
      const expected = yield* Effect.promise(() => counterMode("SHA-384", secret, fixedInput, length))
      const derived = counterModeKdf(secret, { hash: "SHA-384", label, context, length })
      assert.deepStrictEqual(derived, new Uint8Array(expected))
    }), { arbitrary: { seed: "fixed input", runs: 100 } })
})
