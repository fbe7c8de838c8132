/**
 * Three thousand at once, on a cold cache and in the moment in which its entries expire. Six hundred in a browser, where each
 * digest takes milliseconds.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, type Scope } from "effect"
import { AlgorithmSuite, EncryptionSdk } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { TestClock } from "../support/TestClock.ts"
import { inBrowser } from "../support/TestPrimitives.ts"
import { caching } from "../support/caching.ts"
import { decryptRequest, encryptRequest, keyNumber } from "../support/scriptedManager.ts"

const requests = inBrowser ? 600 : 3000

for (const operation of ["encrypt", "decrypt"] as const) {
  describe(`parallel ${operation} requests`, () => {
    for (const contexts of [1, 100]) {
      for (const moment of ["cold", "at the moment of expiry"] as const) {
        const calls = operation === "encrypt" ? 3 * contexts : contexts
        it.effect(`${moment}, on ${contexts} context(s): exactly ${calls} calls`, () =>
          Effect.gen(function*() {
            const made = yield* caching({
              // Three keys of each context are filled to the brim.
              policy: { maxAge: "10 minutes", maxMessagesEncrypted: requests / contexts / 3 },
              script: { before: () => Effect.sleep("1 second") },
              capacity: 1000
            })
            const one = (index: number): Effect.Effect<number, unknown, Scope.Scope> => {
              const context = { tenant: String(index % contexts) }
              return operation === "encrypt"
                ? Effect.map(made.encrypt(encryptRequest({ context })), keyNumber)
                : Effect.map(made.decrypt(decryptRequest({ context })), keyNumber)
            }
            if (moment !== "cold") {
              const warm = yield* Effect.forkChild(
                Effect.forEach(Array.from({ length: contexts }), (_, index) => one(index), { concurrency: "unbounded" })
              )
              yield* TestClock.adjust("1 second")
              yield* Fiber.join(warm)
              yield* TestClock.adjust("599999 millis")
              assert.isTrue((yield* one(0)) <= contexts, "a millisecond ago they served")
              yield* TestClock.adjust("1 millis")
            }
            const before = made.count()
            const fiber = yield* Effect.forkChild(
              Effect.forEach(Array.from({ length: requests }), (_, index) => one(index), { concurrency: "unbounded" })
            )
            yield* TestClock.adjust(0)
            assert.strictEqual(made.count() - before, calls, "all of them before the first has answered")
            yield* TestClock.adjust("1 second")
            const keys = yield* Fiber.join(fiber)
            assert.strictEqual(made.count() - before, calls)
            const uses = new Map<number, number>()
            for (const key of keys) uses.set(key, (uses.get(key) ?? 0) + 1)
            assert.deepStrictEqual([...uses.values()], Array.from({ length: calls }, () => requests / calls))
          }))
      }
    }
  })
}

if (!inBrowser) {
  describe("messages in parallel, of a client over KMS", () => {
    const arn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    const sdk = EncryptionSdk.layer().pipe(
      Layer.provide(CachingCmm.layer({ policy: { maxAge: "10 minutes" } })),
      Layer.provide(KmsKeyring.layer({ generatorKeyId: arn })),
      Layer.provide(LocalCache.layer({ capacity: 1000 })),
      Layer.provideMerge(ScriptedKms.layer({ keys: [{ arn }] })),
      Layer.provide(
        Layer.unwrap(Effect.map(
          Effect.promise(() => import("effect-encryption-sdk/node")),
          ({ NodePrimitives }) => NodePrimitives.layerSynchronous
        ))
      )
    )

    for (const contexts of [1, 100]) {
      it.effect(
        `on ${contexts} context(s): exactly ${contexts} GenerateDataKey, and ${contexts} Decrypt to read them all`,
        () =>
          Effect.gen(function*() {
            const client = yield* EncryptionSdk.EncryptionSdk
            const kms = yield* ScriptedKms.ScriptedKms
            yield* kms.when({}, ScriptedKms.delay("1 second"))
            const texts = Array.from({ length: requests }, (_, index) => `message ${index}`)
            const all = <A, B, E>(values: ReadonlyArray<A>, f: (value: A, index: number) => Effect.Effect<B, E>) =>
              Effect.gen(function*() {
                const fiber = yield* Effect.forkChild(Effect.forEach(values, f, { concurrency: "unbounded" }))
                yield* TestClock.adjust("1 second")
                return yield* Fiber.join(fiber)
              })
            const encrypted = yield* all(texts, (text, index) =>
              client.encrypt(text, {
                algorithmSuite: AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
                encryptionContext: { tenant: String(index % contexts) }
              }))
            assert.strictEqual(yield* kms.count("GenerateDataKey"), contexts)
            const decrypted = yield* all(encrypted, ({ message }) => client.decrypt(message))
            assert.deepStrictEqual(decrypted.map(({ plaintext }) => new TextDecoder().decode(plaintext)), texts)
            assert.strictEqual(yield* kms.count("Decrypt"), contexts)
            assert.strictEqual(yield* kms.count(), 2 * contexts)
          }).pipe(Effect.provide(sdk))
      )
    }
  })
}
