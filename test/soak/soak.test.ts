/**
 * Short runs of the soak, to see that its checks hold, and that each of them can fail. `npm run test:soak` is the long one.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { hasPassed } from "./checks.ts"
import { type Sabotage, sabotages } from "./sabotage.ts"
import { type Report, soak } from "./soak.ts"

/** The checks that did not hold in a run. */
const failures = (requests: number, sabotages: ReadonlyArray<Sabotage> = [], heap = () => 0) =>
  Effect.map(
    soak({ requests, seed: 1, sabotages, heap }),
    ({ checks }) => Object.entries(checks).filter(([, check]) => !hasPassed(check)).map(([id]) => id)
  )

const heap = () => {
  setFlagsFromString("--expose-gc")
  runInNewContext("gc()")
  return process.memoryUsage().heapUsed
}

/** So short a day need not meet everything. */
const short = 6000
/** In so many requests, what is found rarely is found some times. */
const long = 40_000

/** Which check finds what. */
const found: Readonly<Record<Sabotage, keyof Report["checks"]>> = {
  oneMessageMore: "messages",
  oneByteMore: "bytes",
  oneTickOlder: "age",
  oneEntryMore: "capacity",
  sharedDataKey: "tenant",
  strangeDataKey: "known",
  neverZeroed: "memory",
  zeroedEarly: "intact",
  notReleased: "released",
  kmsNotReleased: "kmsReleased",
  uncountedCall: "calls",
  uncountedRequest: "requests",
  unscriptedFault: "errors",
  unansweredRequest: "ended",
  keptAnswers: "heap"
}

const limits = ["oneMessageMore", "oneByteMore", "oneTickOlder", "oneEntryMore"] as const

describe("the soak", () => {
  it.live("holds", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual((yield* failures(short)).filter((id) => id !== "everything"), [])
    }), 120_000)

  it.live("is the same for the same seed, and another for another", () =>
    Effect.gen(function*() {
      const run = (seed: number) =>
        Effect.map(soak({ requests: 2000, seed, heap: () => 0 }), ({ called, counts, outcomes }) => ({
          called,
          counts,
          outcomes
        }))
      const first = yield* run(1)
      assert.deepStrictEqual(yield* run(1), first)
      assert.notDeepEqual(yield* run(2), first)
    }), 120_000)

  it.live("finds limits that are off by one: of messages, bytes, age and capacity", () =>
    Effect.gen(function*() {
      assert.includeMembers(yield* failures(long, limits), limits.map((sabotage) => found[sabotage]))
    }), 120_000)

  it.live(`finds that ${sabotages.keptAnswers}`, () =>
    Effect.gen(function*() {
      assert.include(yield* failures(25_000, ["keptAnswers"], heap), found.keptAnswers)
    }), 120_000)

  const others = (Object.keys(sabotages) as ReadonlyArray<Sabotage>).filter((sabotage) =>
    sabotage !== "keptAnswers" && !limits.some((limit) => limit === sabotage)
  )
  for (const sabotage of others) {
    it.live(`finds that ${sabotages[sabotage]}`, () =>
      Effect.gen(function*() {
        assert.include(yield* failures(short, [sabotage]), found[sabotage])
      }), 120_000)
  }
})
