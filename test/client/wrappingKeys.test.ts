/** Wrapping keys that rotation knows by more, or by less, than the key provider information: branch keys and ECDH. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type EncryptionSdk, Keyring } from "effect-encryption-sdk"
import { RawEcdhKeyring } from "effect-encryption-sdk/raw"
import { clientOf } from "../support/client.ts"
import { type Curve, curves, generate, keyAgreementLayer } from "../support/ecdh.ts"
import { branchKeyId, prepared } from "../support/hierarchicalKeyring.ts"
import { unsigned } from "../support/suites.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const algorithmSuite = unsigned

const reasonsOf = (sdk: EncryptionSdk.EncryptionSdk, message: Uint8Array, options = {}) =>
  Effect.map(sdk.isCurrent(message, { algorithmSuite, ...options }), ({ reasons }) => reasons)

describe("isCurrent", () => {
  it.effect("knows a branch key by its id and its version", () =>
    Effect.gen(function*() {
      const { admin, branchOf, make } = yield* prepared
      const old = yield* clientOf(yield* make())
      const { message } = yield* old.encrypt("text", { algorithmSuite })
      assert.deepStrictEqual(yield* reasonsOf(old, message), [])
      const before = yield* branchOf()
      yield* admin.versionKey(branchKeyId)
      const after = yield* branchOf()
      // A keyring that has the new version, since it has not cached the old one.
      const keyring = yield* make()
      const sdk = yield* clientOf(keyring)
      const key = { keyProviderId: "aws-kms-hierarchy", keyProviderInfo: branchKeyId }
      assert.deepStrictEqual(yield* reasonsOf(sdk, message), [{
        _tag: "WrappingKeys",
        missing: [{ ...key, branchKeyVersion: after.version }],
        unexpected: [{ ...key, branchKeyVersion: before.version }]
      }])
      // A key without a version stands for all of them.
      assert.deepStrictEqual(yield* reasonsOf(sdk, message, { wrappingKeys: [key] }), [])
      const wrappingKeys = [{ ...key, branchKeyVersion: after.version }]
      assert.strictEqual((yield* reasonsOf(sdk, message, { wrappingKeys })).length, 1)

      const kept = yield* sdk.rewrap(message, { keepBody: { keyring } })
      assert.strictEqual(kept.body, "Kept")
      assert.deepStrictEqual(kept.receipt.branchKeys?.map(({ version }) => version), [after.version])
      assert.deepStrictEqual(kept.source.receipt.branchKeys?.map(({ version }) => version), [before.version])
      const again = yield* sdk.rewrap(message, { algorithmSuite })
      for (const rewrapped of [kept, again]) {
        assert.deepStrictEqual(yield* reasonsOf(sdk, rewrapped.message), [])
        assert.deepStrictEqual(yield* reasonsOf(sdk, rewrapped.message, { wrappingKeys }), [])
      }
      const other = yield* clientOf(yield* make({ branchKeyId: "tenant-b" }))
      assert.strictEqual((yield* reasonsOf(other, message)).length, 1)
    }).pipe(Effect.scoped))

  it.effect.each(curves)(
    "knows a key of ECDH by the recipient, whose sender may be ephemeral: %s",
    (curve: Curve) =>
      Effect.gen(function*() {
        const [recipient, other] = yield* Effect.promise(() => Promise.all([generate(curve), generate(curve)]))
        const clientFor = (recipientPublicKey: string) =>
          Effect.flatMap(
            RawEcdhKeyring.make({
              curve,
              keyAgreement: { _tag: "EphemeralPrivateKeyToStaticPublicKey", recipientPublicKey }
            }),
            (keyring) => clientOf(Keyring.make(keyring))
          )
        const sdk = yield* clientFor(recipient.publicPem)
        const { message } = yield* sdk.encrypt("text", { algorithmSuite })
        assert.deepStrictEqual(yield* reasonsOf(sdk, message), [])
        assert.strictEqual((yield* reasonsOf(yield* clientFor(other.publicPem), message)).length, 1)
      }).pipe(Effect.provide([TestPrimitives.layer, keyAgreementLayer]), Effect.scoped)
  )
})
