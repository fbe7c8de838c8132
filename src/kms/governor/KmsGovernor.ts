/**
 * A governor of calls to AWS KMS: a layer over a layer of the ports that keeps a process, or a fleet, within a rate for each Region.
 *
 * ```ts
 * const Kms = KmsGovernor.layer({ rate: 500 }).pipe(Layer.provide(AwsKms.layer({ maxAttempts: 1 })))
 * ```
 *
 * A call waits for a place in flight and for the rate, requests before work in the background; is tried again within a budget; and
 * ends at a deadline that counts from its beginning. Throttles lower the rate, and successful calls raise it again. What a cache
 * serves never comes here.
 *
 * Calls fail with the `KmsError` of AWS KMS, or with one of the governor's own codes, all of which but the last are retryable:
 *
 * | code                       | failure                    | meaning                                                      |
 * | -------------------------- | -------------------------- | ------------------------------------------------------------ |
 * | `GovernorRateExceeded`     | `Throttled`                | the call cannot have its turn in time: it failed at once     |
 * | `GovernorDeadlineExceeded` | `Throttled`, `Unreachable` | the deadline passed before its turn, or before the response  |
 * | `GovernorCircuitOpen`      | `Unreachable`              | the Region did not respond to the calls before               |
 * | `GovernorClosed`           | `Unreachable`              | the governor's scope is closed                               |
 */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RateLimiter from "effect/persistence/RateLimiter"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { Background } from "../../internal/background.ts"
import { CallPriority, withPriority } from "../../internal/callPriority.ts"
import { type Configured, configured } from "../../internal/configured.ts"
import type { InvalidOption } from "../../model/errors/Reasons.ts"
import * as Kms from "../Kms.ts"
import * as circuits from "./internal/circuits.ts"
import type { AnyCall } from "./internal/flight.ts"
import { Governing } from "./internal/govern.ts"
import { operations } from "./internal/quotas.ts"
import * as settings from "./internal/settings.ts"
import { SharedRate } from "./internal/SharedRate.ts"
import type { Site } from "./internal/site.ts"

export type {
  AdaptationOptions,
  CircuitOptions,
  Options,
  OwnQuota,
  RetryOptions,
  StoreOptions
} from "./internal/settings.ts"

/** A governor: one rate, one bound and one budget for all calls that it governs. */
export interface KmsGovernor {
  /**
   * The calls, governed. An object that has some of the calls of the ports gives one with the same ones. Requests and responses pass
   * through as they are, but for a plaintext in a request, which is copied for the time of the call.
   */
  readonly govern: <Calls extends Partial<Kms.Operations>>(calls: Calls) => {
    readonly [Method in keyof Calls & keyof Kms.Operations]: Calls[Method]
  }
}

const start = Effect.fnUntraced(function*(
  options: settings.Options,
  limiter: RateLimiter.RateLimiter | undefined
): Effect.fn.Return<KmsGovernor, InvalidOption, Scope.Scope> {
  const checked = yield* settings.make(options)
  const clock = yield* Clock.Clock
  // The fiber that makes the governor is not the parent of what it does later.
  const context = Context.omit(Tracer.ParentSpan)(yield* Effect.context())
  const site: Site = {
    settings: checked,
    background: new Background(context),
    context,
    now: () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  }
  const shared = limiter === undefined ? undefined : new SharedRate(limiter, site)
  const governing = new Governing(site, yield* circuits.make(site), shared)
  yield* Effect.addFinalizer(() => Effect.sync(() => governing.close()))
  return { govern: (calls) => governed(governing, calls) }
})

const governed = <Calls extends Partial<Kms.Operations>>(governing: Governing, calls: Calls): Calls => {
  const own: Record<string, AnyCall> = {}
  for (const method of Object.keys(operations) as ReadonlyArray<keyof Kms.Operations>) {
    if (calls[method] === undefined) continue
    own[method] = governing.govern(method, (request) => (calls as unknown as Record<string, AnyCall>)[method]!(request))
  }
  return own as unknown as Calls
}

/**
 * A governor by the rates of this process alone, as long as its scope. Fails with `InvalidOption`. When the scope closes, calls that
 * wait fail.
 */
export const make = (options: settings.Options): Effect.Effect<KmsGovernor, InvalidOption, Scope.Scope> =>
  start(options, undefined)

/**
 * A governor by rates that all processes over one store share: that of Effect's `RateLimiter`, in Redis for a fleet. Where the store
 * does not respond, calls go on within `store.localShare` of the rates, and a warning is logged once.
 *
 * **Gotchas**
 *
 * All processes must have the same rates and prefix. The store counts by the wall clocks of the processes, which must agree to a
 * few milliseconds.
 */
export const makeShared = (
  options: settings.Options
): Effect.Effect<KmsGovernor, InvalidOption, RateLimiter.RateLimiterStore | Scope.Scope> =>
  Effect.flatMap(RateLimiter.make, (limiter) => start(options, limiter))

const governPorts = (governor: KmsGovernor): Effect.Effect<Context.Context<Kms.Ports>, never, Kms.Ports> =>
  Effect.gen(function*() {
    return Context.make(Kms.Kms, governor.govern(yield* Kms.Kms)).pipe(
      Context.add(Kms.KmsDecrypt, governor.govern(yield* Kms.KmsDecrypt)),
      Context.add(Kms.KmsKeyAgreement, governor.govern(yield* Kms.KmsKeyAgreement)),
      Context.add(Kms.KmsWithoutPlaintext, governor.govern(yield* Kms.KmsWithoutPlaintext))
    )
  })

/** All ports over all ports, under one `make`. For fewer ports, `make` and its `govern`. */
export const layer = (options: settings.Options): Layer.Layer<Kms.Ports, InvalidOption, Kms.Ports> =>
  Layer.effectContext(Effect.flatMap(make(options), governPorts))

/** `layer` with options from configuration, each as a value or as a `Config`. */
export const layerConfig = (
  options: Configured<settings.Options>
): Layer.Layer<Kms.Ports, InvalidOption | Config.ConfigError, Kms.Ports> =>
  Layer.effectContext(Effect.flatMap(Effect.flatMap(configured(options), make), governPorts))

/** All ports over all ports, under one `makeShared`. */
export const layerShared = (
  options: settings.Options
): Layer.Layer<Kms.Ports, InvalidOption, Kms.Ports | RateLimiter.RateLimiterStore> =>
  Layer.effectContext(Effect.flatMap(makeShared(options), governPorts))

/** `layerShared` with options from configuration, each as a value or as a `Config`. */
export const layerSharedConfig = (
  options: Configured<settings.Options>
): Layer.Layer<Kms.Ports, InvalidOption | Config.ConfigError, Kms.Ports | RateLimiter.RateLimiterStore> =>
  Layer.effectContext(Effect.flatMap(Effect.flatMap(configured(options), makeShared), governPorts))

/**
 * Runs an effect as work in the background: its calls go when no request waits, and are not tried again. A refresh ahead of a cache
 * is that by itself, until a request waits for it.
 *
 * **Gotchas**
 *
 * It is for the calls that the effect makes itself. A caching materials manager and a cache of branch keys make theirs for all that
 * wait, so those of a cache miss are those of a request.
 */
export const background = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => withPriority(effect, new CallPriority(true)))
