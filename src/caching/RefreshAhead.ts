/**
 * Refresh ahead: entries that are in use are renewed before they meet a threshold, so that nobody waits for the key
 * provider when they do.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Primitives } from "../crypto/Primitives.ts"
import { InvalidOption } from "../model/errors/Reasons.ts"
import type { RefreshPoint } from "./internal/cacheEntry.ts"
import type { FlightsOptions, Limits } from "./internal/materialsFlights.ts"
import { positiveDuration } from "./internal/positiveDuration.ts"

/**
 * When an entry that serves a request is renewed in the background. It goes on serving, within its thresholds, until the
 * renewed one takes its place.
 */
export interface RefreshAheadOptions {
  /**
   * How long before its maximum age a served entry is renewed. The exact moment is drawn for each entry, from the first
   * half of this period, so that many entries are not renewed at once. Less than `maxAge`. Default: a tenth of `maxAge`.
   */
  readonly gracePeriod?: Duration.Input | undefined
  /**
   * The share of its messages or bytes, between 0 and 1, past which a served entry is renewed. The exact share is drawn
   * for each entry, from the first half of what is left. Default 0.9.
   */
  readonly budgetShare?: number | undefined
  /**
   * How a failed renewal is tried again, while the old entry is within its thresholds. No request waits for the delay.
   * Default: exponential, from 1 second.
   */
  readonly retry?: Schedule.Schedule<unknown> | undefined
}

/**
 * Validates the options against the thresholds of the manager, and answers how its flights renew.
 *
 * @internal
 */
export const make = Effect.fnUntraced(function*(
  options: RefreshAheadOptions,
  limits: Limits,
  primitives: Primitives
): Effect.fn.Return<FlightsOptions["refresh"], InvalidOption> {
  const gracePeriod = yield* positiveDuration(
    "refreshAhead.gracePeriod",
    options.gracePeriod ?? Duration.millis(limits.maxAgeMillis / 10)
  )
  const graceMillis = Duration.toMillis(gracePeriod)
  if (graceMillis >= limits.maxAgeMillis) {
    return yield* new InvalidOption({
      field: "refreshAhead.gracePeriod",
      description: `must be less than maxAge = ${Duration.format(Duration.millis(limits.maxAgeMillis))}, got ${
        Duration.format(gracePeriod)
      }`
    })
  }
  const budgetShare = options.budgetShare ?? 0.9
  if (!(budgetShare > 0 && budgetShare < 1)) {
    return yield* new InvalidOption({
      field: "refreshAhead.budgetShare",
      description: `must be between 0 and 1, got ${String(budgetShare)}`
    })
  }
  return {
    drawPoint: Effect.map(primitives.randomBytes(4), (random): RefreshPoint => {
      const half = new DataView(random.buffer, random.byteOffset).getUint32(0) / 2 ** 33
      const share = budgetShare + (1 - budgetShare) * half
      // Bytes are counted exactly, so their share is taken in whole millionths.
      const millionths = BigInt(Math.ceil(share * 1e6))
      return {
        ageMillis: limits.maxAgeMillis - graceMillis * (1 - half),
        messages: Math.ceil(limits.maxMessagesEncrypted * share),
        bytes: (limits.maxBytesEncrypted * millionths + 999_999n) / 1_000_000n
      }
    }),
    retry: options.retry ?? Schedule.exponential("1 second")
  }
})
