/** Random programs, run against the real cache of branch keys under TestClock, and compared with the reference model. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { DataKey } from "effect-encryption-sdk"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import { assertCoverage, type Coverage } from "../../caching/model/coverage.ts"
import { arbitraryInterleaving, interleaved } from "../../caching/model/permutingScheduler.ts"
import { checkCopies, forgetCopies } from "../../caching/model/recordedCopies.ts"
import { arbitraryProgram } from "./Program.ts"
import { runProgram } from "./runProgram.ts"

vi.mock("../../../src/model/DataKey.ts", async (importOriginal) => {
  const { recording } = await import("../../caching/model/recordedCopies.ts")
  return recording(await importOriginal<typeof DataKey>())
})

const everything = {
  Hit: 1000,
  Joined: 2000,
  Miss: 2000,
  "joined a refresh": 5,
  "too late to join": 10,
  "too old for its source": 20,
  refreshes: 50,
  "refreshes that succeeded": 20,
  "refreshes tried again": 1,
  "refreshes that were overdue": 5,
  "reads that succeeded": 1000,
  "reads that failed": 200,
  "reads that were overdue": 200,
  "reads that were abandoned": 50,
  "reads that were closed": 200,
  "reads of which nothing is kept": 200,
  "deadlines of some waiters": 20,
  interruptions: 200,
  "evicted: age": 20,
  "evicted: capacity": 200,
  "evicted: replaced": 20,
  "evicted: invalidated": 50,
  "evicted: cleared": 50,
  "evicted: closed": 500,
  "requests of a closed cache": 100
}

describe("a cache of branch keys and the reference model", () => {
  const coverage: Coverage = new Map()

  it.effect.prop(
    "agree on outcomes, reads, interrupted reads and entries, and leave no key",
    { program: arbitraryProgram(40) },
    ({ program }) =>
      Effect.gen(function*() {
        yield* forgetCopies
        yield* runProgram(program, coverage, true, TestClock.adjust(0), TestClock.adjust)
        yield* checkCopies
      }),
    { timeout: 180_000, arbitrary: { seed: "branch keys", runs: 1500, size: 60, maxShrinks: 2000 } }
  )

  it("programs did all of this", () => assertCoverage(coverage, everything))
})

describe("in any order of fibers", () => {
  const coverage: Coverage = new Map()

  it.effect.prop(
    "the cache of branch keys and the reference model agree",
    { program: arbitraryProgram(30), interleaving: arbitraryInterleaving },
    ({ interleaving, program }) =>
      interleaved(interleaving, (settle) =>
        Effect.gen(function*() {
          yield* forgetCopies
          yield* runProgram(program, coverage, false, settle, (millis) =>
            Effect.andThen(TestClock.adjust(millis), settle))
          yield* checkCopies
        })),
    { timeout: 180_000, arbitrary: { seed: "orders of branch keys", runs: 700, size: 40, maxShrinks: 2000 } }
  )

  it("programs did most of this", () =>
    assertCoverage(coverage, { Hit: 200, Joined: 500, Miss: 500, refreshes: 5, interruptions: 50 }))
})
