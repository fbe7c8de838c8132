/**
 * Failures of keyrings. For keyrings of the library: no entry point exports it.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { PrimitivesError } from "../crypto/PrimitivesError.ts"
import type { Bounds } from "../internal/options.ts"
import { checker } from "../internal/options.ts"
import type { DecryptionMaterials } from "../model/CryptographicMaterials.ts"
import type { EncryptedDataKeyReport, ProviderRefusal } from "../model/errors/KeyringError.ts"
import {
  DataKeyNotUnwrapped,
  DataKeyNotWrapped,
  KeyringError,
  type KeyringErrorReason,
  KeyringMisconfigured
} from "../model/errors/KeyringError.ts"
import type { NotLoaded } from "../model/errors/NotLoaded.ts"
import { type Kept, omittedOf } from "./reports.ts"

/** Fails an operation of a keyring. */
export const failKeyring = (
  keyring: string,
  operation: KeyringError["operation"],
  reason: KeyringErrorReason
): Effect.Effect<never, KeyringError> => Effect.fail(new KeyringError({ keyring, operation, reason }))

/** Fails because options are wrong, or do not allow the operation. */
export const failMisconfigured = (
  keyring: string,
  operation: KeyringError["operation"],
  field: string,
  description: string
): Effect.Effect<never, KeyringError> =>
  failKeyring(keyring, operation, new KeyringMisconfigured({ field, description }))

/** Fails because a key cannot be imported. */
export const failImport = (
  keyring: string,
  field: string,
  error: PrimitivesError | NotLoaded
): Effect.Effect<never, KeyringError> =>
  error._tag === "NotLoaded"
    ? failKeyring(keyring, "make", error)
    : failMisconfigured(keyring, "make", field, error.description)

/** The refusal of a derived wrapping key that cannot be imported. */
export const notImported = (error: PrimitivesError | NotLoaded): ProviderRefusal =>
  error._tag === "NotLoaded"
    ? { failure: "Unreachable", code: error._tag, description: error.message, isRetryable: true }
    : { failure: "Rejected", code: error.reason, description: error.description, isRetryable: false }

/** Fails because the key provider did not make or wrap a data key. */
export const failNotWrapped = (
  keyring: string,
  keyName: string,
  refusal: ProviderRefusal
): Effect.Effect<never, KeyringError> =>
  failKeyring(keyring, "onEncrypt", new DataKeyNotWrapped({ keyName, ...refusal }))

/** Fails because none of the keyring's own encrypted data keys unwraps. */
export const failNotUnwrapped = (
  keyring: string,
  reports: Kept<EncryptedDataKeyReport>
): Effect.Effect<never, KeyringError> =>
  failKeyring(
    keyring,
    "onDecrypt",
    new DataKeyNotUnwrapped({ encryptedDataKeys: reports.rows, ...omittedOf(reports) })
  )

/**
 * Fails where decryption materials have a data key already. Their type has none, but a caller may pass those that were decrypted.
 *
 * Specification: framework/raw-aes-keyring.md#ondecrypt, framework/multi-keyring.md#ondecrypt
 */
export const checkLocked = (keyring: string, materials: DecryptionMaterials): Effect.Effect<void, KeyringError> =>
  "plaintextDataKey" in materials && materials.plaintextDataKey !== undefined
    ? failMisconfigured(keyring, "onDecrypt", "materials", "have a data key already")
    : Effect.void

/** The refusal that an error reports. An empty description is left out. */
export const refusalOf = ({ code, description, failure, isRetryable }: ProviderRefusal): ProviderRefusal =>
  description === undefined || description === ""
    ? { failure, code, isRetryable }
    : { failure, code, description, isRetryable }

/** Makes the check of a keyring's options, as `checker` does. `owner` ends the sentence for an unknown option: `a KMS keyring`. */
export const optionsOf = <S extends Schema.ConstraintDecoder<unknown>>(
  keyring: string,
  owner: string,
  schema: S,
  bounds: Bounds<S["Type"]>
): (options: unknown) => Effect.Effect<S["Type"], KeyringError> => {
  const check = checker(schema, owner, bounds)
  return (options) =>
    Result.match(check(options), {
      onFailure: ({ description, field }) => failMisconfigured(keyring, "make", field, description),
      onSuccess: (checked) => Effect.succeed(checked)
    })
}
