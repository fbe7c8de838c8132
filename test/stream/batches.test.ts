/** What a stream has in hand at a time is bounded by its bytes and by its objects, whatever the chunks and the frames are. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import type { EncryptionSdk } from "effect-encryption-sdk"
import { Primitives } from "effect-encryption-sdk/crypto"
import { concat } from "../support/bytes.ts"
import { clientOf } from "../support/client.ts"
import { staticKeyring } from "../support/keyrings.ts"
import { chunksOf, pattern } from "../support/streams.ts"
import { signed, unsigned } from "../support/suites.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

/** A client, and the number of frames of the greatest call to its cryptography. */
const counting = Effect.fnUntraced(function*() {
  const seen = { frames: 0 }
  const counted = function*<Job>(jobs: Iterable<Job>) {
    let count = 0
    for (const job of jobs) {
      seen.frames = Math.max(seen.frames, ++count)
      yield job
    }
  }
  const primitives = TestPrimitives.make
  const sdk = yield* clientOf(
    staticKeyring(new Uint8Array(32).fill(1)),
    {},
    Layer.succeed(Primitives.Primitives, {
      ...primitives,
      seal: (key, jobs) => primitives.seal(key, counted(jobs)),
      open: (key, jobs) => primitives.open(key, counted(jobs))
    })
  )
  return { sdk, seen }
})

/** The chunks of a stream, and the greatest number of frames between two calls of its hook. */
const run = <E>(make: (options: EncryptionSdk.StreamOptions) => Stream.Stream<Uint8Array, E>) =>
  Effect.suspend(() => {
    let last = 0
    let most = 0
    const onProgress = ({ frames }: EncryptionSdk.Progress) =>
      Effect.sync(() => {
        most = Math.max(most, frames - last)
        last = frames
      })
    return Effect.map(Stream.runCollect(make({ onProgress })), (chunks) => ({ chunks, most, frames: last }))
  })

const plaintext = pattern(5000)

describe("frames of one byte, all in one chunk", () => {
  for (const algorithmSuite of [unsigned, signed]) {
    it.effect(`are sealed and opened 512 at a time, ${algorithmSuite.name}`, () =>
      Effect.gen(function*() {
        const { sdk, seen } = yield* counting()
        const encrypted = yield* run((options) =>
          sdk.encryptStream(Stream.make(plaintext), { algorithmSuite, frameLength: 1, ...options })
        )
        const message = concat(...encrypted.chunks)
        const decrypted = yield* run((options) => sdk.decryptStream(Stream.make(message), options))
        assert.deepStrictEqual(concat(...decrypted.chunks), plaintext)
        assert.deepStrictEqual([encrypted.frames, encrypted.most], [5000, 512])
        assert.deepStrictEqual([decrypted.frames, decrypted.most], [5000, 512])
        assert.strictEqual(seen.frames, 512)
        for (const { length } of encrypted.chunks) assert.isAtMost(length, 512 * 33)
        if (algorithmSuite === signed) return
        const source = {
          length: message.length,
          read: (offset: number, length: number) => {
            assert.isAtMost(length, Math.max(4096, 512 * 33))
            return Effect.sync(() => message.slice(offset, offset + length))
          }
        }
        const ranged = yield* run((options) => sdk.decryptRange(source, { offset: 0 }, options))
        assert.deepStrictEqual(concat(...ranged.chunks), plaintext)
        assert.strictEqual(ranged.most, 512)
      }))
  }

  it.effect("of a signed message are released in one array, and not in one for each frame that came", () =>
    Effect.gen(function*() {
      const { sdk } = yield* counting()
      const { message } = yield* sdk.encrypt(plaintext, { algorithmSuite: signed, frameLength: 1 })
      for (const chunk of [33, 100]) {
        const { chunks } = yield* run((options) => sdk.decryptStream(chunksOf(message, chunk), options))
        assert.deepStrictEqual(concat(...chunks), plaintext)
        assert.strictEqual(chunks.length, 1)
      }
    }))
})
