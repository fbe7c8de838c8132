/**
 * Choice of the configured key that unwraps an encrypted data key.
 */
import * as Result from "effect/Result"
import * as bytes from "../../internal/bytes.ts"
import type { EncryptedDataKey } from "../../model/EncryptedDataKey.ts"
import * as KeyArn from "../KeyArn.ts"
import { providerId } from "./kmsResponses.ts"

/**
 * Returns the configured key ARN that an encrypted data key names, or the reason why there is none.
 *
 * Specification: framework/aws-kms/aws-kms-keyring.md#ondecrypt
 */
export const selectKey = (
  configured: ReadonlyArray<string>,
  { keyProviderId, keyProviderInfo }: EncryptedDataKey
): Result.Result<string, string> => {
  if (keyProviderId !== providerId) return Result.fail(`its key provider is not ${providerId}`)
  const text = bytes.fromUtf8(keyProviderInfo)
  const arn = text === undefined ? undefined : KeyArn.parseKeyArn(text)
  if (text === undefined || arn === undefined) return Result.fail("its key provider information is no key ARN")
  if (configured.includes(text)) return Result.succeed(text)
  const hints = configured.map((identifier) => hint(identifier, arn)).filter((hint) => hint !== undefined)
  return Result.fail(
    hints.length === 0
      ? "its key ARN is not configured"
      : `its key ARN is not configured, and names are compared exactly: ${hints.join(", ")}. ` +
        `If this is the key that is meant, configure its key ARN ${text}`
  )
}

/** Describes a configured name that is no key ARN, where it may mean the key all the same. */
const hint = (identifier: string, arn: KeyArn.KeyArn): string | undefined => {
  const parsed = Result.getOrThrow(KeyArn.parse(identifier))
  switch (parsed._tag) {
    case "KeyArn":
      return undefined
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
