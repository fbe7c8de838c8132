/**
 * Checks of the options that raw keyrings share: the key's names, and whether keys are still there.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as bytes from "../../internal/bytes.ts"
import { failMisconfigured } from "../../materials/keyringFailures.ts"
import { maxFieldLength } from "../../model/EncryptedDataKey.ts"
import type { KeyringError, ProviderRefusal } from "../../model/errors/KeyringError.ts"

/** Returns the UTF-8 bytes of the key name, which leave room for `suffixLength` bytes of key provider information behind it. */
export const checkNames = (
  keyring: string,
  { keyName, keyNamespace }: { readonly keyNamespace: string; readonly keyName: string },
  suffixLength: number
): Effect.Effect<Uint8Array, KeyringError> => {
  const fail = (field: string, description: string) => failMisconfigured(keyring, "make", field, description)
  for (
    const [field, value, maximum] of [
      ["keyNamespace", keyNamespace, maxFieldLength],
      ["keyName", keyName, maxFieldLength - suffixLength]
    ] as const
  ) {
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

/** The sentence about a key that is gone. */
const dropped = "was dropped when the scope closed that the keyring was made in: use the keyring within that scope"

const isDropped = (key: Redacted.Redacted<unknown>): boolean => Result.isFailure(Result.try(() => Redacted.value(key)))

/** Fails an operation of a keyring whose key is gone with its scope. */
export const checkOpen = (
  keyring: string,
  operation: KeyringError["operation"],
  field: string,
  key: Redacted.Redacted<unknown>
): Effect.Effect<void, KeyringError> =>
  isDropped(key) ? failMisconfigured(keyring, operation, field, dropped) : Effect.void

/** `unwrap` with a key, unless that is gone since the operation began. */
export const whileOpen = <A, E, R>(
  field: string,
  key: Redacted.Redacted<unknown>,
  unwrap: Effect.Effect<A, E, R>
): Effect.Effect<A, E | ProviderRefusal, R> =>
  Effect.suspend((): Effect.Effect<A, E | ProviderRefusal, R> =>
    isDropped(key)
      ? Effect.fail({ failure: "Rejected", code: "KeyDropped", description: `${field} ${dropped}`, isRetryable: false })
      : unwrap
  )
