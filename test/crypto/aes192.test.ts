/** AES-192 where WebCrypto lacks it: as in Chromium, which is where this runs too. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { withoutAes192 } from "../support/withoutAes192.ts"

const frameLength = 4096
const jobsOf = (count: number, onRead: () => void) =>
  (function*() {
    const plaintext = new Uint8Array(frameLength).fill(1)
    const output = new Uint8Array(frameLength + 16)
    for (let i = 0; i < count; i++) {
      onRead()
      yield { iv: new Uint8Array(12).fill(i), aad: new Uint8Array(0), plaintext, output }
    }
  })()

const task = () => new Promise<void>((resolve) => void setTimeout(resolve, 0))

describe("AES-192 without WebCrypto", () => {
  it.live("lets other tasks run between frames", () =>
    Effect.gen(function*() {
      const { primitives } = withoutAes192()
      const key = yield* primitives.importAesKey(Redacted.make(new Uint8Array(24).fill(1)))
      let tasks = 0
      const others = yield* Effect.forkChild(
        Effect.forever(Effect.tap(Effect.promise(task), () => Effect.sync(() => void tasks++))),
        { startImmediately: true }
      )
      yield* primitives.seal(key, jobsOf(600, () => {}))
      yield* Fiber.interrupt(others)
      assert.isAbove(tasks, 4)
    }))

  it.live("stops soon after an interruption", () =>
    Effect.gen(function*() {
      const { counts, primitives } = withoutAes192()
      const key = yield* primitives.importAesKey(Redacted.make(new Uint8Array(24).fill(1)))
      let read = 0
      const fiber = yield* Effect.forkChild(primitives.seal(key, jobsOf(600, () => void read++)), {
        startImmediately: true
      })
      yield* Effect.promise(task)
      yield* Fiber.interrupt(fiber)
      const { decrypted } = counts
      const before = read
      assert.isBelow(before, 600)
      for (let i = 0; i < 20; i++) yield* Effect.promise(task)
      assert.strictEqual(read, before)
      assert.strictEqual(counts.decrypted, decrypted)
    }))
})
