import * as Stream from "effect/Stream"

/**
 * The output of a user's operation, of which an adapter makes a stream of another kind. It fails with what `fail` makes of a
 * description where the operation is no function, or returns no stream.
 */
export const outputOf = <I, A, E, R, E2>(
  operation: (input: I) => Stream.Stream<A, E, R>,
  input: I,
  fail: (description: string) => E2
): Stream.Stream<A, E | E2, R> =>
  Stream.suspend((): Stream.Stream<A, E | E2, R> => {
    const output = typeof operation === "function" ? operation(input) : undefined
    return output !== undefined && Stream.isStream(output)
      ? output
      : Stream.fail(fail("the operation must be a function that returns a Stream of Effect"))
  })
