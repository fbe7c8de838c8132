/**
 * A keyring that wraps data keys with RSA under a local key pair.
 *
 * Specification: framework/raw-rsa-keyring.md
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { RsaPadding } from "../crypto/Primitives.ts"
import { Primitives } from "../crypto/Primitives.ts"
import type { PrimitivesError } from "../crypto/PrimitivesError.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "../model/CryptographicMaterials.ts"
import * as DataKey from "../model/DataKey.ts"
import type { EncryptedDataKey } from "../model/EncryptedDataKey.ts"
import * as bytes from "../internal/bytes.ts"
import * as Keyring from "../materials/Keyring.ts"
import { DataKeyNotWrapped, KeyringError } from "../model/errors/KeyringError.ts"
import type { NotLoaded } from "../model/errors/NotLoaded.ts"
import * as support from "./support.ts"

/** At least one of the two keys. Whoever is to decrypt must be given the same namespace, name and padding. */
export interface RawRsaKeyringOptions {
  /** The key provider id of the encrypted data keys: any name that does not start with `aws-kms`. */
  readonly keyNamespace: string
  /** Which key of the namespace it is. At most 65,535 bytes of UTF-8. */
  readonly keyName: string
  readonly padding: RsaPadding
  /** To encrypt: PEM text of a `SubjectPublicKeyInfo` ("BEGIN PUBLIC KEY"), of at least 2048 bits. */
  readonly publicKey?: string | undefined
  /** To decrypt: PEM text of a PKCS #8 `PrivateKeyInfo` ("BEGIN PRIVATE KEY"), of at least 2048 bits. */
  readonly privateKey?: Redacted.Redacted | undefined
}

/**
 * The padding schemes that a keyring can be made with.
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

const name = "RawRsaKeyring"

/**
 * A keyring over an RSA key pair, or over one half of it: without the public key it does not encrypt, without the private
 * key it does not decrypt, and both say so.
 *
 * Fails with `KeyringMisconfigured` where a name is empty, too long, not well-formed or reserved, where the padding is
 * unknown or not available in this runtime, where there is no key, and where a key is not of the form that the options
 * name; with `NotLoaded` where what RSA takes could not be loaded. The imported private key is dropped when the scope closes: a keyring that decrypts afterwards dies.
 *
 * **Gotchas**
 *
 * Unlike the other keyrings, this one does not authenticate the encryption context with the data key. The message itself
 * still does.
 *
 * With `PKCS1`, which is there for old messages, a data key that was wrapped for another key of the same name often
 * unwraps to random bytes. Those of another length are refused here; the rest fails the first check of the message,
 * which then reads as if the message had been altered.
 *
 * Specification: framework/raw-rsa-keyring.md#initialization
 */
export const make: (
  options: RawRsaKeyringOptions
) => Effect.Effect<Keyring.Keyring, KeyringError, Primitives | Scope.Scope> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options: RawRsaKeyringOptions) {
    const primitives = yield* Primitives
    const { keyName, keyNamespace, padding } = options
    const keyNameBytes = yield* support.checkNames(name, options, 0)
    if (!paddings.includes(padding)) {
      return yield* Effect.fail(
        support.misconfigured(name, "make", "padding", `must be one of ${paddings.join(", ")}`)
      )
    }
    if (options.publicKey === undefined && options.privateKey === undefined) {
      return yield* Effect.fail(
        support.misconfigured(name, "make", "publicKey", "is missing, and so is privateKey: give at least one")
      )
    }
    if (options.privateKey !== undefined && !Redacted.isRedacted(options.privateKey)) {
      return yield* Effect.fail(support.misconfigured(name, "make", "privateKey", "must be a Redacted of PEM text"))
    }
    const publicKey = options.publicKey === undefined
      ? undefined
      : yield* primitives.importRsaPublicKey(options.publicKey, padding).pipe(
        Effect.mapError((error) => refusedKey("publicKey", error))
      )
    const privateKey = options.privateKey === undefined
      ? undefined
      : yield* Effect.acquireRelease(
        primitives.importRsaPrivateKey(options.privateKey, padding).pipe(
          Effect.mapError((error) => refusedKey("privateKey", error))
        ),
        (key) => Effect.sync(() => Redacted.wipeUnsafe(key))
      )

    const onEncrypt = Effect.fnUntraced(function*(materials: EncryptionMaterials) {
      if (publicKey === undefined) {
        return yield* Effect.fail(
          support.misconfigured(name, "onEncrypt", "publicKey", "is missing: this keyring can only decrypt")
        )
      }
      const plaintextDataKey = yield* support.ensureDataKey(primitives, materials)
      const ciphertext = yield* primitives.rsaEncrypt(publicKey, padding, plaintextDataKey).pipe(
        Effect.mapError(({ reason }) =>
          new KeyringError({
            keyring: name,
            operation: "onEncrypt",
            reason: new DataKeyNotWrapped({ keyName, failure: "Rejected", code: reason, isRetryable: false })
          })
        )
      )
      return support.appended(materials, plaintextDataKey, {
        keyProviderId: keyNamespace,
        keyProviderInfo: new Uint8Array(keyNameBytes),
        ciphertext
      })
    })

    const onDecrypt = Effect.fnUntraced(function*(
      materials: DecryptionMaterials,
      encryptedDataKeys: ReadonlyArray<EncryptedDataKey>
    ) {
      if (privateKey === undefined) {
        return yield* Effect.fail(
          support.misconfigured(name, "onDecrypt", "privateKey", "is missing: this keyring can only encrypt")
        )
      }
      return yield* support.unwrapFirst(
        name,
        materials,
        encryptedDataKeys,
        ({ ciphertext, keyProviderId, keyProviderInfo }) =>
          keyProviderId !== keyNamespace
            ? Result.fail(`its key provider is not ${keyNamespace}`)
            : bytes.equals(keyProviderInfo, keyNameBytes)
            ? Result.succeed(ciphertext)
            : Result.fail("its key name is not this keyring's"),
        (ciphertext) =>
          Effect.acquireRelease(
            primitives.rsaDecrypt(privateKey, padding, ciphertext).pipe(
              Effect.mapError((): support.Refused => ({ failure: "InvalidCiphertext", code: "DecryptionFailed" }))
            ),
            (key) => Effect.sync(() => DataKey.zero(key))
          )
      )
    })

    return Keyring.make({ name, onEncrypt, onDecrypt })
  }
)

/** `make` as the keyring of this program. */
export const layer = (options: RawRsaKeyringOptions): Layer.Layer<Keyring.Keyring, KeyringError, Primitives> =>
  Layer.effect(Keyring.Keyring, make(options))

const refusedKey = (field: string, error: PrimitivesError | NotLoaded): KeyringError =>
  support.refusedKey(name, "reason" in error && error.reason === "Unsupported" ? "padding" : field, error)
