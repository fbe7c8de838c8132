/** Chunks whose memory is gone, or goes before they were taken, fail the stream: none passes for a chunk of no length. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { clientOf, decryptFailure, encryptFailure, fieldsOf } from "../support/client.ts"
import { faults, gone, ways } from "../support/goneMemory.ts"
import { staticKeyring } from "../support/keyrings.ts"
import { observe, pattern } from "../support/streams.ts"
import { unsigned } from "../support/suites.ts"

const client = clientOf(staticKeyring(new Uint8Array(32).fill(0x42)))
const options = { algorithmSuite: unsigned }
const meanwhile = "is a view of a buffer that was transferred or made smaller meanwhile"

describe.each(Object.keys(ways))("chunks of memory that was %s", (way) => {
  const description = faults[way]!

  it.effect("before they came: alone, and among others", () =>
    Effect.gen(function*() {
      const sdk = yield* client
      const { message } = yield* sdk.encrypt(pattern(32), options)
      for (const before of [0, 1, 2]) {
        const others = Array.from({ length: before }, () => pattern(10))
        const plaintext = Stream.fromArray([...others, gone(way, pattern(32)), pattern(10)])
        assert.deepStrictEqual(
          fieldsOf(yield* encryptFailure(Stream.runDrain(sdk.encryptStream(plaintext, options)))),
          { _tag: "InvalidOption", field: "plaintext", description }
        )
      }
      assert.deepStrictEqual(
        fieldsOf(yield* decryptFailure(Stream.runDrain(sdk.decryptStream(Stream.make(gone(way, message)))))),
        { _tag: "InvalidOption", field: "message", description }
      )
      const source = {
        length: message.length,
        read: (offset: number, length: number) => Effect.sync(() => gone(way, message.slice(offset, offset + length)))
      }
      assert.deepStrictEqual(
        fieldsOf(yield* decryptFailure(Stream.runDrain(sdk.decryptRange(source, { offset: 0 })))),
        { _tag: "InvalidOption", field: "source.read", description }
      )
    }))

  it.effect("after their first part was taken, and after the chunk before them", () =>
    Effect.gen(function*() {
      const sdk = yield* client
      const plaintext = pattern(2 ** 20)
      const { message } = yield* sdk.encrypt(plaintext, options)
      const half = 700_001
      for (const bytes of [plaintext, message]) {
        const isMessage = bytes === message
        const failure = (stream: Stream.Stream<Uint8Array>, go: () => void) => {
          let count = 0
          // At the second element: the first one of an encryption is the header.
          const taking = <E>(output: Stream.Stream<Uint8Array, E>) =>
            Stream.runForEach(output, () => Effect.sync(() => void (++count === 2 && go())))
          return isMessage
            ? decryptFailure(taking(sdk.decryptStream(stream)))
            : encryptFailure(taking(sdk.encryptStream(stream, options)))
        }
        const whole = ways[way]!(bytes)
        const second = ways[way]!(bytes.subarray(half))
        for (
          const [chunks, go] of [
            [[whole.view], whole.go],
            [[bytes.slice(0, half), second.view], second.go]
          ] as const
        ) {
          assert.deepStrictEqual(fieldsOf(yield* failure(Stream.fromArray(chunks), go)), {
            _tag: "InvalidOption",
            field: isMessage ? "message" : "plaintext",
            description: meanwhile
          })
        }
      }
    }))

  it.effect("before the final frame behind them was released: an error that says so, or the whole of it", () =>
    Effect.gen(function*() {
      const sdk = yield* client
      const plaintext = pattern(10_000)
      const { message } = yield* sdk.encrypt(plaintext, options)
      const { go, view } = ways[way]!(message)
      const { ended, exit, released } = yield* observe(
        Stream.tap(sdk.decryptStream(Stream.make(view)), () => Effect.sync(go))
      )
      assert.deepStrictEqual(released, plaintext.slice(0, released.length))
      assert.strictEqual(released.length, ended ? 10_000 : 8192)
      if (!ended) {
        assert.deepStrictEqual(fieldsOf(yield* decryptFailure(Effect.suspend(() => exit))), {
          _tag: "InvalidOption",
          field: "message",
          description: meanwhile
        })
      }
    }))
})
