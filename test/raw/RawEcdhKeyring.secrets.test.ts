/** framework/key-agreement-schemas.md#key-derivation: shared secrets and what is derived from them. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Redacted, Scope } from "effect"
import { CryptoError, KeyAgreement } from "effect/crypto"
import { DataKey, NotLoaded } from "effect-encryption-sdk"
import { PrimitivesError } from "effect-encryption-sdk/crypto"
import { RawEcdhKeyring } from "effect-encryption-sdk/raw"
import { isZero, toHex } from "../support/bytes.ts"
import { failureOf } from "../support/client.ts"
import * as ecdh from "../support/ecdh.ts"
import {
  attempts,
  errorsOf,
  keyBytes,
  printsNone,
  unwrapped,
  zeroesWhenInterrupted
} from "../support/keyringContract.ts"
import { decryptionMaterials, encryptionMaterials } from "../support/materials.ts"
import { recordingPrimitives } from "../support/recordingPrimitives.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

type Service = KeyAgreement.KeyAgreement["Service"]

const sender = await ecdh.generate("P-256")
const recipient = await ecdh.generate("P-256")
const recipientName = toHex(recipient.compressed)

const between: RawEcdhKeyring.Options = {
  curve: "P-256",
  keyAgreement: {
    _tag: "RawPrivateKeyToStaticPublicKey",
    senderPrivateKey: Redacted.make(sender.privatePem),
    recipientPublicKey: recipient.spki
  }
}
const toRecipient: RawEcdhKeyring.Options = {
  curve: "P-256",
  keyAgreement: { _tag: "EphemeralPrivateKeyToStaticPublicKey", recipientPublicKey: recipient.spki }
}
const ofRecipient: RawEcdhKeyring.Options = {
  curve: "P-256",
  keyAgreement: { _tag: "PublicKeyDiscovery", recipientPrivateKey: Redacted.make(recipient.privatePem) }
}

/** Effect's ECDH with some operations replaced. */
const withService = (replace: (service: Service) => Partial<Service>) =>
  Layer.effect(
    KeyAgreement.KeyAgreement,
    Effect.map(KeyAgreement.KeyAgreement, (service) => ({ ...service, ...replace(service) }))
  ).pipe(Layer.provide(ecdh.keyAgreementLayer))

/** Effect's ECDH, keeping every shared secret that it returned, as it was and the very array. */
const recordingSecrets = () => {
  const arrays: Array<Uint8Array> = []
  const copies: Array<Uint8Array> = []
  const layer = withService((service) => ({
    deriveSharedSecret: (privateKey, publicKey) =>
      Effect.tap(service.deriveSharedSecret(privateKey, publicKey), (secret) =>
        Effect.sync(() => {
          arrays.push(secret)
          copies.push(secret.slice())
        }))
  }))
  return { arrays, copies, layer }
}

const { misconfigured, notUnwrapped, notWrapped } = errorsOf("RawEcdhKeyring")

const make = (options: RawEcdhKeyring.Options, layer = ecdh.keyAgreementLayer) =>
  Effect.provide(RawEcdhKeyring.make(options), [TestPrimitives.layer, layer])

describe("the shared secret of a RawEcdhKeyring", () => {
  it.effect.each([["between two", between], ["to a recipient", toRecipient]] as const)(
    "%s: it and the derived keys are zero once a data key is wrapped",
    ([, options]) =>
      Effect.gen(function*() {
        const { arrays, copies, layer } = recordingSecrets()
        const recording = recordingPrimitives()
        const keyring = yield* Effect.provide(RawEcdhKeyring.make(options), [recording.layer, layer])
        const { plaintextDataKey } = yield* keyring.onEncrypt(encryptionMaterials())
        assert.deepStrictEqual([arrays.map(isZero), copies.map(isZero)], [[true], [false]])
        assert.deepStrictEqual(recording.arrays("importAesKey").map(isZero), [true])
        assert.isFalse(isZero(DataKey.value(plaintextDataKey!)), "the data key lives until the scope closes")
      })
  )

  it.effect.each([["between two", between], ["of a recipient", ofRecipient]] as const)(
    "%s: it and the derived keys are zero once a data key is unwrapped, and after a failed attempt",
    ([, options]) =>
      Effect.gen(function*() {
        const { arrays, copies, layer } = recordingSecrets()
        const recording = recordingPrimitives()
        const keyring = yield* Effect.provide(RawEcdhKeyring.make(options), [recording.layer, layer])
        const good = yield* ecdh.wrapByHand(sender, recipient, keyBytes(32))
        const bad = yield* ecdh.wrapByHand(sender, recipient, keyBytes(32), { label: "another" })
        const { plaintextDataKey } = unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), [bad, good]))
        assert.deepStrictEqual([arrays.map(isZero), copies.map(isZero)], [[true, true], [false, false]])
        assert.deepStrictEqual(recording.arrays("importAesKey").map(isZero), [true, true])
        assert.isFalse(isZero(DataKey.value(plaintextDataKey)), "the data key lives until the scope closes")
      })
  )

  it.effect("on P-521 it keeps its 66 bytes, zeroes in front included", () =>
    Effect.gen(function*() {
      const own = yield* Effect.promise(() => ecdh.generate("P-521"))
      let peer = yield* Effect.promise(() => ecdh.generate("P-521"))
      while ((yield* Effect.promise(() => ecdh.shared(peer, own)))[0] !== 0) {
        peer = yield* Effect.promise(() => ecdh.generate("P-521"))
      }
      const { copies, layer } = recordingSecrets()
      const keyring = yield* make({
        curve: "P-521",
        keyAgreement: { _tag: "PublicKeyDiscovery", recipientPrivateKey: Redacted.make(own.privatePem) }
      }, layer)
      const edk = yield* ecdh.wrapByHand(peer, own, keyBytes(32))
      const { plaintextDataKey } = unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), [edk]))
      assert.deepStrictEqual(DataKey.value(plaintextDataKey), keyBytes(32))
      assert.deepStrictEqual(copies.map((secret) => [secret.length, secret[0]]), [[66, 0]])
    }))

  it.effect("one of another length, or of zeroes, wraps and unwraps nothing, and is zeroed", () =>
    Effect.gen(function*() {
      const edk = yield* ecdh.wrapByHand(sender, recipient, keyBytes(32))
      for (
        const [secret, code] of [
          [keyBytes(31), "SharedSecretLengthMismatch"],
          [new Uint8Array(32), "SharedSecretAllZero"]
        ] as const
      ) {
        const invalid = { failure: "InvalidAnswer", code, isRetryable: false } as const
        const given = [secret.slice(), secret.slice()]
        const arrays = given.values()
        const layer = withService(() => ({ deriveSharedSecret: () => Effect.sync(() => arrays.next().value!) }))
        const keyring = yield* make(between, layer)
        assert.deepStrictEqual(
          yield* failureOf(keyring.onEncrypt(encryptionMaterials())),
          notWrapped(recipientName, invalid)
        )
        assert.deepStrictEqual(
          yield* failureOf(keyring.onDecrypt(decryptionMaterials(), [edk])),
          notUnwrapped(attempts("RawEcdhKeyring", [edk], invalid))
        )
        assert.isTrue(given.every(isZero))
      }
    }))

  it.effect("one that cannot be derived, and a pair that cannot be made, are typed errors without the runtime's own", () =>
    Effect.gen(function*() {
      const fails = (method: string) =>
        Effect.fail(
          new CryptoError.CryptoError({
            module: "KeyAgreement",
            method,
            reason: new CryptoError.InvalidKey({ description: "no", cause: new Error("secret text") })
          })
        )
      const rejected = { failure: "Rejected", code: "InvalidKey", isRetryable: false } as const
      const underivable = withService(() => ({ deriveSharedSecret: () => fails("deriveSharedSecret") }))
      const edk = yield* ecdh.wrapByHand(sender, recipient, keyBytes(32))
      const keyring = yield* make(between, underivable)
      assert.deepStrictEqual(
        yield* failureOf(keyring.onEncrypt(encryptionMaterials())),
        notWrapped(recipientName, rejected)
      )
      assert.deepStrictEqual(
        yield* failureOf(keyring.onDecrypt(decryptionMaterials(), [edk])),
        notUnwrapped(attempts("RawEcdhKeyring", [edk], rejected))
      )
      const ungenerable = withService(() => ({ generateKeyPair: () => fails("generateKeyPair") }))
      const ephemeral = yield* make(toRecipient, ungenerable)
      assert.deepStrictEqual(
        yield* failureOf(ephemeral.onEncrypt(encryptionMaterials())),
        notWrapped(recipientName, rejected)
      )
    }))

  it.effect("what an unwrapping left behind that failed halfway is zero at once", () =>
    Effect.gen(function*() {
      const recording = recordingPrimitives({
        open: (_, jobs) =>
          Effect.suspend(() => {
            for (const job of jobs) job.output.set(keyBytes(32))
            return Effect.fail(new PrimitivesError({ method: "open", reason: "Failed", description: "" }))
          })
      })
      const keyring = yield* Effect.provide(RawEcdhKeyring.make(between), [recording.layer, ecdh.keyAgreementLayer])
      const edk = yield* ecdh.wrapByHand(sender, recipient, keyBytes(32))
      yield* failureOf(keyring.onDecrypt(decryptionMaterials(), [edk]))
      assert.deepStrictEqual(recording.arrays("open"), [new Uint8Array(32)])
    }))

  it.effect("a wrapping key that is not imported is a typed error, which a retry can help where code is missing", () =>
    Effect.gen(function*() {
      const edk = yield* ecdh.wrapByHand(sender, recipient, keyBytes(32))
      for (
        const [error, refusal] of [
          [
            new PrimitivesError({ method: "importAesKey", reason: "InvalidKey", description: "no" }),
            { failure: "Rejected", code: "InvalidKey", description: "no", isRetryable: false }
          ],
          [
            new NotLoaded({ part: "AES" }),
            { failure: "Unreachable", code: "NotLoaded", description: "AES could not be loaded", isRetryable: true }
          ]
        ] as const
      ) {
        const { layer } = recordingPrimitives({ importAesKey: () => Effect.fail(error) })
        const keyring = yield* Effect.provide(RawEcdhKeyring.make(between), [layer, ecdh.keyAgreementLayer])
        assert.deepStrictEqual(
          yield* failureOf(keyring.onEncrypt(encryptionMaterials())),
          notWrapped(recipientName, refusal)
        )
        assert.deepStrictEqual(
          yield* failureOf(keyring.onDecrypt(decryptionMaterials(), [edk])),
          notUnwrapped(attempts("RawEcdhKeyring", [edk], refusal))
        )
      }
    }))

  zeroesWhenInterrupted((begun) => {
    const recording = recordingPrimitives({ seal: () => Effect.andThen(begun, Effect.never) })
    return Effect.map(
      Effect.provide(RawEcdhKeyring.make(between), [recording.layer, ecdh.keyAgreementLayer]),
      (keyring) => ({ keyring, dataKeys: Effect.sync(() => recording.arrays("seal")) })
    )
  })

  it.effect("under interruption: one that arrives in spite of an interruption is zero", () =>
    Effect.gen(function*() {
      const deriving = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const secret = keyBytes(32)
      const layer = withService(() => ({
        deriveSharedSecret: () =>
          Deferred.succeed(deriving, undefined).pipe(Effect.andThen(Deferred.await(go)), Effect.as(secret))
      }))
      const keyring = yield* make(between, layer)
      const fiber = yield* Effect.forkChild(Effect.scoped(keyring.onEncrypt(encryptionMaterials())))
      yield* Deferred.await(deriving)
      const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(interruption)
      assert.isTrue(isZero(secret))
    }))
})

describe("the private key of a RawEcdhKeyring", () => {
  it.effect("after the scope it neither wraps nor unwraps; without a private key it wraps on", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const within = (options: RawEcdhKeyring.Options) => Scope.provide(make(options), scope)
      const [two, own, ephemeral] = [yield* within(between), yield* within(ofRecipient), yield* within(toRecipient)]
      const edks = [yield* ecdh.wrapByHand(sender, recipient, keyBytes(32))]
      unwrapped(yield* two.onDecrypt(decryptionMaterials(), edks))
      unwrapped(yield* own.onDecrypt(decryptionMaterials(), edks))
      yield* Scope.close(scope, Exit.void)
      const dropped =
        "was dropped when the scope closed that the keyring was made in: use the keyring within that scope"
      assert.deepStrictEqual(
        [
          yield* failureOf(two.onEncrypt(encryptionMaterials())),
          yield* failureOf(two.onDecrypt(decryptionMaterials(), edks)),
          yield* failureOf(own.onDecrypt(decryptionMaterials(), edks))
        ],
        [
          misconfigured("onEncrypt", "keyAgreement.senderPrivateKey", dropped),
          misconfigured("onDecrypt", "keyAgreement.senderPrivateKey", dropped),
          misconfigured("onDecrypt", "keyAgreement.recipientPrivateKey", dropped)
        ]
      )
      const { encryptedDataKeys } = yield* ephemeral.onEncrypt(encryptionMaterials())
      unwrapped(yield* (yield* make(ofRecipient)).onDecrypt(decryptionMaterials(), encryptedDataKeys))
    }))

  it.effect("prints no secret", () =>
    Effect.gen(function*() {
      const line = sender.privatePem.split("\n")[1]!
      const keyring = yield* make(between)
      const result = yield* keyring.onEncrypt(encryptionMaterials())
      const error = yield* failureOf(make({ ...between, curve: "P-384" }))
      printsNone([between, keyring, result, error, error.reason], sender.pkcs8.subarray(36), [line])
    }))
})
