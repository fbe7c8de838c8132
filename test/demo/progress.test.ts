import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { withProgress } from "../../docs/examples/demo/progress.ts"

const output = (isTTY: boolean) => {
  const written: Array<string> = []
  return { written, isTTY, write: (text: string) => written.push(text) }
}

const hideCursor = "\x1b[?25l"
const showCursor = "\x1b[?25h"

describe("the progress bar", () => {
  it.effect("is redrawn at most every 50 milliseconds, and shows the last state at the end", () =>
    Effect.gen(function*() {
      const terminal = output(true)
      const fiber = yield* Effect.forkChild(
        withProgress("done", 1000, terminal, (step) => Effect.repeat(Effect.delay(step, "1 milli"), { times: 999 }))
      )
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(fiber)
      const drawn = terminal.written.filter((text) => text.includes("done"))
      assert.isAtMost(drawn.length, 1000 / 50 + 2)
      assert.isAtLeast(drawn.length, 1000 / 50)
      assert.isTrue(drawn.every((text) => text.startsWith("\r\x1b[2K")), "each takes the place of the one before")
      assert.match(drawn[0]!, /░{30} done 0\/1000$/)
      assert.match(drawn.at(-1)!, /█{30} done 1000\/1000$/)
      assert.strictEqual(terminal.written[0], hideCursor)
      assert.strictEqual(terminal.written.at(-1), `\n${showCursor}`)
    }))

  it.effect("gives the cursor back when the work fails, or is interrupted", () =>
    Effect.gen(function*() {
      const failing = output(true)
      yield* Effect.exit(withProgress("done", 10, failing, (step) => Effect.andThen(step, Effect.fail("no"))))
      assert.strictEqual(failing.written.at(-1), `\n${showCursor}`)

      const interrupted = output(true)
      const fiber = yield* Effect.forkChild(
        withProgress("done", 10, interrupted, (step) => Effect.andThen(step, Effect.never)),
        { startImmediately: true }
      )
      assert.strictEqual(interrupted.written[0], hideCursor)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(interrupted.written.at(-1), `\n${showCursor}`)
      assert.match(interrupted.written.at(-2)!, / done 1\/10$/)
    }))

  it.effect("is a line for each tenth where there is no terminal", () =>
    Effect.gen(function*() {
      for (
        const [total, expected] of [
          [1000, Array.from({ length: 10 }, (_, tenth) => `done ${100 * (tenth + 1)}/1000\n`)],
          [3, ["done 1/3\n", "done 2/3\n", "done 3/3\n"]],
          [1, ["done 1/1\n"]]
        ] as const
      ) {
        const file = output(false)
        yield* withProgress("done", total, file, (step) => Effect.repeat(step, { times: total - 1 }))
        assert.deepStrictEqual(file.written, [...expected])
      }
    }))
})
