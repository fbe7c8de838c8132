/**
 * Security thresholds, and policies made of them: how long, for how many messages and for how many bytes a data key may
 * be used.
 *
 * Policies are partial and compose with `tightest`. A policy can carry rules, which return stricter thresholds, or
 * "bypass", for each request.
 */
import * as Config from "effect/Config"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { shown } from "../internal/printable.ts"
import type { AlgorithmSuite } from "../model/AlgorithmSuite.ts"
import type { EncryptionContext } from "../model/EncryptionContext.ts"
import { parsePositive } from "../internal/durations.ts"
import { InvalidPolicy } from "./InvalidPolicy.ts"

const TypeId = "~effect-encryption-sdk/caching/CachePolicy" as const

/** The largest `maxMessagesEncrypted`, and its default: 2^32. */
export const maxMessagesEncryptedLimit = 2 ** 32

/** The largest `maxBytesEncrypted`, and its default: 2^63 - 1. */
export const maxBytesEncryptedLimit = 2n ** 63n - 1n

const show = (value: unknown): string => Duration.isDuration(value) ? Duration.format(value) : shown(value)

const field = <T, Input, Encoded>(
  source: Schema.Codec<Input, Encoded>,
  target: Schema.Codec<T>,
  options: {
    readonly bound: string
    readonly parse: (input: Input) => T | undefined
    readonly print: (value: T) => Input
  }
): Schema.Codec<T, Encoded> =>
  source.pipe(Schema.decodeTo(
    target,
    SchemaTransformation.transformEffect<T, Input>({
      decode: (input) => {
        const value = options.parse(input)
        return value === undefined
          ? Effect.fail(new SchemaIssue.InvalidValue({ message: violation(options.bound, input) }))
          : Effect.succeed(value)
      },
      encode: (value) => Effect.succeed(options.print(value))
    })
  ))

const violation = (bound: string, value: unknown): string => `must be ${bound}, got ${show(value)}`

const bounds = {
  maxAge: "a positive, finite Duration or a text with a unit such as \"5 minutes\" (a bare number is refused)",
  maxMessagesEncrypted: `an integer from 1 to ${maxMessagesEncryptedLimit}`,
  maxBytesEncrypted: `an integer from 0 to ${maxBytesEncryptedLimit}, as a bigint, a safe integer or a decimal string`
}

const parseInteger = (input: string | bigint | number): bigint | undefined => {
  if (typeof input === "bigint") return input
  if (typeof input === "number") return Number.isSafeInteger(input) ? BigInt(input) : undefined
  return /^[0-9]+$/.test(input) ? BigInt(input) : undefined
}

const MaxAge = /*#__PURE__*/ field(
  /*#__PURE__*/ Schema.Union([Schema.Duration, Schema.String, Schema.BigInt, Schema.Number]),
  Schema.Duration,
  {
    bound: bounds.maxAge,
    parse: (input) => typeof input === "number" || typeof input === "bigint" ? undefined : parsePositive(input),
    print: (duration) => duration
  }
)

const Integer = /*#__PURE__*/ Schema.Union([Schema.String, Schema.BigInt, Schema.Number])

const MaxMessagesEncrypted = /*#__PURE__*/ field(Integer, Schema.Number, {
  bound: bounds.maxMessagesEncrypted,
  parse: (input) => {
    const value = parseInteger(input)
    return value !== undefined && value >= 1n && value <= BigInt(maxMessagesEncryptedLimit) ? Number(value) : undefined
  },
  print: (value) => value
})

const MaxBytesEncrypted = /*#__PURE__*/ field(Integer, Schema.BigInt, {
  bound: bounds.maxBytesEncrypted,
  parse: (input) => {
    const value = parseInteger(input)
    return value !== undefined && value >= 0n && value <= maxBytesEncryptedLimit ? value : undefined
  },
  print: (value) => String(value)
})

/**
 * The thresholds, each optional. Decodes what a program writes, and what configuration holds:
 *
 * - `maxAge`: a positive finite Duration, or a text such as `"5 minutes"`. No upper bound. A bare number is rejected,
 *   since milliseconds and seconds are confused too easily.
 * - `maxMessagesEncrypted`: an integer from 1 to 2^32.
 * - `maxBytesEncrypted`: an integer from 0 to 2^63 - 1, as a bigint, a safe integer or a decimal string. Zero means that
 *   only empty messages are served from the cache.
 */
export const Thresholds = /*#__PURE__*/ Schema.Struct({
  maxAge: Schema.optionalKey(MaxAge),
  maxMessagesEncrypted: Schema.optionalKey(MaxMessagesEncrypted),
  maxBytesEncrypted: Schema.optionalKey(MaxBytesEncrypted)
})

/** Thresholds as they are used: validated, each optional. */
export interface Thresholds {
  readonly maxAge?: Duration.Duration
  readonly maxMessagesEncrypted?: number
  readonly maxBytesEncrypted?: bigint
}

/** Thresholds as a program writes them. */
export interface ThresholdsInput {
  readonly maxAge?: Duration.Duration | string | undefined
  readonly maxMessagesEncrypted?: number | bigint | string | undefined
  readonly maxBytesEncrypted?: bigint | number | string | undefined
}

/** The request that a rule decides on. */
export interface RuleRequest {
  readonly operation: "encrypt" | "decrypt"
  readonly encryptionContext: EncryptionContext
  /** Undefined where an encrypt request leaves the choice to the manager. */
  readonly algorithmSuite: AlgorithmSuite | undefined
  /** In bytes: a length or a bound; undefined where it is not known, and for decryption. */
  readonly plaintextLength: number | undefined
  /** By the Clock. */
  readonly time: DateTime.Utc
}

/**
 * A pure function that returns stricter thresholds for a request, `"bypass"` to keep it out of the cache, or nothing.
 *
 * **Gotchas**
 *
 * A rule can only make a policy stricter. One that throws, or returns thresholds that are not valid, means bypass.
 */
export type Rule = (request: RuleRequest) => ThresholdsInput | "bypass" | undefined

/** Partial thresholds and rules. */
export interface CachePolicy {
  readonly [TypeId]: typeof TypeId
  readonly thresholds: Thresholds
  readonly rules: ReadonlyArray<Rule>
}

/** Whether a value is a policy. */
export const isCachePolicy = (value: unknown): value is CachePolicy =>
  typeof value === "object" && value !== null && TypeId in value

const makeUnsafe = (thresholds: Thresholds, rules: ReadonlyArray<Rule>): CachePolicy => ({
  [TypeId]: TypeId,
  thresholds,
  rules
})

/** The policy that asks nothing: the identity of `tightest`. */
export const empty: CachePolicy = /*#__PURE__*/ makeUnsafe({}, [])

const decodeThresholds = /*#__PURE__*/ Schema.decodeUnknownResult(Thresholds)

const formatIssues = /*#__PURE__*/ SchemaIssue.makeFormatterStandardSchemaV1()

const isPlainObject = (value: unknown): value is object => {
  if (typeof value !== "object" || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const decode = (input: unknown): Result.Result<Thresholds, InvalidPolicy> => {
  // A plain object only: the promise of an asynchronous rule, say, would otherwise pass for thresholds without bounds.
  if (!isPlainObject(input)) {
    return Result.fail(
      new InvalidPolicy({
        violations: [{ field: "thresholds", description: violation("an object", input) }]
      })
    )
  }
  // A key that is present but undefined counts as absent, as it does in an options object.
  const present: Record<string, unknown> = Object.fromEntries(
    Object.entries(input).filter(([, value]) => value !== undefined)
  )
  return Result.mapError(
    decodeThresholds(present, { errors: "all", onExcessProperty: "error" }),
    (error) =>
      new InvalidPolicy({
        violations: formatIssues(error.issue).issues.map(({ path }) => {
          const name = (path ?? []).map(String).join(".")
          return {
            field: name,
            description: Object.hasOwn(bounds, name)
              ? violation(bounds[name as keyof typeof bounds], present[name])
              : `is none of ${Object.keys(bounds).join(", ")}`
          }
        })
      })
  )
}

/**
 * A policy of thresholds. Fails with one `InvalidPolicy` that lists every violation by field, bound and value.
 */
export const make = (thresholds: ThresholdsInput): Effect.Effect<CachePolicy, InvalidPolicy> =>
  Effect.fromResult(Result.map(decode(thresholds), (valid) => makeUnsafe(valid, [])))

/** A policy of one rule. Throws a `TypeError` for what is no function. */
export const rule = (evaluate: Rule): CachePolicy => {
  if (typeof evaluate !== "function") {
    throw new TypeError(`CachePolicy.rule: must be a function, got ${typeof evaluate}`)
  }
  return makeUnsafe({}, [evaluate])
}

/**
 * A policy of thresholds from configuration: `config("cache")` reads `cache.maxAge`, `cache.maxMessagesEncrypted` and
 * `cache.maxBytesEncrypted`, each optional.
 *
 * **Gotchas**
 *
 * From the environment, give the path as an array and use `ConfigProvider.constantCase`, so that `["esdk", "cache"]`
 * reads `ESDK_CACHE_MAX_AGE`.
 */
export const config = (path: string | ReadonlyArray<string>): Config.Config<CachePolicy> =>
  Config.map(
    Config.schema(Thresholds, typeof path === "string" ? path : [...path]),
    (thresholds) => makeUnsafe(thresholds, [])
  )

const stricter = <T>(a: T | undefined, b: T | undefined, order: (a: T, b: T) => boolean): T | undefined =>
  a === undefined ? b : b === undefined ? a : order(b, a) ? b : a

const tightestThresholds = (a: Thresholds, b: Thresholds): Thresholds => {
  // A threshold that is forgotten here would be dropped where policies compose: the type asks for each.
  const all: { readonly [Name in keyof Thresholds]-?: Thresholds[Name] | undefined } = {
    maxAge: stricter(a.maxAge, b.maxAge, Duration.isLessThan),
    maxMessagesEncrypted: stricter(a.maxMessagesEncrypted, b.maxMessagesEncrypted, (x, y) => x < y),
    maxBytesEncrypted: stricter(a.maxBytesEncrypted, b.maxBytesEncrypted, (x, y) => x < y)
  }
  return Object.fromEntries(Object.entries(all).filter(([, threshold]) => threshold !== undefined))
}

/**
 * The policy that is as strict as both: the stricter of each threshold, and the rules of both. Associative, commutative
 * and idempotent in what it decides, with `empty` as its identity. Never admits what either part rejects.
 */
export const tightest: {
  (that: CachePolicy): (self: CachePolicy) => CachePolicy
  (self: CachePolicy, that: CachePolicy): CachePolicy
} = /*#__PURE__*/ dual(
  2,
  (self: CachePolicy, that: CachePolicy): CachePolicy =>
    makeUnsafe(tightestThresholds(self.thresholds, that.thresholds), [...new Set([...self.rules, ...that.rules])])
)

/** The decision of a policy on a request: it bypasses the cache, or is served within these thresholds. */
export type Decision = { readonly _tag: "Bypass" } | { readonly _tag: "Within"; readonly thresholds: Thresholds }

const bypass: Decision = Object.freeze({ _tag: "Bypass" })

/** Evaluates all rules for a request, and returns the decision of the policy as a whole. */
export const decide = (policy: CachePolicy, request: RuleRequest): Decision => {
  let thresholds = policy.thresholds
  for (const evaluate of policy.rules) {
    let returned: unknown
    try {
      returned = evaluate(request)
    } catch {
      return bypass
    }
    if (returned === undefined) continue
    const decoded = returned === "bypass" ? undefined : Result.getOrUndefined(decode(returned))
    if (decoded === undefined) return bypass
    thresholds = tightestThresholds(thresholds, decoded)
  }
  return { _tag: "Within", thresholds }
}
