/**
 * Names of options, and the fault of a bag that holds another one. The one way in which all bags of options are checked for
 * names, cheap enough for each message.
 *
 * Names are those that a property access would find: own and inherited, so that options may be an object over defaults.
 * Symbols and what is not enumerable name no option, and are passed over.
 */

/** The options of one kind of bag. `owner` ends the sentence about another one: `encrypt`, `a client`. */
export interface OptionNames {
  readonly owner: string
  readonly names: ReadonlySet<string>
  /** Names of options that another option holds, such as `policy.maxAge`: they may be meant, and are none of these. */
  readonly nested?: ReadonlyArray<string>
}

/** All names of `Options`: a type to write the names by, so that none can be forgotten. */
export type NamesOf<Options> = { readonly [Name in keyof Options]-?: true }

/** The names of one kind of bag. */
export const optionNames = (owner: string, names: Readonly<Record<string, true>>): OptionNames => ({
  owner,
  names: new Set(Object.keys(names))
})

/** The first name that is none of the options, and the sentence about it; undefined where all are. Allocates nothing then. */
export const findUnknown = (
  options: object,
  { names, nested = [], owner }: OptionNames
): { readonly field: string; readonly description: string } | undefined => {
  // Inherited names are looked at as well, as they are where options are read.
  for (const name in options) {
    if (!names.has(name)) return { field: name, description: noOption(name, owner, [...names, ...nested]) }
  }
  return undefined
}

/** The end of the sentence about a name that is no option. */
export const noOption = (name: string, owner: string, names: Iterable<string>): string => {
  const near = nearest(name, names)
  return `is no option of ${owner}${near === undefined ? "" : `: did you mean ${near}?`}`
}

/** Greatest length of a name that is compared with others. */
const maxCompared = 64

/**
 * The known name that is most like another one, by the letters that were mistyped or left out; undefined where none is. Of
 * `policy.maxAge`, the last part counts.
 */
export const nearest = (name: string, names: Iterable<string>): string | undefined => {
  const given = name.slice(0, maxCompared).toLowerCase()
  let best: string | undefined
  let least = Infinity
  for (const candidate of names) {
    const known = candidate.slice(candidate.lastIndexOf(".") + 1).toLowerCase()
    const cost = distance(given, known)
    const isNear = cost <= given.length / 3 || (given.length > 3 && (known.includes(given) || given.includes(known)))
    if (isNear && cost < least) {
      best = candidate
      least = cost
    }
  }
  return best
}

/** The number of letters to insert, leave out or exchange to make one text of the other. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}
