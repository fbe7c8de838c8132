import { Effect } from "effect"

/** The error that a promise is rejected with; undefined where it is fulfilled. */
export const rejectionOf = (promise: Promise<unknown>): Effect.Effect<unknown> =>
  Effect.promise(() => promise.then(() => undefined, (error: unknown) => error))

/** Waits in real time. */
export const pause = (milliseconds: number): Effect.Effect<void> =>
  Effect.promise(() => new Promise((resolve) => setTimeout(resolve, milliseconds)))
