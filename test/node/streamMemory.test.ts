/** The memory that a stream holds in the middle of a message, measured: few bytes more than those that its bound counts. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { AlgorithmSuite, type EncryptionSdk } from "effect-encryption-sdk"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { bytesInUse } from "../support/bytesInUse.ts"
import { clientOf } from "../support/client.ts"
import { staticKeyring } from "../support/keyrings.ts"
import { pattern } from "../support/streams.ts"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

const inUse = () => bytesInUse(collect)

const client = clientOf(staticKeyring(new Uint8Array(32).fill(1)), {}, NodePrimitives.layer)
const signed = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
const unsigned = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
const frames = 12_000

/** What a stream holds at the end of the first batch that reaches so many frames, above what was in use before it began. */
const heldAt = <E>(
  count: number,
  make: (options: EncryptionSdk.StreamOptions) => Stream.Stream<Uint8Array, E>
) =>
  Effect.gen(function*() {
    // Code that is compiled on the way is no part of it.
    yield* Stream.runDrain(make({}))
    const before = inUse()
    let held: number | undefined
    const onProgress = ({ frames }: EncryptionSdk.Progress) =>
      Effect.sync(() => {
        if (held === undefined && frames >= count) held = inUse() - before
      })
    yield* Stream.runDrain(make({ onProgress }))
    return held
  })

/** The bytes in new views of this many, one at a time, so that the source holds nothing. */
const views = (bytes: Uint8Array, length: number) =>
  Stream.range(0, Math.ceil(bytes.length / length) - 1).pipe(
    Stream.rechunk(1),
    Stream.map((index) => bytes.subarray(index * length, (index + 1) * length))
  )

describe("a stream of frames of one byte holds less than half a mebibyte", () => {
  for (const chunk of [33, 100, 8_650_000]) {
    it.effect(`where a signed message comes in chunks of ${chunk} bytes`, () =>
      Effect.gen(function*() {
        const sdk = yield* client
        const { message } = yield* sdk.encrypt(pattern(frames), { algorithmSuite: signed, frameLength: 1 })
        const held = yield* heldAt(frames - 600, (options) => sdk.decryptStream(views(message, chunk), options))
        assert.isBelow(held!, 2 ** 19)
      }))
  }

  it.effect("where it encrypts them of one chunk", () =>
    Effect.gen(function*() {
      const sdk = yield* client
      const plaintext = pattern(frames)
      const held = yield* heldAt(
        1,
        (options) => sdk.encryptStream(Stream.make(plaintext), { algorithmSuite: unsigned, frameLength: 1, ...options })
      )
      assert.isBelow(held!, 2 ** 19)
    }))

  it.effect("where frames lie across chunks, of memory that has to be copied", () =>
    Effect.gen(function*() {
      const sdk = yield* client
      const plaintext = pattern(2 ** 23)
      const { message } = yield* sdk.encrypt(plaintext, { algorithmSuite: unsigned, frameLength: 5000 })
      const resizable = new Uint8Array(new ArrayBuffer(message.length, { maxByteLength: message.length }))
      resizable.set(message)
      for (const chunk of [message.length, 7001]) {
        const held = yield* heldAt(1600, (options) => sdk.decryptStream(views(resizable, chunk), options))
        assert.isBelow(held!, 2 ** 21, `chunks of ${chunk}`)
      }
    }))
})
