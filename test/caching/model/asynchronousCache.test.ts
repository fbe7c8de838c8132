/** Random programs over a user's own cache, which takes its time and fails, with the order of fibers varied. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect } from "effect"
import type { DataKey } from "effect-encryption-sdk"
import { CacheEntry } from "effect-encryption-sdk/caching"
import { vi } from "vitest"
import { arbitraryInt } from "../../support/arbitraryBytes.ts"
import { asynchronousCache, type Behaviour } from "./asynchronousCache.ts"
import { assertCoverage, type Coverage } from "./coverage.ts"
import { checkInvariants } from "./invariants.ts"
import { arbitraryInterleaving, interleaved } from "./permutingScheduler.ts"
import { arbitraryProgram } from "./Program.ts"
import { checkCopies, forgetCopies } from "./recordedCopies.ts"
import { runProgram } from "./runProgram.ts"

vi.mock("../../../src/model/DataKey.ts", async (importOriginal) => {
  const { recording } = await import("./recordedCopies.ts")
  return recording(await importOriginal<typeof DataKey>())
})

const faults: ReadonlyArray<Behaviour["fault"]> = [
  "fails",
  "dies",
  "throws",
  "hangs",
  "fails after it was done",
  "answers another entry",
  "makes room"
]
const latencies = [0, 10, 100, 250, 500, 900]
const behaviour: Arbitrary.Arbitrary<Behaviour> = Arbitrary.map(
  Arbitrary.all({ latency: arbitraryInt(-3, latencies.length - 1), fault: arbitraryInt(-12, faults.length - 1) }),
  ({ fault, latency }) => ({ latency: latencies[Math.max(0, latency)]!, fault: faults[fault] ?? "none" })
)

describe("an asynchronous cache", () => {
  const coverage: Coverage = new Map()

  it.effect.prop(
    "no data key over a limit or past its age, one open flight, no zeroed key met, and none left",
    {
      program: arbitraryProgram(20),
      behaviours: Arbitrary.array(behaviour, { minLength: 1, maxLength: 12 }),
      interleaving: arbitraryInterleaving
    },
    ({ behaviours, interleaving, program }) =>
      interleaved(interleaving, (settle) =>
        Effect.gen(function*() {
          yield* forgetCopies
          const cache = asynchronousCache(behaviours)
          const spec = { ...program, capacity: 1, decryptCapacity: undefined }
          const run = yield* runProgram(spec, { settle, cache })
          checkInvariants(spec, run, coverage)
          yield* run.close
          assert.isTrue([...cache.given].every(CacheEntry.isEvicted), "an entry is left")
          yield* checkCopies
        })),
    { timeout: 180_000, arbitrary: { seed: "an asynchronous cache", runs: 1000, size: 40, maxShrinks: 2000 } }
  )

  it("programs did all of this", () => {
    assertCoverage(coverage, {
      hit: 500,
      miss: 2000,
      joined: 1000,
      "joined what was on its way into the cache": 300,
      "closed flights": 200,
      "fetches: succeeded": 1000,
      "fetches: failed": 300,
      "fetches: deadline": 200,
      "fetches: abandoned": 50,
      refreshes: 50,
      "the cache failed: get": 300,
      "the cache died: get": 200,
      "the cache timedOut: get": 200,
      "the cache failed: put": 100,
      "the cache died: put": 50,
      "the cache timedOut: put": 50,
      "the cache failed: deleteWhere": 20
    })
  })
})
