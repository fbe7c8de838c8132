/**
 * The deadline of a call of a part that may be the user's own.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"

/** The failure of a fetch that takes longer than its deadline. */
export const overdue = (deadline: Duration.Duration): string => `no answer within ${Duration.format(deadline)}`

/**
 * Runs an effect, in the context of its caller, for this long at most, and waits for nothing when it gives up. A key that comes
 * later belongs to the caller's scope, which has closed: it is zeroed at once.
 */
export const within = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  deadline: Duration.Duration,
  failure: () => E
): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.forkDetach(effect, { startImmediately: true }),
      (fiber) => {
        const done = fiber.pollUnsafe()
        if (done !== undefined) return done
        const giveUp = Effect.sync(() => fiber.interruptUnsafe())
        return restore(Effect.timeoutOption(Fiber.await(fiber), deadline)).pipe(
          Effect.onInterrupt(() => giveUp),
          Effect.flatMap((exit) => Option.isSome(exit) ? exit.value : Effect.andThen(giveUp, Effect.fail(failure())))
        )
      }
    )
  )
