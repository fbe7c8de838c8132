import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { settle } from "../../src/internal/settle.ts"

const boom = new Error("boom")
const thrower = () => {
  throw boom
}

describe("settle", () => {
  const fail = (thrown: unknown) => Effect.fail({ thrown })
  const cases: ReadonlyArray<readonly [string, Effect.Effect<unknown, { readonly thrown: unknown }>]> = [
    ["begin throws", settle(thrower, () => Effect.void, fail)],
    ["the promise rejects", settle(() => Promise.reject(boom), () => Effect.void, fail)],
    ["the value is not what was expected", settle(() => Promise.resolve(1), thrower, fail)],
    ["the value is no promise", settle(() => 1 as never, thrower, fail)]
  ]
  it.effect.each(cases)("ends where %s", ([, effect]) =>
    Effect.gen(function*() {
      const result = yield* Effect.result(effect)
      assert.deepStrictEqual(result, Result.fail({ thrown: boom }))
    }))

  it.effect("goes on with the value", () =>
    Effect.gen(function*() {
      const effect = settle(() => Promise.resolve(20), (value) => Effect.succeed(value + 1), fail)
      assert.strictEqual(yield* effect, 21)
    }))
})
