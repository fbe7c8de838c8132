import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"

/** The way in which code of the user's failed. */
export type Fault = "Rejected" | "Threw"

/** Runs a schema, or a function, of the user's. Its errors and defects may hold the value: nothing is left of them but the way in which it failed. */
export const withoutValues = <A, E, R>(
  run: () => Effect.Effect<A, unknown, R>,
  failure: (fault: Fault) => E
): Effect.Effect<A, E, R> =>
  Effect.catchCause(Effect.suspend(run), (cause) => {
    if (Cause.hasInterrupts(cause)) return Effect.interrupt
    return Effect.fail(failure(Cause.hasDies(cause) ? "Threw" : "Rejected"))
  })
