/**
 * The strict keyrings, which use the keys that they are configured with and no others: their options, and their two operations.
 *
 * Specification: framework/aws-kms/aws-kms-keyring.md, framework/aws-kms/aws-kms-mrk-keyring.md
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { stringBound } from "../../internal/options.ts"
import type * as Keyring from "../../materials/Keyring.ts"
import { failKeyring, failMisconfigured, failNotWrapped, refusalOf } from "../../materials/keyringFailures.ts"
import { unwrapFirst } from "../../materials/unwrapFirst.ts"
import { append } from "../../materials/wrapping.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "../../model/CryptographicMaterials.ts"
import type * as DataKey from "../../model/DataKey.ts"
import type { EncryptedDataKey } from "../../model/EncryptedDataKey.ts"
import type { BrokenContract } from "../../model/errors/BrokenContract.ts"
import type { KeyringError } from "../../model/errors/KeyringError.ts"
import { type Caller, callerOf, callKms, GrantTokens, grantTokensBounds, own } from "../calls.ts"
import * as KeyArn from "../KeyArn.ts"
import type { Kms } from "../Kms.ts"
import type { KmsError } from "../KmsError.ts"
import { selectKey } from "./keySelection.ts"
import { checkPlaintext, checkWrapped, toEncryptedDataKey } from "./kmsResponses.ts"
import { requestOf, unwrap } from "./unwrap.ts"

/** Fields of the options. They name at least one key, and none twice. */
export const fields = /*#__PURE__*/ (() => ({
  /**
   * The key that makes data keys: a key ARN, alias ARN, alias name or key id. Without it the keyring only wraps data keys
   * that another keyring made.
   */
  generatorKeyId: Schema.optional(Schema.String),
  /** Additional keys, under each of which every data key is wrapped too, in the order that messages list them. */
  keyIds: Schema.optional(Schema.Array(Schema.String)),
  /** Grant tokens that every call is sent with. */
  grantTokens: GrantTokens
} as const))()

type Options = Schema.Struct<typeof fields>["Type"]

/** Bounds of the options. */
export const bounds = {
  generatorKeyId: stringBound,
  keyIds: "must be an array of strings",
  "keyIds[]": stringBound,
  ...grantTokensBounds
}

/** The keys as they are named, and the calls that use them. */
export interface Keys extends Caller<Kms> {
  /** The keyring's own name. */
  readonly name: string
  readonly generator: string | undefined
  readonly additional: ReadonlyArray<string>
}

/** All names, the generator's first. */
export const namesOf = ({ additional, generator }: Keys): ReadonlyArray<string> =>
  generator === undefined ? additional : [generator, ...additional]

/** Makes the keys of options whose form was checked. Fails with `KeyringMisconfigured`. */
export const makeKeys = Effect.fnUntraced(function*(
  name: string,
  kms: Kms,
  { generatorKeyId, grantTokens, keyIds = [] }: Options
): Effect.fn.Return<Keys, KeyringError> {
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
  return { name, ...callerOf(kms, grantTokens), generator: generatorKeyId, additional: keyIds }
})

/**
 * Makes a data key where there is none, and wraps it under every key.
 *
 * Specification: framework/aws-kms/aws-kms-keyring.md#onencrypt, framework/aws-kms/aws-kms-mrk-keyring.md#onencrypt
 */
export const onEncrypt = Effect.fnUntraced(function*(keys: Keys, materials: EncryptionMaterials) {
  const { additional, generator, name } = keys
  if (materials.plaintextDataKey !== undefined) {
    return append(
      materials,
      materials.plaintextDataKey,
      yield* wrapAll(keys, namesOf(keys), materials.plaintextDataKey, materials)
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
    }))).pipe(Effect.catch((error) => failWrapping(keys.name, key, error)))
  const fault = checkPlaintext(generated.plaintext, materials) ?? checkWrapped(generated)
  return fault === undefined ? generated : yield* failNotWrapped(keys.name, key, fault)
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
      (error) => failWrapping(keys.name, key, error)
    )
    const fault = checkWrapped(wrapped)
    return fault === undefined ? toEncryptedDataKey(wrapped) : yield* failNotWrapped(keys.name, key, fault)
  }
)

/** Fails because a call failed, or because the `Kms` broke its contract. */
const failWrapping = (
  name: string,
  key: string,
  error: KmsError | BrokenContract
): Effect.Effect<never, KeyringError> =>
  error._tag === "BrokenContract"
    ? failKeyring(name, "onEncrypt", error)
    : failNotWrapped(name, key, refusalOf(error))

/**
 * Tries the encrypted data keys whose key ARN matches a configured key, each under the name that is configured.
 *
 * Specification: framework/aws-kms/aws-kms-keyring.md#ondecrypt, framework/aws-kms/aws-kms-mrk-keyring.md#ondecrypt
 */
export const onDecrypt = (
  keys: Keys,
  matches: (configured: string, keyArn: string) => boolean,
  materials: DecryptionMaterials,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey>
): Effect.Effect<Keyring.OnDecryptResult, KeyringError, Scope.Scope> => {
  const configured = namesOf(keys)
  return unwrapFirst(
    keys.name,
    materials,
    encryptedDataKeys,
    (encryptedDataKey) =>
      Result.map(selectKey(configured, matches, encryptedDataKey), (keyId) => ({
        keyId,
        ciphertext: encryptedDataKey.ciphertext
      })),
    (wrapped) => unwrap(keys, wrapped, materials)
  )
}
