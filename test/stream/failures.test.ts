/**
 * Messages that somebody has changed, as streams: each fails, and what came out before is a true start of the plaintext of
 * authentic frames, and not all of it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Stream } from "effect"
import { AlgorithmSuite, DecryptError, type EncryptionSdk, UnverifiedPlaintextReleased } from "effect-encryption-sdk"
import { concat, flip, toHex } from "../support/bytes.ts"
import { clientOf, policyFor } from "../support/client.ts"
import { staticKeyring } from "../support/keyrings.ts"
import { partsOf, rearranged } from "../support/messages.ts"
import { chunksOf, observe, pattern, unverifiedOf } from "../support/streams.ts"

type Sdk = EncryptionSdk.EncryptionSdk

const frameLength = 10
const plaintext = pattern(35)

/** How many bytes of plaintext the frames hold that stand unchanged before this offset. */
const authenticBefore = (bodyOffset: number, offset: number) =>
  offset <= bodyOffset ? 0 : frameLength * Math.min(3, Math.floor((offset - bodyOffset) / (32 + frameLength)))

const errorOf = <A, E>(exit: Exit.Exit<A, E>): unknown => {
  if (Exit.isSuccess(exit)) throw new Error("it succeeded")
  const error = Cause.findErrorOption(exit.cause)
  if (error._tag === "None") throw new Error(Cause.pretty(exit.cause))
  return error.value
}

/** Decrypts in chunks of this many bytes: fails, and releases a true start, of at most so many bytes. */
const assertFails = Effect.fnUntraced(
  function*(sdk: Sdk, name: string, message: Uint8Array, chunk: number, atMost: number) {
    const suiteOffset = message[0] === 1 ? 2 : 1
    const isSigned =
      AlgorithmSuite.fromId(message[suiteOffset]! << 8 | message[suiteOffset + 1]!)?.signature !== undefined
    const assertPrefix = (released: Uint8Array, atMost: number) => {
      assert.isAtMost(released.length, atMost, `${name}: released too much`)
      assert.strictEqual(
        toHex(released),
        toHex(plaintext.subarray(0, released.length)),
        `${name}: released others' bytes`
      )
    }
    const safe = yield* observe(sdk.decryptStream(chunksOf(message, chunk)))
    assert.isFalse(safe.ended, `${name}: accepted`)
    assert.instanceOf(errorOf(safe.exit), DecryptError, name)
    assertPrefix(safe.released, isSigned ? 0 : atMost)
    const unsafe = yield* observe(
      unverifiedOf(sdk.decryptStreamUnverified(chunksOf(message, chunk)))
    )
    assert.isFalse(unsafe.ended, `${name}: accepted unverified`)
    assertPrefix(unsafe.released, atMost)
    const error = errorOf(unsafe.exit)
    if (unsafe.released.length === 0) assert.instanceOf(error, DecryptError, name)
    else {
      assert.instanceOf(error, UnverifiedPlaintextReleased, name)
      if (error instanceof UnverifiedPlaintextReleased) assert.strictEqual(error.releasedBytes, unsafe.released.length)
    }
  }
)

describe("a stream of a changed message", () => {
  for (const algorithmSuite of AlgorithmSuite.all) {
    const options = { algorithmSuite, frameLength, encryptionContext: { tenant: "a" } }
    const client = clientOf(staticKeyring(new Uint8Array(algorithmSuite.dataKeyLength).fill(0x42)), {
      commitmentPolicy: policyFor(algorithmSuite)
    })

    describe(algorithmSuite.name, () => {
      it.effect("any byte changed: fails, in chunks and as a whole", () =>
        Effect.gen(function*() {
          const sdk = yield* client
          const { message } = yield* sdk.encrypt(plaintext, options)
          const { bodyOffset } = partsOf(message)
          for (let index = 0; index < message.length; index++) {
            const atMost = authenticBefore(bodyOffset, index)
            yield* assertFails(sdk, `byte ${index}`, flip(message, index, 0x81), index % 2 === 0 ? 17 : 10_000, atMost)
          }
        }))

      it.effect("cut anywhere: fails with what the one-shot client says", () =>
        Effect.gen(function*() {
          const sdk = yield* client
          const { message } = yield* sdk.encrypt(plaintext, options)
          const { bodyOffset } = partsOf(message)
          for (let length = 0; length < message.length; length++) {
            const cut = message.slice(0, length)
            const chunk = [1, 23, 10_000][length % 3]!
            yield* assertFails(sdk, `first ${length}`, cut, chunk, authenticBefore(bodyOffset, length))
            const streamed = yield* Effect.flip(Stream.runDrain(sdk.decryptStream(chunksOf(cut, chunk))))
            const oneShot = yield* Effect.flip(sdk.decrypt(cut))
            assert.strictEqual(streamed.message, oneShot.message, `first ${length}`)
          }
        }))

      it.effect("frames left out, repeated, exchanged, of another message; bytes behind the end", () =>
        Effect.gen(function*() {
          const sdk = yield* client
          const { message } = yield* sdk.encrypt(plaintext, options)
          const other = yield* sdk.encrypt(plaintext.map((byte) => byte ^ 1), options)
          for (const { authenticFrames, message: changed, name } of rearranged(message, other.message)) {
            for (const chunk of [1, 64, 10_000]) {
              yield* assertFails(sdk, name, changed, chunk, authenticFrames * frameLength)
            }
          }
        }))
    })
  }

  it.effect("what an error says is the check alone", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(staticKeyring(new Uint8Array(32).fill(1)))
      const { message } = yield* sdk.encrypt(plaintext, { frameLength })
      const changed = chunksOf(flip(message, message.length - 1), 1000)
      const error = yield* Effect.flip(Stream.runDrain(sdk.decryptStream(changed)))
      assert.strictEqual(error.message, "decrypt: the message is not authentic: signature check failed")
      const released = yield* Effect.flip(Stream.runDrain(sdk.decryptStreamUnverified(changed)))
      assert.strictEqual(
        released.message,
        "decrypt: throw away the 30 bytes that were released: the message is not authentic: signature check failed"
      )
    }))

  it.effect("a header is put together up to 16 MiB, to the byte, and no further is read of a longer one", () =>
    Effect.gen(function*() {
      const limit = 2 ** 24
      const field = 65_535
      /** A header without an encryption context, whose encrypted data keys end after so many bytes, behind what comes first. */
      const headerStart = (length: number) => {
        const start = new Uint8Array([2, 0x04, 0x78, ...new Uint8Array(32), 0, 0, 0, 0])
        const keys: Array<Uint8Array> = []
        for (let left = length - start.length; left > 0;) {
          // Three fields behind their lengths. What would leave too little for another key is made shorter.
          const taken = left <= 3 * (2 + field) ? left : Math.min(3 * (2 + field), left - 100)
          for (let index = 0, rest = taken; index < 3; index++) {
            const content = index === 2 ? rest - 2 : Math.min(field, rest - 2 * (3 - index))
            keys.push(Uint8Array.of(content >> 8, content & 0xff), new Uint8Array(content))
            rest -= 2 + content
          }
          left -= taken
        }
        start.set([keys.length / 6 >> 8, keys.length / 6 & 0xff], start.length - 2)
        return concat(start, ...keys)
      }
      // Content type, frame length, commitment, authentication tag.
      const behindKeys = 1 + 4 + 32 + 16
      const sdk = yield* clientOf(staticKeyring(new Uint8Array(32).fill(1)))
      for (const length of [limit, limit + 1]) {
        const header = concat(headerStart(length - behindKeys), new Uint8Array(behindKeys).fill(2))
        header.set([2, 0, 0, 16, 0], header.length - behindKeys)
        assert.strictEqual(header.length, length)
        let given = 0
        const source = chunksOf(header, 2 ** 20).pipe(
          Stream.tap((chunk) => Effect.sync(() => void (given += chunk.length))),
          Stream.concat(Stream.fromEffect(
            Effect.sync(() => new Uint8Array(2 ** 20)).pipe(
              Effect.tap((chunk) => Effect.sync(() => void (given += chunk.length)))
            )
          ))
        )
        const { message, reason } = yield* Effect.flip(Stream.runDrain(sdk.decryptStream(source)))
        if (length > limit) {
          assert.strictEqual(reason._tag, "MalformedMessage")
          assert.include(message, `takes more than ${limit} bytes`)
          assert.isAtMost(given, limit)
        } else {
          assert.notInclude(message, "takes more than")
          assert.notStrictEqual(reason._tag, "MalformedMessage")
        }
      }
    }))

  it.effect("a header that is none fails at once, though nothing follows, and whatever follows", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(staticKeyring(new Uint8Array(32).fill(1)))
      const start = Stream.make(Uint8Array.of(9, 9, 9, 9, 9, 9))
      for (const rest of [Stream.never, Stream.die("connection reset")]) {
        for (const decrypt of [sdk.decryptStream, sdk.decryptStreamUnverified]) {
          const stream = Stream.concat(start, rest)
          const fiber = yield* Effect.forkChild(
            Effect.flip(Stream.runDrain(decrypt(stream) as Stream.Stream<unknown, DecryptError>)),
            {
              startImmediately: true
            }
          )
          for (let turn = 0; turn < 20 && fiber.pollUnsafe() === undefined; turn++) yield* Effect.yieldNow
          assert.isDefined(fiber.pollUnsafe())
          assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "MalformedMessage")
        }
      }
    }))

  it.effect("base64 text, no bytes at all and no bytes but text are said to be that", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(staticKeyring(new Uint8Array(32).fill(1)))
      const { message } = yield* sdk.encrypt(plaintext)
      const failure = (stream: Stream.Stream<Uint8Array>) =>
        Effect.map(Effect.flip(Stream.runDrain(sdk.decryptStream(stream))), ({ reason }) => reason._tag)
      const text = new Uint8Array(Buffer.from(Buffer.from(message).toString("base64")))
      assert.strictEqual(yield* failure(chunksOf(text, 3)), "NotAMessage")
      assert.strictEqual(yield* failure(Stream.empty), "NotAMessage")
      assert.strictEqual(yield* failure(Stream.make("text" as never)), "InvalidOption")
      const transferred = new Uint8Array(message)
      structuredClone(transferred, { transfer: [transferred.buffer] })
      assert.strictEqual(yield* failure(Stream.make(transferred)), "InvalidOption")
    }))
})
