import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit } from "effect"
import type { CachingEvent } from "effect-encryption-sdk/caching"
import { Adversary, FaultyCache } from "effect-encryption-sdk/testing"
import { type Caching, caching, settle } from "../support/caching.ts"
import { encryptRequest, keyNumber } from "../support/scriptedManager.ts"

describe("a listener that calls back", () => {
  it.effect("runs its effect at the events that it is for, as often as it may", () =>
    Effect.gen(function*() {
      let ran = 0
      const self: { made?: Caching } = {}
      const { depth, events, exits, listener } = Adversary.listener<CachingEvent>({
        on: ({ _tag }) => _tag === "Admitted",
        run: Effect.suspend((): Effect.Effect<unknown, unknown> => {
          ran++
          return Effect.scoped(self.made!.encrypt(encryptRequest()))
        }),
        times: 3
      })
      const made = yield* caching({ onEvent: listener })
      self.made = made
      yield* made.encrypt(encryptRequest())
      yield* settle
      const ended = yield* exits
      assert.deepStrictEqual([ran, ended.length, depth()], [3, 3, 1])
      assert.isTrue(ended.every(Exit.isSuccess))
      assert.strictEqual(events.filter(({ _tag }) => _tag === "Admitted").length, 4)
    }))

  it("runs it once by default, at the first event, and tells of calls within each other", () => {
    let ran = 0
    const made: Adversary.Listener<number> = Adversary.listener<number>({
      run: Effect.sync(() => {
        ran++
        made.listener(2)
      })
    })
    made.listener(1)
    made.listener(3)
    assert.deepStrictEqual([ran, made.events, made.depth()], [1, [1, 2, 3], 2])
  })
})

describe("a scope that closes under what waits in it", () => {
  it.effect("the request fails, and the flight goes on for others", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { encrypt } = yield* caching({ script: { before: () => Deferred.await(gate) } })
      const first = yield* Adversary.closingScope(encrypt(encryptRequest()))
      const other = yield* Adversary.closingScope(encrypt(encryptRequest()))
      yield* settle
      assert.isUndefined(first.poll())
      yield* first.close
      assert.isTrue(Exit.isFailure(yield* first.exit))
      yield* Deferred.succeed(gate, undefined)
      const exit = yield* other.exit
      assert.strictEqual(Exit.isSuccess(exit) && keyNumber(exit.value), 1)
      yield* other.close
    }))
})

describe("a cache that throws", () => {
  it.effect("throws for the operations that it is told, and for no other", () =>
    Effect.gen(function*() {
      const { cache } = yield* FaultyCache.make({ throwing: ["get", "deleteWhere"] })
      assert.throws(() => cache.get("key"), "scripted")
      assert.throws(() => cache.deleteWhere(() => true, "deleted"), "scripted")
      assert.strictEqual(yield* cache.size, 0)
      const { encrypt, events } = yield* caching({ cache })
      yield* encrypt(encryptRequest())
      yield* settle
      assert.deepStrictEqual(
        events.flatMap((event) => event._tag === "CacheFault" ? [`${event.operation} ${event.fault}`] : []),
        ["get died"]
      )
      assert.strictEqual(yield* cache.size, 1)
    }))

  it.effect("a wrong operation is a defect that says so", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(FaultyCache.make({ throwing: ["size" as never] }))
      assert.isTrue(Exit.isFailure(exit) && Exit.hasDies(exit))
    }))
})
