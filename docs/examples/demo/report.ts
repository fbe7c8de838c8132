/**
 * The table at the end, and the verdict.
 */
import Table from "cli-table3"
import * as CountingKms from "./counting-kms.ts"
import type { PhaseReport } from "./phase.ts"
import type { RequiredCalls } from "./required-calls.ts"
import type { Verification } from "./verification.ts"

/** Everything that the report is made of. */
export interface Outcome {
  readonly encryption: PhaseReport
  readonly decryption: PhaseReport
  readonly required: RequiredCalls
  /** In milliseconds. */
  readonly maxAge: number
  /** Whether entries were renewed before they met a threshold, which costs calls that are not required. */
  readonly refreshAhead: boolean
  readonly verification: Verification
  /** Reads of the branch key store in each phase, where branch keys are cached in the place of data keys. */
  readonly storeReads?: { readonly encryption: number; readonly decryption: number } | undefined
}

/** The calls that a phase had to make. */
export interface Expectation {
  readonly calls: number
  /** Whether more of them are right too. */
  readonly orMore: boolean
  readonly met: boolean
}

/**
 * The calls that each phase had to make: those that are required exactly, or, where data keys may have expired meanwhile or
 * room was short in parallel, those that no run can do without.
 *
 * If data keys expired during encryption, there are more of them to decrypt, so that its time counts for both.
 */
export const expectations = (
  { decryption, encryption, maxAge, refreshAhead, required }: Omit<Outcome, "verification" | "storeReads">
): { readonly encryption: Expectation; readonly decryption: Expectation } => {
  const expect = (phase: PhaseReport, { atLeast, exactly }: RequiredCalls["encryption"], expired: boolean) => {
    const orMore = exactly === undefined || expired || refreshAhead
    const calls = orMore ? atLeast : exactly
    const made = CountingKms.total(phase.calls)
    return { calls, orMore, met: orMore ? made >= calls : made === calls }
  }
  const expiredDuringEncryption = encryption.elapsed >= maxAge
  return {
    encryption: expect(encryption, required.encryption, expiredDuringEncryption),
    decryption: expect(
      decryption,
      required.decryption,
      expiredDuringEncryption || decryption.elapsed >= maxAge
    )
  }
}

/** The report as text, and whether everything is as it should be. The last line says how many records came back. */
export const render = (outcome: Outcome): { readonly text: string; readonly succeeded: boolean } => {
  const { decryption, encryption, storeReads, verification } = outcome
  const [keys, limits] = storeReads === undefined ? ["data keys", "thresholds"] : ["branch keys", "branch keys"]
  const expected = expectations(outcome)
  const table = new Table({
    head: ["", "encryption", "decryption"],
    colAligns: ["left", "right", "right"],
    style: { head: [], border: [], compact: true }
  })
  const row = (name: string, cell: (phase: PhaseReport, name: "encryption" | "decryption") => string) =>
    table.push([name, cell(encryption, "encryption"), cell(decryption, "decryption")])
  row("records", ({ records }) => count(records))
  row("KMS calls made", ({ calls }) => byOperation(calls))
  if (storeReads !== undefined) row("reads of the store", (_, phase) => count(storeReads[phase]))
  row(`calls that the ${limits} require`, (_, phase) => {
    const { calls, orMore } = expected[phase]
    return orMore ? `at least ${count(calls)}` : count(calls)
  })
  row("calls without a cache", ({ records }) => count(records))
  row("hits", ({ hits }) => count(hits))
  row("misses", ({ misses }) => count(misses))
  row("joined a fetch in flight", ({ joined }) => count(joined))
  row("renewed ahead", ({ renewed }) => count(renewed))
  row("went past the cache", ({ bypassed }) => count(bypassed))
  row("evictions by cause", ({ evictions }) => byCause(evictions))
  row(
    "time",
    ({ elapsed, records }) => `${seconds(elapsed)}, ${(elapsed / Math.max(records, 1)).toFixed(2)} ms a record`
  )

  const lines = [table.toString()]
  if (expected.encryption.orMore || expected.decryption.orMore) lines.push(reasonOfBound(outcome, keys))
  for (const phase of ["encryption", "decryption"] as const) {
    const { calls, met, orMore } = expected[phase]
    if (met && !orMore) lines.push(`${phase} made exactly the ${count(calls)} KMS calls that the ${limits} require`)
    if (met) continue
    lines.push(
      `WRONG: ${phase} made ${CountingKms.total(outcome[phase].calls)} KMS calls, the ${limits} require ` +
        `${orMore ? "at least " : ""}${calls}`
    )
  }
  const { different, verified } = verification
  if (different.length > 0) {
    const shown = different.slice(0, 10).join(", ")
    lines.push(
      `WRONG: these records differ: ${shown}${different.length > 10 ? ` and ${different.length - 10} more` : ""}`
    )
  }
  lines.push(`verified ${verified}/${encryption.records} records`)
  return {
    text: lines.join("\n"),
    succeeded: expected.encryption.met && expected.decryption.met && different.length === 0
  }
}

/** The reason why only a lower bound of the calls is required. */
const reasonOfBound = ({ decryption, encryption, maxAge, refreshAhead }: Outcome, keys: string): string =>
  encryption.elapsed >= maxAge || decryption.elapsed >= maxAge
    ? `The run took longer than --max-age, so that ${keys} may have expired on the way: only a lower bound of the calls is ` +
      "required."
    : refreshAhead
    ? "Data keys were renewed ahead: only a lower bound of the calls is required."
    : "The cache is smaller than what was in use at once in parallel: only a lower bound of the calls is required."

/** A number with its thousands set apart. */
export const count = (value: number | bigint): string => value.toLocaleString("en")

/** A time in seconds. */
export const seconds = (millis: number): string =>
  `${(millis / 1000).toLocaleString("en", { maximumFractionDigits: 2 })} s`

const byOperation = (calls: CountingKms.KmsCalls): string => {
  const made = Object.entries(calls).filter(([, number]) => number > 0)
  return made.length === 0 ? "0" : made.map(([operation, number]) => `${count(number)} ${operation}`).join(", ")
}

const byCause = (evictions: PhaseReport["evictions"]): string =>
  Object.entries(evictions).map(([cause, number]) => `${count(number)} ${cause}`).join(", ") || "0"
