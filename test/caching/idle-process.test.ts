import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Ended, run } from "../support/run.ts"

interface Event {
  readonly event: string
  /** Milliseconds since the work was done. */
  readonly after: number
  /** How old an evicted entry was, in milliseconds. */
  readonly age?: number
}

/** What the script said, in order. */
const events = ({ stdout }: Ended): ReadonlyArray<Event> =>
  stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as Event)

const names = (ended: Ended) => events(ended).map(({ event }) => event)

const hour = `${60 * 60 * 1000} millis`
/** Longer than a timer can be. */
const thirtyDays = `${30 * 24 * 60 * 60 * 1000} millis`

describe.concurrent("an idle process with an undisposed runtime", () => {
  for (const [entries, capacity] of [["there are entries", "100"], ["nothing was cached", "0"]] as const) {
    for (const interval of ["250 millis", hour, thirtyDays]) {
      it.live(`exits at once where ${entries}, with a sweep every ${interval}`, () =>
        Effect.gen(function*() {
          const ended = yield* run("test/caching/fixtures/idle.ts", [thirtyDays, interval, capacity], {
            timeout: 30_000
          })
          assert.strictEqual(ended.status, 0, "it did not exit by itself")
          assert.deepStrictEqual(names(ended), ["done", "exit"])
          assert.isBelow(events(ended).at(-1)!.after, 10_000)
        }), 60_000)
    }
  }

  it.live("sweeps its entries while something else keeps it alive", () =>
    Effect.gen(function*() {
      const ended = yield* run("test/caching/fixtures/idle.ts", ["1500 millis", "250 millis", "100", "work"], {
        timeout: 30_000
      })
      assert.strictEqual(ended.status, 0)
      assert.deepStrictEqual(names(ended), [
        "done",
        "encrypt entry evicted: age",
        "decrypt entry evicted: age",
        "exit"
      ])
      for (const { age, event } of events(ended)) {
        assert.isTrue(age === undefined || age >= 1500, `${event} at ${age}`)
      }
    }), 60_000)

  it.live(
    "exits at once when the runtime is disposed, whatever the age and the interval",
    () =>
      Effect.gen(function*() {
        const ended = yield* run("test/caching/fixtures/idle.ts", [hour, hour, "100", "dispose"], { timeout: 30_000 })
        assert.strictEqual(ended.status, 0)
        assert.deepStrictEqual(names(ended), [
          "done",
          "encrypt entry evicted: scope",
          "decrypt entry evicted: scope",
          "exit"
        ])
        assert.isBelow(events(ended).at(-1)!.after, 10_000)
      }),
    60_000
  )
})
