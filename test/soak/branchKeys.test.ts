/** Short days of branch keys, to see that the checks hold, and that they can fail. `npm run test:soak` has the long one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { sabotages } from "./branchKeyRun.ts"
import { branchKeyDay, type Report, type Sabotage } from "./branchKeys.ts"
import { hasPassed } from "./checks.ts"

const failures = (requests: number, sabotages: ReadonlyArray<Sabotage> = []) =>
  Effect.map(
    branchKeyDay({ requests, seed: 1, sabotages, heap: () => 0 }),
    ({ checks }) => Object.entries(checks).filter(([, check]) => !hasPassed(check)).map(([id]) => id)
  )

/** Which check finds what. */
const found: Readonly<Record<Sabotage, keyof Report["checks"]>> = {
  halfAsOldAgain: "age",
  forgottenInvalidation: "invalidated",
  oneEntryMore: "capacity",
  neverZeroed: "released",
  zeroedEarly: "intact",
  otherKey: "bytes",
  uncountedRead: "reads",
  uncountedRequest: "requests",
  lostVersion: "errors",
  spoiltMessage: "old"
}

describe("the soak of branch keys", () => {
  it.live("holds", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* failures(8000), [])
    }), 120_000)

  it.live("is the same for the same seed, and another for another", () =>
    Effect.gen(function*() {
      const run = (seed: number) =>
        Effect.map(branchKeyDay({ requests: 2000, seed, heap: () => 0 }), ({ called, metrics, outcomes }) => ({
          called,
          metrics,
          outcomes
        }))
      const first = yield* run(1)
      assert.deepStrictEqual(yield* run(1), first)
      assert.notDeepEqual(yield* run(2), first)
    }), 120_000)

  for (const sabotage of Object.keys(sabotages) as ReadonlyArray<Sabotage>) {
    it.live(`finds that ${sabotages[sabotage]}`, () =>
      Effect.gen(function*() {
        assert.include(yield* failures(8000, [sabotage]), found[sabotage])
      }), 120_000)
  }
})
