/** What random programs did, to see that the properties over them do not hold for want of trying. */
import { assert } from "@effect/vitest"

export type Coverage = Map<string, number>

/** Asserts that each of these happened at least as often as `least` says. */
export const assertCoverage = (coverage: Coverage, least: Readonly<Record<string, number>>): void => {
  const missing = Object.entries(least).flatMap(([what, times]) => {
    const seen = coverage.get(what) ?? 0
    return seen < times ? [`${what}: ${seen} times, at least ${times} were expected`] : []
  })
  assert.deepStrictEqual(missing, [], `of ${JSON.stringify(Object.fromEntries(coverage))}`)
}
