/** Random programs, run against the real managers under TestClock, and compared with the reference model. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { DataKey } from "effect-encryption-sdk"
import { vi } from "vitest"
import { assertCoverage, type Coverage } from "./coverage.ts"
import { arbitraryProgram } from "./Program.ts"
import { checkCopies, forgetCopies } from "./recordedCopies.ts"
import { replay } from "./replay.ts"
import { runProgram } from "./runProgram.ts"

vi.mock("../../../src/model/DataKey.ts", async (importOriginal) => {
  const { recording } = await import("./recordedCopies.ts")
  return recording(await importOriginal<typeof DataKey>())
})

describe("the caching manager and the reference model", () => {
  const coverage: Coverage = new Map()

  it.effect.prop(
    "agree on keys, receipts, errors, calls, evictions, usage and size",
    { program: arbitraryProgram(30) },
    ({ program }) =>
      Effect.gen(function*() {
        yield* forgetCopies
        const run = yield* runProgram(program)
        replay(program, run, { coverage, inOrder: true })
        yield* run.close
        yield* checkCopies
      }),
    { timeout: 180_000, arbitrary: { seed: "caching", runs: 3000, size: 60, maxShrinks: 2000 } }
  )

  it("programs did all of this", () => {
    assertCoverage(coverage, {
      Hit: 3000,
      Joined: 3000,
      Miss: 5000,
      "hits on another manager's entry": 50,
      "closed flights": 500,
      "succeeded, and nothing of it is cached": 500,
      "fetches: succeeded": 2000,
      "fetches: failed": 500,
      "fetches: deadline": 500,
      "fetches: abandoned": 200,
      "failed for several waiters": 300,
      "failed at a deadline of their own": 50,
      "interrupted leaders": 100,
      "interrupted waiters": 100,
      "all interrupted": 200,
      "fetched for itself": 50,
      "closed by an invalidation": 100,
      "succeeded after an invalidation": 50,
      "evicted: age": 500,
      "evicted: bytes": 100,
      "evicted: messages": 200,
      "evicted: capacity": 200,
      "evicted: replaced": 100,
      "evicted: cleared": 100,
      "evicted: invalidated": 50,
      sweeps: 200,
      refreshes: 400,
      "refreshes succeeded": 200,
      "refreshes succeeded after an invalidation": 5,
      "refreshes tried again": 5,
      "joined a refresh": 100,
      "bypassed: CachingOff": 500,
      "bypassed: LargerThanMaxBytesEncrypted": 500,
      "bypassed: MaterialsNotCacheable": 200,
      "bypassed: Rule": 200,
      "bypassed: SuiteWithoutKeyDerivation": 200,
      "bypassed: UnknownPlaintextLength": 200,
      "refused by a closed manager": 100
    })
  })
})
