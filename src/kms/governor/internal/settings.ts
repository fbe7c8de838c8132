/** Options of a governor, checked, with their defaults. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { PositiveDuration, positiveDuration } from "../../../internal/durations.ts"
import { shown } from "../../../internal/options.ts"
import { optionsOf } from "../../../model/errors/optionsOf.ts"
import { InvalidOption } from "../../../model/errors/Reasons.ts"
import type { KmsOperation } from "../../KmsError.ts"

/** The name of a quota that has a rate of its own: an operation, or `RSA` for encrypting and decrypting with RSA keys. */
export type OwnQuota = KmsOperation | "RSA"

/** Options of adaptation to throttling. Shares are of the rate that is configured. */
export interface AdaptationOptions {
  /** Factor of the rate at a throttle, between 0 and 1. Default 0.7. */
  readonly decrease?: number | undefined
  /** Share of the rate that is added in a second with successful calls, above 0 and up to 1. Default 0.05. */
  readonly increase?: number | undefined
  /** Share of the rate below which it never falls, above 0 and up to 1. Default 0.01. */
  readonly floor?: number | undefined
  /** Time after a decrease in which further throttles are the same signal. Default 1 second. */
  readonly window?: Duration.Input | undefined
}

/** Options of retries. */
export interface RetryOptions {
  /** The most attempts of one call, the first included: an integer of at least 1. 1 retries nothing. Default 3. */
  readonly maxAttempts?: number | undefined
  /** Retries for each call of a request, in the long run, from 0 to 1. Default 0.1. */
  readonly share?: number | undefined
  /** Retries beyond that share that a Region has in reserve: an integer of at least 0. Default 10. */
  readonly burst?: number | undefined
  /** The longest delay of the first retry. It doubles with each, and the delay is drawn between zero and it. Default 100 milliseconds. */
  readonly baseDelay?: Duration.Input | undefined
  /** Bound of that delay. Default 5 seconds. */
  readonly maxDelay?: Duration.Input | undefined
}

/** Options of the circuit breaker. */
export interface CircuitOptions {
  /** The number of calls in a row without a response after which a Region's circuit opens: an integer of at least 1. Default 10. */
  readonly failures?: number | undefined
  /** Time for which it stays open before one call probes the Region. Default 5 seconds. */
  readonly openFor?: Duration.Input | undefined
}

/** Options of a governor. Rates are in calls per second, from 0.01 to 1,000,000. */
export interface Options {
  /**
   * Rate of the quota that all symmetric operations of a Region share: GenerateDataKey, Encrypt, Decrypt,
   * GenerateDataKeyWithoutPlaintext and ReEncrypt, which counts once.
   */
  readonly rate: number
  /** The rate in Regions that have another, by their names. `default` is for keys that are named without a Region. */
  readonly regions?: Readonly<Record<string, number>> | undefined
  /**
   * Rates of quotas of their own, in every Region. A symmetric operation that is named here leaves the shared quota. Default of
   * `GetPublicKey`, `DeriveSharedSecret` and `RSA`: a tenth of `rate`.
   */
  readonly rates?: { readonly [Quota in OwnQuota]?: number | undefined } | undefined
  /** Time whose calls may go at once after a pause, so that a second has at most the rate and this much more. Default 100 milliseconds. */
  readonly burst?: Duration.Input | undefined
  /** The most calls in flight in a Region: an integer of at least 1. Default 100. */
  readonly concurrency?: number | undefined
  /** The longest time of one call: waiting, attempts and delays together. Default 10 seconds. */
  readonly deadline?: Duration.Input | undefined
  readonly adaptation?: AdaptationOptions | undefined
  readonly retries?: RetryOptions | undefined
  /** The circuit breaker of each Region. Default: none. `{}` is one with its defaults. */
  readonly circuit?: CircuitOptions | undefined
  /** Options of `layerShared` and `makeShared`: what is done with the store of the rates. Without a store it is not used. */
  readonly store?: StoreOptions | undefined
}

/** Options of a store of rates that several processes share. */
export interface StoreOptions {
  /** Prefix of the keys in the store: one for each AWS account, the same in all processes. Default `effect-encryption-sdk`. */
  readonly prefix?: string | undefined
  /** Time within which the store must respond, or it counts as lost. Default 1 second. */
  readonly deadline?: Duration.Input | undefined
  /** Share of each rate, above 0 and up to 1, that this process uses while the store is lost: 1 by the number of processes. Default 0.1. */
  readonly localShare?: number | undefined
  /** Time after which a lost store is tried again. Default 5 seconds. */
  readonly retryAfter?: Duration.Input | undefined
}

/** The options as the governor uses them. Times are in milliseconds. */
export interface Settings {
  readonly rate: number
  readonly regions: ReadonlyMap<string, number>
  readonly rates: ReadonlyMap<string, number>
  readonly burstMillis: number
  readonly concurrency: number
  readonly deadline: Duration.Duration
  readonly adaptation: Adaptation
  readonly retries: Retries
  readonly circuit: { readonly failures: number; readonly openFor: Duration.Duration } | undefined
  readonly store: Store
}

export interface Adaptation {
  readonly decrease: number
  readonly increase: number
  readonly floor: number
  readonly windowMillis: number
}

export interface Retries {
  readonly maxAttempts: number
  readonly share: number
  readonly burst: number
  readonly baseMillis: number
  readonly maxMillis: number
}

export interface Store {
  readonly prefix: string
  readonly deadline: Duration.Duration
  readonly localShare: number
  readonly retryMillis: number
}

const numbers = (is: (value: number) => boolean) =>
  Schema.optional(Schema.declare((value): value is number => typeof value === "number" && is(value)))

const isRate = (value: unknown): value is number => typeof value === "number" && value >= 0.01 && value <= 1e6
const rateBound = (value: unknown): string => `must be a number from 0.01 to 1000000, got ${shown(value)}`

/** Whether a value is an object of Regions. A `Map` has no properties, and would be none at all. */
const isRegions = (value: unknown): value is Readonly<Record<string, number>> =>
  Object.prototype.toString.call(value) === "[object Object]"

/** The rates of Regions, each read once. */
const regionsOf = (
  given: Readonly<Record<string, number>> | undefined = {}
): Effect.Effect<ReadonlyMap<string, number>, InvalidOption> =>
  Effect.suspend(() => {
    const regions = new Map(Object.entries(given))
    return [...regions.values()].every(isRate) ? Effect.succeed(regions) : invalidRegions
  }).pipe(Effect.catchDefect(() => invalidRegions))

const invalidRegions = /*#__PURE__*/ Effect.suspend(() =>
  Effect.fail(new InvalidOption({ field: "regions", description: regionsBound }))
)

const regionsBound = "must be an object of Regions and their rates, which are numbers from 0.01 to 1000000"

const Rate = /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(isRate))
const Share = /*#__PURE__*/ numbers((value) => value > 0 && value <= 1)
const Count = /*#__PURE__*/ numbers((value) => Number.isSafeInteger(value) && value >= 1)

const share = (value: unknown): string => `must be above 0 and at most 1, got ${shown(value)}`
const count = (value: unknown): string => `must be an integer of at least 1, got ${shown(value)}`
const group = "must be an object"

const structs = /*#__PURE__*/ (() => ({
  rates: Schema.Struct({
    RSA: Rate,
    GenerateDataKey: Rate,
    Encrypt: Rate,
    Decrypt: Rate,
    GetPublicKey: Rate,
    DeriveSharedSecret: Rate,
    GenerateDataKeyWithoutPlaintext: Rate,
    ReEncrypt: Rate
  }),
  adaptation: Schema.Struct({
    decrease: numbers((value) => value > 0 && value < 1),
    increase: Share,
    floor: Share,
    window: PositiveDuration
  }),
  retries: Schema.Struct({
    maxAttempts: Count,
    share: numbers((value) => value >= 0 && value <= 1),
    burst: numbers((value) => Number.isSafeInteger(value) && value >= 0),
    baseDelay: PositiveDuration,
    maxDelay: PositiveDuration
  }),
  circuit: Schema.Struct({ failures: Count, openFor: PositiveDuration }),
  store: Schema.Struct({
    prefix: Schema.optional(Schema.NonEmptyString),
    deadline: PositiveDuration,
    localShare: Share,
    retryAfter: PositiveDuration
  })
}))()

const checkOptions = /*#__PURE__*/ optionsOf(
  /*#__PURE__*/ Schema.Struct({
    rate: /*#__PURE__*/ Schema.declare(isRate),
    regions: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(isRegions)),
    rates: /*#__PURE__*/ Schema.optional(structs.rates),
    burst: PositiveDuration,
    concurrency: Count,
    deadline: PositiveDuration,
    adaptation: /*#__PURE__*/ Schema.optional(structs.adaptation),
    retries: /*#__PURE__*/ Schema.optional(structs.retries),
    circuit: /*#__PURE__*/ Schema.optional(structs.circuit),
    store: /*#__PURE__*/ Schema.optional(structs.store)
  }),
  "a governor",
  {
    rate: rateBound,
    regions: regionsBound,
    rates: group,
    "rates.RSA": rateBound,
    "rates.GenerateDataKey": rateBound,
    "rates.Encrypt": rateBound,
    "rates.Decrypt": rateBound,
    "rates.GetPublicKey": rateBound,
    "rates.DeriveSharedSecret": rateBound,
    "rates.GenerateDataKeyWithoutPlaintext": rateBound,
    "rates.ReEncrypt": rateBound,
    burst: positiveDuration,
    concurrency: count,
    deadline: positiveDuration,
    adaptation: group,
    "adaptation.decrease": (value) => `must be between 0 and 1, got ${shown(value)}`,
    "adaptation.increase": share,
    "adaptation.floor": share,
    "adaptation.window": positiveDuration,
    retries: group,
    "retries.maxAttempts": count,
    "retries.share": (value) => `must be from 0 to 1, got ${shown(value)}`,
    "retries.burst": (value) => `must be an integer of at least 0, got ${shown(value)}`,
    "retries.baseDelay": positiveDuration,
    "retries.maxDelay": positiveDuration,
    circuit: group,
    "circuit.failures": count,
    "circuit.openFor": positiveDuration,
    store: group,
    "store.prefix": "must be a string that is not empty",
    "store.deadline": positiveDuration,
    "store.localShare": share,
    "store.retryAfter": positiveDuration
  }
)

const millisOf = (duration: Duration.Input | undefined, otherwise: Duration.Input): number =>
  Duration.toMillis(Duration.fromInputUnsafe(duration ?? otherwise))

/** Checks options, and fills in the defaults. */
export const make = (options: Options): Effect.Effect<Settings, InvalidOption> =>
  Effect.flatMap(
    checkOptions(options),
    (checked) => Effect.map(regionsOf(checked.regions), (regions) => settingsOf(checked, regions))
  )

const settingsOf = (
  { adaptation = {}, circuit, rate, rates = {}, retries = {}, store = {}, ...rest }: Options,
  regions: ReadonlyMap<string, number>
): Settings => ({
  rate,
  regions,
  rates: new Map([
    ...["GetPublicKey", "DeriveSharedSecret", "RSA"].map((quota): [string, number] => [quota, rate / 10]),
    ...Object.entries(rates).filter((entry): entry is [string, number] => entry[1] !== undefined)
  ]),
  burstMillis: millisOf(rest.burst, "100 millis"),
  concurrency: rest.concurrency ?? 100,
  deadline: Duration.fromInputUnsafe(rest.deadline ?? "10 seconds"),
  adaptation: {
    decrease: adaptation.decrease ?? 0.7,
    increase: adaptation.increase ?? 0.05,
    floor: adaptation.floor ?? 0.01,
    windowMillis: millisOf(adaptation.window, "1 second")
  },
  retries: {
    maxAttempts: retries.maxAttempts ?? 3,
    share: retries.share ?? 0.1,
    burst: retries.burst ?? 10,
    baseMillis: millisOf(retries.baseDelay, "100 millis"),
    maxMillis: millisOf(retries.maxDelay, "5 seconds")
  },
  circuit: circuit === undefined
    ? undefined
    : { failures: circuit.failures ?? 10, openFor: Duration.fromInputUnsafe(circuit.openFor ?? "5 seconds") },
  store: {
    prefix: store.prefix ?? "effect-encryption-sdk",
    deadline: Duration.fromInputUnsafe(store.deadline ?? "1 second"),
    localShare: store.localShare ?? 0.1,
    retryMillis: millisOf(store.retryAfter, "5 seconds")
  }
})
