/**
 * A materials manager that requires pairs of the encryption context. They are authenticated with every message and not stored
 * in it: who decrypts must give them again, as the expected context.
 *
 * Specification: framework/required-encryption-context-cmm.md
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Primitives } from "../crypto/Primitives.ts"
import * as bytes from "../internal/bytes.ts"
import { quoted } from "../internal/printable.ts"
import { reject } from "../internal/rejection.ts"
import {
  checkDecryptionMaterials,
  checkEncryptionMaterials,
  type CompleteDecryptionMaterials,
  type CompleteEncryptionMaterials
} from "../model/CryptographicMaterials.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import { orFailDecrypt } from "../model/errors/DecryptError.ts"
import { orFailEncrypt } from "../model/errors/EncryptError.ts"
import { optionsOf } from "../model/errors/optionsOf.ts"
import { InvalidEncryptionContext, InvalidMaterials, type InvalidOption } from "../model/errors/Reasons.ts"
import * as contract from "./contract.ts"
import * as CryptographicMaterialsManager from "./CryptographicMaterialsManager.ts"
import * as DefaultCmm from "./DefaultCmm.ts"
import * as Keyring from "./Keyring.ts"

/** Options of a manager that requires pairs, whatever it stands on. */
export interface Options {
  /**
   * Keys of the pairs that every message must have, at least one. None begins with `aws-crypto-`, and each is well-formed
   * Unicode.
   */
  readonly requiredEncryptionContextKeys: ReadonlyArray<string>
}

/** `Options`, and the manager that materials are requested from. */
export interface MakeOptions extends Options {
  readonly materialsManager: CryptographicMaterialsManager.CryptographicMaterialsManager
}

/**
 * A manager that requires pairs, over another manager. Requests without one of them fail with `InvalidEncryptionContext`, which
 * names the key; to decrypt, the expected context must have them.
 *
 * **Gotchas**
 *
 * Put it over a caching manager, and not under one: then the check comes with every request, and not only with those that miss.
 *
 * Without this manager such messages decrypt too, where the expected context has the pairs. Where it lacks them, a keyring
 * finds the encrypted data keys damaged: `NoDataKeyUnwrapped`.
 */
export const make: (
  options: MakeOptions
) => Effect.Effect<CryptographicMaterialsManager.CryptographicMaterialsManager, InvalidOption> = /*#__PURE__*/ Effect
  .fnUntraced(function*(options: MakeOptions) {
    const { materialsManager, requiredEncryptionContextKeys } = yield* checkOptions(options)
    return over(materialsManager, Object.freeze([...new Set(requiredEncryptionContextKeys)]))
  })

const isKey = (value: unknown): value is string =>
  typeof value === "string" && bytes.isWellFormed(value) && !value.startsWith(EncryptionContext.reservedPrefix)

const areKeys = (value: unknown): value is ReadonlyArray<string> =>
  Array.isArray(value) && value.length > 0 && value.every(isKey)

const checkOptions = /*#__PURE__*/ optionsOf(
  /*#__PURE__*/ Schema.Struct({
    materialsManager: /*#__PURE__*/ Schema.declare(CryptographicMaterialsManager.isCryptographicMaterialsManager),
    requiredEncryptionContextKeys: /*#__PURE__*/ Schema.declare(areKeys)
  }),
  "a materials manager that requires pairs",
  {
    materialsManager: "must be a materials manager",
    requiredEncryptionContextKeys: () =>
      `must be an array of at least one text, each well-formed Unicode that does not begin with ${EncryptionContext.reservedPrefix}`
  }
)

type Keys = ReadonlyArray<string>

const over = (
  under: CryptographicMaterialsManager.CryptographicMaterialsManager,
  keys: Keys
): CryptographicMaterialsManager.CryptographicMaterialsManager =>
  CryptographicMaterialsManager.make({
    getEncryptionMaterials: (given) =>
      Effect.flatMap(orFailEncrypt(() => encryptionRequest(keys, given)), (request) =>
        Effect.flatMap(
          contract.getEncryptionMaterials(under, request),
          (response) => orFailEncrypt(() => ({ ...response, materials: checkEncryption(keys, response?.materials) }))
        )),
    decryptMaterials: (given) =>
      Effect.flatMap(orFailDecrypt(() => decryptRequest(keys, given)), (request) =>
        Effect.flatMap(
          contract.decryptMaterials(under, request),
          (response) => orFailDecrypt(() => ({ ...response, materials: checkDecryption(keys, response?.materials) }))
        ))
  })

/**
 * The request to the manager under this one: its context is a copy, which is what was checked.
 *
 * Specification: framework/required-encryption-context-cmm.md#get-encryption-materials
 */
const encryptionRequest = (
  keys: Keys,
  given: CryptographicMaterialsManager.EncryptionMaterialsRequest
): CryptographicMaterialsManager.EncryptionMaterialsRequest => {
  const encryptionContext = EncryptionContext.check(given.encryptionContext)
  requirePairs(keys, encryptionContext, "is required, and missing")
  const requiredEncryptionContextKeys = [...new Set([...given.requiredEncryptionContextKeys, ...keys])]
  return { ...given, encryptionContext, requiredEncryptionContextKeys }
}

/** Specification: framework/required-encryption-context-cmm.md#decrypt-materials */
const decryptRequest = (
  keys: Keys,
  given: CryptographicMaterialsManager.DecryptMaterialsRequest
): CryptographicMaterialsManager.DecryptMaterialsRequest => {
  const expectedEncryptionContext = EncryptionContext.check(given.expectedEncryptionContext)
  requirePairs(keys, expectedEncryptionContext, "is required in the expected context, and missing")
  return { ...given, expectedEncryptionContext }
}

const requirePairs = (keys: Keys, context: EncryptionContext.EncryptionContext, description: string): void => {
  const key = keys.find((key) => !Object.hasOwn(context, key))
  if (key !== undefined) reject(new InvalidEncryptionContext({ key, description }))
}

/** The materials must keep the pairs out of the message. */
const checkEncryption = (keys: Keys, given: CompleteEncryptionMaterials): CompleteEncryptionMaterials => {
  const materials = checkEncryptionMaterials(given)
  const key = keys.find((key) => !materials.requiredEncryptionContextKeys.includes(key))
  return key === undefined ? materials : invalidMaterials("requiredEncryptionContextKeys", `do not have ${quoted(key)}`)
}

/** A manager that left the pairs out would not have them authenticated. */
const checkDecryption = (keys: Keys, given: CompleteDecryptionMaterials): CompleteDecryptionMaterials => {
  const materials = checkDecryptionMaterials(given)
  const key = keys.find((key) => !Object.hasOwn(materials.encryptionContext, key))
  return key === undefined ? materials : invalidMaterials("encryptionContext", `does not have ${quoted(key)}`)
}

const invalidMaterials = (field: string, description: string): never =>
  reject(new InvalidMaterials({ field, description }))

const makeOverKeyring = Effect.fnUntraced(function*(options: Options) {
  return yield* make({ ...options, materialsManager: yield* DefaultCmm.make(yield* Keyring.Keyring) })
})

/** The program's materials manager: one that requires pairs, over the default manager of the program's keyring. */
export const layer = (
  options: Options
): Layer.Layer<
  CryptographicMaterialsManager.CryptographicMaterialsManager,
  InvalidOption,
  Keyring.Keyring | Primitives
> => Layer.effect(CryptographicMaterialsManager.CryptographicMaterialsManager, makeOverKeyring(options))

/** `layer` with options from configuration. */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<
  CryptographicMaterialsManager.CryptographicMaterialsManager,
  InvalidOption | Config.ConfigError,
  Keyring.Keyring | Primitives
> =>
  Layer.effect(
    CryptographicMaterialsManager.CryptographicMaterialsManager,
    Effect.flatMap(Config.unwrap(options), makeOverKeyring)
  )

/** `layer` over the program's materials manager, which the result takes the place of. */
export const layerManager = (
  options: Options
): Layer.Layer<
  CryptographicMaterialsManager.CryptographicMaterialsManager,
  InvalidOption,
  CryptographicMaterialsManager.CryptographicMaterialsManager
> =>
  Layer.effect(
    CryptographicMaterialsManager.CryptographicMaterialsManager,
    Effect.flatMap(
      CryptographicMaterialsManager.CryptographicMaterialsManager,
      (materialsManager) => make({ ...options, materialsManager })
    )
  )
