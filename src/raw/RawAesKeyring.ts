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
import type * as Scope from "effect/Scope"
import { Primitives } from "../crypto/Primitives.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "../model/CryptographicMaterials.ts"
import * as DataKey from "../model/DataKey.ts"
import type { EncryptedDataKey } from "../model/EncryptedDataKey.ts"
import * as bytes from "../internal/bytes.ts"
import * as Keyring from "../materials/Keyring.ts"
import type { KeyringError } from "../model/errors/KeyringError.ts"
import * as support from "./support.ts"

/** Whoever is to decrypt must be given the same namespace, name and key. */
export interface RawAesKeyringOptions {
  /** The key provider id of the encrypted data keys: any name that does not start with `aws-kms`. */
  readonly keyNamespace: string
  /** Which key of the namespace it is. At most 65,515 bytes of UTF-8. */
  readonly keyName: string
  /** 16, 24 or 32 random bytes. Copied: the array stays the caller's. */
  readonly wrappingKey: Redacted.Redacted<Uint8Array>
}

const name = "RawAesKeyring"
const ivLength = 12
const tagLength = 16
/** Length of tag length, IV length and IV, which follow the key name in the key provider information. */
const suffixLength = 8 + ivLength

/**
 * A keyring over one AES key. The encryption context of a message is authenticated with its data key.
 *
 * Fails with `KeyringMisconfigured` where a name is empty, too long, not well-formed or reserved, and where the key is not
 * of 16, 24 or 32 bytes or all zero; with `NotLoaded` where what AES-192 takes could not be loaded. The copy of the key is zeroed once it is imported, and the imported key is dropped
 * when the scope closes: a keyring that is used afterwards dies.
 *
 * Specification: framework/raw-aes-keyring.md#initialization
 */
export const make: (
  options: RawAesKeyringOptions
) => Effect.Effect<Keyring.Keyring, KeyringError, Primitives | Scope.Scope> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options: RawAesKeyringOptions) {
    const primitives = yield* Primitives
    const { keyNamespace } = options
    const keyName = yield* support.checkNames(name, options, suffixLength)
    const wrappingKey = yield* importKey(primitives, options.wrappingKey)

    const onEncrypt = Effect.fnUntraced(function*(materials: EncryptionMaterials) {
      const aad = yield* support.serializeContext(name, "onEncrypt", materials)
      const plaintextDataKey = yield* support.ensureDataKey(primitives, materials)
      const plaintext = DataKey.value(plaintextDataKey)
      const iv = yield* primitives.randomBytes(ivLength)
      const ciphertext = new Uint8Array(plaintext.length + tagLength)
      yield* primitives.seal(wrappingKey, [{ iv, aad, plaintext, output: ciphertext }])
      return support.appended(materials, plaintextDataKey, {
        keyProviderId: keyNamespace,
        keyProviderInfo: bytes.concat([keyName, uint32(8 * tagLength), uint32(ivLength), iv]),
        ciphertext
      })
    })

    const unwrap = Effect.fnUntraced(function*({ iv, wrapped }: Selected, aad: Uint8Array) {
      const length = wrapped.length - tagLength
      // The scope knows of the array before there is anything in it.
      const key = yield* DataKey.zeroWithScope(DataKey.make(new Uint8Array(length)))
      yield* primitives.open(wrappingKey, [{
        iv,
        aad,
        ciphertext: wrapped.subarray(0, length),
        tag: wrapped.subarray(length),
        output: DataKey.value(key)
      }]).pipe(Effect.mapError((): support.Refused => {
        DataKey.zero(key)
        return { failure: "InvalidCiphertext", code: "AuthenticationFailed" }
      }))
      return key
    })

    const onDecrypt = Effect.fnUntraced(function*(
      materials: DecryptionMaterials,
      encryptedDataKeys: ReadonlyArray<EncryptedDataKey>
    ) {
      const aad = yield* support.serializeContext(name, "onDecrypt", materials)
      return yield* support.unwrapFirst(
        name,
        materials,
        encryptedDataKeys,
        (encryptedDataKey) => select(keyNamespace, keyName, encryptedDataKey),
        (selected) => unwrap(selected, aad)
      )
    })

    return Keyring.make({ name, onEncrypt, onDecrypt })
  }
)

/** `make` as the keyring of this program. */
export const layer = (options: RawAesKeyringOptions): Layer.Layer<Keyring.Keyring, KeyringError, Primitives> =>
  Layer.effect(Keyring.Keyring, make(options))

/** `layer` with options from configuration. `WrappingKey.config` reads a key from base64 text. */
export const layerConfig = (
  options: Config.Wrap<RawAesKeyringOptions>
): Layer.Layer<Keyring.Keyring, KeyringError | Config.ConfigError, Primitives> =>
  Layer.effect(Keyring.Keyring, Effect.flatMap(Config.unwrap(options), make))

const importKey = Effect.fnUntraced(function*(
  primitives: Primitives,
  wrappingKey: Redacted.Redacted<Uint8Array>
) {
  const invalid = (description: string) => Effect.fail(support.misconfigured(name, "make", "wrappingKey", description))
  const given: unknown = Redacted.isRedacted(wrappingKey) ? Redacted.value(wrappingKey) : undefined
  if (!bytes.isBytes(given)) return yield* invalid("must be a Redacted of a Uint8Array")
  if (bytes.isAllZero(given) && given.length > 0) return yield* invalid("is all zero")
  return yield* Effect.acquireRelease(
    Effect.acquireUseRelease(
      Effect.sync(() => DataKey.make(new Uint8Array(given))),
      (copy) => primitives.importAesKey(copy),
      (copy) => Effect.sync(() => DataKey.zero(copy))
    ).pipe(Effect.mapError((error) => support.refusedKey(name, "wrappingKey", error))),
    (key) => Effect.sync(() => Redacted.wipeUnsafe(key))
  )
})

interface Selected {
  readonly iv: Uint8Array
  /** The encrypted key and behind it the tag. */
  readonly wrapped: Uint8Array
}

/** How to try an encrypted data key, or why it is not this keyring's own. */
const select = (
  keyNamespace: string,
  keyName: Uint8Array,
  { ciphertext, keyProviderId, keyProviderInfo }: EncryptedDataKey
): Result.Result<Selected, string> => {
  if (keyProviderId !== keyNamespace) return Result.fail(`its key provider is not ${keyNamespace}`)
  const nameLength = keyProviderInfo.length - suffixLength
  if (nameLength < 0) return Result.fail("its key provider information is too short for a raw AES keyring's")
  if (!bytes.equals(keyProviderInfo.subarray(0, nameLength), keyName)) {
    return Result.fail("its key name is not this keyring's")
  }
  const view = new DataView(keyProviderInfo.buffer, keyProviderInfo.byteOffset + nameLength)
  if (view.getUint32(0) !== 8 * tagLength) return Result.fail(`its tag length is not ${8 * tagLength} bits`)
  if (view.getUint32(4) !== ivLength) return Result.fail(`its IV length is not ${ivLength} bytes`)
  if (ciphertext.length < tagLength) return Result.fail("its ciphertext is too short to hold a tag")
  return Result.succeed({ iv: keyProviderInfo.subarray(nameLength + 8), wrapped: ciphertext })
}

const uint32 = (value: number): Uint8Array => {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, value)
  return out
}
