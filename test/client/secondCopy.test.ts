/** Parts of a second copy of the package, as another package may bring one: its classes are others, and its errors mean the same. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as First from "effect-encryption-sdk"
import * as FirstCaching from "effect-encryption-sdk/caching"
import * as FirstKms from "effect-encryption-sdk/kms"
import type * as Raw from "effect-encryption-sdk/raw"
import { vi } from "vitest"
import { decryptFailure, encryptFailure } from "../support/client.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

vi.resetModules()
const Second: typeof First = await import("effect-encryption-sdk")
const SecondCaching: typeof FirstCaching = await import("effect-encryption-sdk/caching")
const SecondKms: typeof FirstKms = await import("effect-encryption-sdk/kms")
const { RawAesKeyring }: typeof Raw = await import("effect-encryption-sdk/raw")

const keyringOf = (byte: number) =>
  RawAesKeyring.make({ keyNamespace: "a", keyName: "b", wrappingKey: Redacted.make(new Uint8Array(32).fill(byte)) })

const clientOver = (manager: First.CryptographicMaterialsManager.CryptographicMaterialsManager) =>
  First.EncryptionSdk.make().pipe(
    Effect.provideService(First.CryptographicMaterialsManager.CryptographicMaterialsManager, manager)
  )

describe("parts of a second copy of the package", () => {
  it("are others", () => {
    assert.notStrictEqual(Second.KeyringError.KeyringError, First.KeyringError.KeyringError)
    assert.notStrictEqual(Second.AlgorithmSuite.all[0], First.AlgorithmSuite.all[0])
  })

  it.effect("a keyring, under managers of both, says why a data key does not unwrap", () =>
    Effect.gen(function*() {
      const { message } = yield* (yield* clientOver(yield* First.DefaultCmm.make(yield* keyringOf(7)))).encrypt("text")
      const other = yield* keyringOf(8)
      for (const { DefaultCmm } of [First, Second]) {
        const sdk = yield* clientOver(yield* DefaultCmm.make(other))
        const reason = yield* decryptFailure(sdk.decrypt(message))
        assert.strictEqual(reason._tag, "NoDataKeyUnwrapped")
        assert.include(reason.message, "RawAesKeyring: attempted, InvalidCiphertext (AuthenticationFailed)")
        assert.instanceOf(reason, First.NoDataKeyUnwrapped)
      }
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("a keyring does not keep another of a multi-keyring from its turn", () =>
    Effect.gen(function*() {
      const right = yield* keyringOf(7)
      const { message } = yield* (yield* clientOver(yield* First.DefaultCmm.make(right))).encrypt("text")
      const multi = yield* First.MultiKeyring.make({ generator: yield* keyringOf(8), children: [right] })
      const { plaintext } = yield* (yield* clientOver(yield* First.DefaultCmm.make(multi))).decrypt(message)
      assert.strictEqual(new TextDecoder().decode(plaintext), "text")
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("a suite, a manager and a cache serve", () =>
    Effect.gen(function*() {
      const { ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY: algorithmSuite } = Second.AlgorithmSuite
      for (const [caches, managers] of [[FirstCaching, SecondCaching], [SecondCaching, FirstCaching]] as const) {
        const manager = yield* managers.CachingCmm.make({
          cache: yield* caches.LocalCache.make({ capacity: 5 }),
          materialsManager: yield* Second.DefaultCmm.make(yield* keyringOf(7)),
          policy: { maxAge: "5 minutes" }
        })
        const sdk = yield* clientOver(manager)
        for (const expected of ["Miss", "Hit"]) {
          const { message, receipt } = yield* sdk.encrypt("text", { algorithmSuite })
          assert.strictEqual(receipt._tag, expected)
          assert.strictEqual((yield* sdk.decrypt(message)).receipt._tag, expected)
        }
      }
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("an error of a Kms is one, with its failure", () =>
    Effect.gen(function*() {
      const error = Effect.fail(
        new SecondKms.KmsError({
          operation: "GenerateDataKey",
          keyId: "key",
          failure: "AccessDenied",
          code: "AccessDeniedException",
          description: "no",
          isRetryable: false
        })
      )
      const keyring = yield* FirstKms.KmsKeyring.make({
        generatorKeyId: "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-1111-1111-111111111111"
      }).pipe(
        Effect.provideService(FirstKms.Kms.Kms, {
          decrypt: () => error,
          encrypt: () => error,
          generateDataKey: () => error
        })
      )
      const reason = yield* encryptFailure((yield* clientOver(yield* First.DefaultCmm.make(keyring))).encrypt("text"))
      assert.include(reason.message, "AccessDenied (AccessDeniedException: no)")
    }).pipe(Effect.provide(TestPrimitives.layer)))
})
