/** The reader of a header that arrives in parts reads, or rejects, what the one-shot reader does, however it is cut. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Result, Schema, Stream } from "effect"
import { TooManyEncryptedDataKeys } from "effect-encryption-sdk"
import type { Client } from "../../src/client/Client.ts"
import * as contextMemo from "../../src/client/contextMemo.ts"
import * as keySections from "../../src/client/keySections.ts"
import { decodeHeader } from "../../src/client/request.ts"
import { type DecryptErrorReason, orFailDecrypt } from "../../src/model/errors/DecryptError.ts"
import { checked } from "../../src/internal/rejection.ts"
import { EncryptionContextCodec, MessageHeader } from "effect-encryption-sdk/message"
import { readHeader } from "../../src/stream/headerReader.ts"
import * as Upstream from "../../src/stream/Upstream.ts"
import { arbitraryInt } from "../support/arbitraryBytes.ts"
import { arbitraryHeader } from "../support/arbitraryMessage.ts"
import { concat, flip, hex, toHex } from "../support/bytes.ts"
import { arbitraryCuts, chunked, pattern } from "../support/streams.ts"

const clientOf = (options: Partial<Client> = {}) =>
  ({
    commitmentPolicy: "RequireEncryptAllowDecrypt",
    maxEncryptedDataKeys: 65_535,
    contexts: contextMemo.make(),
    keySections: keySections.make(EncryptionContextCodec.encode),
    ...options
  }) as Client

const read = Effect.fnUntraced(function*(client: Client, stream: Stream.Stream<Uint8Array>) {
  const upstream = Upstream.make(yield* Stream.toPull(stream), {
    field: "message",
    orFail: orFailDecrypt,
    isSynchronous: true,
    check: () => Effect.void
  })
  const result = yield* Effect.result(readHeader(client, (length) => Upstream.view(upstream, length)))
  return { result, received: upstream.received() }
}, Effect.scoped)

/** A header without a context, with one encrypted data key. */
const header = concat(
  hex("02 0478"),
  new Uint8Array(32),
  hex("0000 0001 0001 70 0001 69 0001 63 02 00001000"),
  new Uint8Array(48)
)

describe("a header in parts", () => {
  it.effect.prop(
    "is that of the one-shot reader, with its error, whatever the chunks",
    [
      Arbitrary.all({
        decoded: arbitraryHeader,
        change: Arbitrary.schema(Schema.Literals(["none", "flip", "cut"])),
        place: arbitraryInt(0, 100_000),
        mask: arbitraryInt(1, 255),
        maximum: arbitraryInt(0, 2),
        commitmentPolicy: Arbitrary.schema(
          Schema.Literals(["RequireEncryptAllowDecrypt", "RequireEncryptRequireDecrypt"])
        ),
        chunks: arbitraryCuts(400)
      })
    ],
    ([{ change, chunks, commitmentPolicy, decoded: made, mask, maximum, place }]) =>
      Effect.gen(function*() {
        const client = clientOf({ maxEncryptedDataKeys: maximum === 0 ? 65_535 : maximum, commitmentPolicy })
        const encoded = MessageHeader.encode(made)
        const at = place % encoded.length
        const message = {
          none: concat(encoded, pattern(40)),
          flip: concat(flip(encoded, at, mask), pattern(at % 50)),
          cut: encoded.subarray(0, at)
        }[change]
        const expected = checked<MessageHeader.DecodedHeader, DecryptErrorReason>(() => decodeHeader(client, message))
        const { result } = yield* read(client, chunked(message, chunks.cuts, chunks.perPull))
        if (Result.isFailure(expected)) {
          assert.isTrue(Result.isFailure(result), "accepted")
          if (Result.isFailure(result)) assert.deepStrictEqual(result.failure.reason, expected.failure)
        } else {
          const { decoded, message: seen } = Result.getOrThrow(result)
          assert.deepStrictEqual(decoded, expected.success)
          assert.strictEqual(toHex(seen), toHex(message.subarray(0, expected.success.length)))
        }
      }),
    { arbitrary: { seed: "header-reader", runs: 600 } }
  )

  it.effect("takes no more chunks than the header needs", () =>
    Effect.gen(function*() {
      const message = concat(header, pattern(100))
      const { received, result } = yield* read(
        clientOf(),
        chunked(message, Array.from(message, (_, index) => index + 1))
      )
      assert.strictEqual(Result.getOrThrow(result).decoded.length, header.length)
      assert.strictEqual(received, header.length)
    }))

  it.effect("with too many encrypted data keys is refused by their count, before one of them is read", () =>
    Effect.gen(function*() {
      // Version, suite, message ID, an empty context; then the count.
      const behindCount = 1 + 2 + 32 + 2 + 2
      const message = concat(header.subarray(0, behindCount - 2), hex("0003"), new Uint8Array(3 * 6), pattern(100))
      const bytewise = () => chunked(message, Array.from(message, (_, index) => index + 1))
      const { received, result } = yield* read(clientOf({ maxEncryptedDataKeys: 2 }), bytewise())
      assert.isTrue(Result.isFailure(result))
      if (Result.isFailure(result)) {
        assert.deepStrictEqual(result.failure.reason, new TooManyEncryptedDataKeys({ count: 3, maximum: 2 }))
      }
      assert.strictEqual(received, behindCount)
      assert.isAbove((yield* read(clientOf({ maxEncryptedDataKeys: 3 }), bytewise())).received, behindCount)
    }))

  it.effect("is a copy, which the chunks no longer change", () =>
    Effect.gen(function*() {
      const chunk = new Uint8Array(header)
      const { result } = yield* read(clientOf(), Stream.make(chunk))
      chunk.fill(0xff)
      const { decoded, message } = Result.getOrThrow(result)
      assert.strictEqual(toHex(message), toHex(header))
      assert.strictEqual(toHex(MessageHeader.encode(decoded.header)), toHex(header))
    }))
})
