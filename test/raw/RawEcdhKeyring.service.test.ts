/** A `KeyAgreement` of the user's own, which breaks its contract. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Redacted } from "effect"
import { KeyAgreement } from "effect/crypto"
import { BrokenContract, KeyringError } from "effect-encryption-sdk"
import { RawEcdhKeyring } from "effect-encryption-sdk/raw"
import * as ecdh from "../support/ecdh.ts"
import { keyBytes } from "../support/keyringContract.ts"
import { decryptionMaterials, encryptionMaterials } from "../support/materials.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

type Service = KeyAgreement.KeyAgreement["Service"]

const sender = await ecdh.generate("P-256")
const recipient = await ecdh.generate("P-256")
const wrapped = await Effect.runPromise(ecdh.wrapByHand(sender, recipient, keyBytes(32)))

const options = (keyAgreement: RawEcdhKeyring.KeyAgreementSchema): RawEcdhKeyring.Options => ({
  curve: "P-256",
  keyAgreement
})
const between = options({
  _tag: "RawPrivateKeyToStaticPublicKey",
  senderPrivateKey: Redacted.make(sender.privatePem),
  recipientPublicKey: recipient.spki
})
const toRecipient = options({
  _tag: "EphemeralPrivateKeyToStaticPublicKey",
  recipientPublicKey: recipient.spki
})

/** A keyring over Effect's ECDH with one operation replaced. */
const makeWith = (options: RawEcdhKeyring.Options, method: keyof Service, operation: () => unknown) =>
  Effect.provide(RawEcdhKeyring.make(options), [
    TestPrimitives.layer,
    Layer.effect(
      KeyAgreement.KeyAgreement,
      Effect.map(KeyAgreement.KeyAgreement, (service) => ({ ...service, [method]: operation as never }))
    ).pipe(Layer.provide(ecdh.keyAgreementLayer))
  ])

const uses = [
  ["publicKeyOf", "make", between, () => Effect.void, "a public key"],
  ["generateKeyPair", "onEncrypt", toRecipient, ({ onEncrypt }) => onEncrypt(encryptionMaterials()), "a key pair"],
  ["deriveSharedSecret", "onEncrypt", between, ({ onEncrypt }) => onEncrypt(encryptionMaterials()), "a Uint8Array"],
  [
    "deriveSharedSecret",
    "onDecrypt",
    between,
    ({ onDecrypt }) => onDecrypt(decryptionMaterials(), [wrapped]),
    "a Uint8Array"
  ]
] as const satisfies ReadonlyArray<
  readonly [
    keyof Service,
    KeyringError.KeyringError["operation"],
    RawEcdhKeyring.Options,
    (keyring: Effect.Success<ReturnType<typeof RawEcdhKeyring.make>>) => Effect.Effect<unknown, unknown, any>,
    string
  ]
>

describe("RawEcdhKeyring over a KeyAgreement that breaks its contract", () => {
  it.effect.each(uses)(
    "%s of %s is a typed error that names it",
    ([method, operation, options, use, what]) =>
      Effect.gen(function*() {
        const thrown = new Error("thrown")
        const foreign = { reason: undefined }
        const behaviours: ReadonlyArray<readonly [() => unknown, string, unknown?]> = [
          [
            () => {
              throw thrown
            },
            "threw instead of failing",
            thrown
          ],
          [() => undefined, "returned undefined instead of an Effect"],
          [() => Effect.fail(foreign), "failed with an error that is no CryptoError", foreign],
          [() => Effect.undefined, `returned something else than ${what}`],
          [() => Effect.succeed({ privateKey: 1, publicKey: 2 }), `returned something else than ${what}`]
        ]
        for (const [behaviour, description, cause] of behaviours) {
          const exit = yield* Effect.exit(
            Effect.scoped(Effect.flatMap(makeWith(options, method, behaviour), (keyring) => use(keyring)))
          )
          if (Exit.isSuccess(exit)) return assert.fail("expected a failure")
          const error = Cause.squash(exit.cause)
          if (!(error instanceof KeyringError.KeyringError)) return assert.fail(`${description}: ${String(error)}`)
          assert.isTrue(exit.cause.reasons.every(Cause.isFailReason))
          assert.strictEqual(error.operation, operation)
          assert.deepStrictEqual(
            error.reason,
            new BrokenContract({
              part: `KeyAgreement.${method}`,
              description,
              ...cause === undefined ? {} : { cause }
            })
          )
        }
      })
  )
})
