/**
 * Choice of the key that unwraps an encrypted data key.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as bytes from "../../internal/bytes.ts"
import { failNotUnwrapped } from "../../materials/keyringFailures.ts"
import { Reports } from "../../materials/reports.ts"
import { reportFields } from "../../materials/unwrapFirst.ts"
import * as EncryptedDataKey from "../../model/EncryptedDataKey.ts"
import type { EncryptedDataKeyReport, KeyringError, ProviderRefusal } from "../../model/errors/KeyringError.ts"
import * as KeyArn from "../KeyArn.ts"
import { providerId as kmsProviderId } from "./kmsResponses.ts"

/** The key ARN that an encrypted data key names, or the reason why it is none of the key provider. */
export const keyArnOf = (
  { keyProviderId, keyProviderInfo }: EncryptedDataKey.EncryptedDataKey,
  providerId: string = kmsProviderId
): Result.Result<KeyArn.KeyArn, string> => {
  if (keyProviderId !== providerId) return Result.fail(`its key provider is not ${providerId}`)
  const text = bytes.fromUtf8(keyProviderInfo)
  const arn = text === undefined ? undefined : KeyArn.parseKeyArn(text)
  return arn === undefined ? Result.fail("its key provider information is no key ARN") : Result.succeed(arn)
}

/**
 * Returns the configured key that unwraps an encrypted data key, or the reason why there is none. `matches` compares a
 * configured name with the key ARN that the encrypted data key names.
 *
 * Specification: framework/aws-kms/aws-kms-keyring.md#ondecrypt, framework/aws-kms/aws-kms-mrk-keyring.md#ondecrypt
 */
export const selectKey = (
  configured: ReadonlyArray<string>,
  matches: (configured: string, keyArn: string) => boolean,
  encryptedDataKey: EncryptedDataKey.EncryptedDataKey,
  providerId: string = kmsProviderId
): Result.Result<string, string> =>
  Result.flatMap(keyArnOf(encryptedDataKey, providerId), (arn) => {
    const text = KeyArn.format(arn)
    const key = configured.find((identifier) => matches(identifier, text))
    if (key !== undefined) return Result.succeed(key)
    const hints = configured.map((identifier) => hint(identifier, arn)).filter((hint) => hint !== undefined)
    return Result.fail(
      hints.length === 0
        ? "its key ARN is not configured"
        : `its key ARN is not configured, and names are compared exactly: ${hints.join(", ")}. ` +
          `If this is the key that is meant, configure its key ARN ${text}`
    )
  })

/** Describes a configured name where it may mean the key all the same. */
const hint = (identifier: string, arn: KeyArn.KeyArn): string | undefined => {
  const parsed = Result.getOrThrow(KeyArn.parse(identifier))
  switch (parsed._tag) {
    case "KeyArn":
      return KeyArn.mrkMatchForDecrypt(identifier, KeyArn.format(arn))
        ? `${identifier} is another replica of that multi-Region key, with which KmsMrkKeyring unwraps it`
        : undefined
    case "KeyId":
      return parsed.keyId === arn.keyId ? `${identifier} is the key id of that ARN alone` : undefined
    case "AliasName":
      return `${identifier} is an alias, which encrypts but does not decrypt`
    case "AliasArn":
      return parsed.partition === arn.partition && parsed.region === arn.region && parsed.account === arn.account
        ? `${identifier} is an alias, which encrypts but does not decrypt`
        : undefined
  }
}

/**
 * Fails with `DataKeyNotUnwrapped` where an encrypted data key names the key provider with something other than a key ARN. None is
 * tried then; there is a row for each.
 *
 * Specification: framework/aws-kms/aws-kms-discovery-keyring.md#ondecrypt,
 * framework/aws-kms/aws-kms-mrk-keyring.md#ondecrypt, framework/aws-kms/aws-kms-mrk-discovery-keyring.md#ondecrypt,
 * framework/aws-kms/aws-kms-rsa-keyring.md#ondecrypt
 */
export const checkKeyArns = (
  keyring: string,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>,
  providerId: string = kmsProviderId
): Effect.Effect<void, KeyringError> => {
  const malformed = encryptedDataKeys.map((encryptedDataKey) => isMalformed(encryptedDataKey, providerId))
  if (!malformed.includes(true)) return Effect.void
  const reports = new Reports<EncryptedDataKeyReport>()
  for (const [index, encryptedDataKey] of encryptedDataKeys.entries()) {
    const fields = () => reportFields(keyring, index, encryptedDataKey)
    if (malformed[index] === true) {
      reports.add("Attempted", () => ({ _tag: "Attempted", ...fields(), ...noKeyArn }))
    } else {
      reports.add("Skipped", () => ({ _tag: "Skipped", ...fields(), description: anotherMalformed }))
    }
  }
  return failNotUnwrapped(keyring, reports)
}

const isMalformed = (encryptedDataKey: EncryptedDataKey.EncryptedDataKey, providerId: string): boolean =>
  encryptedDataKey.keyProviderId === providerId && EncryptedDataKey.findGone(encryptedDataKey) === undefined &&
  Result.isFailure(keyArnOf(encryptedDataKey, providerId))

const anotherMalformed = "another encrypted data key of AWS KMS names no key ARN, so none is tried"

const noKeyArn: ProviderRefusal = {
  failure: "InvalidCiphertext",
  code: "KeyProviderInfoNotAKeyArn",
  description: "its key provider information is no key ARN, so none is tried",
  isRetryable: false
}
