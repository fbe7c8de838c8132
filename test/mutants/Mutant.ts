/**
 * A seeded defect of the library, and the one test that must notice it.
 */
import { Data, Result } from "effect"

/** A test by its file and its title, the titles around it included: `describe > it`. */
export interface NamedTest {
  readonly file: string
  readonly title: string
}

/** A text that must be there exactly once, and what takes its place. */
export interface Change {
  readonly find: string
  readonly replace: string
}

/** See the module. */
export interface Mutant extends Change {
  readonly name: string
  /** The file to change, from the root of the repository. */
  readonly file: string
  /** A second change to the same file, where it takes two to make the mistake. */
  readonly also?: Change
  readonly killedBy: NamedTest
}

/** The library has changed and the table has not: the text that a mutant replaces is gone, or there more than once. */
export class DoesNotApply extends Data.TaggedError("DoesNotApply")<{
  readonly mutant: Mutant
  readonly occurrences: number
}> {
  override get message(): string {
    const { file, name } = this.mutant
    return `mutant "${name}" no longer applies: its text occurs ${this.occurrences} times in ${file}, not once`
  }
}

/** The source with the defect in it. */
export const apply = (mutant: Mutant, source: string): Result.Result<string, DoesNotApply> => {
  let mutated = source
  for (const { find, replace } of mutant.also === undefined ? [mutant] : [mutant, mutant.also]) {
    const parts = mutated.split(find)
    if (parts.length !== 2) return Result.fail(new DoesNotApply({ mutant, occurrences: parts.length - 1 }))
    mutated = parts.join(replace)
  }
  return Result.succeed(mutated)
}
