/**
 * A keyring that decrypts under whatever AWS KMS keys a message names, within a filter. It does not encrypt.
 *
 * Specification: framework/aws-kms/aws-kms-discovery-keyring.md,
 * framework/aws-kms/aws-kms-multi-keyrings.md#aws-kms-discovery-multi-keyring
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

/** Options of a KMS discovery keyring. */
export const Options = /*#__PURE__*/ Schema.Struct({
  /** The partition and the accounts whose keys it may call. Default: all. */
  discoveryFilter: /*#__PURE__*/ Schema.optional(discovery.DiscoveryFilter),
  /** The Regions that it may call, in the order in which they are tried. Default: all, in the order of the message. */
  regions: /*#__PURE__*/ Schema.optional(discovery.Regions),
  /** Grant tokens that every call is sent with. */
  grantTokens: GrantTokens
})

/** See the schema of the same name. */
export type Options = typeof Options.Type

const name = "KmsDiscoveryKeyring"

/**
 * A keyring that tries the encrypted data keys of AWS KMS one after the other, each under the key ARN that it names, in the
 * Region of that ARN. It never calls a key outside of `discoveryFilter` or `regions`. With `regions`, those of the first
 * Region are tried first.
 *
 * Fails with `KeyringMisconfigured` where an option is wrong: an empty list, an account id that is not of 12 digits, a
 * Region that is empty or named twice.
 *
 * **Gotchas**
 *
 * Without a filter, who writes a message chooses which keys are called, those of other accounts included. The filter
 * checks names alone: permissions of the caller decide which keys work.
 *
 * `onEncrypt` fails. So it does in a `MultiKeyring` that has this keyring, whose every member wraps: encrypt with another.
 *
 * An encrypted data key that names AWS KMS with something other than a key ARN makes the whole decrypt fail, before any call.
 *
 * The specification's multi-keyring calls every Region for every key. Keys are called in their own Region alone here,
 * since AWS KMS rejects a key ARN of another one.
 *
 * Specification: framework/aws-kms/aws-kms-discovery-keyring.md#initialization
 */
export const make: (options?: Options) => Effect.Effect<Keyring.Keyring, KeyringError, KmsDecrypt> =
  /*#__PURE__*/ Effect
    .fnUntraced(function*(options: Options = {}) {
      const { discoveryFilter, grantTokens, regions } = yield* checkOptions(options)
      yield* discovery.checkRegions(name, regions ?? [])
      const choices: ReadonlyArray<discovery.Choose> = regions === undefined ? [itself] : regions.map(itselfIn)
      return discovery.make(
        name,
        callerOf(yield* KmsDecrypt, grantTokens),
        choices.map((choose) => discovery.within(discoveryFilter, choose))
      )
    })

/** `make` as the keyring of this program. */
export const layer = (options?: Options): Layer.Layer<Keyring.Keyring, KeyringError, KmsDecrypt> =>
  Layer.effect(Keyring.Keyring, make(options))

/** `layer` with options from configuration. */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<Keyring.Keyring, KeyringError | Config.ConfigError, KmsDecrypt> =>
  Layer.effect(Keyring.Keyring, Effect.flatMap(Config.unwrap(options), make))

const checkOptions = /*#__PURE__*/ optionsOf(name, "a KMS discovery keyring", Options, {
  ...discovery.bounds,
  ...grantTokensBounds
})

const itself: discovery.Choose = (arn) => Result.succeed(KeyArn.format(arn))

const itselfIn = (region: string): discovery.Choose => (arn) =>
  arn.region === region ? itself(arn) : Result.fail(`its Region ${arn.region} is not ${region}`)
