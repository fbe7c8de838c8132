/**
 * What the raw keyrings have in common.
 */
import * as EncryptionContextCodec from "../message/EncryptionContextCodec.ts"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Primitives } from "../crypto/Primitives.ts"
import type { PrimitivesError } from "../crypto/PrimitivesError.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "../model/CryptographicMaterials.ts"
import { checkDataKey } from "../model/CryptographicMaterials.ts"
import * as DataKey from "../model/DataKey.ts"
import * as EncryptedDataKey from "../model/EncryptedDataKey.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import * as bytes from "../internal/bytes.ts"
import type { OnDecryptResult } from "../materials/Keyring.ts"
import type { EncryptedDataKeyReport, ProviderFailure } from "../model/errors/KeyringError.ts"
import { DataKeyNotUnwrapped, KeyringError, KeyringMisconfigured } from "../model/errors/KeyringError.ts"
import type { NotLoaded } from "../model/errors/NotLoaded.ts"

export const misconfigured = (
  keyring: string,
  operation: KeyringError["operation"],
  field: string,
  description: string
): KeyringError => new KeyringError({ keyring, operation, reason: new KeyringMisconfigured({ field, description }) })

/** Why a keyring cannot be made with a key. */
export const refusedKey = (keyring: string, field: string, error: PrimitivesError | NotLoaded): KeyringError =>
  error._tag === "NotLoaded"
    ? new KeyringError({ keyring, operation: "make", reason: error })
    : misconfigured(keyring, "make", field, error.description)

/** The UTF-8 bytes of a key name, which leave room for `suffixLength` bytes of key provider information behind it. */
export const checkNames = (
  keyring: string,
  { keyName, keyNamespace }: { readonly keyNamespace: string; readonly keyName: string },
  suffixLength: number
): Effect.Effect<Uint8Array, KeyringError> => {
  const fail = (field: string, description: string) => Effect.fail(misconfigured(keyring, "make", field, description))
  for (
    const [field, value, maximum] of [
      ["keyNamespace", keyNamespace, EncryptedDataKey.maxFieldLength],
      ["keyName", keyName, EncryptedDataKey.maxFieldLength - suffixLength]
    ] as const
  ) {
    if (typeof value !== "string") return fail(field, `must be a string, got ${typeof value}`)
    if (value === "") return fail(field, "must not be empty")
    if (!bytes.isWellFormed(value)) return fail(field, "is not well-formed Unicode")
    const length = bytes.utf8(value).length
    if (length > maximum) return fail(field, `is ${length} bytes of UTF-8, at most ${maximum} fit`)
  }
  // Specification: framework/keyring-interface.md#key-provider-id
  return keyNamespace.startsWith("aws-kms")
    ? fail("keyNamespace", "must not start with \"aws-kms\", which belongs to the KMS keyrings")
    : Effect.succeed(bytes.utf8(keyName))
}

/** The canonical bytes of a context, which is validated here again: a keyring can be called by others than managers. */
export const serializeContext = (
  keyring: string,
  operation: KeyringError["operation"],
  materials: EncryptionMaterials | DecryptionMaterials
): Effect.Effect<Uint8Array, KeyringError> =>
  Result.match(EncryptionContext.validate(materials.encryptionContext), {
    onFailure: (error) => Effect.fail(misconfigured(keyring, operation, "encryptionContext", error.message)),
    onSuccess: (context) => Effect.succeed(EncryptionContextCodec.encode(context))
  })

/**
 * The plaintext data key that materials have, or a new one that is zeroed when the scope closes.
 *
 * Specification: framework/keyring-interface.md#generate-data-key
 */
export const ensureDataKey = (
  primitives: Primitives,
  { algorithmSuite, plaintextDataKey }: EncryptionMaterials
): Effect.Effect<DataKey.DataKey, never, Scope.Scope> =>
  plaintextDataKey === undefined
    ? Effect.acquireRelease(
      Effect.map(primitives.randomBytes(algorithmSuite.dataKeyLength), DataKey.make),
      (key) => Effect.sync(() => DataKey.zero(key))
    )
    : Effect.succeed(plaintextDataKey)

export const appended = (
  materials: EncryptionMaterials,
  plaintextDataKey: DataKey.DataKey,
  encryptedDataKey: EncryptedDataKey.EncryptedDataKey
): EncryptionMaterials => ({
  ...materials,
  plaintextDataKey,
  encryptedDataKeys: [...materials.encryptedDataKeys, encryptedDataKey]
})

/** An attempt that did not give a data key. No retry of it can help: the keys are here. */
export interface Refused {
  readonly failure: ProviderFailure
  readonly code: string
}

/**
 * Tries encrypted data keys in order. `select` says how to try one, or why it is not this keyring's own; the key that a
 * try answers belongs to the scope, and is checked here.
 */
export const unwrapFirst = Effect.fnUntraced(function*<A>(
  keyring: string,
  materials: DecryptionMaterials,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>,
  select: (encryptedDataKey: EncryptedDataKey.EncryptedDataKey) => Result.Result<A, string>,
  unwrap: (selected: A) => Effect.Effect<DataKey.DataKey, Refused, Scope.Scope>
): Effect.fn.Return<OnDecryptResult, KeyringError, Scope.Scope> {
  const reports: Array<EncryptedDataKeyReport> = []
  for (const [index, encryptedDataKey] of encryptedDataKeys.entries()) {
    const row = {
      keyring,
      index,
      keyProviderId: encryptedDataKey.keyProviderId,
      keyProviderInfo: EncryptedDataKey.printableInfo(encryptedDataKey.keyProviderInfo)
    }
    const selected = select(encryptedDataKey)
    if (Result.isFailure(selected)) {
      reports.push({ _tag: "Skipped", ...row, because: selected.failure })
      continue
    }
    const unwrapped = yield* Effect.result(unwrap(selected.success))
    if (Result.isFailure(unwrapped)) {
      reports.push({ _tag: "Attempted", ...row, ...unwrapped.failure, isRetryable: false })
      continue
    }
    const plaintextDataKey = unwrapped.success
    if (Result.isSuccess(checkDataKey(materials.algorithmSuite, plaintextDataKey))) {
      return { _tag: "Unwrapped", plaintextDataKey, encryptedDataKey }
    }
    DataKey.zero(plaintextDataKey)
    reports.push({
      _tag: "Attempted",
      ...row,
      failure: "InvalidAnswer",
      code: "InvalidDataKey",
      isRetryable: false
    })
  }
  return reports.every((report) => report._tag === "Skipped")
    ? { _tag: "NotMine", skipped: reports }
    : yield* Effect.fail(
      new KeyringError({
        keyring,
        operation: "onDecrypt",
        reason: new DataKeyNotUnwrapped({ encryptedDataKeys: reports })
      })
    )
})
