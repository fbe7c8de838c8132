/**
 * Steps that go on at once. A result that is there is an `Exit`, which is an Effect too: a text of such steps is one
 * synchronous function where all of its parts have results, and an Effect as any other from the first part on that has none.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** `Effect.flatMap`, at once where the result is there. What `f` throws is then thrown here: a defect, as elsewhere. */
export const andThen = <A, E, R, B, E2, R2>(
  self: Effect.Effect<A, E, R>,
  f: (value: A) => Effect.Effect<B, E2, R2>
): Effect.Effect<B, E | E2, R | R2> => {
  if (!Exit.isExit(self)) return Effect.flatMap(self, f)
  const exit = self as Exit.Exit<A, E>
  return Exit.isSuccess(exit) ? f(exit.value) : Exit.failCause(exit.cause)
}

/** `Effect.catch`, which has nothing to do where the result is there. */
export const orElse = <A, E, R, B, E2, R2>(
  self: Effect.Effect<A, E, R>,
  f: (error: E) => Effect.Effect<B, E2, R2>
): Effect.Effect<A | B, E2, R | R2> => hasSucceeded(self) ? self : Effect.catch(self, f)

/** Whether an effect is a result that is there. */
export const hasSucceeded = <A, E, R>(self: Effect.Effect<A, E, R>): self is Effect.Effect<A, E, R> & Exit.Success<A> =>
  Exit.isExit(self) && Exit.isSuccess(self)

/** Computes now. What is thrown is a defect of the result. */
export const compute = <A>(f: () => A): Exit.Exit<A> => {
  try {
    return Exit.succeed(f())
  } catch (thrown) {
    return Exit.die(thrown)
  }
}
