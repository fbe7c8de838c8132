/** The keys of blind indexes: copied, bounded by a scope, and nowhere to be seen, as the values. */
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Logger,
  Redacted,
  References,
  Schema,
  SchemaGetter,
  Scope,
  Tracer
} from "effect"
import { BlindIndex, type BlindIndexError } from "effect-encryption-sdk/fields"
import { BranchKeyAdmin, BranchKeyStore } from "effect-encryption-sdk/hierarchical"
import { column, indexOf, key, zeroedDuring } from "../support/blindIndex.ts"
import { failureOf } from "../support/client.ts"
import { TestStore } from "../support/branchKeys.ts"
import { faults, gone, ways } from "../support/goneMemory.ts"
import { kinds, viewOf } from "../support/memories.ts"
import { recordingTracer } from "../support/recordingTracer.ts"
import { exported, shownOf } from "../support/shown.ts"

const closed = "the scope that it was made in is closed: use it within that scope"
const next = Uint8Array.from(key, (byte) => byte + 1)

/** A normalization that waits until a test lets it go on. */
const waiting = (until: Deferred.Deferred<void>, started: Deferred.Deferred<void>) =>
  Schema.String.pipe(Schema.decodeTo(Schema.String, {
    decode: SchemaGetter.transformEffect((value: string) =>
      Effect.as(Effect.andThen(Deferred.succeed(started, undefined), Deferred.await(until)), value)
    ),
    encode: SchemaGetter.transform((value: string) => value)
  }))

/** Both operations of an index. */
const both = (
  index: BlindIndex.BlindIndex
): ReadonlyArray<(value: string) => Effect.Effect<unknown, BlindIndexError>> => [
  index.forWrite,
  index.forSearch
]

describe("the key of a blind index", () => {
  it.effect("is a copy: the caller's is neither changed nor kept", () =>
    Effect.gen(function*() {
      const own = Uint8Array.from(key)
      const emails = yield* BlindIndex.make({ ...column, key: Redacted.make(own) })
      const before = yield* emails.forWrite("x")
      own.fill(9)
      assert.strictEqual(yield* emails.forWrite("x"), before)
      yield* Effect.scoped(BlindIndex.make({ ...column, key: Redacted.make(own) }))
      assert.isTrue(own.every((byte) => byte === 9))
    }))

  it.effect("is copied before the code of HMAC is there", () =>
    Effect.gen(function*() {
      const own = Uint8Array.from(key)
      const making = yield* Effect.forkChild(BlindIndex.make({ ...column, key: Redacted.make(own) }), {
        startImmediately: true
      })
      own.fill(9)
      assert.strictEqual(yield* (yield* Fiber.join(making)).forWrite("x"), yield* indexOf(column, "x"))
    }))

  it.effect("is zeroed when the scope closes, and so is the previous one", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Scope.provide(BlindIndex.make({ ...column, previousKey: Redacted.make(next) }), scope)
      const zeroed = yield* zeroedDuring(Scope.close(scope, Exit.void))
      for (const secret of [key, next]) {
        const array = zeroed.find(({ held }) => held === secret.join())?.array
        assert.isTrue(array !== undefined && array !== secret && array.every((byte) => byte === 0))
      }
      assert.isTrue(key.some((byte) => byte !== 0), "the caller's is not")
    }))

  it.effect("is zeroed where it is not used: too short, or beside a previous one that is", () =>
    Effect.gen(function*() {
      const short = Uint8Array.of(5, 6, 7)
      const zeroed = yield* zeroedDuring(
        Effect.scoped(BlindIndex.make({ ...column, previousKey: Redacted.make(short) }))
      )
      assert.includeMembers(zeroed.map(({ held }) => held), [key.join(), short.join()])
    }))

  it.effect("is zeroed when making is interrupted", () =>
    Effect.gen(function*() {
      const zeroed = yield* zeroedDuring(Effect.gen(function*() {
        const making = yield* Effect.forkChild(Effect.scoped(Effect.andThen(BlindIndex.make(column), Effect.never)), {
          startImmediately: true
        })
        yield* Fiber.interrupt(making)
      }))
      assert.include(zeroed.map(({ held }) => held), key.join())
    }))

  it.effect("that is zeroed makes no index: not under zeros either", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const emails = yield* Scope.provide(BlindIndex.make({ ...column, previousKey: Redacted.make(next) }), scope)
      yield* Scope.close(scope, Exit.void)
      for (const use of both(emails)) {
        const error = yield* failureOf(use("x"))
        assert.deepInclude(error, { _tag: "BlindIndexError", reason: "Closed", description: closed })
      }
    }))

  it.effect("that is zeroed while a value is normalized makes no index", () =>
    Effect.gen(function*() {
      const [until, started] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const scope = yield* Scope.make()
      const normalization = waiting(until, started)
      const emails = yield* Scope.provide(BlindIndex.make({ ...column, normalization }), scope)
      const writing = yield* Effect.forkChild(failureOf(emails.forWrite("x")))
      yield* Deferred.await(started)
      yield* Scope.close(scope, Exit.void)
      yield* Deferred.succeed(until, undefined)
      assert.deepInclude(yield* Fiber.join(writing), { reason: "Closed" })
    }))

  for (const way of Object.keys(ways)) {
    it.effect(`is rejected where its memory is ${way}, and says so`, () =>
      Effect.gen(function*() {
        const options = { ...column, key: Redacted.make(gone(way, key)) }
        const error = yield* failureOf(BlindIndex.make(options))
        assert.deepInclude(error, { _tag: "InvalidOption", field: "key", description: faults[way]! })
      }))

    it.effect(`is a copy where its memory is ${way} afterwards`, () =>
      Effect.gen(function*() {
        const { go, view } = ways[way]!(key)
        const emails = yield* BlindIndex.make({ ...column, key: Redacted.make(view) })
        go()
        assert.strictEqual(yield* emails.forWrite("x"), yield* indexOf(column, "x"))
      }))
  }

  for (const kind of kinds) {
    it.effect(`may be in ${kind} memory`, () =>
      Effect.gen(function*() {
        const emails = yield* BlindIndex.make({ ...column, key: Redacted.make(viewOf(kind, key)) })
        assert.strictEqual(yield* emails.forWrite("x"), yield* indexOf(column, "x"))
      }))
  }

  it.effect("has the length of its bytes, whatever its own members say", () =>
    Effect.gen(function*() {
      class Lying extends Uint8Array<ArrayBuffer> {
        override get length() {
          return 64
        }
      }
      const lying = (bytes: ArrayLike<number>) => Redacted.make(new Lying(Uint8Array.from(bytes).buffer))
      const error = yield* failureOf(BlindIndex.make({ ...column, key: lying([1, 2, 3]) }))
      assert.deepInclude(error, { field: "key", description: "is 3 bytes, must be at least 32" })
      const whole = yield* BlindIndex.make({ ...column, key: lying(key) })
      assert.strictEqual(yield* whole.forWrite("x"), yield* indexOf(column, "x"))
    }))

  it.effect("may be the beacon key of a branch key", () =>
    Effect.gen(function*() {
      const store = yield* BranchKeyStore.BranchKeyStore
      const { branchKeyId } = yield* (yield* BranchKeyAdmin.BranchKeyAdmin).createKey()
      const withBeaconKey = Effect.flatMap(
        store.getBeaconKey(branchKeyId),
        ({ key }) => BlindIndex.make({ ...column, key })
      )
      const emails = yield* withBeaconKey
      const again = yield* Effect.scoped(Effect.flatMap(withBeaconKey, ({ forWrite }) => forWrite("x")))
      assert.strictEqual(yield* emails.forWrite("x"), again)
      const { key } = yield* store.getBeaconKey(branchKeyId)
      assert.strictEqual(again, yield* indexOf({ ...column, key }, "x"))
    }).pipe(Effect.provide(TestStore)))
})

describe("no error, log or span of a blind index holds a value or a key", () => {
  const secret = "tangerine-4711"
  const shownKey = new TextEncoder().encode(secret.repeat(3))
  const failing = (fail: (value: string) => Effect.Effect<string>) =>
    Schema.String.pipe(Schema.decodeTo(Schema.String, {
      decode: SchemaGetter.transformEffect(fail),
      encode: SchemaGetter.transform((value: string) => value)
    }))
  const schemas: ReadonlyArray<readonly [title: string, schema: Schema.Codec<string, string>, sentence: string]> = [
    [
      "a check that quotes",
      Schema.String.check(Schema.makeFilter((value) => `is ${value}`)),
      "the normalization rejects the value"
    ],
    ["a schema that dies", failing((value) => Effect.die(new Error(value))), "the normalization threw"],
    [
      "a schema that throws",
      failing((value) => {
        throw new Error(value)
      }),
      "the normalization threw"
    ],
    ["half a character", Schema.String, "a value must be well-formed Unicode"]
  ]
  for (const [title, normalization, sentence] of schemas) {
    it.effect(`of ${title}`, () =>
      Effect.gen(function*() {
        const logged: Array<unknown> = []
        const { spans, tracer } = recordingTracer()
        const emails = yield* BlindIndex.make({ ...column, key: Redacted.make(shownKey), normalization })
        for (const use of both(emails)) {
          const exit = yield* Effect.exit(use(`${secret}\ud800`)).pipe(
            Effect.withSpan("request"),
            Effect.provideService(Tracer.Tracer, tracer),
            Effect.provideService(References.MinimumLogLevel, "All"),
            Effect.provide(Logger.layer([Logger.make((options) => void logged.push(options))]))
          )
          const cause = Exit.isFailure(exit) ? exit.cause : assert.fail("must fail")
          assert.include(Cause.pretty(cause), `blind index customers.email: ${sentence}`)
          assert.notInclude(`${Cause.pretty(cause)} ${shownOf(cause)}`, secret)
          assert.notInclude(JSON.stringify(cause), secret)
        }
        assert.notInclude(shownOf(logged) + shownOf(spans.map(exported)) + shownOf(emails), secret)
        assert.notInclude(shownOf(emails), [...shownKey.subarray(0, 4)].join())
      }))
  }

  it.effect("of a value that is no text", () =>
    Effect.gen(function*() {
      const emails = yield* BlindIndex.make(column)
      for (const value of [undefined, null, { secret }, [secret], Redacted.make(secret)]) {
        const error = yield* failureOf(emails.forWrite(value as unknown as string))
        assert.deepInclude(error, { reason: "InvalidValue", description: "a value must be text" })
        assert.notInclude(shownOf(error), secret)
      }
    }))

  it.effect("of wrong keys", () =>
    Effect.gen(function*() {
      for (const key of [secret, Redacted.make(secret), Redacted.make(shownKey.subarray(0, 31))]) {
        const error = yield* failureOf(BlindIndex.make({ ...column, key } as BlindIndex.Options))
        assert.notInclude(shownOf(error), secret)
        assert.notInclude(shownOf(error), [...shownKey.subarray(0, 4)].join())
      }
    }))

  it.effect("after it: the bytes of the value are zeroed", () =>
    Effect.gen(function*() {
      const emails = yield* BlindIndex.make(column)
      const zeroed = yield* zeroedDuring(emails.forWrite(secret))
      const array = zeroed.find(({ held }) => held === new TextEncoder().encode(secret).join())?.array
      assert.isTrue(array?.every((byte) => byte === 0))
    }))

  it.effect("after it: the bits that are cut off are zeroed", () =>
    Effect.gen(function*() {
      const whole = yield* indexOf({ ...column, encoding: "Bytes" }, secret)
      const emails = yield* BlindIndex.make({ ...column, bits: 12 })
      const zeroed = yield* zeroedDuring(emails.forWrite(secret))
      assert.include(zeroed.map(({ held }) => held), whole.join())
    }))

  it.effect("where a schema is interrupted, the index is", () =>
    Effect.gen(function*() {
      const emails = yield* BlindIndex.make({ ...column, normalization: failing(() => Effect.interrupt) })
      const exit = yield* Effect.exit(emails.forWrite("x"))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      const [until, started] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const slow = yield* BlindIndex.make({ ...column, normalization: waiting(until, started) })
      const writing = yield* Effect.forkChild(slow.forWrite("x"))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(writing)
      const ended = yield* Fiber.await(writing)
      assert.isTrue(Exit.isFailure(ended) && Cause.hasInterruptsOnly(ended.cause))
    }))
})
