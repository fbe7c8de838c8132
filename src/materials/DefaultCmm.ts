/**
 * The default cryptographic materials manager: asks a keyring for every message, and manages the signing keys.
 *
 * Specification: framework/default-cmm.md
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type { AlgorithmSuite } from "../model/AlgorithmSuite.ts"
import * as CommitmentPolicy from "../model/CommitmentPolicy.ts"
import { Primitives } from "../crypto/Primitives.ts"
import * as CryptographicMaterials from "../model/CryptographicMaterials.ts"
import * as CryptographicMaterialsManager from "./CryptographicMaterialsManager.ts"
import * as DataKey from "../model/DataKey.ts"
import type { EncryptedDataKey } from "../model/EncryptedDataKey.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import { DecryptError } from "../model/errors/DecryptError.ts"
import { EncryptError } from "../model/errors/EncryptError.ts"
import {
  EncryptionContextMismatch,
  InvalidEncryptionContext,
  InvalidMaterials,
  NoDataKeyUnwrapped
} from "../model/errors/Reasons.ts"
import * as bytes from "../internal/bytes.ts"
import * as Keyring from "./Keyring.ts"
import type { KeyringError } from "../model/errors/KeyringError.ts"
import * as Receipt from "../model/Receipt.ts"
import { failDecrypt, orFailDecrypt } from "../model/errors/DecryptError.ts"
import { failEncrypt, orFailEncrypt } from "../model/errors/EncryptError.ts"

/**
 * A manager that asks the keyring for every message.
 *
 * For a suite that signs, each request for encryption gets a key pair of its own, whose public key goes into the context.
 * The keyring's response is checked: it adds a data key and encrypted data keys, and changes nothing else.
 */
export const make = (
  keyring: Keyring.Keyring
): Effect.Effect<CryptographicMaterialsManager.CryptographicMaterialsManager, never, Primitives> =>
  Effect.map(Primitives, (primitives) =>
    CryptographicMaterialsManager.make({
      getEncryptionMaterials: (request) => getEncryptionMaterials(primitives, keyring, request),
      decryptMaterials: (request) => decryptMaterials(primitives, keyring, request)
    }))

/** The default manager over the keyring of this program, as its materials manager. */
export const layer: Layer.Layer<
  CryptographicMaterialsManager.CryptographicMaterialsManager,
  never,
  Keyring.Keyring | Primitives
> = /*#__PURE__*/ Layer.effect(
  CryptographicMaterialsManager.CryptographicMaterialsManager,
  /*#__PURE__*/ Effect.flatMap(Keyring.Keyring, make)
)

/** Specification: framework/default-cmm.md#get-encryption-materials */
const getEncryptionMaterials = Effect.fnUntraced(function*(
  primitives: Primitives,
  keyring: Keyring.Keyring,
  request: CryptographicMaterialsManager.EncryptionMaterialsRequest
) {
  const { commitmentPolicy, requiredEncryptionContextKeys } = request
  const context = yield* orFailEncrypt(EncryptionContext.validate(request.encryptionContext))
  yield* orFailEncrypt(EncryptionContext.checkUnreserved(context))
  const missing = requiredEncryptionContextKeys.find((key) => !Object.hasOwn(context, key))
  if (missing !== undefined) {
    return yield* failEncrypt(new InvalidEncryptionContext({ key: missing, description: "is required, and missing" }))
  }
  const algorithmSuite = request.algorithmSuite ?? CommitmentPolicy.defaultAlgorithmSuite(commitmentPolicy)
  yield* orFailEncrypt(CommitmentPolicy.checkEncrypt(commitmentPolicy, algorithmSuite))

  const { signature } = algorithmSuite
  const keyPair = signature && (yield* primitives.generateSigningKey(signature.curve))
  // Validated again: with the public key the context may be too long.
  const encryptionContext = keyPair === undefined
    ? context
    : yield* orFailEncrypt(
      EncryptionContext.validate({ ...context, [EncryptionContext.publicKeyKey]: Base64.encode(keyPair.publicKey) })
    )
  const asked: CryptographicMaterials.EncryptionMaterials = {
    algorithmSuite,
    encryptionContext,
    requiredEncryptionContextKeys,
    encryptedDataKeys: [],
    plaintextDataKey: undefined,
    signingKey: keyPair?.signingKey
  }
  const answered = yield* Effect.mapError(keyring.onEncrypt(asked), (reason) => new EncryptError({ reason }))
  const materials = yield* orFailEncrypt(
    Result.flatMap(checkUnchanged(keyring, asked, answered), () =>
      CryptographicMaterials.checkEncryptionMaterials({
        ...asked,
        encryptedDataKeys: answered.encryptedDataKeys,
        plaintextDataKey: answered.plaintextDataKey
      }))
  )
  // A keyring registers its key with the scope itself; one of a user's may have forgotten to.
  yield* DataKey.zeroWithScope(materials.plaintextDataKey)
  return { materials, receipt: Receipt.uncached }
})

/** Whether a keyring has left alone what is not its business. */
const checkUnchanged = (
  keyring: Keyring.Keyring,
  asked: CryptographicMaterials.EncryptionMaterials,
  answered: CryptographicMaterials.EncryptionMaterials
): Result.Result<void, InvalidMaterials> => {
  const changed = (field: string) =>
    Result.fail(new InvalidMaterials({ field, description: `was changed by the keyring ${keyring.name}` }))
  if (typeof answered !== "object" || answered === null) return Result.fail(noAnswer(keyring))
  if (answered.algorithmSuite !== asked.algorithmSuite) return changed("algorithmSuite")
  if (!isSameContext(asked.encryptionContext, answered.encryptionContext)) return changed("encryptionContext")
  if (answered.signingKey !== asked.signingKey) return changed("signingKey")
  return Result.void
}

const noAnswer = (keyring: Keyring.Keyring) =>
  new InvalidMaterials({ field: "materials", description: `are missing in the answer of the keyring ${keyring.name}` })

const isSameContext = (
  asked: EncryptionContext.EncryptionContext,
  answered: EncryptionContext.EncryptionContext
): boolean =>
  answered === asked ||
  (typeof answered === "object" && answered !== null &&
    Object.keys(answered).length === Object.keys(asked).length &&
    EncryptionContext.findMismatch(asked, answered) === undefined)

/** Specification: framework/default-cmm.md#decrypt-materials */
const decryptMaterials = Effect.fnUntraced(function*(
  primitives: Primitives,
  keyring: Keyring.Keyring,
  request: CryptographicMaterialsManager.DecryptMaterialsRequest
) {
  const { algorithmSuite, commitmentPolicy, encryptedDataKeys } = request
  yield* orFailDecrypt(CommitmentPolicy.checkDecrypt(commitmentPolicy, algorithmSuite))
  const stored = yield* orFailDecrypt(EncryptionContext.validate(request.encryptionContext))
  const expected = yield* orFailDecrypt(EncryptionContext.validate(request.expectedEncryptionContext))
  const reproducedKeys: Array<string> = []
  for (const key of Object.keys(expected)) {
    if (!Object.hasOwn(stored, key)) {
      // Where the library's own pairs are not stored, there are none: a caller cannot supply them.
      if (key.startsWith(EncryptionContext.reservedPrefix)) {
        return yield* failDecrypt(new EncryptionContextMismatch({ key }))
      }
      reproducedKeys.push(key)
    } else if (stored[key] !== expected[key]) {
      return yield* failDecrypt(new EncryptionContextMismatch({ key }))
    }
  }
  const verificationKey = yield* importVerificationKey(primitives, algorithmSuite, stored)
  const asked: CryptographicMaterials.DecryptionMaterials = {
    algorithmSuite,
    encryptionContext: reproducedKeys.length === 0 ? stored : Object.freeze({ ...stored, ...expected }),
    requiredEncryptionContextKeys: reproducedKeys
  }
  const answer = yield* Effect.mapError(keyring.onDecrypt(asked, encryptedDataKeys), notUnwrapped)
  if (typeof answer !== "object" || answer === null) return yield* failDecrypt(noAnswer(keyring))
  if (answer._tag === "NotMine") {
    return yield* failDecrypt(new NoDataKeyUnwrapped({ encryptedDataKeys: answer.skipped }))
  }
  const unwrappedDataKey = encryptedDataKeys.find((edk) => isSameEncryptedDataKey(edk, answer.encryptedDataKey))
  if (unwrappedDataKey === undefined) {
    return yield* failDecrypt(
      new InvalidMaterials({
        field: "encryptedDataKey",
        description: `in the answer of the keyring ${keyring.name} is none of the message's`
      })
    )
  }
  const materials = yield* orFailDecrypt(
    CryptographicMaterials.checkDecryptionMaterials({
      ...asked,
      plaintextDataKey: answer.plaintextDataKey,
      unwrappedDataKey,
      verificationKey
    })
  )
  yield* DataKey.zeroWithScope(materials.plaintextDataKey)
  return { materials, receipt: Receipt.uncached }
})

/** The key that the message names for its signature. Only a message of a suite that signs may name one. */
const importVerificationKey = Effect.fnUntraced(function*(
  primitives: Primitives,
  { signature }: AlgorithmSuite,
  stored: EncryptionContext.EncryptionContext
) {
  const key = EncryptionContext.publicKeyKey
  const invalid = (description: string) =>
    new DecryptError({ reason: new InvalidEncryptionContext({ key, description }) })
  const publicKey = Object.hasOwn(stored, key) ? stored[key] : undefined
  if (signature === undefined) {
    return publicKey === undefined ? undefined : yield* invalid("is there, the message's suite does not sign")
  }
  if (publicKey === undefined) return yield* invalid("is missing, the message's suite signs")
  const point = Base64.decode(publicKey)
  if (Result.isFailure(point)) return yield* invalid("is not base64")
  return yield* Effect.mapError(
    primitives.importVerificationKey(signature.curve, point.success),
    (error) =>
      error._tag === "NotLoaded"
        ? new DecryptError({ reason: error })
        : invalid(`is not a public key of ${signature.curve}`)
  )
})

/** "Mine but broken" and "not mine" end alike for the caller: with a row for each encrypted data key. */
const notUnwrapped = (error: KeyringError): DecryptError =>
  new DecryptError({
    reason: error.reason._tag === "DataKeyNotUnwrapped"
      ? new NoDataKeyUnwrapped({ encryptedDataKeys: error.reason.encryptedDataKeys })
      : error
  })

const isSameEncryptedDataKey = (a: EncryptedDataKey, b: EncryptedDataKey): boolean =>
  a === b ||
  (typeof b === "object" && b !== null && bytes.isBytes(b.keyProviderInfo) && bytes.isBytes(b.ciphertext) &&
    a.keyProviderId === b.keyProviderId && bytes.equals(a.keyProviderInfo, b.keyProviderInfo) &&
    bytes.equals(a.ciphertext, b.ciphertext))
