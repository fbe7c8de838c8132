/**
 * A keyring that wraps data keys with AES-GCM under a local key.
 *
 * Specification: framework/raw-aes-keyring.md
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { AesKey } from "../crypto/Primitives.ts"
import { Primitives } from "../crypto/Primitives.ts"
import * as bytes from "../internal/bytes.ts"
import { stringBound } from "../internal/options.ts"
import { SecretOf } from "../internal/secretOf.ts"
import * as Keyring from "../materials/Keyring.ts"
import { failImport, failMisconfigured, optionsOf } from "../materials/keyringFailures.ts"
import { unwrapFirst } from "../materials/unwrapFirst.ts"
import { append, ensureDataKey, serializeContext } from "../materials/wrapping.ts"
import { ivLength, tagLength } from "../model/AesGcm.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "../model/CryptographicMaterials.ts"
import * as DataKey from "../model/DataKey.ts"
import type { EncryptedDataKey } from "../model/EncryptedDataKey.ts"
import type { KeyringError, ProviderRefusal } from "../model/errors/KeyringError.ts"
import { checkNames, checkOpen, whileOpen } from "./internal/keyOptions.ts"

/** Options of a raw AES keyring. Decryption takes the same namespace, name and key as encryption. */
export const Options = /*#__PURE__*/ Schema.Struct({
  /** The key provider id of the encrypted data keys: any name that does not start with `aws-kms`. */
  keyNamespace: Schema.String,
  /** Name of the key in the namespace. At most 65,515 bytes of UTF-8. */
  keyName: Schema.String,
  /** 16, 24 or 32 random bytes. Copied: the array stays the caller's. */
  wrappingKey: /*#__PURE__*/ SecretOf(bytes.isBytes)
})

/** See the schema of the same name. */
export type Options = typeof Options.Type

const name = "RawAesKeyring"
/** Tag length in bits and IV length in bytes, big-endian. They and the IV follow the key name in the key provider information. */
const lengths = /*#__PURE__*/ Uint8Array.of(0, 0, 0, 8 * tagLength, 0, 0, 0, ivLength)
const suffixLength = 8 + ivLength

/**
 * A keyring over one AES key. The encryption context of a message is authenticated with its data key.
 *
 * Fails with `KeyringMisconfigured` where a name is empty, too long, not well-formed or reserved, and where the key is not
 * of 16, 24 or 32 bytes or all zero; with `NotLoaded` where the code for AES-192 could not be loaded. The copy of the key is
 * zeroed once it is imported, and the imported key is dropped when the scope closes: a keyring that is used afterwards
 * fails with `KeyringMisconfigured`.
 *
 * Specification: framework/raw-aes-keyring.md#initialization
 */
export const make: (
  options: Options
) => Effect.Effect<Keyring.Keyring, KeyringError, Primitives | Scope.Scope> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options: Options) {
    const primitives = yield* Primitives
    const checked = yield* checkOptions(options)
    const wrapping: Wrapping = {
      primitives,
      keyNamespace: checked.keyNamespace,
      keyName: yield* checkNames(name, checked, suffixLength),
      key: yield* importKey(primitives, checked.wrappingKey)
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

/** `layer` with options from configuration. `WrappingKey.config` reads a key from base64 text. */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<Keyring.Keyring, KeyringError | Config.ConfigError, Primitives> =>
  Layer.effect(Keyring.Keyring, Effect.flatMap(Config.unwrap(options), make))

const checkOptions = /*#__PURE__*/ optionsOf(name, "a raw AES keyring", Options, {
  keyNamespace: stringBound,
  keyName: stringBound,
  wrappingKey: "must be a Redacted of a Uint8Array"
})

const importKey = Effect.fnUntraced(function*(primitives: Primitives, wrappingKey: Redacted.Redacted<Uint8Array>) {
  const given = Redacted.value(wrappingKey)
  const gone = bytes.findGone(given)
  if (gone !== undefined) return yield* failMisconfigured(name, "make", "wrappingKey", gone)
  if (bytes.isAllZero(given) && given.length > 0) {
    return yield* failMisconfigured(name, "make", "wrappingKey", "is all zero")
  }
  return yield* Effect.acquireRelease(
    Effect.suspend(() => {
      const copy = DataKey.copyFrom(given)
      return Effect.ensuring(Effect.suspend(() => primitives.importAesKey(copy)), Effect.sync(() => DataKey.zero(copy)))
    }).pipe(Effect.catch((error) => failImport(name, "wrappingKey", error))),
    (key) => Effect.sync(() => Redacted.wipeUnsafe(key))
  )
})

/** The key, its names, and the cryptography. */
interface Wrapping {
  readonly primitives: Primitives
  readonly keyNamespace: string
  /** UTF-8. */
  readonly keyName: Uint8Array
  readonly key: AesKey
}

/** Specification: framework/raw-aes-keyring.md#onencrypt */
const onEncrypt = Effect.fnUntraced(function*(
  { key, keyName, keyNamespace, primitives }: Wrapping,
  materials: EncryptionMaterials
) {
  const aad = yield* serializeContext(name, "onEncrypt", materials)
  const plaintextDataKey = yield* ensureDataKey(primitives, materials)
  const plaintext = DataKey.value(plaintextDataKey)
  const iv = yield* primitives.randomBytes(ivLength)
  const ciphertext = new Uint8Array(plaintext.length + tagLength)
  yield* checkOpen(name, "onEncrypt", "wrappingKey", key)
  yield* primitives.seal(key, [{ iv, aad, plaintext, output: ciphertext }])
  return append(materials, plaintextDataKey, [{
    keyProviderId: keyNamespace,
    keyProviderInfo: bytes.concat([keyName, lengths, iv]),
    ciphertext
  }])
})

/** Specification: framework/raw-aes-keyring.md#ondecrypt */
const onDecrypt = Effect.fnUntraced(function*(
  wrapping: Wrapping,
  materials: DecryptionMaterials,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey>
) {
  yield* checkOpen(name, "onDecrypt", "wrappingKey", wrapping.key)
  const aad = yield* serializeContext(name, "onDecrypt", materials)
  return yield* unwrapFirst(
    name,
    materials,
    encryptedDataKeys,
    (encryptedDataKey) => select(wrapping, encryptedDataKey),
    (selected) => whileOpen("wrappingKey", wrapping.key, unwrap(wrapping, selected, aad))
  )
})

interface Selected {
  readonly iv: Uint8Array
  /** The encrypted key followed by the tag. */
  readonly wrapped: Uint8Array
}

/** Returns IV and ciphertext, or the reason why an encrypted data key is not the keyring's own. */
const select = (
  { keyName, keyNamespace }: Wrapping,
  { ciphertext, keyProviderId, keyProviderInfo }: EncryptedDataKey
): Result.Result<Selected, string> => {
  if (keyProviderId !== keyNamespace) return Result.fail(`its key provider is not ${keyNamespace}`)
  const nameLength = keyProviderInfo.length - suffixLength
  if (nameLength < 0) return Result.fail("its key provider information is too short for a raw AES keyring's")
  if (!bytes.equals(keyProviderInfo.subarray(0, nameLength), keyName)) {
    return Result.fail("its key name is not this keyring's")
  }
  const suffix = keyProviderInfo.subarray(nameLength)
  const differs = (start: number) =>
    !bytes.equals(suffix.subarray(start, start + 4), lengths.subarray(start, start + 4))
  if (differs(0)) return Result.fail(`its tag length is not ${8 * tagLength} bits`)
  if (differs(4)) return Result.fail(`its IV length is not ${ivLength} bytes`)
  if (ciphertext.length < tagLength) return Result.fail("its ciphertext is too short to hold a tag")
  return Result.succeed({ iv: suffix.subarray(8), wrapped: ciphertext })
}

const unwrap = Effect.fnUntraced(function*(
  { key, primitives }: Wrapping,
  { iv, wrapped }: Selected,
  aad: Uint8Array
) {
  const length = wrapped.length - tagLength
  // The scope knows of the array before there is anything in it.
  const dataKey = yield* DataKey.zeroWithScope(DataKey.make(new Uint8Array(length)))
  yield* primitives.open(key, [{
    iv,
    aad,
    ciphertext: wrapped.subarray(0, length),
    tag: wrapped.subarray(length),
    output: DataKey.value(dataKey)
  }]).pipe(Effect.mapError((): ProviderRefusal => {
    DataKey.zero(dataKey)
    return { failure: "InvalidCiphertext", code: "AuthenticationFailed", isRetryable: false }
  }))
  return dataKey
})
