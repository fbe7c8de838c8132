/**
 * Errors of keyrings from their parts.
 *
 * @internal
 */
import * as Result from "effect/Result"
import type { InvalidField } from "../internal/options.ts"
import type { EncryptedDataKeyReport, ProviderRefusal } from "../model/errors/KeyringError.ts"
import {
  DataKeyNotUnwrapped,
  DataKeyNotWrapped,
  KeyringError,
  KeyringMisconfigured
} from "../model/errors/KeyringError.ts"

/** Error when options are wrong or do not allow the operation. */
export const misconfigured = (
  keyring: string,
  operation: KeyringError["operation"],
  field: string,
  description: string
): KeyringError => new KeyringError({ keyring, operation, reason: new KeyringMisconfigured({ field, description }) })

/** Makes the check of a keyring's options from that of `internal/options.ts`. */
export const keyringOptions =
  <Options>(keyring: string, check: (input: unknown) => Result.Result<Options, InvalidField>) =>
  (input: unknown): Result.Result<Options, KeyringError> =>
    Result.mapError(check(input), ({ description, field }) => misconfigured(keyring, "make", field, description))

/** Error when the key provider did not make or wrap a data key. */
export const notWrapped = (keyring: string, keyName: string, refusal: ProviderRefusal): KeyringError =>
  new KeyringError({ keyring, operation: "onEncrypt", reason: new DataKeyNotWrapped({ keyName, ...refusal }) })

/** Error when none of the keyring's own encrypted data keys unwraps. */
export const notUnwrapped = (keyring: string, encryptedDataKeys: ReadonlyArray<EncryptedDataKeyReport>): KeyringError =>
  new KeyringError({ keyring, operation: "onDecrypt", reason: new DataKeyNotUnwrapped({ encryptedDataKeys }) })

/** The refusal that an error reports. An empty description is left out. */
export const refusalOf = (
  { code, description, failure, isRetryable }: ProviderRefusal
): ProviderRefusal =>
  description === undefined || description === ""
    ? { failure, code, isRetryable }
    : { failure, code, description, isRetryable }
