import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { TestClock } from "effect/testing"
import * as crypto from "node:crypto"

describe("NodePrimitives.layerSynchronous", () => {
  it.effect("a signed message over a slow KMS under TestClock: fork, adjust, join", () =>
    Effect.gen(function*() {
      const control = yield* EmbeddedKms.EmbeddedKms
      const kms = yield* ScriptedKms.ScriptedKms
      yield* kms.when({}, ScriptedKms.delay("200 millis"))
      const layer = EncryptionSdk.layer().pipe(
        Layer.provide(DefaultCmm.layer),
        Layer.provide(KmsKeyring.layer({ generatorKeyId: yield* control.createKey() }))
      )
      yield* Effect.gen(function*() {
        const sdk = yield* EncryptionSdk.EncryptionSdk
        for (let i = 0; i < 20; i++) {
          const fiber = yield* Effect.forkChild(
            Effect.flatMap(sdk.encrypt("text"), ({ message }) => sdk.decrypt(message))
          )
          yield* TestClock.adjust("200 millis")
          yield* TestClock.adjust("200 millis")
          assert.strictEqual(new TextDecoder().decode((yield* Fiber.join(fiber)).plaintext), "text")
        }
      }).pipe(Effect.provide(layer))
    }).pipe(Effect.provide(ScriptedKms.layer().pipe(Layer.provideMerge(NodePrimitives.layerSynchronous)))))

  for (const curve of ["P-256", "P-384"] as const) {
    it.effect(`${curve}: signs, and verifies what the other layer signed, and the reverse`, () =>
      Effect.gen(function*() {
        const message = crypto.randomBytes(100)
        const layers = [NodePrimitives.make, NodePrimitives.makeSynchronous]
        for (const signer of layers) {
          const { publicKey, signingKey } = yield* signer.generateSigningKey(curve)
          const signature = yield* signer.sign(signingKey, message)
          assert.strictEqual(signature.length, curve === "P-256" ? 71 : 103)
          for (const verifier of layers) {
            const key = yield* verifier.importVerificationKey(curve, publicKey)
            assert.isTrue(yield* verifier.verify(key, message, signature))
            assert.isFalse(yield* verifier.verify(key, message.subarray(1), signature))
          }
        }
      }))
  }
})
