import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { shown } from "./options.ts"

/** The positive and finite Duration that a value stands for; undefined where it stands for none. */
export const parsePositive = (value: unknown): Duration.Duration | undefined => {
  const duration = Duration.fromInput(value as Duration.Input)
  return duration._tag === "Some" && Duration.isFinite(duration.value) && Duration.isPositive(duration.value)
    ? duration.value
    : undefined
}

const isPositiveDuration = (value: unknown): value is Duration.Input => parsePositive(value) !== undefined

/** An option that must be a positive, finite Duration, or may be left out. */
export const PositiveDuration = /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(isPositiveDuration))

/** The sentence about a value that is not. */
export const positiveDuration = (value: unknown): string => `must be a positive, finite Duration, got ${shown(value)}`
