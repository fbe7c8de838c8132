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

describe.concurrent("an idle process with an undisposed runtime", () => {
  it.live(
    "exits by itself once its entries have aged out and were swept, and not before",
    () =>
      Effect.gen(function*() {
        const ended = yield* run("test/caching/fixtures/idle.ts", ["1500 millis", "250 millis", "100"], {
          timeout: 30_000
        })
        assert.strictEqual(ended.status, 0, "it did not exit by itself")
        assert.deepStrictEqual(names(ended), [
          "done",
          "encrypt entry evicted: age",
          "decrypt entry evicted: age",
          "exit"
        ])
        for (const { age, event } of events(ended)) {
          assert.isTrue(age === undefined || age >= 1500, `${event} at ${age}`)
        }
        assert.isBelow(events(ended).at(-1)!.after, 10_000, "it waits for something else than the sweep")
      }),
    60_000
  )

  it.live("is still there as long as there are entries", () =>
    Effect.gen(function*() {
      const ended = yield* run("test/caching/fixtures/idle.ts", [hour, "250 millis", "100"], {
        onStdout: (text, kill) => void (text.includes("done") && setTimeout(() => kill("SIGKILL"), 2000))
      })
      assert.isNull(ended.status)
      assert.deepStrictEqual(names(ended), ["done"])
    }), 60_000)

  it.live("exits at once where nothing was cached, whatever the age and the interval", () =>
    Effect.gen(function*() {
      const ended = yield* run("test/caching/fixtures/idle.ts", [hour, hour, "0"], { timeout: 30_000 })
      assert.strictEqual(ended.status, 0)
      assert.deepStrictEqual(names(ended), ["done", "exit"])
      assert.isBelow(events(ended).at(-1)!.after, 10_000)
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
