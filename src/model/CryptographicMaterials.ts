/**
 * Encryption and decryption materials: the key material and metadata for one message.
 *
 * Specification: framework/structures.md#encryption-materials, framework/structures.md#decryption-materials
 */
import * as Result from "effect/Result"
import * as AlgorithmSuite from "./AlgorithmSuite.ts"
import * as BranchKeyUse from "./BranchKeyUse.ts"
import * as DataKey from "./DataKey.ts"
import * as EncryptedDataKey from "./EncryptedDataKey.ts"
import * as EncryptionContext from "./EncryptionContext.ts"
import { type InvalidEncryptionContext, InvalidMaterials } from "./errors/Reasons.ts"
import type { MissingWrapping } from "./errors/KeyringError.ts"
import { makeBrand } from "../internal/brand.ts"
import * as bytes from "../internal/bytes.ts"
import { quoted } from "../internal/printable.ts"
import { checked, reject } from "../internal/rejection.ts"
import type { SigningKey, VerificationKey } from "./KeyHandles.ts"

/** Materials on their way through keyrings: the first keyring adds the data key, each adds encrypted data keys. */
export interface EncryptionMaterials {
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite
  readonly encryptionContext: EncryptionContext.EncryptionContext
  /** Keys of the context that are authenticated but not stored in the message. */
  readonly requiredEncryptionContextKeys: ReadonlyArray<string>
  readonly encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>
  readonly plaintextDataKey: DataKey.DataKey | undefined
  /** Present if and only if the suite signs. */
  readonly signingKey: SigningKey | undefined
  /** The wrappings that the materials lack, where a keyring goes on without: `ResilientMultiKeyring` does. */
  readonly missingWrappings?: ReadonlyArray<MissingWrapping> | undefined
  /** The branch keys that the data key is wrapped under: of hierarchical keyrings. */
  readonly branchKeys?: ReadonlyArray<BranchKeyUse.BranchKeyUse> | undefined
}

/** Complete encryption materials, as a materials manager returns them. */
export interface CompleteEncryptionMaterials extends EncryptionMaterials {
  readonly plaintextDataKey: DataKey.DataKey
}

/** Decryption materials on their way to a keyring, which returns the data key. */
export interface DecryptionMaterials {
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite
  readonly encryptionContext: EncryptionContext.EncryptionContext
  /** Keys of the context that were authenticated but not stored in the message. */
  readonly requiredEncryptionContextKeys: ReadonlyArray<string>
}

/** Complete decryption materials, as a materials manager returns them. */
export interface CompleteDecryptionMaterials extends DecryptionMaterials {
  readonly plaintextDataKey: DataKey.DataKey
  /** The encrypted data key that was unwrapped: it says under which wrapping key the message was readable. */
  readonly unwrappedDataKey: EncryptedDataKey.EncryptedDataKey
  /** Present if and only if the suite signs. */
  readonly verificationKey: VerificationKey | undefined
  /** The branch key that the data key was unwrapped with: of a hierarchical keyring. */
  readonly branchKeys?: ReadonlyArray<BranchKeyUse.BranchKeyUse> | undefined
}

/** The marks of materials that were checked, and can no longer change. */
const checkedEncryption = /*#__PURE__*/ makeBrand()
const checkedDecryption = /*#__PURE__*/ makeBrand()

/**
 * Checks that a suite can use a data key: it is not released yet, has the suite's length, and is not all zero. Rejects with
 * `InvalidMaterials`, which names the fault.
 *
 * @internal
 */
export const checkDataKey = (suite: AlgorithmSuite.AlgorithmSuite, plaintextDataKey: DataKey.DataKey): void => {
  const value = unreleased(plaintextDataKey)
  if (!bytes.isBytes(value)) return invalid("plaintextDataKey", "is no data key, or was released already")
  const gone = bytes.findGone(value)
  if (gone !== undefined) invalid("plaintextDataKey", gone)
  if (value.length !== suite.dataKeyLength) {
    invalid("plaintextDataKey", `is ${value.length} bytes, the suite takes ${suite.dataKeyLength}`)
  }
  if (bytes.isAllZero(value)) invalid("plaintextDataKey", "is all zero")
}

const unreleased = (plaintextDataKey: DataKey.DataKey): unknown => {
  try {
    return DataKey.value(plaintextDataKey)
  } catch {
    return undefined
  }
}

/**
 * Checks that encryption materials are complete and fit the message format. Returns a frozen copy, whose context can no
 * longer change either. Materials that were returned here before are returned as they are; of those only the data key is
 * checked again, since it may have been released. Rejects with `InvalidMaterials`.
 *
 * Specification: framework/cmm-interface.md#get-encryption-materials
 *
 * @internal
 */
export const checkEncryptionMaterials = (materials: EncryptionMaterials): CompleteEncryptionMaterials => {
  if (typeof materials !== "object" || materials === null) return invalid("materials", "are missing")
  // Each part is read once: what is checked is what is returned, whatever a getter would return the next time.
  const { algorithmSuite: suite, plaintextDataKey, signingKey } = materials
  const isChecked = checkedEncryption.has(materials)
  const algorithmSuite = isChecked ? suite : readSuite(suite)
  if (plaintextDataKey === undefined) return invalid("plaintextDataKey", "is missing")
  checkDataKey(algorithmSuite, plaintextDataKey)
  if (isChecked) return materials as CompleteEncryptionMaterials
  const context = EncryptionContext.validate(materials.encryptionContext)
  if (Result.isFailure(context)) return invalid("encryptionContext", context.failure.message)
  const encryptionContext = context.success
  const encryptedDataKeys = readEncryptedDataKeys(materials.encryptedDataKeys)
  const missingWrappings = readRows("missingWrappings", materials.missingWrappings, readMissingWrapping)
  const branchKeys = readRows("branchKeys", materials.branchKeys, BranchKeyUse.read)
  checkSigningKey(algorithmSuite, signingKey, encryptionContext)
  const complete: CompleteEncryptionMaterials = {
    algorithmSuite,
    encryptionContext,
    requiredEncryptionContextKeys: readRequiredKeys(materials.requiredEncryptionContextKeys, encryptionContext),
    encryptedDataKeys,
    plaintextDataKey,
    signingKey,
    ...missingWrappings && { missingWrappings },
    ...branchKeys && { branchKeys }
  }
  return Object.freeze(checkedEncryption.mark(complete))
}

/** Frozen copies of rows; undefined where there are none. */
const readRows = <Row>(
  field: string,
  given: unknown,
  read: (row: any) => Row | undefined
): ReadonlyArray<Row> | undefined => {
  if (given === undefined) return undefined
  if (!Array.isArray(given)) return invalid(field, "are no array")
  const rows = Array.from(given, (row) => read(row) ?? invalid(field, "hold what is no such row"))
  return rows.length === 0 ? undefined : Object.freeze(rows)
}

/**
 * A frozen copy of a row; undefined where it is none.
 *
 * @internal
 */
export const readMissingWrapping = (row: Partial<MissingWrapping> | null | undefined): MissingWrapping | undefined => {
  const { code, description, failure, isRetryable, keyring, member } = row ?? {}
  if (
    typeof keyring !== "string" || typeof member !== "string" || typeof failure !== "string" ||
    typeof code !== "string" || typeof isRetryable !== "boolean" ||
    (description !== undefined && typeof description !== "string")
  ) return undefined
  const refusal = { keyring, member, failure, code, isRetryable }
  return Object.freeze(description === undefined ? refusal : { ...refusal, description })
}

const readSuite = (suite: unknown): AlgorithmSuite.AlgorithmSuite =>
  AlgorithmSuite.resolve(suite) ?? invalid("algorithmSuite", "is none of the known suites")

const readEncryptedDataKeys = (
  given: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>
): ReadonlyArray<EncryptedDataKey.EncryptedDataKey> => {
  const encryptedDataKeys = Array.isArray(given)
    ? Array.from(given, (edk) => readEncryptedDataKey(edk, "encryptedDataKeys"))
    : []
  if (encryptedDataKeys.length === 0) invalid("encryptedDataKeys", "there is none")
  if (encryptedDataKeys.length > EncryptedDataKey.maxCount) {
    invalid(
      "encryptedDataKeys",
      `there are ${encryptedDataKeys.length}, at most ${EncryptedDataKey.maxCount} fit a message`
    )
  }
  return Object.freeze(encryptedDataKeys)
}

/** Checks that a signing key goes with a suite that signs, and with the public key in the context. */
const checkSigningKey = (
  algorithmSuite: AlgorithmSuite.AlgorithmSuite,
  signingKey: unknown,
  context: EncryptionContext.EncryptionContext
): void => {
  checkPresence("signingKey", signingKey, algorithmSuite)
  // The message would be undecryptable without it, and with one that has no signing key.
  if (Object.hasOwn(context, EncryptionContext.publicKeyKey) !== (signingKey !== undefined)) {
    invalid(
      "encryptionContext",
      `${JSON.stringify(EncryptionContext.publicKeyKey)} is ${
        signingKey === undefined ? "there, the suite does not sign" : "missing, the suite signs"
      }`
    )
  }
}

const checkPresence = (field: string, key: unknown, { signature }: AlgorithmSuite.AlgorithmSuite): void => {
  if ((key === undefined) !== (signature === undefined)) {
    invalid(field, key === undefined ? "is missing, the suite signs" : "is there, the suite does not sign")
  }
}

/**
 * Checks the encrypted data keys of a message. Returns copies, in a list that cannot change. Rejects with `InvalidMaterials`.
 *
 * @internal
 */
export const checkEncryptedDataKeys = (
  given: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>
): ReadonlyArray<EncryptedDataKey.EncryptedDataKey> =>
  Array.isArray(given)
    ? Object.freeze(Array.from(given, (edk) => readEncryptedDataKey(edk, "encryptedDataKeys")))
    : invalid("encryptedDataKeys", "are missing")

/** A frozen copy of an encrypted data key that was checked: its bytes cannot be changed by anyone who made it. */
const readEncryptedDataKey = (
  edk: EncryptedDataKey.EncryptedDataKey,
  part: string
): EncryptedDataKey.EncryptedDataKey => {
  if (typeof edk !== "object" || edk === null) return invalid(part, "holds what is no encrypted data key")
  const { ciphertext, keyProviderId, keyProviderInfo } = edk
  if (typeof keyProviderId !== "string" || !bytes.isWellFormed(keyProviderId)) {
    return invalid(`${part}.keyProviderId`, "is not well-formed Unicode")
  }
  checkField(`${part}.keyProviderId`, bytes.utf8(keyProviderId))
  checkField(`${part}.keyProviderInfo`, keyProviderInfo)
  checkField(`${part}.ciphertext`, ciphertext)
  return EncryptedDataKey.copy({ keyProviderId, keyProviderInfo, ciphertext })
}

const checkField = (field: string, value: Uint8Array): void => {
  if (!bytes.isBytes(value)) return invalid(field, "is no Uint8Array")
  const gone = bytes.findGone(value)
  if (gone !== undefined) invalid(field, gone)
  if (value.length > EncryptedDataKey.maxFieldLength) {
    invalid(field, `is ${value.length} bytes, at most ${EncryptedDataKey.maxFieldLength} fit a message`)
  }
}

/** A frozen copy of the required keys, each of which the context must have. */
const readRequiredKeys = (
  given: ReadonlyArray<string>,
  context: EncryptionContext.EncryptionContext
): ReadonlyArray<string> => {
  if (!Array.isArray(given)) return invalid("requiredEncryptionContextKeys", "are missing")
  const keys = [...given]
  const missing = keys.find((key) => !Object.hasOwn(context, key))
  if (missing !== undefined) {
    invalid("requiredEncryptionContextKeys", `the context has no key ${quoted(missing)}`)
  }
  return Object.freeze(keys)
}

/**
 * Checks that decryption materials are complete. Returns a frozen copy with a frozen context. Materials that were returned
 * here before are returned as they are; of those only the data key is checked again, since it may have been released.
 * Rejects with `InvalidMaterials`.
 *
 * Specification: framework/cmm-interface.md#decrypt-materials
 *
 * @internal
 */
export const checkDecryptionMaterials = (materials: CompleteDecryptionMaterials): CompleteDecryptionMaterials => {
  if (typeof materials !== "object" || materials === null) return invalid("materials", "are missing")
  const { algorithmSuite: suite, encryptionContext, plaintextDataKey, unwrappedDataKey, verificationKey } = materials
  const isChecked = checkedDecryption.has(materials)
  const algorithmSuite = isChecked ? suite : readSuite(suite)
  checkDataKey(algorithmSuite, plaintextDataKey)
  if (isChecked) return materials
  checkPresence("verificationKey", verificationKey, algorithmSuite)
  if (typeof encryptionContext !== "object" || encryptionContext === null) invalid("encryptionContext", "is missing")
  // Stored and required pairs together can be too long to be valid as one context.
  const context = readContext(encryptionContext)
  const branchKeys = readRows("branchKeys", materials.branchKeys, BranchKeyUse.read)
  const complete: CompleteDecryptionMaterials = {
    algorithmSuite,
    encryptionContext: context,
    requiredEncryptionContextKeys: readRequiredKeys(materials.requiredEncryptionContextKeys, context),
    plaintextDataKey,
    unwrappedDataKey: readEncryptedDataKey(unwrappedDataKey, "unwrappedDataKey"),
    verificationKey,
    ...branchKeys && { branchKeys }
  }
  return Object.freeze(checkedDecryption.mark(complete))
}

const readContext = (given: EncryptionContext.EncryptionContext): EncryptionContext.EncryptionContext => {
  const copied = checked<EncryptionContext.EncryptionContext, InvalidEncryptionContext>(() =>
    EncryptionContext.copy(given)
  )
  return Result.isFailure(copied)
    ? invalid("encryptionContext", copied.failure.message)
    : Object.freeze(copied.success)
}

/**
 * The same materials with parts of the library's own: a copy of the data key, or of what was checked already. Materials that
 * were checked stay so.
 *
 * @internal
 */
export const withParts = <Materials extends CompleteEncryptionMaterials | CompleteDecryptionMaterials>(
  materials: Materials,
  parts: { readonly [Part in keyof Materials]?: Materials[Part] | undefined }
): Materials => {
  const copy = { ...materials, ...parts }
  if (checkedEncryption.has(materials)) checkedEncryption.mark(copy)
  if (checkedDecryption.has(materials)) checkedDecryption.mark(copy)
  return Object.freeze(copy)
}

const invalid = (field: string, description: string): never => reject(new InvalidMaterials({ field, description }))
