/**
 * The reader of frames that arrive in parts reads what the one-shot reader reads, and rejects what it rejects, however the
 * message is cut.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Result, Schema } from "effect"
import { InvalidOption } from "effect-encryption-sdk"
import { MessageBody, type MessageHeader } from "effect-encryption-sdk/message"
import { Arbitraries } from "effect-encryption-sdk/testing"
import { MalformedMessage } from "../../src/model/errors/MalformedMessage.ts"
import { ByteQueue } from "../../src/stream/ByteQueue.ts"
import { FrameReader } from "../../src/stream/frameReader.ts"
import { batchLength } from "../../src/stream/Upstream.ts"
import { arbitraryBytes, arbitraryInt } from "../support/arbitraryBytes.ts"
import { concat, field, flip, toHex } from "../support/bytes.ts"
import { fieldsOf } from "../support/client.ts"
import { cut, pattern } from "../support/streams.ts"
import { unsigned } from "../support/suites.ts"

/** The fields that a body is read by. */
type BodyHeader = MessageBody.BodyHeader

const offset = 7

/** An upstream whose chunks have all arrived, in which `offset` bytes were read already. */
const upstreamOf = (chunks: ReadonlyArray<Uint8Array>) => {
  const queue = new ByteQueue()
  queue.push(new Uint8Array(offset))
  queue.take(offset)
  let index = 0
  return {
    queue,
    received: () => offset + chunks.slice(0, index).reduce((sum, { length }) => sum + length, 0),
    advance: () => {
      if (index === chunks.length) return false
      queue.push(chunks[index++]!)
      return true
    },
    pull: Effect.succeed(false)
  }
}

const describeFrame = ({ ciphertext, content, iv, sequenceNumber, tag }: MessageBody.Frame) =>
  [content, sequenceNumber, toHex(iv), toHex(ciphertext), toHex(tag)].join(" ")

/** All that comes out of a body in chunks: frames, the bytes they were read from, the error that it ends with. */
const readParts = (
  header: BodyHeader,
  chunks: ReadonlyArray<Uint8Array>,
  checkLength: ConstructorParameters<typeof FrameReader>[2] = () => undefined
) => {
  const upstream = upstreamOf(chunks)
  const reader = new FrameReader(header as MessageHeader.MessageHeader, upstream, checkLength)
  const frames: Array<string> = []
  const encoded: Array<Uint8Array> = []
  const batches: Array<{ readonly count: number; readonly length: number; readonly isFinal: boolean }> = []
  for (;;) {
    const read = reader.next()
    if (Result.isFailure(read)) return { frames, encoded, batches, error: read.failure, received: upstream.received() }
    const batch = read.success
    if (batch === undefined) {
      return { frames, encoded, batches, error: reader.endsEarly(), received: upstream.received() }
    }
    frames.push(...batch.frames.map(describeFrame))
    encoded.push(...batch.encoded.map((bytes) => new Uint8Array(bytes)))
    batches.push({
      count: batch.frames.length,
      length: batch.frames.reduce((sum, { ciphertext }) => sum + ciphertext.length, 0),
      isFinal: batch.isFinal
    })
    reader.release()
    if (batch.isFinal) return { frames, encoded, batches, error: undefined, received: upstream.received() }
  }
}

const framed = (frameLength: number, algorithmSuite = unsigned): BodyHeader => ({
  algorithmSuite,
  messageId: new Uint8Array(algorithmSuite.messageIdLength).fill(3),
  contentType: "framed",
  frameLength
})

const encode = (header: BodyHeader, content: Uint8Array): Uint8Array => {
  if (header.contentType === "nonFramed") {
    return concat(pattern(12), new Uint8Array(6), field(content), new Uint8Array(16).fill(9))
  }
  const layout = MessageBody.framedLayout(header.algorithmSuite, content.length, header.frameLength)
  const body = new Uint8Array(layout.length)
  for (const job of MessageBody.sealJobs(header, layout, content, body, 0)) job.output.set(job.plaintext)
  return body
}

describe("frames in parts", () => {
  it.prop("are those of the one-shot reader, with its error, whatever the chunks", [
    Arbitrary.all({
      algorithmSuite: Arbitraries.algorithmSuite,
      isFramed: Arbitrary.schema(Schema.Literals([true, true, false])),
      frameLength: arbitraryInt(1, 20),
      content: arbitraryBytes(0, 90),
      change: Arbitrary.schema(Schema.Literals(["none", "flip", "cut", "head", "append"])),
      place: arbitraryInt(0, 100_000),
      mask: arbitraryInt(1, 255),
      cuts: Arbitrary.array(arbitraryInt(0, 300), { maxLength: 30 })
    })
  ], ([{ algorithmSuite, change, content, cuts, frameLength, isFramed, mask, place }]) => {
    const header: BodyHeader = isFramed
      ? framed(frameLength, algorithmSuite)
      : { ...framed(0, algorithmSuite), contentType: "nonFramed" }
    const whole = encode(header, content)
    const at = place % whole.length
    const body = {
      none: whole,
      flip: flip(whole, at, mask),
      cut: whole.subarray(0, at),
      head: flip(whole, at % 24, mask),
      append: concat(whole, pattern(at))
    }[change]
    const message = concat(new Uint8Array(offset), body)
    const oneShot = MessageBody.decode(header, message, offset)
    const { batches, encoded, error, frames } = readParts(header, cut(body, cuts))
    if (Result.isFailure(oneShot)) {
      assert.instanceOf(error, MalformedMessage)
      assert.deepStrictEqual(fieldsOf(error), fieldsOf(oneShot.failure))
      assert.isFalse(batches.some(({ isFinal }) => isFinal))
      assert.strictEqual(toHex(concat(...encoded)), toHex(body.subarray(0, concat(...encoded).length)))
    } else {
      assert.isUndefined(error)
      const { length } = oneShot.success
      assert.deepStrictEqual(frames, [...MessageBody.frames(header, message, oneShot.success)].map(describeFrame))
      assert.strictEqual(toHex(concat(...encoded)), toHex(body.subarray(0, length)))
      assert.deepStrictEqual(batches.at(-1)!.isFinal && batches.at(-1)!.count, 1)
    }
  }, { arbitrary: { seed: "frame-reader", runs: 1500 } })

  it("come in batches of a quarter of a mebibyte, the final one by itself", () => {
    const header = framed(2 ** 16)
    const body = encode(header, pattern(9 * 2 ** 16 + 5))
    for (const chunks of [[body], cut(body, Array.from({ length: 600 }, (_, index) => index * 1000))]) {
      const { batches } = readParts(header, chunks)
      assert.deepStrictEqual(
        batches.filter(({ isFinal }) => isFinal),
        [{ count: 1, length: 5, isFinal: true }]
      )
      assert.isTrue(batches.at(-1)!.isFinal)
      for (const { length } of batches) assert.isAtMost(length, batchLength)
    }
    assert.deepStrictEqual(readParts(header, [body]).batches.map(({ count }) => count), [4, 4, 1, 1])
  })

  it("are rejected by the length of their content, before any of it has to be there", () => {
    const header = framed(10)
    const body = encode(header, pattern(35))
    const tooLong = new InvalidOption({ field: "test", description: "is too long" })
    const checked: Array<readonly [length: number, before: number]> = []
    const chunks = cut(body, Array.from({ length: body.length }, (_, index) => index))
    const { error, frames, received } = readParts(header, chunks, (length, before) => {
      checked.push([length, before])
      return length + before > 30 ? tooLong : undefined
    })
    assert.strictEqual(error, tooLong)
    assert.strictEqual(frames.length, 3)
    assert.deepStrictEqual([...new Map(checked.map((entry) => [entry[1], entry])).values()], [
      [10, 0],
      [10, 10],
      [10, 20],
      [5, 30]
    ])
    // Three frames; marker, sequence number, IV and length of the final one.
    assert.strictEqual(received, offset + 3 * (4 + 12 + 10 + 16) + 4 + 4 + 12 + 4)
  })
})
