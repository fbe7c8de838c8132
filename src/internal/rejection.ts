/**
 * Checks that throw. Code that checks many things reads as a list of statements, and pays nothing where all is well; `checked`
 * is the boundary at which a rejection becomes a `Result`.
 */
import * as Result from "effect/Result"

/** An error on its way to `checked`. Everything else that is thrown is a defect, and passes through. */
export class Rejection {
  readonly error: unknown
  constructor(error: unknown) {
    this.error = error
  }
}

/** Ends the checks with this error, which the boundary must name in its type. */
export const reject = (error: Error): never => {
  throw new Rejection(error)
}

/** The value of a result, or a rejection with its error. */
export const orReject = <A>(result: Result.Result<A, Error>): A =>
  Result.isSuccess(result) ? result.success : reject(result.failure)

/** The error of a rejection that was caught. What else was caught is a defect, and is thrown again. */
export const rejectedWith = (thrown: unknown): unknown => {
  if (thrown instanceof Rejection) return thrown.error
  throw thrown
}

/** Runs checks. `E` names the errors that they reject with. */
export const checked = <A, E>(check: () => A): Result.Result<A, E> => {
  try {
    return Result.succeed(check())
  } catch (thrown) {
    return Result.fail(rejectedWith(thrown) as E)
  }
}
