/**
 * `KmsDiscoveryKeyring` for multi-Region keys: whatever replica a message names, that of the keyring's own Regions is called.
 * It does not encrypt.
 *
 * Specification: framework/aws-kms/aws-kms-mrk-discovery-keyring.md,
 * framework/aws-kms/aws-kms-mrk-multi-keyrings.md#aws-kms-mrk-discovery-multi-keyring
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Keyring from "../materials/Keyring.ts"
import { optionsOf } from "../materials/keyringFailures.ts"
import type { KeyringError } from "../model/errors/KeyringError.ts"
import * as discovery from "./internal/discovery.ts"
import { callerOf, GrantTokens, grantTokensBounds } from "./calls.ts"
import * as KeyArn from "./KeyArn.ts"
import { KmsDecrypt } from "./Kms.ts"

/** Options of a KMS multi-Region discovery keyring. */
export const Options = /*#__PURE__*/ Schema.Struct({
  /** The Regions that it calls, in the order in which they are tried: at least one, and none twice. */
  regions: discovery.Regions,
  /** The partition and the accounts whose keys it may call. Default: all. */
  discoveryFilter: /*#__PURE__*/ Schema.optional(discovery.DiscoveryFilter),
  /** Grant tokens that every call is sent with. */
  grantTokens: GrantTokens
})

/** See the schema of the same name. */
export type Options = typeof Options.Type

const name = "KmsMrkDiscoveryKeyring"

/**
 * A keyring that tries the encrypted data keys of AWS KMS in each of `regions`, one after the other: a multi-Region key by its
 * replica in that Region, any other key where that is its Region. It never calls another Region, nor a key outside of
 * `discoveryFilter`.
 *
 * Fails with `KeyringMisconfigured` where an option is wrong: an empty list, an account id that is not of 12 digits, a
 * Region that is empty or named twice.
 *
 * **Gotchas**
 *
 * Those of `KmsDiscoveryKeyring`: without a filter, who writes a message chooses the accounts that are called; `onEncrypt`
 * fails; an encrypted data key that names AWS KMS with something other than a key ARN makes the whole decrypt fail.
 *
 * A multi-Region key is tried in every Region until one unwraps, though it may have no replica there. The Region of a call is
 * that of its key ARN: the port must call that one, as `AwsKms.layer` does and one client of your own does not.
 *
 * Specification: framework/aws-kms/aws-kms-mrk-discovery-keyring.md#initialization
 */
export const make: (options: Options) => Effect.Effect<Keyring.Keyring, KeyringError, KmsDecrypt> = /*#__PURE__*/ Effect
  .fnUntraced(function*(options: Options) {
    const { discoveryFilter, grantTokens, regions } = yield* checkOptions(options)
    yield* discovery.checkRegions(name, regions)
    return discovery.make(
      name,
      callerOf(yield* KmsDecrypt, grantTokens),
      regions.map((region) => discovery.within(discoveryFilter, replicaIn(region)))
    )
  })

/** `make` as the keyring of this program. */
export const layer = (options: Options): Layer.Layer<Keyring.Keyring, KeyringError, KmsDecrypt> =>
  Layer.effect(Keyring.Keyring, make(options))

/** `layer` with options from configuration. */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<Keyring.Keyring, KeyringError | Config.ConfigError, KmsDecrypt> =>
  Layer.effect(Keyring.Keyring, Effect.flatMap(Config.unwrap(options), make))

const checkOptions = /*#__PURE__*/ optionsOf(name, "a KMS multi-Region discovery keyring", Options, {
  ...discovery.bounds,
  ...grantTokensBounds
})

const replicaIn = (region: string): discovery.Choose => (arn) =>
  KeyArn.isMultiRegion(arn) || arn.region === region
    ? Result.succeed(KeyArn.format({ ...arn, region }))
    : Result.fail(`its Region ${arn.region} is not ${region}, and it is no multi-Region key`)
