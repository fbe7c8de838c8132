/** Many values in one call: the same outcomes as one by one, in order, each for itself, with no more data keys than the policy requires. */
import { assert, describe, it } from "@effect/vitest"
import { vi } from "vitest"
import { Arbitrary, Cause, Effect, Exit, Fiber, Result, Schema } from "effect"
import { AlgorithmSuite, CryptographicMaterialsManager, EncryptionSdk } from "effect-encryption-sdk"
import { LocalCache } from "effect-encryption-sdk/caching"
import { Arbitraries } from "effect-encryption-sdk/testing"
import { arbitraryInt } from "../support/arbitraryBytes.ts"
import { cachingClient } from "../support/cachingClient.ts"
import { clientOf, decryptFailure, encryptFailure } from "../support/client.ts"
import { recordingKeyring } from "../support/keyrings.ts"

const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
const text = (plaintext: Uint8Array) => decoder.decode(plaintext)
const textOf = (result: EncryptionSdk.DecryptManyResult[number]) =>
  Result.isSuccess(result) ? text(result.success.plaintext) : result.failure.reason._tag
const tagOf = (result: EncryptionSdk.EncryptManyResult[number]) =>
  Result.isSuccess(result) ? "success" : `${result.failure.reason._tag} ${fieldOf(result.failure.reason)}`
const fieldOf = (reason: object) => "field" in reason ? String(reason.field) : ""

const messagesOf = (results: EncryptionSdk.EncryptManyResult) =>
  results.map((result) => ({ message: Result.getOrThrow(result).message }))

describe("many values", () => {
  it.effect("come back in their order, under the options of each", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const algorithmSuite = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
      const encrypted = yield* sdk.encryptMany([
        { plaintext: "a", encryptionContext: { n: "1" } },
        { plaintext: new TextEncoder().encode("b"), algorithmSuite },
        { plaintext: "c", encryptionContext: { n: "1" }, frameLength: 1 }
      ])
      const results = encrypted.map((result) => Result.getOrThrow(result))
      assert.deepStrictEqual(results.map(({ encryptionContext }) => encryptionContext["n"]), ["1", undefined, "1"])
      assert.strictEqual(results[1]!.algorithmSuite.id, algorithmSuite.id)
      assert.strictEqual(results[2]!.header.frameLength, 1)
      const decrypted = yield* sdk.decryptMany(messagesOf(encrypted))
      assert.deepStrictEqual(decrypted.map(textOf), ["a", "b", "c"])
    }))

  it.effect("fail each for itself", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const throwing = {
        get plaintext(): string {
          throw new Error("secret")
        }
      }
      const exit = yield* Effect.exit(sdk.encryptMany([
        { plaintext: "a" },
        { plaintext: 1 },
        null,
        throwing,
        { plaintext: "b", encryptionContext: { a: 1 } },
        { plaintext: "c", encryptionContext: new Map() },
        { plaintext: "\ud800" },
        { plaintext: "d", frame: 1 },
        { plaintext: "e", algorithmSuite: null },
        { plaintext: "f", encryptionContext: { big: 1n } },
        { plaintext: "g" }
      ] as never))
      assert.isTrue(Exit.isSuccess(exit))
      const results = yield* exit
      assert.deepStrictEqual(results.map(tagOf), [
        "success",
        "InvalidOption plaintext",
        "InvalidOption item",
        "InvalidOption item",
        "InvalidEncryptionContext ",
        "InvalidEncryptionContext ",
        "InvalidOption plaintext",
        "InvalidOption frame",
        "InvalidOption algorithmSuite",
        "InvalidEncryptionContext ",
        "success"
      ])
      const [first, last] = [results[0]!, results.at(-1)!].map((result) => Result.getOrThrow(result).message)
      const damaged = new Uint8Array(last!)
      damaged[damaged.length - 1]! ^= 1
      const opened = yield* sdk.decryptMany([
        { message: first! },
        { message: damaged },
        { message: new Uint8Array(3) },
        { message: last!, expectedEncryptionContext: { a: "b" } },
        // What a hole of a list is, and a message of no bytes.
        undefined as never,
        { message: "text" as never },
        { message: last! }
      ])
      assert.deepStrictEqual(opened.map(textOf), [
        "a",
        "AuthenticationFailed",
        "MalformedMessage",
        "NoDataKeyUnwrapped",
        "InvalidOption",
        "InvalidOption",
        "g"
      ])
    }))

  it.effect("are none, where there are none", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      assert.deepStrictEqual(yield* sdk.encryptMany([]), [])
      assert.deepStrictEqual(yield* sdk.decryptMany([]), [])
    }))

  it.effect("are taken as they are when the effect starts to run", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const bytes = Uint8Array.of(65)
      const encryptionContext = { n: "1" }
      const items = [{ plaintext: "first" }, { plaintext: bytes, encryptionContext }]
      const encrypting = yield* Effect.forkChild(sdk.encryptMany(items, { concurrency: 1 }), { startImmediately: true })
      bytes.fill(0)
      encryptionContext.n = "2"
      items.pop()
      const encrypted = yield* Fiber.join(encrypting)
      assert.strictEqual(Result.getOrThrow(encrypted[1]!).encryptionContext["n"], "1")
      const messages = messagesOf(encrypted)
      const decrypting = yield* Effect.forkChild(sdk.decryptMany(messages, { concurrency: 1 }), {
        startImmediately: true
      })
      messages[1]!.message.fill(0)
      assert.deepStrictEqual((yield* Fiber.join(decrypting)).map(textOf), ["first", "A"])
    }))

  it.effect("leave no copy of a plaintext", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const plaintext = Uint8Array.of(1, 2, 3)
      const copies: Array<Uint8Array> = []
      const materialsManager = CryptographicMaterialsManager.make({
        getEncryptionMaterials: () => Effect.never,
        decryptMaterials: () => Effect.never
      })
      const Original = globalThis.Uint8Array
      vi.stubGlobal(
        "Uint8Array",
        new Proxy(Original, {
          construct: (target, args: [never], newTarget) => {
            const made = Reflect.construct(target, args, newTarget) as Uint8Array
            if (made.length === 3) copies.push(made)
            return made
          }
        })
      )
      const fiber = yield* Effect.forkChild(sdk.encryptMany([{ plaintext, materialsManager }]), {
        startImmediately: true
      })
      vi.unstubAllGlobals()
      assert.isTrue(copies.some((copy) => copy[1] === 2))
      yield* Fiber.interrupt(fiber)
      const others = copies.filter((copy) => copy.buffer !== plaintext.buffer)
      assert.isNotEmpty(others)
      for (const copy of others) assert.isTrue(copy.every((byte) => byte === 0))
      assert.deepStrictEqual(plaintext, Uint8Array.of(1, 2, 3))
    }))

  it.effect("are rejected as a whole where the call has wrong options", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const hostile = new Proxy([], {
        get: () => {
          throw new Error("secret")
        }
      })
      for (
        const [field, items, options] of [
          ["items", undefined, undefined],
          ["items", { length: 1 }, undefined],
          ["items", hostile, undefined],
          ["options", [], null],
          ["concurrency", [], { concurrency: 0 }],
          ["concurrency", [], { concurrency: 1.5 }],
          ["concurrency", [], { concurrency: 1025 }],
          ["concurency", [], { concurency: 2 }]
        ] as const
      ) {
        for (
          const reason of [
            yield* encryptFailure(sdk.encryptMany(items as never, options as never)),
            yield* decryptFailure(sdk.decryptMany(items as never, options as never))
          ]
        ) assert.deepStrictEqual([reason._tag, fieldOf(reason)], ["InvalidOption", field])
      }
    }))
})

/** A manager that counts the requests that it has in hand, and keeps each for a while. */
const counting = (manager: CryptographicMaterialsManager.CryptographicMaterialsManager) => {
  const counts = { now: 0, most: 0, begun: 0 }
  const counted = CryptographicMaterialsManager.make({
    getEncryptionMaterials: (request) =>
      Effect.gen(function*() {
        counts.begun++
        counts.most = Math.max(counts.most, ++counts.now)
        for (let turn = 0; turn < 5; turn++) yield* Effect.yieldNow
        return yield* manager.getEncryptionMaterials(request)
      }).pipe(Effect.ensuring(Effect.sync(() => void counts.now--))),
    decryptMaterials: manager.decryptMaterials
  })
  return { counted, counts }
}

describe("many values at a time", () => {
  it.effect("are as many as the call says", () =>
    Effect.gen(function*() {
      const { cmm, sdk } = yield* cachingClient()
      for (const [options, most] of [[{ concurrency: 3 }, 3], [{ concurrency: 1 }, 1], [undefined, 16]] as const) {
        const { counted, counts } = counting(cmm)
        const items = Array.from({ length: 40 }, () => ({ plaintext: "x", materialsManager: counted }))
        yield* sdk.encryptMany(items, options)
        assert.strictEqual(counts.most, most)
      }
    }))

  it.effect("end with their caller", () =>
    Effect.gen(function*() {
      const { cmm, sdk } = yield* cachingClient()
      const { counted, counts } = counting(cmm)
      const items = Array.from({ length: 40 }, () => ({ plaintext: "x", materialsManager: counted }))
      const fiber = yield* Effect.forkChild(sdk.encryptMany(items), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause))
      assert.strictEqual(counts.now, 0)
      assert.isBelow(counts.begun, 40)
    }))

  it.effect("of many contexts fetch one data key for each, from a small cache", () =>
    Effect.gen(function*() {
      const { keyring, encryptions, decryptions } = recordingKeyring()
      const cache = yield* LocalCache.make({ capacity: 4 })
      const { sdk } = yield* cachingClient({ keyring, cache })
      const options = { concurrency: 3 }
      const items = Array.from({ length: 200 }, (_, index) => ({
        plaintext: String(index),
        encryptionContext: { tenant: String(index % 20), of: "20" }
      }))
      const encrypted = yield* sdk.encryptMany(items, options)
      assert.strictEqual(encryptions.length, 20)
      const decrypted = yield* sdk.decryptMany(messagesOf(encrypted), options)
      assert.strictEqual(decryptions.length, 20)
      assert.deepStrictEqual(decrypted.map(textOf), items.map(({ plaintext }) => plaintext))
    }))

  it.effect("have the data keys that the thresholds require, exactly", () =>
    Effect.gen(function*() {
      const { keyring, encryptions } = recordingKeyring()
      const { sdk } = yield* cachingClient({ keyring, policy: { maxAge: "1 minute", maxMessagesEncrypted: 30 } })
      yield* sdk.encryptMany(Array.from({ length: 100 }, () => ({ plaintext: "x" })))
      assert.strictEqual(encryptions.length, 4)
    }))

  it.effect("without a cache have a data key each", () =>
    Effect.gen(function*() {
      const { keyring, encryptions } = recordingKeyring()
      const sdk = yield* clientOf(keyring)
      yield* sdk.encryptMany(Array.from({ length: 10 }, () => ({ plaintext: "x" })))
      assert.strictEqual(encryptions.length, 10)
    }))
})

describe("of any values", () => {
  const item = Arbitrary.all({
    plaintext: Arbitraries.text({ maxLength: 20 }),
    tenant: arbitraryInt(0, 3),
    valid: Arbitrary.schema(Schema.Boolean)
  })

  it.effect.prop(
    "the outcomes are those of one by one",
    { items: Arbitrary.array(item, { maxLength: 12 }), concurrency: arbitraryInt(1, 4) },
    ({ concurrency, items }) =>
      Effect.gen(function*() {
        const { sdk } = yield* cachingClient()
        const requests = items.map(({ plaintext, tenant, valid }) => ({
          plaintext,
          encryptionContext: valid ? { tenant: String(tenant) } : { "aws-crypto-tenant": String(tenant) }
        }))
        const many = yield* sdk.encryptMany(requests, { concurrency })
        assert.deepStrictEqual(many.map(Result.isSuccess), items.map(({ valid }) => valid))
        for (const [index, result] of many.entries()) {
          if (Result.isFailure(result)) continue
          const { encryptionContext, plaintext } = yield* sdk.decrypt(result.success.message)
          assert.strictEqual(text(plaintext), items[index]!.plaintext)
          assert.strictEqual(encryptionContext["tenant"], String(items[index]!.tenant))
        }
        const messages = many.map((result) => ({
          message: Result.isSuccess(result) ? result.success.message : new Uint8Array(0)
        }))
        const opened = yield* sdk.decryptMany(messages, { concurrency })
        assert.deepStrictEqual(
          opened.map(textOf),
          items.map(({ plaintext, valid }) => valid ? plaintext : "NotAMessage")
        )
      }),
    { arbitrary: { seed: "many", runs: 100 } }
  )
})
