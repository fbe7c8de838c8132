import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"

/** Whether a value is a positive and finite Duration, or stands for one. */
export const isPositiveDuration = (value: unknown): value is Duration.Input => {
  const duration = Duration.fromInput(value as Duration.Input)
  return duration._tag === "Some" && Duration.isFinite(duration.value) && Duration.isPositive(duration.value)
}

/** An option that must be a positive, finite Duration, or may be left out. */
export const PositiveDuration = /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(isPositiveDuration))

/** The sentence about a value that is not. */
export const positiveDuration = (value: unknown): string =>
  `must be a positive, finite Duration, got ${typeof value === "string" ? JSON.stringify(value) : String(value)}`
