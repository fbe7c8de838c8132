/**
 * The keys of AWS KMS that a branch key store may use.
 *
 * Specification: framework/branch-key-store.md#aws-kms-configuration
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { shown } from "../internal/printable.ts"
import * as KeyArn from "../kms/KeyArn.ts"
import { RecordRejected } from "./BranchKeyRecord.ts"

const KeyArnText =
  /*#__PURE__*/ (() =>
    Schema.declare((value): value is string => typeof value === "string" && KeyArn.isKeyArn(value)))()

const Region = /*#__PURE__*/ (() => Schema.String.check(Schema.isPattern(/^[a-z0-9-]+$/)))()

/** Exactly this key, of whatever kind it is. */
export const SingleKey = /*#__PURE__*/ Schema.TaggedStruct("SingleKey", { keyArn: KeyArnText })

/** This key, and records under the other replicas of it where it is a multi-Region key. The key that is named is called. */
export const MultiRegionKey = /*#__PURE__*/ Schema.TaggedStruct("MultiRegionKey", { keyArn: KeyArnText })

/** The key that each record names. */
export const Discovery = /*#__PURE__*/ Schema.TaggedStruct("Discovery", {})

/** The key that each record names: of a multi-Region key, the replica in this Region. */
export const MultiRegionDiscovery = /*#__PURE__*/ Schema.TaggedStruct("MultiRegionDiscovery", { region: Region })

/** Configurations that name a key: those that make branch keys. */
export const Named = /*#__PURE__*/ Schema.Union([SingleKey, MultiRegionKey])

/** See the schema of the same name. */
export type Named = typeof Named.Type

/** All configurations. */
export const KmsConfiguration = /*#__PURE__*/ Schema.Union([SingleKey, MultiRegionKey, Discovery, MultiRegionDiscovery])

/** See the schema of the same name. */
export type KmsConfiguration = typeof KmsConfiguration.Type

/**
 * The key to call for a record; fails where the configuration does not allow the record's key.
 *
 * Specification: framework/branch-key-store.md#aws-kms-branch-key-decryption,
 * framework/branch-key-store.md#aws-key-arn-compatibility
 *
 * @internal
 */
export const keyFor = (configuration: KmsConfiguration, kmsArn: string): Result.Result<string, RecordRejected> => {
  const arn = KeyArn.parseKeyArn(kmsArn)
  if (arn === undefined) return rejected(`is no key ARN: ${shown(kmsArn)}`)
  switch (configuration._tag) {
    case "SingleKey":
      return configuration.keyArn === kmsArn ? Result.succeed(kmsArn) : notConfigured(configuration, kmsArn)
    case "MultiRegionKey":
      return KeyArn.mrkMatchForDecrypt(configuration.keyArn, kmsArn)
        ? Result.succeed(configuration.keyArn)
        : notConfigured(configuration, kmsArn)
    case "Discovery":
      return Result.succeed(kmsArn)
    case "MultiRegionDiscovery":
      return Result.succeed(
        KeyArn.isMultiRegion(arn) ? KeyArn.format({ ...arn, region: configuration.region }) : kmsArn
      )
  }
}

const notConfigured = ({ _tag, keyArn }: Named, kmsArn: string): Result.Result<never, RecordRejected> => {
  const hint = _tag === "SingleKey" && KeyArn.mrkMatchForDecrypt(keyArn, kmsArn)
    ? ", another replica of that multi-Region key: configure MultiRegionKey"
    : ""
  return rejected(`is ${shown(kmsArn)}, the store is configured for ${shown(keyArn)}${hint}`)
}

const rejected = (description: string): Result.Result<never, RecordRejected> =>
  Result.fail(new RecordRejected({ attribute: "kms-arn", description }))
