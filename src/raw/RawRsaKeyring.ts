/**
 * A keyring that wraps data keys with RSA under a local key pair.
 *
 * Specification: framework/raw-rsa-keyring.md
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { RsaPadding, RsaPrivateKey, RsaPublicKey } from "../crypto/Primitives.ts"
import { Primitives } from "../crypto/Primitives.ts"
import type { PrimitivesError } from "../crypto/PrimitivesError.ts"
import * as bytes from "../internal/bytes.ts"
import { stringBound } from "../internal/options.ts"
import { SecretOf } from "../internal/secretOf.ts"
import * as Keyring from "../materials/Keyring.ts"
import { failImport, failMisconfigured, failNotWrapped, optionsOf } from "../materials/keyringFailures.ts"
import { unwrapFirst } from "../materials/unwrapFirst.ts"
import { append, ensureDataKey } from "../materials/wrapping.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "../model/CryptographicMaterials.ts"
import * as DataKey from "../model/DataKey.ts"
import type { EncryptedDataKey } from "../model/EncryptedDataKey.ts"
import type { KeyringError, ProviderRefusal } from "../model/errors/KeyringError.ts"
import type { NotLoaded } from "../model/errors/NotLoaded.ts"
import { checkNames, checkOpen, whileOpen } from "./internal/keyOptions.ts"

/**
 * Padding schemes of a raw RSA keyring.
 *
 * Specification: framework/raw-rsa-keyring.md#supported-padding-schemes
 */
export const paddings: ReadonlyArray<RsaPadding> = /*#__PURE__*/ Object.freeze([
  "PKCS1",
  "OAEP-SHA1",
  "OAEP-SHA256",
  "OAEP-SHA384",
  "OAEP-SHA512"
])

const isString = (value: unknown): value is string => typeof value === "string"

/**
 * Options of a raw RSA keyring, with at least one of the two keys. Decryption takes the same namespace, name and padding as
 * encryption.
 */
export const Options = /*#__PURE__*/ Schema.Struct({
  /** The key provider id of the encrypted data keys: any name that does not start with `aws-kms`. */
  keyNamespace: Schema.String,
  /** Name of the key in the namespace. At most 65,535 bytes of UTF-8. */
  keyName: Schema.String,
  padding: /*#__PURE__*/ Schema.Literals(paddings),
  /** To encrypt: PEM text of a `SubjectPublicKeyInfo` ("BEGIN PUBLIC KEY"), of at least 2048 bits. */
  publicKey: /*#__PURE__*/ Schema.optional(Schema.String),
  /** To decrypt: PEM text of a PKCS #8 `PrivateKeyInfo` ("BEGIN PRIVATE KEY"), of at least 2048 bits. */
  privateKey: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ SecretOf(isString))
})

/** See the schema of the same name. */
export type Options = typeof Options.Type

const name = "RawRsaKeyring"

/**
 * A keyring over an RSA key pair, or over one half of it: without the public key it does not encrypt, without the private
 * key it does not decrypt, and both say so.
 *
 * Fails with `KeyringMisconfigured` where a name is empty, too long, not well-formed or reserved, where the padding is
 * unknown or not available in this runtime, where there is no key, and where a key is not of the form that the options
 * name; with `NotLoaded` where the code for RSA could not be loaded. The imported private key is dropped when the scope
 * closes: a keyring that decrypts afterwards fails with `KeyringMisconfigured`.
 *
 * **Gotchas**
 *
 * Unlike the other keyrings, this one does not authenticate the encryption context with the data key. The message itself
 * still does.
 *
 * With `PKCS1`, which is there for old messages, a data key that was wrapped for another key of the same name often
 * unwraps to random bytes. Those of another length are rejected here; the rest fails the first check of the message,
 * which then reads as if the message had been altered.
 *
 * Specification: framework/raw-rsa-keyring.md#initialization
 */
export const make: (
  options: Options
) => Effect.Effect<Keyring.Keyring, KeyringError, Primitives | Scope.Scope> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options: Options) {
    const primitives = yield* Primitives
    const { keyName, keyNamespace, padding, privateKey, publicKey } = yield* checkOptions(options)
    const keyNameBytes = yield* checkNames(name, { keyName, keyNamespace }, 0)
    if (publicKey === undefined && privateKey === undefined) {
      return yield* failMisconfigured(name, "make", "publicKey", "is missing, and so is privateKey: give at least one")
    }
    const wrapping: Wrapping = {
      primitives,
      keyNamespace,
      keyName,
      keyNameBytes,
      padding,
      publicKey: publicKey === undefined
        ? undefined
        : yield* Effect.catch(
          primitives.importRsaPublicKey(publicKey, padding),
          (error) => failImportOf("publicKey", error)
        ),
      privateKey: privateKey === undefined
        ? undefined
        : yield* Effect.acquireRelease(
          Effect.catch(
            primitives.importRsaPrivateKey(privateKey, padding),
            (error) => failImportOf("privateKey", error)
          ),
          (key) => Effect.sync(() => Redacted.wipeUnsafe(key))
        )
    }
    return Keyring.make({
      name,
      onEncrypt: (materials) => onEncrypt(wrapping, materials),
      onDecrypt: (materials, encryptedDataKeys) => onDecrypt(wrapping, materials, encryptedDataKeys)
    })
  }
)

/** `make` as the keyring of this program. */
export const layer = (options: Options): Layer.Layer<Keyring.Keyring, KeyringError, Primitives> =>
  Layer.effect(Keyring.Keyring, make(options))

/** `layer` with options from configuration. */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<Keyring.Keyring, KeyringError | Config.ConfigError, Primitives> =>
  Layer.effect(Keyring.Keyring, Effect.flatMap(Config.unwrap(options), make))

const checkOptions = /*#__PURE__*/ optionsOf(name, "a raw RSA keyring", Options, {
  keyNamespace: stringBound,
  keyName: stringBound,
  padding: () => `must be one of ${paddings.join(", ")}`,
  publicKey: "must be PEM text",
  privateKey: "must be a Redacted of PEM text"
})

const failImportOf = (field: string, error: PrimitivesError | NotLoaded) =>
  failImport(name, "reason" in error && error.reason === "Unsupported" ? "padding" : field, error)

/** The keys, their names, and the cryptography. */
interface Wrapping {
  readonly primitives: Primitives
  readonly keyNamespace: string
  readonly keyName: string
  /** UTF-8. */
  readonly keyNameBytes: Uint8Array
  readonly padding: RsaPadding
  readonly publicKey: RsaPublicKey | undefined
  readonly privateKey: RsaPrivateKey | undefined
}

/** Specification: framework/raw-rsa-keyring.md#onencrypt */
const onEncrypt = Effect.fnUntraced(function*(
  { keyName, keyNameBytes, keyNamespace, padding, primitives, publicKey }: Wrapping,
  materials: EncryptionMaterials
) {
  if (publicKey === undefined) {
    return yield* failMisconfigured(name, "onEncrypt", "publicKey", "is missing: this keyring can only decrypt")
  }
  const plaintextDataKey = yield* ensureDataKey(primitives, materials)
  const ciphertext = yield* Effect.catch(
    primitives.rsaEncrypt(publicKey, padding, plaintextDataKey),
    ({ reason }) => failNotWrapped(name, keyName, { failure: "Rejected", code: reason, isRetryable: false })
  )
  return append(materials, plaintextDataKey, [{
    keyProviderId: keyNamespace,
    keyProviderInfo: new Uint8Array(keyNameBytes),
    ciphertext
  }])
})

/** Specification: framework/raw-rsa-keyring.md#ondecrypt */
const onDecrypt = Effect.fnUntraced(function*(
  wrapping: Wrapping,
  materials: DecryptionMaterials,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey>
) {
  const { padding, primitives, privateKey } = wrapping
  if (privateKey === undefined) {
    return yield* failMisconfigured(name, "onDecrypt", "privateKey", "is missing: this keyring can only encrypt")
  }
  yield* checkOpen(name, "onDecrypt", "privateKey", privateKey)
  return yield* unwrapFirst(
    name,
    materials,
    encryptedDataKeys,
    (encryptedDataKey) => select(wrapping, encryptedDataKey),
    (ciphertext) =>
      Effect.acquireRelease(
        whileOpen(
          "privateKey",
          privateKey,
          Effect.mapError(primitives.rsaDecrypt(privateKey, padding, ciphertext), () => notDecrypted)
        ),
        (key) => Effect.sync(() => DataKey.zero(key))
      )
  )
})

const notDecrypted: ProviderRefusal = { failure: "InvalidCiphertext", code: "DecryptionFailed", isRetryable: false }

/** Returns the ciphertext, or the reason why an encrypted data key is not the keyring's own. */
const select = (
  { keyNameBytes, keyNamespace }: Wrapping,
  { ciphertext, keyProviderId, keyProviderInfo }: EncryptedDataKey
): Result.Result<Uint8Array, string> =>
  keyProviderId !== keyNamespace
    ? Result.fail(`its key provider is not ${keyNamespace}`)
    : bytes.equals(keyProviderInfo, keyNameBytes)
    ? Result.succeed(ciphertext)
    : Result.fail("its key name is not this keyring's")
