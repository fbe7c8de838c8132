/** The same programs and the same model, with the order of fibers varied, and not only that of their requests. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { DataKey } from "effect-encryption-sdk"
import { vi } from "vitest"
import { arbitraryInt } from "../../support/arbitraryBytes.ts"
import { assertCoverage, type Coverage } from "./coverage.ts"
import { arbitraryInterleaving, interleaved } from "./permutingScheduler.ts"
import { arbitraryProgram } from "./Program.ts"
import { checkCopies, forgetCopies } from "./recordedCopies.ts"
import { replay } from "./replay.ts"
import { runProgram } from "./runProgram.ts"

vi.mock("../../../src/model/DataKey.ts", async (importOriginal) => {
  const { recording } = await import("./recordedCopies.ts")
  return recording(await importOriginal<typeof DataKey>())
})

describe("in any order of fibers", () => {
  const coverage: Coverage = new Map()

  it.effect.prop(
    "the caching manager and the reference model agree",
    {
      program: arbitraryProgram(20),
      interleaving: arbitraryInterleaving,
      putTakes: arbitraryInt(-8, 6),
      deleteTakes: arbitraryInt(-20, 40)
    },
    ({ deleteTakes, interleaving, program, putTakes }) =>
      interleaved(interleaving, (settle) =>
        Effect.gen(function*() {
          yield* forgetCopies
          const yields = (times: number) => Effect.repeat(Effect.yieldNow, { times: Math.max(0, times) })
          const run = yield* runProgram(program, {
            settle,
            beforePut: yields(putTakes),
            beforeDelete: yields(deleteTakes)
          })
          replay(program, run, { coverage, inOrder: false })
          yield* run.close
          yield* checkCopies
        })),
    { timeout: 180_000, arbitrary: { seed: "interleavings", runs: 2000, size: 40, maxShrinks: 2000 } }
  )

  it("programs did all of this", () => {
    assertCoverage(coverage, {
      Hit: 700,
      Joined: 2000,
      Miss: 2000,
      "joined what was on its way into the cache": 300,
      "closed flights": 300,
      "fetches: succeeded": 1000,
      "fetches: failed": 200,
      "fetches: deadline": 100,
      "fetches: abandoned": 100,
      "interrupted leaders": 50,
      "interrupted waiters": 50,
      "all interrupted": 100,
      "fetched for itself": 20,
      "closed by an invalidation": 50,
      "succeeded after an invalidation": 20,
      "evicted: age": 100,
      "evicted: bytes": 30,
      "evicted: messages": 60,
      "evicted: capacity": 100,
      "evicted: replaced": 30,
      "evicted: invalidated": 10,
      refreshes: 60,
      "refreshes succeeded": 30,
      "joined a refresh": 30,
      "refused by a closed manager": 100
    })
  })
})
