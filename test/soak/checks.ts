/** Named checks, which count how often they were looked at and how often they did not hold. */

export interface Check {
  readonly name: string
  readonly looked: number
  readonly violations: number
  /** What was wrong the first time. */
  readonly first: string | undefined
}

/** A check that was never looked at has not passed. */
export const hasPassed = ({ looked, violations }: Check): boolean => looked > 0 && violations === 0

export const make = <const Names extends Readonly<Record<string, string>>>(names: Names) => {
  type Id = keyof Names & string
  const results = Object.fromEntries(
    Object.entries(names).map(([id, name]) => [id, { name, looked: 0, violations: 0, first: undefined }])
  ) as Record<Id, { name: string; looked: number; violations: number; first: string | undefined }>
  return {
    /** The description is made only where the check does not hold. */
    check: (id: Id, holds: boolean, describe: () => string): void => {
      const result = results[id]
      result.looked++
      if (holds) return
      result.violations++
      result.first ??= describe()
    },
    results: results as Readonly<Record<Id, Check>>
  }
}
