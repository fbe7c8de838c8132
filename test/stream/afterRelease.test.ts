/**
 * Failures of a stream of unverified plaintext, before and after some was released: whatever fails afterwards, the error says
 * how much must be undone.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Stream } from "effect"
import { DecryptError, type EncryptionSdk, UnverifiedPlaintextReleased } from "effect-encryption-sdk"
import { flip } from "../support/bytes.ts"
import { clientOf } from "../support/client.ts"
import { staticKeyring } from "../support/keyrings.ts"
import { partsOf } from "../support/messages.ts"
import { observe, pattern, unverifiedOf } from "../support/streams.ts"
import { signed, unsigned } from "../support/suites.ts"

const frameLength = 10

/** Three whole frames and a shorter one, and the bytes up to the third of them. */
const written = Effect.fnUntraced(function*(algorithmSuite: typeof signed) {
  const sdk = yield* clientOf(staticKeyring(new Uint8Array(32).fill(0x42)))
  const { message } = yield* sdk.encrypt(pattern(35), { algorithmSuite, frameLength })
  const { bodyOffset } = partsOf(message)
  const start = message.slice(0, bodyOffset + 2 * (32 + frameLength))
  return { sdk, message, bodyOffset, start, rest: message.slice(start.length) }
})

type Written = Effect.Success<ReturnType<typeof written>>

/** What fails once two frames were released, with what error. */
interface Failing {
  readonly source: (written: Written) => Stream.Stream<Uint8Array, unknown>
  readonly options?: EncryptionSdk.DecryptStreamOptions
  readonly isCause: (error: unknown) => boolean
}

const mine = new Error("mine")
const isMine = (error: unknown) => error === mine
const whole = ({ rest, start }: Written) => Stream.concat(Stream.make(start), Stream.make(rest))
const start = ({ start }: Written, rest: Stream.Stream<Uint8Array, unknown>) => Stream.concat(Stream.make(start), rest)

/** Runs once the two frames are behind. */
const later = (run: () => Effect.Effect<unknown>): EncryptionSdk.DecryptStreamOptions => ({
  onProgress: ({ frames }) => frames > 2 ? run() : Effect.void
})

const failing: Readonly<Record<string, Failing>> = {
  "a source that fails": { source: (message) => start(message, Stream.fail(mine)), isCause: isMine },
  "a source that fails with what is no Error": {
    source: (message) => start(message, Stream.fail("mine")),
    isCause: (error) => error === "mine"
  },
  "a source that dies": { source: (message) => start(message, Stream.die(mine)), isCause: isMine },
  "a source that fails while a fiber of its own is interrupted": {
    source: (message) =>
      start(message, Stream.fromEffect(Effect.failCause(Cause.combine(Cause.interrupt(1), Cause.fail(mine))))),
    isCause: isMine
  },
  "a source that ends early": {
    source: ({ start }) => Stream.make(start),
    isCause: isDecryptError("MalformedMessage")
  },
  "a source that gives text": {
    source: (message) => start(message, Stream.make("text" as never)),
    isCause: isDecryptError("InvalidOption")
  },
  "a changed message": {
    source: ({ rest, start }) => Stream.concat(Stream.make(start), Stream.make(flip(rest, 17))),
    isCause: isDecryptError("AuthenticationFailed")
  },
  "onProgress that dies": { source: whole, options: later(() => Effect.die(mine)), isCause: isMine },
  "onProgress that throws": {
    source: whole,
    options: later(() => {
      throw mine
    }),
    isCause: isDecryptError("BrokenContract")
  }
}

function isDecryptError(tag: string) {
  return (error: unknown) => error instanceof DecryptError && error.reason._tag === tag
}

const failureOf = (exit: Exit.Exit<unknown, unknown>): unknown => {
  if (Exit.isSuccess(exit)) throw new Error("it succeeded")
  assert.strictEqual(exit.cause.reasons.length, 1)
  const error = Cause.findErrorOption(exit.cause)
  return error._tag === "Some" ? error.value : undefined
}

describe("a stream that released unverified plaintext", () => {
  it.effect.each(Object.entries(failing))("%s", ([, { isCause, options, source }]) =>
    Effect.gen(function*() {
      for (const algorithmSuite of [signed, unsigned]) {
        const message = yield* written(algorithmSuite)
        const stream = message.sdk.decryptStreamUnverified(source(message), options)
        const { exit, released } = yield* observe(unverifiedOf(stream))
        assert.strictEqual(released.length, 2 * frameLength)
        const error = failureOf(exit)
        if (!(error instanceof UnverifiedPlaintextReleased)) throw new Error(`not that error: ${String(error)}`)
        assert.strictEqual(error.releasedBytes, released.length)
        assert.isTrue(isCause(error.cause), String(error.cause))
        assert.strictEqual(error.reason, error.cause instanceof DecryptError ? error.cause.reason : undefined)
        assert.isFalse(error.isRetryable)
        assert.include(error.message, "throw away the 20 bytes that were released")
        // Others' text is in the cause alone.
        assert.notInclude(error.message, "mine")
      }
    }))

  it.effect("interruption stays interruption, of its source and of whoever reads it", () =>
    Effect.gen(function*() {
      const message = yield* written(signed)
      const interrupted = message.sdk.decryptStreamUnverified(start(message, Stream.fromEffect(Effect.interrupt)))
      const { exit, released } = yield* observe(unverifiedOf(interrupted))
      assert.strictEqual(released.length, 2 * frameLength)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))

      const waiting = message.sdk.decryptStreamUnverified(start(message, Stream.never))
      const fiber = yield* Effect.forkChild(observe(unverifiedOf(waiting)), { startImmediately: true })
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      const ended = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isFailure(ended) && Cause.hasInterruptsOnly(ended.cause))
    }))

  it.effect("ends as any other where nothing fails", () =>
    Effect.gen(function*() {
      for (const algorithmSuite of [signed, unsigned]) {
        const { exit, released } = yield* Effect.flatMap(
          written(algorithmSuite),
          (message) => observe(unverifiedOf(message.sdk.decryptStreamUnverified(whole(message))))
        )
        assert.isTrue(Exit.isSuccess(exit))
        assert.deepStrictEqual(released, pattern(35))
      }
    }))
})

describe("a stream that released nothing", () => {
  const before: Readonly<Record<string, Failing>> = {
    "a source that fails": { source: () => Stream.fail(mine), isCause: isMine },
    "a source that fails in the first frame": {
      source: ({ bodyOffset, message }) =>
        Stream.concat(Stream.make(message.slice(0, bodyOffset + 20)), Stream.fail(mine)),
      isCause: isMine
    },
    "onHeader that fails": { source: whole, options: { onHeader: () => Effect.fail(mine) as never }, isCause: isMine },
    "a changed message": {
      source: ({ bodyOffset, message }) => Stream.make(flip(message, bodyOffset + 17)),
      isCause: isDecryptError("AuthenticationFailed")
    }
  }

  it.effect.each(Object.entries(before))(
    "%s: its own error",
    ([, { isCause, options, source }]) =>
      Effect.gen(function*() {
        const message = yield* written(signed)
        const { exit, released } = yield* observe(
          unverifiedOf(message.sdk.decryptStreamUnverified(source(message), options))
        )
        assert.strictEqual(released.length, 0)
        assert.isTrue(isCause(failureOf(exit)))
      })
  )

  it.effect("a defect: it stays one", () =>
    Effect.gen(function*() {
      const message = yield* written(signed)
      const stream = message.sdk.decryptStreamUnverified(whole(message), { onHeader: () => Effect.die(mine) })
      assert.deepStrictEqual((yield* observe(unverifiedOf(stream))).exit, Exit.die(mine))
    }))
})
