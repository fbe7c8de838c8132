/**
 * The thresholds as the hot path compares them, of a manager and of one request.
 */
import type * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import type { Usage } from "../../model/Receipt.ts"
import * as CachePolicy from "../CachePolicy.ts"
import { InvalidPolicy } from "../InvalidPolicy.ts"

/** The thresholds that hold for one request. */
export interface Limits {
  readonly maxAgeMillis: number
  readonly maxMessagesEncrypted: number
  readonly maxBytesEncrypted: bigint
}

/** A threshold that an entry can meet. */
export type Threshold = "age" | "messages" | "bytes"

/** The threshold that a usage exceeds. Meeting a limit exactly is within it. */
export const exceeded = (usage: Usage, limits: Limits): Threshold | undefined =>
  usage.messages > limits.maxMessagesEncrypted
    ? "messages"
    : usage.bytes > limits.maxBytesEncrypted
    ? "bytes"
    : undefined

/** The stricter of each. */
export const strictest = (a: Limits, b: Limits): Limits => ({
  maxAgeMillis: Math.min(a.maxAgeMillis, b.maxAgeMillis),
  maxMessagesEncrypted: Math.min(a.maxMessagesEncrypted, b.maxMessagesEncrypted),
  maxBytesEncrypted: a.maxBytesEncrypted < b.maxBytesEncrypted ? a.maxBytesEncrypted : b.maxBytesEncrypted
})

const complete = (
  { maxAge, maxBytesEncrypted, maxMessagesEncrypted }: CachePolicy.Thresholds,
  missing: Limits
): Limits => ({
  maxAgeMillis: maxAge === undefined ? missing.maxAgeMillis : Duration.toMillis(maxAge),
  maxMessagesEncrypted: maxMessagesEncrypted ?? missing.maxMessagesEncrypted,
  maxBytesEncrypted: maxBytesEncrypted ?? missing.maxBytesEncrypted
})

const defaults: Limits = {
  maxAgeMillis: 0,
  maxMessagesEncrypted: CachePolicy.maxMessagesEncryptedLimit,
  maxBytesEncrypted: CachePolicy.maxBytesEncryptedLimit
}

/** The limits of a manager with this policy. Fails where the policy has no maximum age. */
export const ofManager = ({ thresholds }: CachePolicy.CachePolicy): Result.Result<Limits, InvalidPolicy> =>
  thresholds.maxAge === undefined
    ? Result.fail(new InvalidPolicy({ violations: [{ field: "maxAge", description: "is required" }] }))
    : Result.succeed(complete(thresholds, defaults))

/** The limits for materials that lack a wrapping. */
export const ofIncomplete = (own: Limits, maxAge: Duration.Input | undefined): Limits => ({
  ...own,
  maxAgeMillis: maxAge === undefined
    ? own.maxAgeMillis / 10
    : Math.min(own.maxAgeMillis, Duration.toMillis(Duration.fromInputUnsafe(maxAge)))
})

/** The limits that the policy's rules set for a request, before any look-up; undefined where it bypasses the cache. */
export const ofRequest = (
  policy: CachePolicy.CachePolicy,
  own: Limits,
  clock: Clock.Clock,
  operation: CachePolicy.RuleRequest["operation"],
  { algorithmSuite, encryptionContext }: Pick<CachePolicy.RuleRequest, "algorithmSuite" | "encryptionContext">,
  plaintextLength: number | undefined
): Limits | undefined => {
  if (policy.rules.length === 0) return own
  const time = DateTime.makeUnsafe(clock.currentTimeMillisUnsafe())
  const decision = CachePolicy.decide(policy, { operation, encryptionContext, algorithmSuite, plaintextLength, time })
  return decision._tag === "Bypass" ? undefined : complete(decision.thresholds, own)
}
