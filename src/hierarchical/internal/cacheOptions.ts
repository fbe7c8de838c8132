/** Options of caches of branch keys, which keyrings have too. */
import type * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { parsePositive, PositiveDuration, positiveDuration } from "../../internal/durations.ts"
import { shown } from "../../internal/printable.ts"

const isCapacity = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 1

const isShare = (value: unknown): value is number => typeof value === "number" && value > 0 && value < 1

const isMaxAge = (value: unknown): value is Duration.Input => parsePositive(value) !== undefined

/** Fields of the options but the maximum age. */
export const fields = /*#__PURE__*/ (() => ({
  capacity: Schema.optional(Schema.declare(isCapacity)),
  refreshAhead: Schema.optional(Schema.declare(isShare)),
  fetchDeadline: PositiveDuration
} as const))()

/** A field of a maximum age. */
export const MaxAge = /*#__PURE__*/ Schema.declare(isMaxAge)

/** Bounds of the options. */
export const bounds = {
  maxAge: positiveDuration,
  capacity: (value: unknown) => `must be an integer from 1 to ${Number.MAX_SAFE_INTEGER}, got ${shown(value)}`,
  refreshAhead: (value: unknown) => `must be a share between 0 and 1, got ${shown(value)}`,
  fetchDeadline: positiveDuration
}
