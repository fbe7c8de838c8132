/**
 * An assertion of this entry point does not hold. An ordinary `Error` with `expected` and `actual`, which every test runner
 * shows. Assertions die of it, so that no error handler of the program under test takes it for one of its own.
 */
export class AssertionFailed extends Error {
  override readonly name = "AssertionError"
  readonly expected: unknown
  readonly actual: unknown

  constructor(message: string, expected: unknown, actual: unknown) {
    super(message)
    this.expected = expected
    this.actual = actual
  }
}
