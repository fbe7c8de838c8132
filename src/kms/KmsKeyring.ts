/**
 * A keyring whose wrapping keys are in AWS KMS: a generator key, which makes data keys, and additional keys, under each
 * of which every data key is wrapped too. Any one of them unwraps.
 *
 * Specification: framework/aws-kms/aws-kms-keyring.md, framework/aws-kms/aws-kms-multi-keyrings.md#aws-kms-multi-keyring
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Keyring from "../materials/Keyring.ts"
import { optionsOf } from "../materials/keyringFailures.ts"
import type { KeyringError } from "../model/errors/KeyringError.ts"
import * as strict from "./internal/strictKeyring.ts"
import { Kms } from "./Kms.ts"

/** Options of a KMS keyring. They name at least one key, and none twice. */
export const Options = /*#__PURE__*/ Schema.Struct(strict.fields)

/** See the schema of the same name. */
export type Options = typeof Options.Type

const name = "KmsKeyring"

const checkOptions = /*#__PURE__*/ optionsOf(name, "a KMS keyring", Options, strict.bounds)

/**
 * A keyring over the keys that `options` name. Data keys are made by one GenerateDataKey, and wrapped under the
 * additional keys by one Encrypt each, in parallel. To decrypt, the encrypted data keys whose key ARN is configured are
 * tried one after the other.
 *
 * Fails with `KeyringMisconfigured` where no key is named, where a name is no key identifier, or where a key is named
 * twice.
 *
 * **Gotchas**
 *
 * Messages name the keys by their ARN, and names are compared exactly. So a key that is configured by its alias, or by
 * its bare key id, encrypts but does not decrypt: configure its key ARN to do both. A decrypt that fails for this reason
 * says so.
 *
 * Encrypted data keys that name AWS KMS with something other than a key ARN are passed over, so that they cannot keep
 * the others from being tried; the specification lets the whole decrypt fail.
 *
 * Specification: framework/aws-kms/aws-kms-keyring.md#initialization
 */
export const make: (options: Options) => Effect.Effect<Keyring.Keyring, KeyringError, Kms> = /*#__PURE__*/ Effect
  .fnUntraced(function*(options: Options) {
    const keys = yield* strict.makeKeys(name, yield* Kms, yield* checkOptions(options))
    return Keyring.make({
      name,
      onEncrypt: (materials) => strict.onEncrypt(keys, materials),
      onDecrypt: (materials, encryptedDataKeys) =>
        strict.onDecrypt(keys, (configured, keyArn) => configured === keyArn, materials, encryptedDataKeys)
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
