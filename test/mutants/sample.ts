/** A sample of mutants for a run that must not take long: another one for each seed, and the same for the same. */
import { createHash } from "node:crypto"
import type { Mutant } from "./Mutant.ts"

const rank = (seed: string, { name }: Mutant): string => createHash("sha256").update(`${seed}\n${name}`).digest("hex")

const byText = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

/** `size` of the mutants, in the order of the table. */
export const sample = (mutants: ReadonlyArray<Mutant>, size: number, seed: string): ReadonlyArray<Mutant> => {
  const chosen = new Set(mutants.toSorted((a, b) => byText(rank(seed, a), rank(seed, b))).slice(0, size))
  return mutants.filter((mutant) => chosen.has(mutant))
}
