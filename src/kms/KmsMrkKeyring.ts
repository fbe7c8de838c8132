/**
 * `KmsKeyring` for multi-Region keys: a key that is configured in one Region unwraps what any of its replicas wrapped.
 *
 * Specification: framework/aws-kms/aws-kms-mrk-keyring.md,
 * framework/aws-kms/aws-kms-mrk-multi-keyrings.md#aws-kms-mrk-multi-keyring
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Keyring from "../materials/Keyring.ts"
import { failMisconfigured, optionsOf } from "../materials/keyringFailures.ts"
import type { CompleteDecryptionMaterials, DecryptionMaterials } from "../model/CryptographicMaterials.ts"
import type { EncryptedDataKey } from "../model/EncryptedDataKey.ts"
import type { KeyringError } from "../model/errors/KeyringError.ts"
import { checkKeyArns } from "./internal/keySelection.ts"
import * as strict from "./internal/strictKeyring.ts"
import * as KeyArn from "./KeyArn.ts"
import { Kms } from "./Kms.ts"

/** Options of a KMS multi-Region keyring. They name at least one key, none twice, and one replica alone of a multi-Region key. */
export const Options = /*#__PURE__*/ Schema.Struct(strict.fields)

/** See the schema of the same name. */
export type Options = typeof Options.Type

const name = "KmsMrkKeyring"

/**
 * A keyring over the keys that `options` name, which makes and wraps data keys as `KmsKeyring` does. To decrypt, it tries
 * the encrypted data keys that name a configured key or another replica of it, in order, each under the key that is
 * configured. So it calls the Regions of its own keys alone.
 *
 * Fails with `KeyringMisconfigured` as `KmsKeyring` does, and where two names have the same multi-Region key id; the error
 * lists all of them.
 *
 * **Gotchas**
 *
 * An alias, or a bare key id, encrypts but does not decrypt, as in `KmsKeyring`: only a key ARN says which key it is. A key
 * whose id does not begin with `mrk-` is used as `KmsKeyring` uses it.
 *
 * An encrypted data key that names AWS KMS with something other than a key ARN makes the whole decrypt fail, before any call.
 *
 * Specification: framework/aws-kms/aws-kms-mrk-keyring.md#initialization
 */
export const make: (options: Options) => Effect.Effect<Keyring.Keyring, KeyringError, Kms> = /*#__PURE__*/ Effect
  .fnUntraced(function*(options: Options) {
    const checked = yield* checkOptions(options)
    yield* checkUnique(checked)
    const keys = yield* strict.makeKeys(name, yield* Kms, checked)
    return Keyring.make({
      name,
      onEncrypt: (materials) => strict.onEncrypt(keys, materials),
      onDecrypt: (materials, encryptedDataKeys) => onDecrypt(keys, materials, encryptedDataKeys)
    })
  })

/** `make` as the keyring of this program. */
export const layer = (options: Options): Layer.Layer<Keyring.Keyring, KeyringError, Kms> =>
  Layer.effect(Keyring.Keyring, make(options))

/** `layer` with options from configuration. */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<Keyring.Keyring, KeyringError | Config.ConfigError, Kms> =>
  Layer.effect(Keyring.Keyring, Effect.flatMap(Config.unwrap(options), make))

const checkOptions = /*#__PURE__*/ optionsOf(name, "a KMS multi-Region keyring", Options, strict.bounds)

/** Specification: framework/aws-kms/aws-kms-mrk-are-unique.md#implementation */
const checkUnique = ({ generatorKeyId, keyIds = [] }: Options): Effect.Effect<void, KeyringError> => {
  const names = generatorKeyId === undefined ? keyIds : [generatorKeyId, ...keyIds]
  const duplicates = KeyArn.duplicateMultiRegionKeys(names)
  return duplicates.length === 0 ? Effect.void : failMisconfigured(
    name,
    "make",
    "keyIds",
    `must name one replica of a multi-Region key, got ${duplicates.join(", ")}`
  )
}

/** Specification: framework/aws-kms/aws-kms-mrk-keyring.md#ondecrypt */
const onDecrypt = Effect.fnUntraced(function*(
  keys: strict.Keys,
  materials: DecryptionMaterials | CompleteDecryptionMaterials,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey>
) {
  if ("plaintextDataKey" in materials && materials.plaintextDataKey !== undefined) {
    const { plaintextDataKey, unwrappedDataKey } = materials
    return { _tag: "Unwrapped" as const, plaintextDataKey, encryptedDataKey: unwrappedDataKey }
  }
  yield* checkKeyArns(name, encryptedDataKeys)
  return yield* strict.onDecrypt(keys, KeyArn.mrkMatchForDecrypt, materials, encryptedDataKeys)
})
