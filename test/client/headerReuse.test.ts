/**
 * The price of a body that is kept: the proof of docs/decisions/018-rotation.md. Two headers of one data key and message ID have tags
 * under the same key and IV, from which anyone computes the key of GHASH, and with it tags of frames that nobody has written.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { type AlgorithmSuite, DataKey, type EncryptionSdk } from "effect-encryption-sdk"
import { MessageBody } from "effect-encryption-sdk/message"
import { concat, text, toHex } from "../support/bytes.ts"
import { policyFor } from "../support/client.ts"
import { add, blockOf, ghash, multiply, polynomialOf, rootsOf, tagOf } from "../support/ghash.ts"
import { partsOf } from "../support/messages.ts"
import { rotation } from "../support/rotation.ts"
import { pattern } from "../support/streams.ts"
import { uncommitted, unsigned } from "../support/suites.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const plaintext = "pay Alice 10"
const forgedPlaintext = "pay Mallory!"

/** All that an attacker needs: two messages, and the plaintext of one frame. No key. */
const candidatesOf = (first: Uint8Array, second: Uint8Array): ReadonlyArray<bigint> => {
  const parts = [first, second].map((message) => {
    const { header, headerBodyLength } = partsOf(message)
    return { aad: message.subarray(0, headerBodyLength), tag: header.authentication.tag }
  })
  const [a, b] = parts as [typeof parts[0], typeof parts[0]]
  // Each tag is the hash of its header, plus the same encrypted counter: the difference has none.
  const difference = add(polynomialOf(a.aad, new Uint8Array()), polynomialOf(b.aad, new Uint8Array()))
  return rootsOf(add(difference, [blockOf(a.tag) ^ blockOf(b.tag)]))
}

/** The message with another plaintext in its only frame, and the tag of that under a key of GHASH. */
const forge = (message: Uint8Array, hashKey: bigint): Uint8Array => {
  const { bodyOffset, header } = partsOf(message)
  const start = bodyOffset + 24
  const end = start + plaintext.length
  const aad = MessageBody.aad(header.messageId, "finalFrame", 1, plaintext.length)
  const ciphertext = message.subarray(start, end)
  const forged = ciphertext.map((byte, index) => byte ^ plaintext.charCodeAt(index) ^ forgedPlaintext.charCodeAt(index))
  const tag = blockOf(message.subarray(end, end + 16)) ^ ghash(hashKey, aad, ciphertext) ^ ghash(hashKey, aad, forged)
  return concat(message.subarray(0, start), forged, tagOf(tag))
}

/** Plaintexts of the forged messages that the reader accepts. */
const accepted = (reader: EncryptionSdk.EncryptionSdk, target: Uint8Array, candidates: ReadonlyArray<bigint>) =>
  Effect.gen(function*() {
    const plaintexts: Array<string> = []
    for (const candidate of candidates) {
      const exit = yield* Effect.exit(reader.decrypt(forge(target, candidate)))
      if (Exit.isSuccess(exit)) plaintexts.push(text(exit.value.plaintext))
    }
    return plaintexts
  })

const kept = Effect.fnUntraced(function*(algorithmSuite: AlgorithmSuite.AlgorithmSuite) {
  const { both, current, keyrings, old } = yield* rotation({ commitmentPolicy: policyFor(algorithmSuite) })
  const { message } = yield* old.encrypt(plaintext, { algorithmSuite })
  const { message: rewrapped } = yield* both.rewrap(message, { keepBody: { keyring: keyrings.current } })
  return { current, message, rewrapped }
})

describe("two headers of one body", () => {
  it.effect("GHASH is that of AES-GCM", () =>
    Effect.gen(function*() {
      const primitives = TestPrimitives.make
      const key = yield* primitives.importAesKey(DataKey.make(new Uint8Array(16).fill(7)))
      // Without data the hash is zero: the tag is the encrypted counter.
      const iv = new Uint8Array(12).fill(1)
      const seal = (aad: Uint8Array, message: Uint8Array) => {
        const output = new Uint8Array(message.length + 16)
        return Effect.as(primitives.seal(key, [{ iv, aad, plaintext: message, output }]), output)
      }
      const mask = blockOf(yield* seal(new Uint8Array(), new Uint8Array()))
      const aad = pattern(37)
      const first = blockOf(yield* seal(aad, new Uint8Array())) ^ mask
      const [hashKey, ...others] = rootsOf(add(polynomialOf(aad, new Uint8Array()), [first])).filter((root) =>
        ghash(root, aad, new Uint8Array()) === first
      )
      const keys = [hashKey!, ...others]
      const sealed = yield* seal(pattern(20), pattern(33))
      const tag = toHex(sealed.subarray(33))
      assert.include(
        keys.map((candidate) => toHex(tagOf(ghash(candidate, pattern(20), sealed.subarray(0, 33)) ^ mask))),
        tag
      )
      assert.strictEqual(multiply(hashKey!, 1n << 127n), hashKey)
    }))

  it.effect("of version 2 give away the key of GHASH: a frame that nobody has written is authentic", () =>
    Effect.gen(function*() {
      const { current, message, rewrapped } = yield* kept(unsigned)
      const candidates = candidatesOf(message, rewrapped)
      assert.isAtLeast(candidates.length, 1)
      assert.deepStrictEqual(yield* accepted(current, rewrapped, candidates), [forgedPlaintext])
    }).pipe(Effect.scoped))

  it.effect("of version 1 do not, since each has an IV of its own", () =>
    Effect.gen(function*() {
      const { current, message, rewrapped } = yield* kept(uncommitted)
      assert.deepStrictEqual(yield* accepted(current, rewrapped, candidatesOf(message, rewrapped)), [])
      assert.strictEqual(text((yield* current.decrypt(rewrapped)).plaintext), plaintext)
    }).pipe(Effect.scoped))

  it.effect("are never made by default: the message ID is another", () =>
    Effect.gen(function*() {
      const { both, current, old } = yield* rotation()
      const { message } = yield* old.encrypt(plaintext, { algorithmSuite: unsigned })
      const { message: rewrapped } = yield* both.rewrap(message, { algorithmSuite: unsigned })
      assert.deepStrictEqual(yield* accepted(current, rewrapped, candidatesOf(message, rewrapped)), [])
    }).pipe(Effect.scoped))
})
