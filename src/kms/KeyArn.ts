/**
 * The names of AWS KMS keys: key ARNs, alias ARNs, alias names and key ids.
 *
 * Specification: framework/aws-kms/aws-kms-key-arn.md
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { printable, quoted } from "../internal/printable.ts"
import { TaggedError } from "../internal/TaggedError.ts"

/** Fields of both kinds of ARN. */
interface Arn {
  /** `aws`, `aws-cn`, `aws-us-gov`, … */
  readonly partition: string
  readonly region: string
  readonly account: string
}

/** `arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab`. */
export interface KeyArn extends Arn {
  readonly _tag: "KeyArn"
  readonly keyId: string
}

/** `arn:aws:kms:us-east-1:111122223333:alias/orders`. */
export interface AliasArn extends Arn {
  readonly _tag: "AliasArn"
  /** With its prefix: `alias/orders`. */
  readonly aliasName: string
}

/** `alias/orders`, in whatever Region the client calls. */
export interface AliasName {
  readonly _tag: "AliasName"
  /** With its prefix: `alias/orders`. */
  readonly aliasName: string
}

/** `1234abcd-12ab-34cd-56ef-1234567890ab`, or `mrk-…` of a multi-Region key, in whatever Region the client calls. */
export interface KeyId {
  readonly _tag: "KeyId"
  readonly keyId: string
}

/** Every form of a key's name that AWS KMS accepts. */
export type KeyIdentifier = KeyArn | AliasArn | AliasName | KeyId

/** Error when a text names no AWS KMS key; `description` says why. */
export class InvalidKeyIdentifier extends (/*#__PURE__*/ TaggedError<InvalidKeyIdentifier>()("InvalidKeyIdentifier", {
  identifier: Schema.String,
  description: Schema.String
})) {
  override get message(): string {
    return `${quoted(this.identifier)} ${printable(this.description)}`
  }
}

/**
 * Reads a key identifier. `format` gives exactly the same text again.
 *
 * **Gotchas**
 *
 * Stricter than the specification in two ways, both for texts that AWS KMS rejects anyway: white space and control
 * characters are rejected everywhere (the line break at the end of a file, for one), and so are `:` and `/` in a bare key
 * id (an ARN that lost its beginning, for one).
 *
 * Specification: framework/aws-kms/aws-kms-key-arn.md#a-valid-aws-kms-identifier
 */
export const parse = (identifier: string): Result.Result<KeyIdentifier, InvalidKeyIdentifier> => {
  const fail = (description: string) => Result.fail(new InvalidKeyIdentifier({ identifier, description }))
  if (identifier === "") return fail("is empty")
  if (/[\s\p{C}]/u.test(identifier)) return fail("has white space or a control character")
  if (!identifier.startsWith("arn:")) {
    if (identifier.startsWith("alias/")) {
      return identifier.length > "alias/".length
        ? Result.succeed({ _tag: "AliasName", aliasName: identifier })
        : fail("has no alias name after alias/")
    }
    return /[:/]/.test(identifier)
      ? fail("is neither an ARN, nor an alias name that begins with alias/, nor a key id")
      : Result.succeed({ _tag: "KeyId", keyId: identifier })
  }
  const parts = identifier.split(":")
  if (parts.length !== 6) return fail(`is no ARN: it has ${parts.length} parts between colons instead of 6`)
  const [, partition, service, region, account, resource] = parts as [string, string, string, string, string, string]
  if (partition === "") return fail("is an ARN without partition")
  if (service !== "kms") return fail(`is an ARN of the service ${quoted(service)} instead of "kms"`)
  if (region === "") return fail("is an ARN without Region")
  if (account === "") return fail("is an ARN without account")
  // Only the first slash divides: an alias name may hold more of them.
  const slash = resource.indexOf("/")
  const type = slash < 0 ? resource : resource.slice(0, slash)
  const id = slash < 0 ? "" : resource.slice(slash + 1)
  if (type !== "key" && type !== "alias") {
    return fail(`is an ARN of the resource type ${quoted(type)} instead of "key" or "alias"`)
  }
  if (id === "") return fail(`is an ARN without a resource id after ${type}/`)
  return Result.succeed(
    type === "key"
      ? { _tag: "KeyArn", partition, region, account, keyId: id }
      : { _tag: "AliasArn", partition, region, account, aliasName: resource }
  )
}

/** The text of a key identifier. */
export const format = (identifier: KeyIdentifier): string => {
  switch (identifier._tag) {
    case "KeyArn":
      return `${formatArn(identifier)}:key/${identifier.keyId}`
    case "AliasArn":
      return `${formatArn(identifier)}:${identifier.aliasName}`
    case "AliasName":
      return identifier.aliasName
    case "KeyId":
      return identifier.keyId
  }
}

const formatArn = (arn: Arn): string => `arn:${arn.partition}:kms:${arn.region}:${arn.account}`

/** Reads a key ARN, and nothing else: `undefined` for every other text, alias ARNs included. */
export const parseKeyArn = (text: string): KeyArn | undefined => {
  const parsed = parse(text)
  return Result.isSuccess(parsed) && parsed.success._tag === "KeyArn" ? parsed.success : undefined
}

/** Whether a text is a key ARN. An alias ARN is none. */
export const isKeyArn = (text: string): boolean => parseKeyArn(text) !== undefined

/** The Region that an identifier names, or `undefined` for alias names, key ids and texts that name no key. */
export const region = (identifier: string): string | undefined => {
  const parsed = parse(identifier)
  return Result.isSuccess(parsed) && "region" in parsed.success ? parsed.success.region : undefined
}

/**
 * Whether an identifier names a multi-Region key: a key ARN or key id whose id begins with `mrk-`. An alias never does,
 * whatever its name.
 *
 * Specification: framework/aws-kms/aws-kms-key-arn.md#identifying-an-an-aws-kms-multi-region-identifier
 */
export const isMultiRegion = (identifier: KeyIdentifier): boolean =>
  (identifier._tag === "KeyArn" || identifier._tag === "KeyId") && identifier.keyId.startsWith("mrk-")

/**
 * Whether a key that is configured as one identifier unwraps what was wrapped under the other: both are the same text, or
 * both are ARNs of one multi-Region key, in whatever Regions.
 *
 * Specification: framework/aws-kms/aws-kms-mrk-match-for-decrypt.md#implementation
 */
export const mrkMatchForDecrypt = (one: string, other: string): boolean => {
  if (one === other) return true
  const [first, second] = [parseKeyArn(one), parseKeyArn(other)]
  return first !== undefined && second !== undefined && isMultiRegion(first) &&
    first.partition === second.partition && first.account === second.account && first.keyId === second.keyId
}

/**
 * Returns every identifier, in the order given, whose multi-Region key id another one has too, whatever its Region,
 * account and partition. None of them says which Region to call. Aliases and texts that name no key have no such id.
 *
 * Specification: framework/aws-kms/aws-kms-mrk-are-unique.md#implementation
 */
export const duplicateMultiRegionKeys = (identifiers: ReadonlyArray<string>): ReadonlyArray<string> => {
  const ids = identifiers.map(multiRegionKeyId)
  return identifiers.filter((_, index) =>
    ids[index] !== undefined && ids.indexOf(ids[index]) !== ids.lastIndexOf(ids[index])
  )
}

const multiRegionKeyId = (identifier: string): string | undefined => {
  const parsed = Result.getOrUndefined(parse(identifier))
  return parsed !== undefined && "keyId" in parsed && isMultiRegion(parsed) ? parsed.keyId : undefined
}
