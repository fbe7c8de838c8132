import * as Effect from "effect/Effect"

/**
 * The effect of a promise that code of others makes. Whatever that code or `onValue` throws comes to `onThrown`, which throws
 * nothing: nothing is left unhandled, and the effect ends. `onValue` is called for a value that comes after an interruption
 * too, with a signal that is aborted.
 */
export const settle = <A, B, E>(
  begin: (signal: AbortSignal) => PromiseLike<A>,
  onValue: (value: A, signal: AbortSignal) => Effect.Effect<B, E>,
  onThrown: (thrown: unknown) => Effect.Effect<B, E>
): Effect.Effect<B, E> =>
  Effect.callback<B, E>((resume, signal) => {
    let promise: Promise<A>
    try {
      // It may return what is no promise.
      promise = Promise.resolve(begin(signal))
    } catch (thrown) {
      return resume(onThrown(thrown))
    }
    promise.then(
      (value) => {
        let settled: Effect.Effect<B, E>
        try {
          settled = onValue(value, signal)
        } catch (thrown) {
          settled = onThrown(thrown)
        }
        resume(settled)
      },
      (thrown: unknown) => resume(onThrown(thrown))
    )
  })
