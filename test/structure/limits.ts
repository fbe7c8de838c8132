/**
 * How long modules and functions may be, in lines of code, and the few that may be longer.
 *
 * Tests get more room than sources. A module of tests is a list, and a helper there is often a double with all its methods, or a
 * table. Functions that register tests (callbacks of `describe` and `layer`, contract suites) have no limit of their own but their
 * module's; the tests in them do.
 */
export interface Limits {
  readonly folder: string
  readonly module: number
  readonly function: number
}

export const limits: ReadonlyArray<Limits> = [
  { folder: "src", module: 300, function: 60 },
  { folder: "docs/examples", module: 300, function: 60 },
  { folder: "docs/site", module: 300, function: 60 },
  { folder: "test", module: 500, function: 100 }
]

/** A module, or one function of it, that may be longer than the limit. */
export interface SizeException {
  readonly path: string
  /** Name as the check prints it. Default: the exception is the module's. */
  readonly function?: string
  /** Lines of code that it may have. */
  readonly lines: number
  readonly because: string
}

/** There are never more exceptions than this. */
export const maxExceptions = 5

export const exceptions: ReadonlyArray<SizeException> = []
