import { assert, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { Kms, KmsKeyring } from "effect-encryption-sdk/kms"
import { unwrapped } from "../support/keyringContract.ts"
import { one, TestKms, three, toDecrypt, toEncrypt, two } from "../support/kmsKeyring.ts"
import { spoil } from "../support/spoil.ts"

it.effect("whatever a Kms does with its requests and its responses, the keyring's own stay as they are", () =>
  Effect.gen(function*() {
    const kms = yield* Kms.Kms
    const seen: Array<unknown> = []
    const tokens: Array<ReadonlyArray<string>> = []
    const spoiling =
      <Request extends Kms.KmsRequest, A, E>(call: (request: Request) => Effect.Effect<A, E>) => (request: Request) => {
        tokens.push([...request.grantTokens])
        // Its context is the caller's own here.
        const { encryptionContext: _, ...others } = request
        const copy = "ciphertextBlob" in request && request.ciphertextBlob instanceof Uint8Array
          ? { ...request, ciphertextBlob: request.ciphertextBlob.slice() }
          : request
        return Effect.tap(call(copy), (response) => {
          seen.push(response)
          return Effect.sync(() => spoil(others))
        })
      }
    const keyring = yield* KmsKeyring.make({ generatorKeyId: one, keyIds: [two, three], grantTokens: ["x", "y"] }).pipe(
      Effect.provideService(Kms.Kms, {
        generateDataKey: spoiling(kms.generateDataKey),
        encrypt: spoiling(kms.encrypt),
        decrypt: spoiling(kms.decrypt)
      })
    )
    const { encryptedDataKeys, plaintextDataKey } = yield* keyring.onEncrypt(toEncrypt())
    const key = DataKey.value(plaintextDataKey!).slice()
    seen.forEach((response) => spoil(response))
    for (const encryptedDataKey of encryptedDataKeys) {
      const before = structuredClone(encryptedDataKey)
      const exit = yield* Effect.exit(keyring.onDecrypt(toDecrypt(), [encryptedDataKey]))
      const result = Exit.isSuccess(exit) ? unwrapped(exit.value) : assert.fail(Cause.pretty(exit.cause))
      assert.deepStrictEqual(DataKey.value(result.plaintextDataKey), key)
      assert.strictEqual(result.encryptedDataKey, encryptedDataKey)
      assert.deepStrictEqual(encryptedDataKey, before)
    }
    assert.deepStrictEqual(tokens, Array.from({ length: 6 }, () => ["x", "y"]))
  }).pipe(Effect.provide(TestKms)))
