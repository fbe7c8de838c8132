/**
 * A keyring whose wrapping keys are in AWS KMS: a generator key, which makes data keys, and additional keys, under each
 * of which every data key is wrapped too. Any one of them unwraps.
 *
 * Specification: framework/aws-kms/aws-kms-keyring.md, framework/aws-kms/aws-kms-multi-keyrings.md#aws-kms-multi-keyring
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { stringBound } from "../internal/options.ts"
import * as Keyring from "../materials/Keyring.ts"
import { failKeyring, failMisconfigured, failNotWrapped, optionsOf, refusalOf } from "../materials/keyringFailures.ts"
import { invalidAnswer, unwrapFirst } from "../materials/unwrapFirst.ts"
import { append } from "../materials/wrapping.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "../model/CryptographicMaterials.ts"
import * as DataKey from "../model/DataKey.ts"
import type { EncryptedDataKey } from "../model/EncryptedDataKey.ts"
import type { BrokenContract } from "../model/errors/BrokenContract.ts"
import type { KeyringError, ProviderRefusal } from "../model/errors/KeyringError.ts"
import { selectKey } from "./internal/keySelection.ts"
import { callKms, checkPlaintext, checkWrapped, own, toEncryptedDataKey } from "./internal/kmsResponses.ts"
import * as KeyArn from "./KeyArn.ts"
import type { KmsRequest } from "./Kms.ts"
import { Kms } from "./Kms.ts"
import type { KmsError } from "./KmsError.ts"

/** Options of a KMS keyring. They name at least one key, and none twice. */
export const Options = /*#__PURE__*/ Schema.Struct({
  /**
   * The key that makes data keys: a key ARN, alias ARN, alias name or key id. Without it the keyring only wraps data keys
   * that another keyring made.
   */
  generatorKeyId: /*#__PURE__*/ Schema.optional(Schema.String),
  /** Additional keys, under each of which every data key is wrapped too, in the order that messages list them. */
  keyIds: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.Array(Schema.String)),
  /** Grant tokens that every call is sent with. */
  grantTokens: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.Array(Schema.NonEmptyString))
})

/** See the schema of the same name. */
export type Options = typeof Options.Type

const name = "KmsKeyring"

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
    const keys = yield* checkKeys(yield* Kms, options)
    return Keyring.make({
      name,
      onEncrypt: (materials) => onEncrypt(keys, materials),
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

const checkOptions = /*#__PURE__*/ optionsOf(name, "a KMS keyring", Options, {
  generatorKeyId: stringBound,
  keyIds: "must be an array of strings",
  "keyIds[]": stringBound,
  grantTokens: "must be an array of strings",
  "grantTokens[]": "must be a string that is not empty"
})

/** The keys as they are named, and the calls that use them. */
interface Keys {
  readonly kms: Kms
  readonly generator: string | undefined
  readonly additional: ReadonlyArray<string>
  readonly grantTokens: ReadonlyArray<string>
}

const checkKeys = Effect.fnUntraced(function*(kms: Kms, options: Options): Effect.fn.Return<Keys, KeyringError> {
  const { generatorKeyId, grantTokens = [], keyIds = [] } = yield* checkOptions(options)
  const fail = (field: string, description: string) => failMisconfigured(name, "make", field, description)
  const named = [
    ...generatorKeyId === undefined ? [] : [["generatorKeyId", generatorKeyId] as const],
    ...keyIds.map((keyId, index) => [`keyIds[${index}]`, keyId] as const)
  ]
  if (named.length === 0) {
    return yield* fail("generatorKeyId", "is missing, and so are keyIds: at least one key must be named")
  }
  const seen = new Map<string, string>()
  for (const [field, keyId] of named) {
    const parsed = KeyArn.parse(keyId)
    if (Result.isFailure(parsed)) return yield* fail(field, parsed.failure.message)
    // The specification speaks of a set of keys: a second entry would cost a call and bytes of every message for nothing.
    const before = seen.get(keyId)
    if (before !== undefined) return yield* fail(field, `is ${keyId}, which ${before} names already`)
    seen.set(keyId, field)
  }
  // Every request has the tokens' own list.
  return { kms, generator: generatorKeyId, additional: keyIds, grantTokens: Object.freeze([...grantTokens]) }
})

const requestOf = (
  { grantTokens }: Keys,
  keyId: string,
  { encryptionContext }: EncryptionMaterials | DecryptionMaterials
): KmsRequest => ({ keyId, encryptionContext, grantTokens })

/** Specification: framework/aws-kms/aws-kms-keyring.md#onencrypt */
const onEncrypt = Effect.fnUntraced(function*(keys: Keys, materials: EncryptionMaterials) {
  const { additional, generator } = keys
  if (materials.plaintextDataKey !== undefined) {
    const all = generator === undefined ? additional : [generator, ...additional]
    return append(
      materials,
      materials.plaintextDataKey,
      yield* wrapAll(keys, all, materials.plaintextDataKey, materials)
    )
  }
  if (generator === undefined) {
    return yield* failMisconfigured(
      name,
      "onEncrypt",
      "generatorKeyId",
      "is missing, and no other keyring has made a data key: only a generator key can"
    )
  }
  const generated = yield* generate(keys, generator, materials)
  const wrapped = yield* wrapAll(keys, additional, generated.plaintext, materials)
  return append(materials, generated.plaintext, [toEncryptedDataKey(generated), ...wrapped])
})

const generate = Effect.fnUntraced(function*(keys: Keys, key: string, materials: EncryptionMaterials) {
  const generated = yield* own(callKms("generateDataKey", () =>
    keys.kms.generateDataKey({
      ...requestOf(keys, key, materials),
      numberOfBytes: materials.algorithmSuite.dataKeyLength
    }))).pipe(Effect.catch((error) => failWrapping(key, error)))
  const fault = checkPlaintext(generated.plaintext, materials) ?? checkWrapped(generated)
  return fault === undefined ? generated : yield* failNotWrapped(name, key, fault)
})

const wrapAll = (
  keys: Keys,
  names: ReadonlyArray<string>,
  plaintext: DataKey.DataKey,
  materials: EncryptionMaterials
): Effect.Effect<ReadonlyArray<EncryptedDataKey>, KeyringError> =>
  Effect.forEach(names, (key) => wrap(keys, key, plaintext, materials), { concurrency: "unbounded" })

const wrap = Effect.fnUntraced(
  function*(keys: Keys, key: string, plaintext: DataKey.DataKey, materials: EncryptionMaterials) {
    const wrapped = yield* Effect.catch(
      callKms("encrypt", () => keys.kms.encrypt({ ...requestOf(keys, key, materials), plaintext })),
      (error) => failWrapping(key, error)
    )
    const fault = checkWrapped(wrapped)
    return fault === undefined ? toEncryptedDataKey(wrapped) : yield* failNotWrapped(name, key, fault)
  }
)

/** Fails because a call failed, or because the `Kms` broke its contract. */
const failWrapping = (key: string, error: KmsError | BrokenContract): Effect.Effect<never, KeyringError> =>
  error._tag === "BrokenContract"
    ? failKeyring(name, "onEncrypt", error)
    : failNotWrapped(name, key, refusalOf(error))

/** Specification: framework/aws-kms/aws-kms-keyring.md#ondecrypt */
const onDecrypt = (
  keys: Keys,
  materials: DecryptionMaterials,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey>
): Effect.Effect<Keyring.OnDecryptResult, KeyringError, Scope.Scope> => {
  const configured = keys.generator === undefined ? keys.additional : [keys.generator, ...keys.additional]
  return unwrapFirst(
    name,
    materials,
    encryptedDataKeys,
    (encryptedDataKey) =>
      Result.map(selectKey(configured, encryptedDataKey), (key) => ({ key, ciphertext: encryptedDataKey.ciphertext })),
    ({ ciphertext, key }) => unwrap(keys, key, ciphertext, materials)
  )
}

const unwrap = Effect.fnUntraced(
  function*(keys: Keys, key: string, ciphertextBlob: Uint8Array, materials: DecryptionMaterials) {
    const { keyId, plaintext } = yield* Effect.mapError(
      // A copy: the encrypted data key that was unwrapped is returned, and must be the one that was given.
      own(
        callKms(
          "decrypt",
          () => keys.kms.decrypt({ ...requestOf(keys, key, materials), ciphertextBlob: new Uint8Array(ciphertextBlob) })
        )
      ),
      (error) => error._tag === "BrokenContract" ? error : refusalOf(error)
    )
    const fault: ProviderRefusal | undefined = keyId === key
      ? checkPlaintext(plaintext, materials)
      : invalidAnswer("KeyIdMismatch")
    if (fault === undefined) return plaintext
    DataKey.zero(plaintext)
    return yield* Effect.fail(fault)
  }
)
