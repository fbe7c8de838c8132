/** Entry keys by themselves: what they are made of, and when they are remembered. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { Base64Url } from "effect/encoding"
import { AlgorithmSuite, EncryptionContext } from "effect-encryption-sdk"
import { CacheEntryIdentifier } from "effect-encryption-sdk/caching"
import * as entryKey from "../../src/caching/internal/entryKey.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { decryptRequest, edk, encryptRequest } from "../support/scriptedManager.ts"

/** The entry keys of a manager, and the number of digests that they took. */
const counted = (partitionId = "p", managerId = "m") => {
  let digests = 0
  const keys = entryKey.make(
    {
      ...TestPrimitives.make,
      sha384: (bytes) => {
        digests++
        return TestPrimitives.make.sha384(bytes)
      }
    },
    partitionId,
    managerId
  )
  return { ...keys, digests: () => digests }
}

const validated = (context: Record<string, string>) => Result.getOrThrow(EncryptionContext.validate(context))

describe("the text of an entry key", () => {
  it.effect("is the identifier in base64, and the policy", () =>
    Effect.gen(function*() {
      const request = encryptRequest()
      const identifier = yield* TestPrimitives.make.sha384(
        CacheEntryIdentifier.encryptionPreimage({ partitionId: "p", ...request })
      )
      assert.strictEqual(
        yield* counted().encryption(request, false),
        `${Base64Url.encode(identifier)}.RequireEncryptRequireDecrypt`
      )
    }))

  it.effect("has a digest of what else separates entries", () =>
    Effect.gen(function*() {
      const { decryption, encryption, own } = counted()
      const plain = yield* encryption(encryptRequest(), false)
      const required = yield* encryption(encryptRequest({ required: ["tenant"] }), false)
      assert.isTrue(required.startsWith(`${plain}.`))
      assert.match(required.slice(plain.length), /^\.[0-9a-f]{96}$/)
      const decrypted = yield* decryption(decryptRequest(), false)
      const expected = yield* decryption(decryptRequest({ expected: { region: "z" } }), false)
      assert.isTrue(expected.startsWith(`${decrypted}.`))
      assert.strictEqual(own(plain), `${plain}.m`)
      const order = yield* decryption(decryptRequest({ edks: [edk(2), edk(1)] }), false)
      assert.strictEqual(order, decrypted)
    }))
})

describe("the memo of entry keys", () => {
  it.effect("takes a digest once for a validated context, and the same key", () =>
    Effect.gen(function*() {
      const { digests, encryption } = counted()
      const request = encryptRequest({ context: validated({ tenant: "a" }) })
      const seen = new Set<string>()
      for (let i = 0; i < 5; i++) seen.add(yield* encryption(request, true))
      seen.add(yield* counted().encryption(request, false))
      assert.strictEqual(seen.size, 1)
      assert.strictEqual(digests(), 1)
    }))

  it.effect("does not confuse policies, suites or partitions", () =>
    Effect.gen(function*() {
      const context = validated({ tenant: "a" })
      const requests = [
        encryptRequest({ context }),
        encryptRequest({ context, policy: "RequireEncryptAllowDecrypt" }),
        encryptRequest({ context, suite: AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY })
      ]
      const seen: Array<string> = []
      for (const { encryption } of [counted("p"), counted("q")]) {
        for (const request of [...requests, ...requests.toReversed()]) seen.push(yield* encryption(request, true))
      }
      assert.strictEqual(new Set(seen).size, 6)
      assert.deepStrictEqual(seen.slice(3, 6), seen.slice(0, 3).toReversed())
      assert.deepStrictEqual(seen.slice(9, 12), seen.slice(6, 9).toReversed())
    }))

  it.effect("remembers no context that is not validated, and none with required keys", () =>
    Effect.gen(function*() {
      const { digests, encryption } = counted()
      const context: Record<string, string> = { tenant: "a" }
      const first = yield* encryption(encryptRequest({ context }), false)
      context["tenant"] = "b"
      assert.notStrictEqual(yield* encryption(encryptRequest({ context }), false), first)
      assert.strictEqual(digests(), 2)
      const required = encryptRequest({
        context: validated({ tenant: "a" }),
        required: ["tenant"]
      })
      for (let i = 0; i < 2; i++) assert.notStrictEqual(yield* encryption(required, true), first)
      assert.strictEqual(digests(), 6)
    }))

  it.effect("holds the last 256 contexts", () =>
    Effect.gen(function*() {
      const { digests, encryption } = counted()
      const requests = Array.from({ length: 257 }, (_, index) =>
        encryptRequest({ context: validated({ tenant: String(index) }) }))
      for (const request of requests) {
        yield* encryption(request, true)
      }
      assert.strictEqual(digests(), 257)
      for (const request of requests.slice(1)) {
        yield* encryption(request, true)
      }
      assert.strictEqual(digests(), 257)
      yield* encryption(requests[0]!, true)
      assert.strictEqual(digests(), 258)
    }))
})
