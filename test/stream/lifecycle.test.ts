/**
 * How a stream runs and ends: hooks, backpressure, sources and consumers that fail or stop, interruption in each state.
 * Whatever happens, keys and copies of plaintext are zeroed.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Stream } from "effect"
import { CryptographicMaterialsManager, DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import { afterAll, beforeAll } from "vitest"
import { inBrowser } from "../support/TestPrimitives.ts"
import { concat, flip, isZero, toHex } from "../support/bytes.ts"
import { failureOf } from "../support/client.ts"
import { recordingKeyring } from "../support/keyrings.ts"
import { partsOf } from "../support/messages.ts"
import { recordingPrimitives } from "../support/recordingPrimitives.ts"
import { chunksOf, collect, observe, pattern, unverifiedOf } from "../support/streams.ts"
import { signed, unsigned } from "../support/suites.ts"

const frameLength = 10

const rejections: Array<unknown> = []
const onRejection = (reason: unknown) => rejections.push(reason)
const page = globalThis as unknown as EventTarget
const onRejectionEvent = (event: object) => onRejection("reason" in event ? event.reason : event)
beforeAll(() => {
  if (inBrowser) page.addEventListener("unhandledrejection", onRejectionEvent)
  else process.on("unhandledRejection", onRejection)
})
afterAll(async () => {
  await new Promise((resolve) => setTimeout(resolve, 20))
  if (inBrowser) page.removeEventListener("unhandledrejection", onRejectionEvent)
  else process.off("unhandledRejection", onRejection)
  assert.deepStrictEqual(rejections, [])
})

/** A client whose every key array is kept, over a manager that may wait before it answers. */
const watched = Effect.fnUntraced(function*(wait: Effect.Effect<void> = Effect.void) {
  const recording = recordingKeyring()
  const primitives = recordingPrimitives()
  const base = yield* Effect.provide(DefaultCmm.make(recording.keyring), primitives.layer)
  const manager = CryptographicMaterialsManager.make({
    getEncryptionMaterials: (request) => Effect.tap(base.getEncryptionMaterials(request), () => wait),
    decryptMaterials: (request) => Effect.tap(base.decryptMaterials(request), () => wait)
  })
  const sdk = yield* EncryptionSdk.EncryptionSdk.pipe(
    Effect.provide(
      EncryptionSdk.layer().pipe(
        Layer.provide(Layer.succeed(CryptographicMaterialsManager.CryptographicMaterialsManager, manager)),
        Layer.provide(primitives.layer)
      )
    )
  )
  return {
    sdk,
    recording,
    primitives,
    assertNoKeys: () => {
      for (const key of recording.handedOut) assert.isTrue(isZero(key), "a data key is left")
    },
    /** What was put together of several chunks is the library's own, and zeroed; whole frames of a chunk are the source's. */
    assertNoPlaintext: (chunks: ReadonlyArray<Uint8Array>) => {
      const theirs = new Set(chunks.map((chunk) => chunk.buffer))
      for (const plaintext of primitives.arrays("seal")) {
        if (!theirs.has(plaintext.buffer)) assert.isTrue(isZero(plaintext), "plaintext is left")
      }
    }
  }
})

/** A source of chunks of 7 bytes, which tells how many it gave and whether it was closed. */
const source = (options: { readonly count?: number; readonly last?: Effect.Effect<Uint8Array, Error> } = {}) => {
  const seen = { given: [] as Array<Uint8Array>, closed: 0 }
  const stream = Stream.fromEffect(Effect.suspend(() => {
    if (seen.given.length >= (options.count ?? Infinity) && options.last !== undefined) return options.last
    const chunk = pattern(7).map((byte) => byte + 1)
    seen.given.push(chunk)
    return Effect.succeed(chunk)
  })).pipe(
    Stream.forever,
    Stream.ensuring(Effect.sync(() => void seen.closed++))
  )
  return { stream, seen }
}

const run = <A, E>(stream: Stream.Stream<A, E>) => Effect.exit(Stream.runDrain(stream))

describe("hooks", () => {
  for (const algorithmSuite of [unsigned, signed]) {
    it.effect(`tell header and progress, ${algorithmSuite.name}`, () =>
      Effect.gen(function*() {
        const { sdk } = yield* watched()
        const told: Array<string> = []
        const options: EncryptionSdk.StreamOptions = {
          onHeader: ({ header }) => Effect.sync(() => told.push(`header ${header.frameLength}`)),
          onProgress: ({ bytes, frames }) => Effect.sync(() => told.push(`${frames} frames, ${bytes} bytes`))
        }
        const expected = ["header 10", "1 frames, 10 bytes", "2 frames, 20 bytes", "3 frames, 25 bytes"]
        const stream = sdk.encryptStream(chunksOf(pattern(25), 1), { algorithmSuite, frameLength, ...options })
        const message = yield* collect(stream)
        assert.deepStrictEqual(told.splice(0), expected)
        yield* Stream.runDrain(sdk.decryptStream(chunksOf(message, 1), options))
        assert.deepStrictEqual(told.splice(0), expected)
        yield* Stream.runDrain(sdk.decryptStreamUnverified(chunksOf(message, 1), options))
        assert.deepStrictEqual(told.splice(0), expected)
        // All at once is a batch, and the final frame one of its own.
        yield* Stream.runDrain(sdk.decryptStream(chunksOf(message, 10_000), options))
        assert.deepStrictEqual(told.splice(0), ["header 10", "2 frames, 20 bytes", "3 frames, 25 bytes"])
      }))
  }

  it.effect("onHeader that fails ends the stream before any byte, with its own error", () =>
    Effect.gen(function*() {
      const { assertNoKeys, sdk } = yield* watched()
      const onHeader = () => Effect.fail("not for me" as const)
      const { message } = yield* sdk.encrypt(pattern(30), { frameLength })
      for (
        const stream of [
          sdk.encryptStream(chunksOf(pattern(30), 7), { onHeader }),
          sdk.decryptStream(chunksOf(message, 7), { onHeader }),
          unverifiedOf(sdk.decryptStreamUnverified(chunksOf(message, 7), { onHeader }))
        ]
      ) {
        const { exit, released } = yield* observe<unknown, never>(stream)
        assert.deepStrictEqual(exit, Exit.fail("not for me"))
        assert.strictEqual(released.length, 0)
      }
      assertNoKeys()
    }))

  it.effect("the data key is zeroed before the first byte of plaintext is asked for", () =>
    Effect.gen(function*() {
      const { assertNoKeys, recording, sdk } = yield* watched()
      let asked = 0
      const plaintext = Stream.fromEffect(Effect.sync(() => {
        asked++
        assert.strictEqual(recording.handedOut.length, 1)
        assertNoKeys()
        return pattern(30)
      }))
      yield* Stream.runDrain(sdk.encryptStream(plaintext, { frameLength }))
      assert.strictEqual(asked, 1)
    }))
})

describe("signed messages", () => {
  const released = (sdk: EncryptionSdk.EncryptionSdk, message: Uint8Array) =>
    observe(unverifiedOf(sdk.decryptStreamUnverified(chunksOf(message, 50))))

  it.effect("are withheld up to the limit, to the byte, and fail clearly beyond it before more is read", () =>
    Effect.gen(function*() {
      const { sdk } = yield* watched()
      const message = yield* collect(
        sdk.encryptStream(chunksOf(pattern(95), 100), { algorithmSuite: signed, frameLength })
      )
      const exact = yield* collect(sdk.decryptStream(chunksOf(message, 50), { maxWithheldBytes: 95 }))
      assert.strictEqual(toHex(exact), toHex(pattern(95)))
      for (const chunk of [1, 50, 10_000]) {
        for (const maxWithheldBytes of [94, 50, 9, 0]) {
          const decrypted = sdk.decryptStream(chunksOf(message, chunk), { maxWithheldBytes })
          const error = yield* failureOf(Stream.runDrain(decrypted))
          assert.strictEqual(error.reason._tag, "WithheldPlaintextTooLong")
          assert.include(error.message, `maxWithheldBytes = ${maxWithheldBytes}`)
          assert.include(error.message, "decryptStreamUnverified")
          assert.strictEqual((yield* observe(decrypted)).released.length, 0)
        }
      }
    }))

  it.effect("have a limit of 16 MiB where none is given", () =>
    Effect.gen(function*() {
      const { sdk } = yield* watched()
      const megabyte = new Uint8Array(2 ** 20)
      const encrypted = (bytes: number) =>
        sdk.encryptStream(
          Stream.concat(Stream.range(1, 16).pipe(Stream.map(() => megabyte)), Stream.make(new Uint8Array(bytes))),
          { algorithmSuite: signed, frameLength: 2 ** 20 }
        )
      let bytes = 0
      yield* Stream.runForEach(
        sdk.decryptStream(encrypted(0)),
        (part) => Effect.sync(() => void (bytes += part.length))
      )
      assert.strictEqual(bytes, 2 ** 24)
      const error = yield* failureOf(Stream.runDrain(sdk.decryptStream(encrypted(1))))
      assert.strictEqual(error._tag === "DecryptError" && error.reason._tag, "WithheldPlaintextTooLong")
    }))

  it.effect("come out unverified frame by frame, but for the final one, and of any length", () =>
    Effect.gen(function*() {
      const { sdk } = yield* watched()
      const { message } = yield* sdk.encrypt(pattern(95), { algorithmSuite: signed, frameLength })
      const forged = flip(message, message.length - 1)
      assert.strictEqual((yield* released(sdk, forged)).released.length, 90)
      assert.strictEqual((yield* released(sdk, message)).released.length, 95)
      const limited = sdk.decryptStreamUnverified(chunksOf(message, 50), { maxWithheldBytes: 10 })
      assert.isTrue(Exit.isSuccess(yield* run(limited)))
      const error = yield* Effect.flip(
        Stream.runDrain(sdk.decryptStreamUnverified(chunksOf(message, 50), { maxWithheldBytes: 9 }))
      )
      assert.strictEqual(error._tag === "DecryptError" && error.reason._tag, "WithheldPlaintextTooLong")
    }))

  it.effect("are refused by unsignedOnly, before a key is asked for, and unsigned ones are not", () =>
    Effect.gen(function*() {
      const { recording, sdk } = yield* watched()
      const options = { unsignedOnly: true }
      const { message } = yield* sdk.encrypt(pattern(30), { algorithmSuite: signed })
      const error = yield* Effect.flip(Stream.runDrain(sdk.decryptStream(chunksOf(message, 5), options)))
      assert.strictEqual(error.reason._tag, "MessageNotAccepted")
      assert.strictEqual(recording.decryptions.length, 0)
      const other = yield* sdk.encrypt(pattern(30), { algorithmSuite: unsigned })
      assert.strictEqual((yield* collect(sdk.decryptStream(chunksOf(other.message, 5), options))).length, 30)
    }))

  it.effect("what is withheld of a message that fails is zeroed", () =>
    Effect.gen(function*() {
      const { primitives, sdk } = yield* watched()
      // Parts that are put together with others, and parts that are left as they came.
      for (const length of [frameLength, 5000]) {
        const { message } = yield* sdk.encrypt(pattern(10 * length - 5), {
          algorithmSuite: signed,
          frameLength: length
        })
        yield* run(sdk.decryptStream(chunksOf(flip(message, message.length - 1), 5 * length)))
      }
      const outputs = primitives.arrays("open")
      assert.isAbove(outputs.length, 19)
      for (const output of outputs) assert.isTrue(isZero(output))
    }))

  it.effect("what was decrypted of a batch is zeroed where a later frame of it is forged", () =>
    Effect.gen(function*() {
      const { primitives, sdk } = yield* watched()
      const { message } = yield* sdk.encrypt(pattern(95), { algorithmSuite: signed, frameLength })
      const { bodyOffset } = partsOf(message)
      // The tag of the eighth of nine full frames, which come as one batch.
      const forged = flip(message, bodyOffset + 8 * (4 + 12 + frameLength + 16) - 1)
      const { ended, released } = yield* observe(unverifiedOf(sdk.decryptStreamUnverified(Stream.make(forged))))
      assert.deepStrictEqual([ended, released.length], [false, 0])
      const outputs = primitives.arrays("open")
      assert.isAbove(outputs.length, 7)
      for (const output of outputs) assert.isTrue(isZero(output))
    }))
})

describe("backpressure", () => {
  for (const direction of ["encrypt", "decrypt"] as const) {
    it.effect(`the source of ${direction} is asked for no more than was taken`, () =>
      Effect.gen(function*() {
        const { sdk } = yield* watched()
        const { message } = yield* sdk.encrypt(pattern(7 * 200), { algorithmSuite: unsigned, frameLength: 7 })
        let given = 0
        const input = chunksOf(direction === "encrypt" ? pattern(7 * 200) : message, direction === "encrypt" ? 7 : 39)
          .pipe(Stream.tap(() => Effect.sync(() => void given++)))
        const output = direction === "encrypt"
          ? Stream.orDie(sdk.encryptStream(input, { algorithmSuite: unsigned, frameLength: 7 }))
          : Stream.orDie(sdk.decryptStream(input))
        let taken = 0
        yield* Stream.runForEach(output, () =>
          Effect.gen(function*() {
            taken++
            yield* Effect.yieldNow
            assert.isAtMost(given, taken + 8)
          }))
        assert.isAbove(taken, 199)
      }))
  }

  it.effect("one chunk of many megabytes comes out in parts, and is not copied whole", () =>
    Effect.gen(function*() {
      const { sdk } = yield* watched()
      const plaintext = new Uint8Array(8 * 2 ** 20).fill(7)
      const message = yield* collect(
        sdk.encryptStream(Stream.make(plaintext), { algorithmSuite: unsigned, frameLength: 4096 }).pipe(
          Stream.tap((part) => Effect.sync(() => assert.isAtMost(part.length, 2 ** 18 + 64 * 40)))
        )
      )
      yield* Stream.runForEach(
        sdk.decryptStream(Stream.make(message)),
        (part) => Effect.sync(() => assert.isAtMost(part.length, 2 ** 18))
      )
    }))
})

describe("a stream that does not come to its end", () => {
  for (const algorithmSuite of [unsigned, signed]) {
    const options = { algorithmSuite, frameLength }

    it.effect(`a source that fails: its own error, no whole message, nothing left, ${algorithmSuite.name}`, () =>
      Effect.gen(function*() {
        const { assertNoKeys, assertNoPlaintext, sdk } = yield* watched()
        const gone = new Error("gone")
        for (const count of [0, 1, 10]) {
          const { seen, stream } = source({ count, last: Effect.fail(gone) })
          const { exit, released } = yield* observe(sdk.encryptStream(stream, options))
          assert.deepStrictEqual(exit, Exit.fail(gone))
          assert.strictEqual((yield* Effect.flip(sdk.decrypt(released))).reason._tag, "MalformedMessage")
          assert.strictEqual(seen.closed, 1)
          assertNoPlaintext(seen.given)
        }
        const { message } = yield* sdk.encrypt(pattern(95), options)
        for (const cut of [0, 20, 500, message.length - 1, message.length]) {
          const input = Stream.concat(chunksOf(message.slice(0, cut), 30), Stream.fail(gone))
          const { exit, released } = yield* observe(sdk.decryptStream(input))
          assert.deepStrictEqual(exit, Exit.fail(gone), `after ${cut}`)
          assert.isBelow(released.length, 95)
        }
        assertNoKeys()
      }))

    it.effect(`a consumer that stops early closes the source, ${algorithmSuite.name}`, () =>
      Effect.gen(function*() {
        const { assertNoKeys, assertNoPlaintext, sdk } = yield* watched()
        for (const taken of [1, 2, 5]) {
          const { seen, stream } = source()
          yield* Stream.runDrain(Stream.take(sdk.encryptStream(stream, options), taken))
          assert.strictEqual(seen.closed, 1)
          assert.isBelow(seen.given.length, 20)
          assertNoPlaintext(seen.given)
        }
        const { message } = yield* sdk.encrypt(pattern(95), options)
        let closed = 0
        const input = chunksOf(message, 30).pipe(Stream.ensuring(Effect.sync(() => void closed++)))
        yield* Stream.runDrain(Stream.take(sdk.decryptStreamUnverified(input), 2))
        assert.strictEqual(closed, 1)
        assertNoKeys()
      }))

    it.effect(`a consumer that fails closes the source, ${algorithmSuite.name}`, () =>
      Effect.gen(function*() {
        const { assertNoKeys, assertNoPlaintext, sdk } = yield* watched()
        const { seen, stream } = source()
        let count = 0
        const exit = yield* Effect.exit(
          Stream.runForEach(sdk.encryptStream(stream, options), () => ++count === 4 ? Effect.fail("full") : Effect.void)
        )
        assert.deepStrictEqual(exit, Exit.fail("full"))
        assert.strictEqual(seen.closed, 1)
        assertNoPlaintext(seen.given)
        assertNoKeys()
      }))

    const states = [
      "waiting for materials",
      "in onHeader",
      "waiting for the source",
      "in onProgress",
      "in the consumer"
    ]
    for (const state of states) {
      for (const direction of ["encrypt", "decrypt"] as const) {
        it.effect(`interrupted ${state}: ${direction}, ${algorithmSuite.name}`, () =>
          Effect.gen(function*() {
            const reached = yield* Deferred.make<void>()
            const stop = (here: string) =>
              Effect.suspend(() =>
                here === state && armed
                  ? Effect.andThen(Deferred.succeed(reached, undefined), Effect.never)
                  : Effect.void
              )
            let armed = false
            const { assertNoKeys, assertNoPlaintext, primitives, sdk } = yield* watched(stop("waiting for materials"))
            const { message } = yield* sdk.encrypt(pattern(95), options)
            armed = true
            const chunks: Array<Uint8Array> = []
            let closed = 0
            const input = chunksOf(direction === "encrypt" ? pattern(95) : message, 30).pipe(
              Stream.mapEffect((chunk) => {
                chunks.push(chunk)
                return Effect.as(
                  chunks.length === 3 + (direction === "encrypt" ? 0 : 8)
                    ? stop("waiting for the source")
                    : Effect.void,
                  chunk
                )
              }),
              Stream.ensuring(Effect.sync(() => void closed++))
            )
            const hooks = { onHeader: () => stop("in onHeader"), onProgress: () => stop("in onProgress") }
            const output = direction === "encrypt"
              ? Stream.orDie(sdk.encryptStream(input, { ...options, ...hooks }))
              : Stream.orDie(unverifiedOf(sdk.decryptStreamUnverified(input, hooks)))
            const fiber = yield* Effect.forkChild(Stream.runForEach(output, () => stop("in the consumer")))
            yield* Deferred.await(reached)
            yield* Fiber.interrupt(fiber)
            assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
            assert.strictEqual(closed, direction === "encrypt" && chunks.length === 0 ? closed : 1)
            assertNoKeys()
            if (direction === "encrypt") assertNoPlaintext(chunks)
            assert.isAbove(primitives.recorded.length, 0)
          }))
      }
    }
  }

  it.effect("a source whose chunks a frame straddles: what was put together of them is zeroed at the end", () =>
    Effect.gen(function*() {
      const { assertNoPlaintext, primitives, sdk } = yield* watched()
      const chunks = Array.from({ length: 10 }, (_, index) => pattern(7).map((byte) => byte + index + 1))
      const message = yield* collect(sdk.encryptStream(Stream.fromIterable(chunks), { frameLength }))
      const theirs = new Set<ArrayBufferLike>(chunks.map((chunk) => chunk.buffer))
      assert.isAbove(
        primitives.arrays("seal").filter(({ buffer, length }) => length > 0 && !theirs.has(buffer)).length,
        3
      )
      assertNoPlaintext(chunks)
      assert.strictEqual(toHex((yield* sdk.decrypt(message)).plaintext), toHex(concat(...chunks)))
    }))

  it.effect("a source may write each chunk to where the one before it stood", () =>
    Effect.gen(function*() {
      const { sdk } = yield* watched()
      /** One array for all chunks. What it held is gone as soon as the next one is asked for. */
      const reusing = (bytes: Uint8Array, length: number) => {
        const array = new Uint8Array(length)
        let position = 0
        return Stream.fromPull(Effect.succeed(Effect.suspend(() => {
          array.fill(0xee)
          if (position === bytes.length) return Cause.done()
          const chunk = array.subarray(0, Math.min(length, bytes.length - position))
          chunk.set(bytes.subarray(position, position += chunk.length))
          return Effect.succeed([chunk] as const)
        })))
      }
      const plaintext = pattern(95)
      for (const algorithmSuite of [unsigned, signed]) {
        for (const length of [1, 3, frameLength, 25, 200]) {
          for (const plaintextLength of [undefined, plaintext.length]) {
            const options = { algorithmSuite, frameLength, plaintextLength }
            const message = yield* collect(sdk.encryptStream(reusing(plaintext, length), options))
            assert.strictEqual(toHex((yield* sdk.decrypt(message)).plaintext), toHex(plaintext), `chunks of ${length}`)
            const read = yield* collect(sdk.decryptStream(reusing(message, length)))
            assert.strictEqual(toHex(read), toHex(plaintext), `chunks of ${length}`)
          }
        }
      }
    }))

  it.effect("a frame that is known not to be the last waits for no more of the source", () =>
    Effect.gen(function*() {
      const { sdk } = yield* watched()
      for (const plaintextLength of [undefined, 3 * frameLength]) {
        let given = 0
        const input = chunksOf(pattern(3 * frameLength), frameLength).pipe(
          Stream.tap(() => Effect.sync(() => void given++))
        )
        const seen: Array<number> = []
        yield* Stream.runForEach(
          sdk.encryptStream(input, { algorithmSuite: unsigned, frameLength, plaintextLength }),
          () => Effect.sync(() => void seen.push(given))
        )
        // The header, two frames, the final one.
        assert.deepStrictEqual(seen.slice(0, 3), plaintextLength === undefined ? [0, 2, 3] : [0, 1, 2])
      }
    }))

  it.effect("a chunk of the source is never changed", () =>
    Effect.gen(function*() {
      const { sdk } = yield* watched()
      const chunks = Array.from({ length: 10 }, (_, index) => pattern(7 + index))
      const before = chunks.map(toHex)
      const message = yield* collect(sdk.encryptStream(Stream.fromIterable(chunks), { frameLength }))
      assert.deepStrictEqual(chunks.map(toHex), before)
      const parts = [message.slice(0, 77), message.slice(77, 300), message.slice(300)]
      const partsBefore = parts.map(toHex)
      yield* Stream.runDrain(sdk.decryptStream(Stream.fromIterable(parts)))
      assert.deepStrictEqual(parts.map(toHex), partsBefore)
    }))
})
