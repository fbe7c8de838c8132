/** Which of the calls that a rule is about by its other conditions. */
export interface Turn {
  readonly nth?: number | ReadonlyArray<number> | undefined
  readonly times?: number | undefined
}

/** The rules of a scripted service, each with its own count of the calls that fit it. */
export const make = <Matcher extends Turn, Behaviour>() => {
  let rules: Array<{ readonly matcher: Matcher; readonly behaviour: Behaviour; matched: number }> = []
  return {
    add: (matcher: Matcher, behaviour: Behaviour): void => {
      rules.push({ matcher, behaviour, matched: 0 })
    },
    clear: (): void => {
      rules = []
    },
    /** The behaviours of the rules whose turn it is, in the order in which the rules were given. */
    behaviours: (fits: (matcher: Matcher) => boolean): ReadonlyArray<Behaviour> =>
      rules.filter((rule) => {
        const { nth, times } = rule.matcher
        if (!fits(rule.matcher)) return false
        rule.matched++
        if (times !== undefined && rule.matched > times) return false
        return nth === undefined || (typeof nth === "number" ? nth === rule.matched : nth.includes(rule.matched))
      }).map(({ behaviour }) => behaviour)
  }
}
