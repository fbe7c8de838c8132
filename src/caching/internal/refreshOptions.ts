import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { Primitives } from "../../crypto/Primitives.ts"
import { checker, shown } from "../../internal/options.ts"
import { InvalidOption } from "../../model/errors/Reasons.ts"
import type { Options } from "../RefreshAhead.ts"
import { PositiveDuration, positiveDuration } from "../../internal/durations.ts"
import type { RefreshPoint } from "./entry.ts"
import type { Limits } from "./limits.ts"

/** The options as a manager uses them. */
export interface RefreshAhead {
  /** Draws the point at which the next entry is refreshed. */
  readonly drawPoint: Effect.Effect<RefreshPoint>
  readonly retry: Schedule.Schedule<unknown>
}

/** Checks the options against the limits of the manager. */
export const make = Effect.fnUntraced(function*(
  given: Options,
  limits: Limits,
  primitives: Primitives
): Effect.fn.Return<RefreshAhead, InvalidOption> {
  const options: Options = yield* Effect.fromResult(
    Result.mapError(checkOptions(given), ({ description, field }) => invalid(field, description))
  )
  const gracePeriod = Duration.fromInputUnsafe(options.gracePeriod ?? Duration.millis(limits.maxAgeMillis / 10))
  const graceMillis = Duration.toMillis(gracePeriod)
  if (graceMillis >= limits.maxAgeMillis) {
    return yield* invalid(
      "gracePeriod",
      `must be less than maxAge = ${Duration.format(Duration.millis(limits.maxAgeMillis))}, got ${
        Duration.format(gracePeriod)
      }`
    )
  }
  const budgetShare = options.budgetShare ?? 0.9
  return {
    drawPoint: Effect.map(
      primitives.randomBytes(4),
      (random) => refreshPoint(limits, graceMillis, budgetShare, random)
    ),
    retry: options.retry ?? Schedule.exponential("1 second")
  }
})

const refreshPoint = (limits: Limits, graceMillis: number, budgetShare: number, random: Uint8Array): RefreshPoint => {
  const half = new DataView(random.buffer, random.byteOffset).getUint32(0) / 2 ** 33
  const share = budgetShare + (1 - budgetShare) * half
  // Bytes are counted exactly, so their share is taken in whole millionths.
  const millionths = BigInt(Math.ceil(share * 1e6))
  return {
    ageMillis: limits.maxAgeMillis - graceMillis * (1 - half),
    messages: Math.ceil(limits.maxMessagesEncrypted * share),
    bytes: (limits.maxBytesEncrypted * millionths + 999_999n) / 1_000_000n
  }
}

const isSchedule = (value: unknown): value is Schedule.Schedule<unknown> => Schedule.isSchedule(value)

const checkOptions = /*#__PURE__*/ checker(
  /*#__PURE__*/ Schema.Struct({
    gracePeriod: PositiveDuration,
    budgetShare: /*#__PURE__*/ Schema.optional(
      /*#__PURE__*/ Schema.declare((value): value is number => typeof value === "number" && value > 0 && value < 1)
    ),
    retry: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(isSchedule))
  }),
  "refreshing ahead",
  {
    gracePeriod: positiveDuration,
    budgetShare: (value) => `must be between 0 and 1, got ${shown(value)}`,
    retry: "must be a Schedule"
  }
)

const invalid = (field: string, description: string): InvalidOption =>
  new InvalidOption({ field: field === "options" ? "refreshAhead" : `refreshAhead.${field}`, description })
