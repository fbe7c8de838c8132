import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { InvalidOption } from "../../model/errors/Reasons.ts"

/** An option that must be a positive, finite Duration; the error names the field and what was given. */
export const positiveDuration = (
  field: string,
  input: Duration.Input
): Effect.Effect<Duration.Duration, InvalidOption> => {
  const duration = Duration.fromInput(input)
  return duration._tag === "Some" && Duration.isFinite(duration.value) && Duration.isPositive(duration.value)
    ? Effect.succeed(duration.value)
    : Effect.fail(
      new InvalidOption({ field, description: `must be a positive, finite Duration, got ${JSON.stringify(input)}` })
    )
}
