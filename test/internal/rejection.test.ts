import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { checked, orReject, reject } from "../../src/internal/rejection.ts"

const mine = new Error("mine")

describe("checks that throw", () => {
  it("a rejection is the failure, and the value the success", () => {
    assert.deepStrictEqual(checked(() => 1), Result.succeed(1))
    assert.deepStrictEqual(checked(() => reject(mine)), Result.fail(mine))
    assert.deepStrictEqual(checked(() => orReject(Result.fail(mine))), Result.fail(mine))
    assert.deepStrictEqual(checked(() => orReject(Result.succeed(2))), Result.succeed(2))
  })

  it("a defect passes through, and is no failure", () => {
    assert.throws(() =>
      checked(() => {
        throw mine
      }), mine)
  })
})
