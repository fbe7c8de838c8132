/** What the tests of all primitives share. */
import { assert } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { Primitives, PrimitivesError } from "effect-encryption-sdk/crypto"
import { failureOf } from "../client.ts"

export const utf8 = (text: string) => new TextEncoder().encode(text)
export const isDone = (output: Uint8Array) => output.some((byte) => byte !== 0)
export const isUntouched = (output: Uint8Array) => output.every((byte) => byte === 0xaa)

/** The error of a check of authenticity says nothing but which operation it was. */
export const failed = (method: string) => new PrimitivesError({ method, reason: "Failed", description: "" })

/** Whether an effect fails with this error. */
export const fails = <A, E>(effect: Effect.Effect<A, E>, expected: PrimitivesError) =>
  Effect.map(failureOf(effect), (error) => assert.deepStrictEqual<unknown>(error, expected))

export const dies = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.exit(effect), (exit) => assert.isTrue(Exit.hasDies(exit)))

export const invalidKey = (method: string, description: string) =>
  new PrimitivesError({ method, reason: "InvalidKey", description })

export const sealOne = (
  primitives: Primitives.Primitives,
  key: Primitives.AesKey,
  iv: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array
) => {
  const output = new Uint8Array(plaintext.length + 16)
  return Effect.as(primitives.seal(key, [{ iv, aad, plaintext, output }]), output)
}

export const openJob = (iv: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Primitives.OpenJob => {
  const length = sealed.length - 16
  return {
    iv,
    aad,
    ciphertext: sealed.subarray(0, length),
    tag: sealed.subarray(length),
    output: new Uint8Array(length).fill(0xaa)
  }
}
