/**
 * `npm run check:sizes`: fails on modules and functions that are longer than `limits.ts` allows, and on exceptions there that
 * are not needed. Prints the longest module and the longest function of each folder.
 *
 * `npm run check:sizes -- --list [N]` prints the N longest (20 without a number) of each folder as well.
 */
import { exceptions, type Limits, limits, maxExceptions, type SizeException } from "./limits.ts"
import { measure, type Measured, type MeasuredFunction } from "./measure.ts"
import { filesBelow, parse, readText } from "./syntax.ts"

/** A module or a function, with its length and its limit. */
export interface Sized {
  readonly path: string
  readonly function?: string
  readonly line?: number
  readonly lines: number
  readonly limit: number
}

/** Everything of a module that has a limit. */
export const sized = ({ functions, lines, path }: Measured, limits: Limits): ReadonlyArray<Sized> => [
  { path, lines, limit: limits.module },
  ...functions.filter(({ isSuite }) => !isSuite).map(({ line, lines, name }: MeasuredFunction) => ({
    path,
    function: name,
    line,
    lines,
    limit: limits.function
  }))
]

const describeSize = ({ function: name, line, lines, path }: Sized): string =>
  name === undefined ? `${path}: ${lines} lines of code` : `${path}:${line}: ${name}: ${lines} lines of code`

const isAbout = (exception: SizeException, { function: name, path }: Sized): boolean =>
  exception.path === path && exception.function === name

/** Everything that is wrong with the sizes, one sentence each. */
export const problems = (
  all: ReadonlyArray<Sized>,
  exceptions: ReadonlyArray<SizeException>,
  maxExceptions: number
): ReadonlyArray<string> => {
  const tooLong = all.filter(({ limit, lines }) => lines > limit)
  const found = tooLong.flatMap((size) => {
    const allowed = Math.max(
      size.limit,
      ...exceptions.filter((exception) => isAbout(exception, size)).map(({ lines }) => lines)
    )
    return size.lines > allowed ? [`${describeSize(size)}, and ${allowed} are allowed`] : []
  })
  for (const exception of exceptions) {
    const subject = `${exception.path}${exception.function === undefined ? "" : `: ${exception.function}`}`
    if (!tooLong.some((size) => isAbout(exception, size))) found.push(`the exception of ${subject} is not needed`)
    if (exception.because.trim() === "") found.push(`the exception of ${subject} has no reason`)
  }
  if (exceptions.length > maxExceptions) {
    found.push(`there are ${exceptions.length} exceptions, and ${maxExceptions} are allowed`)
  }
  return found
}

const longest = (sizes: ReadonlyArray<Sized>, count: number): ReadonlyArray<string> =>
  sizes.toSorted((a, b) => b.lines - a.lines).slice(0, count).map((size) => `  ${describeSize(size)}`)

const main = (args: ReadonlyArray<string>): void => {
  const count = args.includes("--list") ? Number(args.at(args.indexOf("--list") + 1) ?? 20) : 1
  const all: Array<Sized> = []
  for (const rule of limits) {
    const sizes = filesBelow(rule.folder, ".ts").flatMap((path) => sized(measure(parse(path, readText(path))), rule))
    console.log(`${rule.folder}: modules up to ${rule.module} lines of code, functions up to ${rule.function}`)
    for (const line of longest(sizes.filter((size) => size.function === undefined), count)) console.log(line)
    for (const line of longest(sizes.filter((size) => size.function !== undefined), count)) console.log(line)
    all.push(...sizes)
  }
  const found = problems(all, exceptions, maxExceptions)
  if (found.length > 0) console.error(`\n${found.join("\n")}\n\n${found.length} too long`)
  else console.log(`\nall within their limits, but for ${exceptions.length} of at most ${maxExceptions} exceptions`)
  process.exitCode = found.length > 0 ? 1 : 0
}

if (import.meta.main) main(process.argv.slice(2))
