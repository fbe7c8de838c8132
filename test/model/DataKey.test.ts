import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { ways } from "../support/goneMemory.ts"
import { inspect } from "../support/inspect.ts"

const key = () => Uint8Array.from({ length: 32 }, (_, i) => i + 1)

describe("DataKey", () => {
  it("takes the bytes over and prints none of them", () => {
    const bytes = key()
    const dataKey = DataKey.make(bytes)
    assert.strictEqual(DataKey.value(dataKey), bytes)
    assert.strictEqual(String(dataKey as unknown), "<redacted:data-key>")
    assert.strictEqual(JSON.stringify({ dataKey }), "{\"dataKey\":\"<redacted:data-key>\"}")
    assert.strictEqual(inspect(dataKey), "<redacted:data-key>")
  })

  it("zeroes its bytes, and throws when it is used afterwards", () => {
    const bytes = key()
    const dataKey = DataKey.make(bytes)
    DataKey.zero(dataKey)
    assert.deepStrictEqual(bytes, new Uint8Array(32))
    assert.throws(() => DataKey.value(dataKey))
    assert.throws(() => DataKey.copy(dataKey))
    assert.throws(() => DataKey.isAllZero(dataKey))
    DataKey.zero(dataKey)
  })

  it("does not zero an array again that was given to another key", () => {
    const bytes = key()
    const first = DataKey.make(bytes)
    DataKey.zero(first)
    bytes.set(key())
    DataKey.zero(first)
    assert.deepStrictEqual(bytes, key())
  })

  it.each(Object.keys(ways))(
    "whose memory was %s is released like any other, since there is nothing to zero",
    (way) => {
      const { go, view } = ways[way]!(key())
      const dataKey = DataKey.make(view)
      go()
      assert.doesNotThrow(() => DataKey.zero(dataKey))
      assert.throws(() => DataKey.value(dataKey))
    }
  )

  it("has copies that live apart, of a view too", () => {
    const dataKey = DataKey.make(Buffer.from([0, ...key(), 0]).subarray(1, 33))
    const copy = DataKey.copy(dataKey)
    DataKey.zero(dataKey)
    assert.deepStrictEqual([...DataKey.value(copy)], [...key()])
    DataKey.zero(copy)
  })

  it("knows when it is all zero", () => {
    assert.isTrue(DataKey.isAllZero(DataKey.make(new Uint8Array(32))))
    assert.isFalse(DataKey.isAllZero(DataKey.make(Uint8Array.of(...new Uint8Array(31), 1))))
    assert.isFalse(DataKey.isAllZero(DataKey.make(Uint8Array.of(1, ...new Uint8Array(31)))))
  })

  it.effect("is zeroed with its scope, not before", () =>
    Effect.gen(function*() {
      const bytes = key()
      const scope = yield* Scope.make()
      const dataKey = yield* Scope.provide(DataKey.zeroWithScope(DataKey.make(bytes)), scope)
      assert.deepStrictEqual([...DataKey.value(dataKey)], [...key()])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(bytes, new Uint8Array(32))
    }))

  it.effect("acquired is zeroed whether the scope ends in success, failure or interruption", () =>
    Effect.gen(function*() {
      for (const ending of [Effect.void, Effect.fail("no"), Effect.interrupt]) {
        const bytes = key()
        yield* DataKey.acquire(Effect.sync(() => DataKey.make(bytes))).pipe(
          Effect.andThen(ending),
          Effect.scoped,
          Effect.exit
        )
        assert.deepStrictEqual(bytes, new Uint8Array(32))
      }
    }))

  it.effect("acquire can be interrupted while it waits", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        Effect.scoped(DataKey.acquire(Effect.andThen(Deferred.succeed(started, undefined), Effect.never)))
      )
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    }))
})
