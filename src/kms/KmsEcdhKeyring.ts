/**
 * A keyring that wraps data keys under the secret that two key pairs of an elliptic curve share, of which one is in AWS KMS.
 *
 * Specification: framework/aws-kms/aws-kms-ecdh-keyring.md,
 * framework/key-agreement-schemas.md#aws-kms-ecdh-key-agreement-schemas
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Primitives } from "../crypto/Primitives.ts"
import * as ecdhOptions from "../materials/ecdhOptions.ts"
import type * as EcdhWrapping from "../materials/ecdhWrapping.ts"
import * as Keyring from "../materials/Keyring.ts"
import { failMisconfigured, optionsOf } from "../materials/keyringFailures.ts"
import { loadEcdh } from "../materials/loadEcdh.ts"
import type { KeyringError } from "../model/errors/KeyringError.ts"
import * as keyPairs from "./internal/ecdhKeyPairs.ts"
import { callerOf, GrantTokens, grantTokensBounds } from "./calls.ts"
import { KmsKeyAgreement } from "./Kms.ts"

/**
 * Key agreement schemas of a KMS ECDH keyring.
 *
 * Specification: framework/key-agreement-schemas.md#aws-kms-ecdh-key-agreement-schemas
 */
export const KeyAgreementSchema = /*#__PURE__*/ (() =>
  Schema.Union([
    /** Both ways, between a key pair of AWS KMS and another's public key. Also unwraps what the other party has wrapped for this one. */
    Schema.TaggedStruct("KmsPrivateKeyToStaticPublicKey", {
      /** ARN of the key pair in AWS KMS. */
      senderKeyId: Schema.String,
      /** Its public key. Without it, one `GetPublicKey` reads it when the keyring is made. */
      senderPublicKey: Schema.optional(ecdhOptions.PublicKey),
      recipientPublicKey: ecdhOptions.PublicKey
    }),
    /** Decrypts only, from any sender. */
    Schema.TaggedStruct("KmsPublicKeyDiscovery", {
      /** ARN of the key pair in AWS KMS. */
      recipientKeyId: Schema.String,
      /** Its public key. Without it, one `GetPublicKey` reads it when the keyring is made. */
      recipientPublicKey: Schema.optional(ecdhOptions.PublicKey)
    })
  ]))()

/** See the schema of the same name. */
export type KeyAgreementSchema = typeof KeyAgreementSchema.Type

/** Options of a KMS ECDH keyring. Decryption takes the same curve as encryption. */
export const Options = /*#__PURE__*/ (() =>
  Schema.Struct({
    curve: ecdhOptions.Curve,
    keyAgreement: KeyAgreementSchema,
    /** Grant tokens that every call is sent with. */
    grantTokens: GrantTokens
  }))()

/** See the schema of the same name. */
export type Options = typeof Options.Type

const name = "KmsEcdhKeyring"

/**
 * A keyring over a key pair of AWS KMS, which never leaves it: each data key that is wrapped or unwrapped is one
 * `DeriveSharedSecret`. The encryption context is bound to the data key by the key derivation, here: AWS KMS does not see it. It
 * unwraps what the raw ECDH keyring has wrapped for its key, too.
 *
 * Fails with `KeyringMisconfigured` where the curve or the schema is unknown, where the key is not named by its ARN, is not for
 * key agreement or is on another curve, and where a public key is not of the form that the options name, is on another curve, or
 * is no point of it; with `PublicKeyNotRead` where AWS KMS did not return the public key; with `NotLoaded` where the code for
 * ECDH could not be loaded.
 *
 * **Gotchas**
 *
 * Nothing checks that a public key of the own pair that is given is that of the ARN: messages under another one are lost. Leave
 * it out, or read a message back before you rely on it.
 *
 * With `KmsPublicKeyDiscovery` a message can be from anyone who has the public key.
 *
 * Specification: framework/aws-kms/aws-kms-ecdh-keyring.md#initialization
 */
export const make: (
  options: Options
) => Effect.Effect<Keyring.Keyring, KeyringError, Primitives | KmsKeyAgreement> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options: Options) {
    const primitives = yield* Primitives
    const kms = yield* KmsKeyAgreement
    const { curve, grantTokens, keyAgreement } = yield* checkOptions(options)
    const ecdh = yield* loadEcdh(name)
    const wrapping = { keyring: name, providerId: ecdh.providerIds.kms, primitives, curve }
    const setUp: keyPairs.SetUp = { keyring: name, caller: callerOf(kms, grantTokens), ecdh, curve }
    switch (keyAgreement._tag) {
      case "KmsPrivateKeyToStaticPublicKey":
        return yield* betweenTwo(setUp, wrapping, keyAgreement)
      case "KmsPublicKeyDiscovery":
        return yield* ofRecipient(setUp, wrapping, keyAgreement)
    }
  }
)

/** `make` as the keyring of this program. */
export const layer = (options: Options): Layer.Layer<Keyring.Keyring, KeyringError, Primitives | KmsKeyAgreement> =>
  Layer.effect(Keyring.Keyring, make(options))

/** `layer` with options from configuration. */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<Keyring.Keyring, KeyringError | Config.ConfigError, Primitives | KmsKeyAgreement> =>
  Layer.effect(Keyring.Keyring, Effect.flatMap(Config.unwrap(options), make))

const schemas = "KmsPrivateKeyToStaticPublicKey or KmsPublicKeyDiscovery"

const publicKeyBound = "must be PEM text or a Uint8Array of DER"

const checkOptions = /*#__PURE__*/ optionsOf(name, "a KMS ECDH keyring", Options, {
  curve: ecdhOptions.curveBound,
  keyAgreement: `must be an object whose _tag is ${schemas}`,
  "keyAgreement._tag": `must be ${schemas}`,
  "keyAgreement.senderKeyId": "must be a key ARN, in KmsPrivateKeyToStaticPublicKey alone",
  "keyAgreement.senderPublicKey": `${publicKeyBound}, in KmsPrivateKeyToStaticPublicKey alone`,
  "keyAgreement.recipientKeyId": "must be a key ARN, in KmsPublicKeyDiscovery alone",
  "keyAgreement.recipientPublicKey": publicKeyBound,
  ...grantTokensBounds
})

type SchemaOf<Tag extends KeyAgreementSchema["_tag"]> = Extract<KeyAgreementSchema, { readonly _tag: Tag }>

/** Specification: framework/key-agreement-schemas.md#kmsprivatekeytostaticpublickey */
const betweenTwo = Effect.fnUntraced(function*(
  setUp: keyPairs.SetUp,
  wrapping: EcdhWrapping.Wrapping,
  { recipientPublicKey, senderKeyId, senderPublicKey }: SchemaOf<"KmsPrivateKeyToStaticPublicKey">
) {
  const { ecdh } = setUp
  const recipient = yield* ecdh.readPublicKey(setUp, "keyAgreement.recipientPublicKey", recipientPublicKey)
  const sender = yield* keyPairs.make(setUp, "sender", senderKeyId, senderPublicKey)
  const sharedSecret = keyPairs.sharedSecret(setUp, sender, recipient)
  const agreement = { sender: sender.publicKey, recipient, sharedSecret }
  return Keyring.make({
    name,
    onEncrypt: (materials) => ecdh.onEncrypt(wrapping, agreement, sender.keyArn, materials),
    onDecrypt: (materials, encryptedDataKeys) =>
      ecdh.onDecrypt(
        wrapping,
        ecdh.between(sender.publicKey, recipient),
        () => sharedSecret,
        materials,
        encryptedDataKeys
      )
  })
})

/** Specification: framework/key-agreement-schemas.md#kmspublickeydiscovery */
const ofRecipient = Effect.fnUntraced(function*(
  setUp: keyPairs.SetUp,
  wrapping: EcdhWrapping.Wrapping,
  { recipientKeyId, recipientPublicKey }: SchemaOf<"KmsPublicKeyDiscovery">
) {
  const { ecdh } = setUp
  const recipient = yield* keyPairs.make(setUp, "recipient", recipientKeyId, recipientPublicKey)
  return Keyring.make({
    name,
    onEncrypt: () =>
      failMisconfigured(
        name,
        "onEncrypt",
        "keyAgreement",
        "is KmsPublicKeyDiscovery, which only decrypts: encrypt with another schema and the recipient's public key"
      ),
    onDecrypt: (materials, encryptedDataKeys) =>
      ecdh.onDecrypt(
        wrapping,
        ecdh.forRecipient(wrapping.curve, recipient.publicKey),
        (sender) => keyPairs.sharedSecret(setUp, recipient, sender),
        materials,
        encryptedDataKeys
      )
  })
})
