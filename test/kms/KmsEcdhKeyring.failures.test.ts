/** framework/aws-kms/aws-kms-ecdh-keyring.md: calls that fail, responses that must not be taken, and the secrets in them. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Redacted } from "effect"
import { BrokenContract, KeyringError } from "effect-encryption-sdk"
import { type Kms, KmsEcdhKeyring, KmsError } from "effect-encryption-sdk/kms"
import { flip, isZero } from "../support/bytes.ts"
import { failureOf } from "../support/client.ts"
import * as ecdh from "../support/ecdh.ts"
import { arnOf, ecdhKms, failure } from "../support/ecdhKms.ts"
import { attempts, errorsOf, keyBytes, printsNone, unwrapped } from "../support/keyringContract.ts"
import { decryptionMaterials, encryptionMaterials } from "../support/materials.ts"
import { recordingPrimitives } from "../support/recordingPrimitives.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const name = "KmsEcdhKeyring"
const arn = arnOf("a")
const otherArn = arnOf("b")
const sender = await ecdh.generate("P-256")
const recipient = await ecdh.generate("P-256")
const good = await Effect.runPromise(ecdh.wrapByHand(sender, recipient, keyBytes(32)))

const options: KmsEcdhKeyring.Options = {
  curve: "P-256",
  keyAgreement: {
    _tag: "KmsPrivateKeyToStaticPublicKey",
    senderKeyId: arn,
    recipientPublicKey: recipient.spki
  }
}

const make = (kms: ReturnType<typeof ecdhKms>, layer = TestPrimitives.layer) =>
  Effect.provide(KmsEcdhKeyring.make(options), [layer, kms.layer])

const { misconfigured, notUnwrapped, notWrapped } = errorsOf(name)

const failed = (
  operation: KeyringError.KeyringError["operation"],
  reason: KeyringError.KeyringErrorReason
) => new KeyringError.KeyringError({ keyring: name, operation, reason })

const throttled = {
  failure: "Throttled",
  code: "ThrottlingException",
  description: "Rate exceeded",
  isRetryable: true
} as const
const invalid = (code: string) => ({ failure: "InvalidAnswer", code, isRetryable: false } as const)

describe("KmsEcdhKeyring, GetPublicKey", () => {
  const response = {
    keyId: arn,
    publicKey: sender.spki,
    keySpec: "ECC_NIST_P256",
    keyUsage: "KEY_AGREEMENT"
  }
  const makeWith = (getPublicKey: Kms.KmsKeyAgreement["getPublicKey"]) =>
    make(ecdhKms({ [arn]: sender }, { getPublicKey }))
  const notRead = (refusal: KeyringError.ProviderRefusal) =>
    failed("make", new KeyringError.PublicKeyNotRead({ keyName: arn, ...refusal }))

  it.effect("a call that fails is why the keyring is not made, and a retry may help", () =>
    Effect.gen(function*() {
      const error = yield* failureOf(makeWith(() => Effect.fail(failure("GetPublicKey", arn, throttled as KmsError))))
      assert.deepStrictEqual(error, notRead(throttled))
      assert.isTrue(error.isRetryable)
      assert.strictEqual(
        error.message,
        `KmsEcdhKeyring.make: public key of ${arn}: Throttled (ThrottlingException: Rate exceeded), a retry may help`
      )
      const denied = { failure: "AccessDenied", code: "AccessDeniedException", isRetryable: false } as const
      const final = yield* failureOf(makeWith(() => Effect.fail(failure("GetPublicKey", arn, denied as KmsError))))
      assert.deepStrictEqual(final, notRead(denied))
      assert.isFalse(final.isRetryable)
    }))

  it.effect.each(
    [
      ["another key", { keyId: otherArn }, notRead(invalid("KeyIdMismatch"))],
      [
        "a key to encrypt with",
        { keyUsage: "ENCRYPT_DECRYPT" },
        misconfigured("make", "keyAgreement.senderKeyId", "has the usage \"ENCRYPT_DECRYPT\", must have KEY_AGREEMENT")
      ],
      [
        "a key to sign with",
        { keyUsage: "SIGN_VERIFY" },
        misconfigured("make", "keyAgreement.senderKeyId", "has the usage \"SIGN_VERIFY\", must have KEY_AGREEMENT")
      ],
      [
        "another curve",
        { keySpec: "ECC_NIST_P521" },
        misconfigured(
          "make",
          "keyAgreement.senderKeyId",
          "has the spec \"ECC_NIST_P521\", must have ECC_NIST_P256 for P-256"
        )
      ],
      [
        "no point of the curve",
        { publicKey: flip(sender.spki, 90, 1) },
        notRead({ ...invalid("InvalidPublicKey"), description: "the public key is no point of P-256" })
      ],
      [
        "no bytes",
        { publicKey: new Uint8Array(0) },
        notRead({
          ...invalid("InvalidPublicKey"),
          description: "the public key is no SubjectPublicKeyInfo of an uncompressed point of P-256"
        })
      ]
    ] as const
  )("#kmsprivatekeytostaticpublickey: a response with %s is not taken", ([, changes, error]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual<unknown>(
        yield* failureOf(makeWith(() => Effect.succeed({ ...response, ...changes }))),
        error
      )
    }))

  it.effect.each(
    [
      ["without a key", { ...response, keyId: undefined }, "returned a response without keyId, the ARN of the key"],
      ["without a public key", { ...response, publicKey: "MII" }, "returned a response without publicKey"],
      ["without a usage", { ...response, keyUsage: undefined }, "returned a response without keyUsage"]
    ] as const
  )("a port that returns a response %s broke its contract", ([, response, description]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual<unknown>(
        yield* failureOf(makeWith(() => Effect.succeed(response as never))),
        failed("make", new BrokenContract({ part: "Kms.getPublicKey", description }))
      )
    }))
})

describe("KmsEcdhKeyring, DeriveSharedSecret", () => {
  const makeWith = (deriveSharedSecret: Kms.KmsKeyAgreement["deriveSharedSecret"]) =>
    make(ecdhKms({ [arn]: sender }, { deriveSharedSecret }))

  it.effect("#onencrypt, #ondecrypt: a call that fails is the provider's refusal", () =>
    Effect.gen(function*() {
      const keyring = yield* makeWith(() => Effect.fail(failure("DeriveSharedSecret", arn, throttled as KmsError)))
      assert.deepStrictEqual(
        yield* failureOf(keyring.onEncrypt(encryptionMaterials())),
        notWrapped(arn, throttled)
      )
      assert.deepStrictEqual(
        yield* failureOf(keyring.onDecrypt(decryptionMaterials(), [good, good])),
        notUnwrapped(attempts(name, [good, good], throttled))
      )
    }))

  it.effect("#ondecrypt: after a call that failed the next encrypted data key is tried", () =>
    Effect.gen(function*() {
      const secret = yield* Effect.promise(() => ecdh.shared(sender, recipient))
      let calls = 0
      const keyring = yield* makeWith(() =>
        Effect.suspend(() =>
          ++calls === 1
            ? Effect.fail(failure("DeriveSharedSecret", arn, throttled as KmsError))
            : Effect.succeed({ keyId: arn, sharedSecret: Redacted.make(secret) })
        )
      )
      const second = yield* ecdh.wrapByHand(sender, recipient, keyBytes(32))
      const { encryptedDataKey } = unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), [good, second]))
      assert.strictEqual(encryptedDataKey, second)
    }))

  it.effect.each(
    [
      ["another key", otherArn, (secret: Uint8Array) => secret, "KeyIdMismatch"],
      ["another length", arn, (secret: Uint8Array) => secret.slice(1), "SharedSecretLengthMismatch"],
      ["zeroes", arn, () => new Uint8Array(32), "SharedSecretAllZero"]
    ] as const
  )("a response with %s is not taken, and its secret is zeroed", ([, keyId, change, code]) =>
    Effect.gen(function*() {
      const secret = yield* Effect.promise(() => ecdh.shared(sender, recipient))
      const given: Array<Uint8Array> = []
      const keyring = yield* makeWith(() =>
        Effect.sync(() => {
          given.push(change(secret.slice()))
          return { keyId, sharedSecret: Redacted.make(given.at(-1)!) }
        })
      )
      assert.deepStrictEqual(
        yield* failureOf(keyring.onEncrypt(encryptionMaterials())),
        notWrapped(arn, invalid(code))
      )
      assert.deepStrictEqual(
        yield* failureOf(keyring.onDecrypt(decryptionMaterials(), [good])),
        notUnwrapped(attempts(name, [good], invalid(code)))
      )
      assert.deepStrictEqual(given.map(isZero), [true, true])
    }))

  it.effect("a port that throws, or returns no secret, broke its contract, both ways", () =>
    Effect.gen(function*() {
      const thrown = new Error("thrown")
      const throwing = yield* makeWith(() => {
        throw thrown
      })
      const bare = yield* makeWith(() => Effect.succeed({ keyId: arn, sharedSecret: keyBytes(32) as never }))
      const part = "Kms.deriveSharedSecret"
      for (const operation of ["onEncrypt", "onDecrypt"] as const) {
        const run = (keyring: typeof bare) =>
          operation === "onEncrypt"
            ? Effect.asVoid(keyring.onEncrypt(encryptionMaterials()))
            : Effect.asVoid(keyring.onDecrypt(decryptionMaterials(), [good]))
        const { reason } = yield* failureOf(run(throwing))
        assert.deepInclude(reason, { _tag: "BrokenContract", part, cause: thrown })
        const description = "returned a response without sharedSecret, a Redacted of bytes"
        assert.deepStrictEqual(
          yield* failureOf(run(bare)),
          failed(operation, new BrokenContract({ part, description }))
        )
      }
    }))
})

describe("the shared secrets of a KmsEcdhKeyring", () => {
  it.effect("they and the derived keys are zero once a data key is wrapped, unwrapped, or not", () =>
    Effect.gen(function*() {
      const kms = ecdhKms({ [arn]: sender })
      const recording = recordingPrimitives()
      const keyring = yield* make(kms, recording.layer)
      const wrapped = yield* keyring.onEncrypt(encryptionMaterials())
      unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), wrapped.encryptedDataKeys))
      const bad = yield* ecdh.wrapByHand(sender, recipient, keyBytes(32), { label: "another" })
      yield* failureOf(keyring.onDecrypt(decryptionMaterials(), [bad]))
      assert.deepStrictEqual(kms.secrets.map(isZero), [true, true, true])
      assert.deepStrictEqual(recording.arrays("importAesKey").map(isZero), [true, true, true])
      printsNone([keyring, wrapped], yield* Effect.promise(() => ecdh.shared(sender, recipient)))
    }))

  it.effect("under interruption: secret and data key are zero when wrapping is interrupted", () =>
    Effect.gen(function*() {
      const sealing = yield* Deferred.make<void>()
      const kms = ecdhKms({ [arn]: sender })
      const recording = recordingPrimitives({
        seal: () => Effect.andThen(Deferred.succeed(sealing, undefined), Effect.never)
      })
      const keyring = yield* make(kms, recording.layer)
      const fiber = yield* Effect.forkChild(Effect.scoped(keyring.onEncrypt(encryptionMaterials())))
      yield* Deferred.await(sealing)
      const arrays = () => [...kms.secrets, ...recording.arrays("importAesKey"), ...recording.arrays("seal")]
      assert.deepStrictEqual(arrays().map(isZero), [false, false, false])
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(arrays().map(isZero), [true, true, true])
    }))

  it.effect("under interruption: a call that hangs is interrupted", () =>
    Effect.gen(function*() {
      const calling = yield* Deferred.make<void>()
      const interrupted = yield* Deferred.make<void>()
      const kms = ecdhKms({ [arn]: sender }, {
        deriveSharedSecret: () =>
          Effect.andThen(Deferred.succeed(calling, undefined), Effect.never).pipe(
            Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
          )
      })
      const keyring = yield* make(kms)
      const fiber = yield* Effect.forkChild(Effect.scoped(keyring.onEncrypt(encryptionMaterials())))
      yield* Deferred.await(calling)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(interrupted)
    }))
})
