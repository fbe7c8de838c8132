/**
 * The discovery keyrings, which decrypt under the keys that a message names: their options, their filter, and their one
 * operation.
 *
 * Specification: framework/aws-kms/aws-kms-discovery-keyring.md, framework/aws-kms/aws-kms-mrk-discovery-keyring.md
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { shown } from "../../internal/options.ts"
import type { OnDecryptResult } from "../../materials/Keyring.ts"
import * as Keyring from "../../materials/Keyring.ts"
import { checkLocked, failMisconfigured } from "../../materials/keyringFailures.ts"
import { Reports } from "../../materials/reports.ts"
import { noneUnwrapped, tryInOrder } from "../../materials/unwrapFirst.ts"
import type { DecryptionMaterials } from "../../model/CryptographicMaterials.ts"
import type { EncryptedDataKey } from "../../model/EncryptedDataKey.ts"
import type { EncryptedDataKeyReport, KeyringError } from "../../model/errors/KeyringError.ts"
import type { DecryptCaller } from "../calls.ts"
import type { KeyArn } from "../KeyArn.ts"
import { checkKeyArns, keyArnOf } from "./keySelection.ts"
import { unwrap } from "./unwrap.ts"

/** Partitions and Regions are parts of ARNs: a colon in one would make another ARN. */
const ArnPart = /*#__PURE__*/ (() => Schema.String.check(Schema.isPattern(/^[a-z0-9-]+$/)))()

/** The accounts of a partition whose keys a discovery keyring calls. */
export const DiscoveryFilter = /*#__PURE__*/ (() =>
  Schema.Struct({
    /** `aws`, `aws-cn`, `aws-us-gov`, … */
    partition: ArnPart,
    /** Account ids of 12 digits, at least one. */
    accountIds: Schema.Array(Schema.String.check(Schema.isPattern(/^[0-9]{12}$/))).check(Schema.isMinLength(1))
  }))()

/** See the schema of the same name. */
export type DiscoveryFilter = typeof DiscoveryFilter.Type

/** Names of Regions, at least one. */
export const Regions = /*#__PURE__*/ (() => Schema.Array(ArnPart).check(Schema.isMinLength(1)))()

/** Bounds of the options that discovery keyrings share. */
export const bounds = {
  discoveryFilter: "must be an object of partition and accountIds",
  "discoveryFilter.partition": (value: unknown) => `must be the name of a partition, such as aws, got ${shown(value)}`,
  "discoveryFilter.accountIds": "must be an array of at least one account id",
  "discoveryFilter.accountIds[]": (value: unknown) => `must be a string of 12 digits, got ${shown(value)}`,
  regions: "must be an array of at least one Region",
  "regions[]": (value: unknown) => `must be the name of a Region, such as eu-central-1, got ${shown(value)}`
} as const

/** Fails where a Region is named twice: its encrypted data keys would be tried twice. */
export const checkRegions = (name: string, regions: ReadonlyArray<string>): Effect.Effect<void, KeyringError> => {
  const index = regions.findIndex((region, index) => regions.indexOf(region) !== index)
  const region = regions[index]
  return region === undefined
    ? Effect.void
    : failMisconfigured(
      name,
      "make",
      `regions[${index}]`,
      `is ${region}, which regions[${regions.indexOf(region)}] names already`
    )
}

/** Returns the key to call for a key ARN that a message names, or the reason why none is called. */
export type Choose = (arn: KeyArn) => Result.Result<string, string>

/** `choose`, for the keys alone that are within the filter. */
export const within = (filter: DiscoveryFilter | undefined, choose: Choose): Choose => (arn) =>
  filter === undefined
    ? choose(arn)
    : arn.partition !== filter.partition
    ? Result.fail(`its partition ${arn.partition} is not that of the discovery filter`)
    : filter.accountIds.includes(arn.account)
    ? choose(arn)
    : Result.fail(`its account ${arn.account} is not in the discovery filter`)

/**
 * Makes a keyring that decrypts under the keys that `passes` choose: each goes through the encrypted data keys once, and
 * the first data key that unwraps is returned.
 */
export const make = (name: string, caller: DecryptCaller, passes: ReadonlyArray<Choose>): Keyring.Keyring =>
  Keyring.make({
    name,
    onEncrypt: () =>
      failMisconfigured(
        name,
        "onEncrypt",
        "keyring",
        "only decrypts, since it has no key of its own: encrypt with KmsKeyring or KmsMrkKeyring"
      ),
    onDecrypt: (materials, encryptedDataKeys) => onDecrypt(name, caller, passes, materials, encryptedDataKeys)
  })

/**
 * Specification: framework/aws-kms/aws-kms-discovery-keyring.md#ondecrypt,
 * framework/aws-kms/aws-kms-mrk-discovery-keyring.md#ondecrypt
 */
const onDecrypt = Effect.fnUntraced(function*(
  name: string,
  caller: DecryptCaller,
  passes: ReadonlyArray<Choose>,
  materials: DecryptionMaterials,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey>
): Effect.fn.Return<OnDecryptResult, KeyringError, Scope.Scope> {
  yield* checkLocked(name, materials)
  yield* checkKeyArns(name, encryptedDataKeys)
  const reports = new Reports<EncryptedDataKeyReport>()
  for (const choose of passes) {
    const unwrapped = yield* tryInOrder(
      reports,
      name,
      materials,
      encryptedDataKeys,
      (encryptedDataKey) =>
        Result.map(Result.flatMap(keyArnOf(encryptedDataKey), choose), (keyId) => ({
          keyId,
          ciphertext: encryptedDataKey.ciphertext
        })),
      (wrapped) => unwrap(caller, wrapped, materials)
    )
    if (unwrapped !== undefined) return unwrapped
  }
  return yield* noneUnwrapped(name, reports)
})
