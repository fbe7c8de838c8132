/**
 * A keyring that wraps data keys under the secret that two key pairs of an elliptic curve share.
 *
 * Specification: framework/raw-ecdh-keyring.md, framework/key-agreement-schemas.md#raw-ecdh-key-agreement-schemas
 */
import * as Config from "effect/Config"
import * as KeyAgreement from "effect/crypto/KeyAgreement"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Primitives } from "../crypto/Primitives.ts"
import { SecretOf } from "../internal/secretOf.ts"
import * as ecdhOptions from "../materials/ecdhOptions.ts"
import type * as EcdhWrapping from "../materials/ecdhWrapping.ts"
import * as Keyring from "../materials/Keyring.ts"
import { failMisconfigured, optionsOf } from "../materials/keyringFailures.ts"
import { loadEcdh } from "../materials/loadEcdh.ts"
import type { EncryptionMaterials } from "../model/CryptographicMaterials.ts"
import type { KeyringError } from "../model/errors/KeyringError.ts"
import * as keyPairs from "./internal/ecdhKeyPairs.ts"
import { checkOpen } from "./internal/keyOptions.ts"

/**
 * Curves of a raw ECDH keyring. SM2, the specification's fourth, exists in AWS KMS in China alone and is not supported.
 *
 * Specification: framework/raw-ecdh-keyring.md#supported-curve-specifications
 */
export const curves = ecdhOptions.curves

const isString = (value: unknown): value is string => typeof value === "string"

/** PEM text of a PKCS #8 `PrivateKeyInfo` ("BEGIN PRIVATE KEY") on the curve of the keyring. It must hold the public key too. */
const PrivateKey = /*#__PURE__*/ SecretOf(isString)

/**
 * Key agreement schemas of a raw ECDH keyring.
 *
 * Specification: framework/key-agreement-schemas.md#raw-ecdh-key-agreement-schemas
 */
export const KeyAgreementSchema = /*#__PURE__*/ (() =>
  Schema.Union([
    /** Both ways, between two static key pairs. Also unwraps what the other party has wrapped for this one. */
    Schema.TaggedStruct("RawPrivateKeyToStaticPublicKey", {
      senderPrivateKey: PrivateKey,
      recipientPublicKey: ecdhOptions.PublicKey
    }),
    /** Encrypts only: every data key is wrapped with a new key pair, which the keyring forgets. */
    Schema.TaggedStruct("EphemeralPrivateKeyToStaticPublicKey", { recipientPublicKey: ecdhOptions.PublicKey }),
    /** Decrypts only, from any sender. */
    Schema.TaggedStruct("PublicKeyDiscovery", { recipientPrivateKey: PrivateKey })
  ]))()

/** See the schema of the same name. */
export type KeyAgreementSchema = typeof KeyAgreementSchema.Type

/** Options of a raw ECDH keyring. Decryption takes the same curve as encryption. */
export const Options =
  /*#__PURE__*/ (() => Schema.Struct({ curve: ecdhOptions.Curve, keyAgreement: KeyAgreementSchema }))()

/** See the schema of the same name. */
export type Options = typeof Options.Type

const name = "RawEcdhKeyring"

/**
 * A keyring over a key pair, a public key, or both. The encryption context of a message is authenticated with its data key.
 * It unwraps what the KMS ECDH keyring has wrapped for its key, too.
 *
 * Fails with `KeyringMisconfigured` where the curve or the schema is unknown, and where a key is not of the form that the
 * options name, is on another curve, or is no point of it; with `NotLoaded` where the code for ECDH could not be loaded. The
 * imported private key is dropped when the scope closes: a keyring that needs it afterwards fails with `KeyringMisconfigured`.
 *
 * **Gotchas**
 *
 * With `EphemeralPrivateKeyToStaticPublicKey` and `PublicKeyDiscovery` anyone who has the recipient's public key can write a
 * message: nothing says who did. `RawPrivateKeyToStaticPublicKey` knows that it was one of the two parties.
 *
 * Private keys and shared secrets are used by Effect's `KeyAgreement`. Shared secrets are zeroed here once a wrapping key is
 * derived from them; the bytes of private keys, those of new pairs included, it leaves to the garbage collector.
 *
 * Specification: framework/raw-ecdh-keyring.md#initialization
 */
export const make: (
  options: Options
) => Effect.Effect<Keyring.Keyring, KeyringError, Primitives | KeyAgreement.KeyAgreement | Scope.Scope> =
  /*#__PURE__*/ Effect.fnUntraced(function*(options: Options) {
    const primitives = yield* Primitives
    const service = yield* KeyAgreement.KeyAgreement
    const { curve, keyAgreement } = yield* checkOptions(options)
    const ecdh = yield* loadEcdh(name)
    const wrapping = { keyring: name, providerId: ecdh.providerIds.raw, primitives, curve }
    const setUp: keyPairs.SetUp = { keyring: name, service, ecdh, curve }
    switch (keyAgreement._tag) {
      case "RawPrivateKeyToStaticPublicKey":
        return yield* betweenTwo(setUp, wrapping, keyAgreement)
      case "EphemeralPrivateKeyToStaticPublicKey":
        return yield* toRecipient(setUp, wrapping, keyAgreement)
      case "PublicKeyDiscovery":
        return yield* ofRecipient(setUp, wrapping, keyAgreement)
    }
  })

/** `make` as the keyring of this program. */
export const layer = (
  options: Options
): Layer.Layer<Keyring.Keyring, KeyringError, Primitives | KeyAgreement.KeyAgreement> =>
  Layer.effect(Keyring.Keyring, make(options))

/** `layer` with options from configuration. */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<Keyring.Keyring, KeyringError | Config.ConfigError, Primitives | KeyAgreement.KeyAgreement> =>
  Layer.effect(Keyring.Keyring, Effect.flatMap(Config.unwrap(options), make))

const schemas = "RawPrivateKeyToStaticPublicKey, EphemeralPrivateKeyToStaticPublicKey or PublicKeyDiscovery"

const checkOptions = /*#__PURE__*/ optionsOf(name, "a raw ECDH keyring", Options, {
  curve: ecdhOptions.curveBound,
  keyAgreement: `must be an object whose _tag is ${schemas}`,
  "keyAgreement._tag": `must be ${schemas}`,
  "keyAgreement.senderPrivateKey": "must be a Redacted of PEM text, in RawPrivateKeyToStaticPublicKey alone",
  "keyAgreement.recipientPublicKey":
    "must be PEM text or a Uint8Array of DER, in RawPrivateKeyToStaticPublicKey and EphemeralPrivateKeyToStaticPublicKey alone",
  "keyAgreement.recipientPrivateKey": "must be a Redacted of PEM text, in PublicKeyDiscovery alone"
})

type SchemaOf<Tag extends KeyAgreementSchema["_tag"]> = Extract<KeyAgreementSchema, { readonly _tag: Tag }>

/** Name of the wrapping key in an error. */
const keyNameOf = ({ compressed }: EcdhWrapping.PublicKey.PublicKey): string => Hex.encode(compressed)

/** Specification: framework/key-agreement-schemas.md#rawprivatekeytostaticpublickey */
const betweenTwo = Effect.fnUntraced(function*(
  setUp: keyPairs.SetUp,
  wrapping: EcdhWrapping.Wrapping,
  { recipientPublicKey, senderPrivateKey }: SchemaOf<"RawPrivateKeyToStaticPublicKey">
) {
  const { ecdh } = setUp
  const recipient = yield* ecdh.readPublicKey(setUp, "keyAgreement.recipientPublicKey", recipientPublicKey)
  const sender = yield* keyPairs.importPrivateKey(setUp, "keyAgreement.senderPrivateKey", senderPrivateKey)
  const sharedSecret = keyPairs.sharedSecret(setUp, sender, recipient)
  return Keyring.make({
    name,
    onEncrypt: (materials) =>
      Effect.andThen(
        checkOpen(name, "onEncrypt", sender.field, sender.privateKey),
        ecdh.onEncrypt(
          wrapping,
          { sender: sender.publicKey, recipient, sharedSecret },
          keyNameOf(recipient),
          materials
        )
      ),
    onDecrypt: (materials, encryptedDataKeys) =>
      Effect.andThen(
        checkOpen(name, "onDecrypt", sender.field, sender.privateKey),
        ecdh.onDecrypt(
          wrapping,
          ecdh.between(sender.publicKey, recipient),
          () => sharedSecret,
          materials,
          encryptedDataKeys
        )
      )
  })
})

/** Specification: framework/key-agreement-schemas.md#ephemeralprivatekeytostaticpublickey */
const toRecipient = Effect.fnUntraced(function*(
  setUp: keyPairs.SetUp,
  wrapping: EcdhWrapping.Wrapping,
  { recipientPublicKey }: SchemaOf<"EphemeralPrivateKeyToStaticPublicKey">
) {
  const { ecdh } = setUp
  const recipient = yield* ecdh.readPublicKey(setUp, "keyAgreement.recipientPublicKey", recipientPublicKey)
  const keyName = keyNameOf(recipient)
  return Keyring.make({
    name,
    onEncrypt: Effect.fnUntraced(function*(materials: EncryptionMaterials) {
      const sender = yield* keyPairs.generate(setUp, keyName)
      const sharedSecret = keyPairs.sharedSecret(setUp, sender, recipient)
      const agreement = { sender: sender.publicKey, recipient, sharedSecret }
      return yield* ecdh.onEncrypt(wrapping, agreement, keyName, materials)
    }),
    onDecrypt: () =>
      failMisconfigured(
        name,
        "onDecrypt",
        "keyAgreement",
        "is EphemeralPrivateKeyToStaticPublicKey, which only encrypts: decrypt with PublicKeyDiscovery and the recipient's private key"
      )
  })
})

/** Specification: framework/key-agreement-schemas.md#publickeydiscovery */
const ofRecipient = Effect.fnUntraced(function*(
  setUp: keyPairs.SetUp,
  wrapping: EcdhWrapping.Wrapping,
  { recipientPrivateKey }: SchemaOf<"PublicKeyDiscovery">
) {
  const { ecdh } = setUp
  const recipient = yield* keyPairs.importPrivateKey(setUp, "keyAgreement.recipientPrivateKey", recipientPrivateKey)
  return Keyring.make({
    name,
    onEncrypt: () =>
      failMisconfigured(
        name,
        "onEncrypt",
        "keyAgreement",
        "is PublicKeyDiscovery, which only decrypts: encrypt with another schema and the recipient's public key"
      ),
    onDecrypt: (materials, encryptedDataKeys) =>
      Effect.andThen(
        checkOpen(name, "onDecrypt", recipient.field, recipient.privateKey),
        ecdh.onDecrypt(
          wrapping,
          ecdh.forRecipient(wrapping.curve, recipient.publicKey),
          (sender) => keyPairs.sharedSecret(setUp, recipient, sender),
          materials,
          encryptedDataKeys
        )
      )
  })
})
