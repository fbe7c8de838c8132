/**
 * The default cryptographic materials manager: asks a keyring for every message, and manages the signing keys.
 *
 * Specification: framework/default-cmm.md
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as AlgorithmSuite from "../model/AlgorithmSuite.ts"
import * as CommitmentPolicy from "../model/CommitmentPolicy.ts"
import { Primitives } from "../crypto/Primitives.ts"
import * as CryptographicMaterials from "../model/CryptographicMaterials.ts"
import * as CryptographicMaterialsManager from "./CryptographicMaterialsManager.ts"
import * as EncryptedDataKey from "../model/EncryptedDataKey.ts"
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
import { reject } from "../internal/rejection.ts"
import * as Keyring from "./Keyring.ts"
import type { KeyringError } from "../model/errors/KeyringError.ts"
import { nameOf, onDecrypt, onEncrypt } from "./contract.ts"
import { checkFilled } from "./filled.ts"
import { omittedOf } from "./reports.ts"
import * as Receipt from "../model/Receipt.ts"
import { failDecrypt, orFailDecrypt } from "../model/errors/DecryptError.ts"
import { orFailEncrypt } from "../model/errors/EncryptError.ts"

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
  const { algorithmSuite, context, requiredEncryptionContextKeys } = yield* orFailEncrypt(() =>
    checkEncryptionRequest(request)
  )
  const { signature } = algorithmSuite
  const keyPair = signature && (yield* primitives.generateSigningKey(signature.curve))
  const encryptionContext = keyPair === undefined
    ? context
    : yield* orFailEncrypt(() => withPublicKey(context, keyPair.publicKey))
  const empty: CryptographicMaterials.EncryptionMaterials = {
    algorithmSuite,
    encryptionContext,
    requiredEncryptionContextKeys,
    encryptedDataKeys: [],
    plaintextDataKey: undefined,
    signingKey: keyPair?.signingKey
  }
  // A copy: the keyring's response is compared with materials that it cannot have changed.
  const given = { ...empty, encryptedDataKeys: [] }
  const filled = yield* Effect.mapError(onEncrypt(keyring, given), (reason) => new EncryptError({ reason }))
  const materials = yield* orFailEncrypt(() => checkFilled(keyring, empty, filled))
  return { materials, receipt: Receipt.uncached }
})

/** The parts of a request, each read once: it is the caller's, and may be another later. */
const checkEncryptionRequest = (request: CryptographicMaterialsManager.EncryptionMaterialsRequest) => {
  const { commitmentPolicy, requiredEncryptionContextKeys: required } = request
  const requiredEncryptionContextKeys = Object.freeze([...required])
  const context = EncryptionContext.check(request.encryptionContext)
  EncryptionContext.checkUnreserved(context)
  const missing = requiredEncryptionContextKeys.find((key) => !Object.hasOwn(context, key))
  if (missing !== undefined) {
    reject(new InvalidEncryptionContext({ key: missing, description: "is required, and missing" }))
  }
  const suite = request.algorithmSuite ?? CommitmentPolicy.defaultAlgorithmSuite(commitmentPolicy)
  const algorithmSuite = CommitmentPolicy.checkSuite(suite)
  CommitmentPolicy.checkEncrypt(commitmentPolicy, algorithmSuite)
  return { algorithmSuite, context, requiredEncryptionContextKeys }
}

/** Adds the public key. The context may be too long with it. */
const withPublicKey = (
  context: EncryptionContext.EncryptionContext,
  publicKey: Uint8Array
): EncryptionContext.EncryptionContext =>
  EncryptionContext.check({ ...context, [EncryptionContext.publicKeyKey]: Base64.encode(publicKey) })

/** Specification: framework/default-cmm.md#decrypt-materials */
const decryptMaterials = Effect.fnUntraced(function*(
  primitives: Primitives,
  keyring: Keyring.Keyring,
  request: CryptographicMaterialsManager.DecryptMaterialsRequest
) {
  const { algorithmSuite, encryptedDataKeys, expected, reproducedKeys, stored } = yield* orFailDecrypt(() =>
    checkDecryptionRequest(request)
  )
  const verificationKey = yield* importVerificationKey(primitives, algorithmSuite, stored)
  const locked: CryptographicMaterials.DecryptionMaterials = {
    algorithmSuite,
    encryptionContext: reproducedKeys.length === 0 ? stored : Object.freeze({ ...stored, ...expected }),
    requiredEncryptionContextKeys: reproducedKeys
  }
  const result = yield* Effect.mapError(
    onDecrypt(keyring, { ...locked }, EncryptedDataKey.copyAll(encryptedDataKeys)),
    notUnwrapped
  )
  if (result._tag === "NotMine") {
    return yield* failDecrypt(new NoDataKeyUnwrapped({ encryptedDataKeys: result.skipped, ...omittedOf(result) }))
  }
  const materials = yield* orFailDecrypt(() => {
    const unwrappedDataKey = encryptedDataKeys.find((edk) => isSameEncryptedDataKey(edk, result.encryptedDataKey)) ??
      reject(foreignEncryptedDataKey(keyring))
    const { branchKeys, plaintextDataKey } = result
    return CryptographicMaterials.checkDecryptionMaterials({
      ...locked,
      plaintextDataKey,
      unwrappedDataKey,
      verificationKey,
      branchKeys
    })
  })
  return { materials, receipt: Receipt.uncached }
})

const foreignEncryptedDataKey = (keyring: Keyring.Keyring) =>
  new InvalidMaterials({
    field: "encryptedDataKey",
    description: `in the answer of the keyring ${nameOf(keyring)} is none of the message's`
  })

/** The parts of a request, each read once, and the keys of the expected pairs that the message does not store. */
interface CheckedRequest {
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite
  readonly encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>
  readonly stored: EncryptionContext.EncryptionContext
  readonly expected: EncryptionContext.EncryptionContext
  readonly reproducedKeys: ReadonlyArray<string>
}

const checkDecryptionRequest = (request: CryptographicMaterialsManager.DecryptMaterialsRequest): CheckedRequest => {
  const algorithmSuite = CommitmentPolicy.checkSuite(request.algorithmSuite)
  CommitmentPolicy.checkDecrypt(request.commitmentPolicy, algorithmSuite)
  const stored = EncryptionContext.check(request.encryptionContext)
  const expected = EncryptionContext.check(request.expectedEncryptionContext)
  // Where the library's own pairs are not stored, there are none: a caller cannot supply them.
  const isMismatch = (key: string) =>
    Object.hasOwn(stored, key) ? stored[key] !== expected[key] : key.startsWith(EncryptionContext.reservedPrefix)
  const mismatch = Object.keys(expected).find(isMismatch)
  if (mismatch !== undefined) reject(new EncryptionContextMismatch({ key: mismatch }))
  const reproducedKeys = Object.freeze(Object.keys(expected).filter((key) => !Object.hasOwn(stored, key)))
  const encryptedDataKeys = CryptographicMaterials.checkEncryptedDataKeys(request.encryptedDataKeys)
  return { algorithmSuite, encryptedDataKeys, stored, expected, reproducedKeys }
}

/** The key that the message names for its signature. Only a message of a suite that signs may name one. */
const importVerificationKey = Effect.fnUntraced(function*(
  primitives: Primitives,
  { signature }: AlgorithmSuite.AlgorithmSuite,
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
      ? new NoDataKeyUnwrapped({
        encryptedDataKeys: error.reason.encryptedDataKeys,
        ...omittedOf(error.reason)
      })
      : error
  })

const isSameEncryptedDataKey = (a: EncryptedDataKey.EncryptedDataKey, b: EncryptedDataKey.EncryptedDataKey): boolean =>
  a === b ||
  (typeof b === "object" && b !== null && bytes.isBytes(b.keyProviderInfo) && bytes.isBytes(b.ciphertext) &&
    EncryptedDataKey.equals(a, b))
