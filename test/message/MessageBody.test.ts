import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import { AlgorithmSuite } from "effect-encryption-sdk"
import { MalformedMessage, MessageBody } from "effect-encryption-sdk/message"
import { Arbitraries } from "effect-encryption-sdk/testing"
import { arbitraryBytes, arbitraryInt } from "../support/arbitraryBytes.ts"
import { assertFails } from "../support/assertFails.ts"
import { concat, flip, hex, patch, toHex, uint32 } from "../support/bytes.ts"
import * as examples from "../support/specificationExamples.ts"

const suite = AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384

const framed = (
  frameLength: number,
  algorithmSuite: AlgorithmSuite.AlgorithmSuite = suite
): MessageBody.BodyHeader => ({
  algorithmSuite,
  messageId: new Uint8Array(algorithmSuite.messageIdLength).fill(0xab),
  contentType: "framed",
  frameLength
})

const nonFramed: MessageBody.BodyHeader = { ...framed(0), contentType: "nonFramed" }

const decode = (header: MessageBody.BodyHeader, message: Uint8Array, offset = 0) =>
  Result.getOrThrow(MessageBody.decode(header, message, offset))

const refusal = (header: MessageBody.BodyHeader, message: Uint8Array) =>
  assertFails(MessageBody.decode(header, message, 0), MalformedMessage)

const assertRefused = (
  header: MessageBody.BodyHeader,
  message: Uint8Array,
  field: string,
  offset: number,
  description: string
) => assertFails(MessageBody.decode(header, message, 0), MalformedMessage, { field, offset, description })

/** The frames as the format has them, written apart from the code under test. */
const encodeFrames = (frames: Iterable<MessageBody.Frame>): Uint8Array =>
  concat(
    ...Array.from(
      frames,
      ({ ciphertext, content, iv, sequenceNumber, tag }) =>
        content === "nonFramed"
          ? concat(iv, uint32(0), uint32(ciphertext.length), ciphertext, tag)
          : content === "finalFrame"
          ? concat(hex("ffffffff"), uint32(sequenceNumber), iv, uint32(ciphertext.length), ciphertext, tag)
          : concat(uint32(sequenceNumber), iv, ciphertext, tag)
    )
  )

/** Writes a body with a "cipher" that only inverts, and tags of the sequence number. */
const write = (header: MessageBody.BodyHeader, plaintext: Uint8Array, offset = 0) => {
  const layout = MessageBody.framedLayout(header.algorithmSuite, plaintext.length, header.frameLength)
  const message = new Uint8Array(offset + layout.length)
  const jobs = []
  for (const job of MessageBody.sealJobs(header, layout, plaintext, message, offset)) {
    assert.strictEqual(job.output.length, job.plaintext.length + 16)
    job.output.set(job.plaintext.map((byte) => byte ^ 0xff))
    job.output.fill(jobs.length + 1, job.plaintext.length)
    jobs.push(job)
  }
  return { message, layout, jobs }
}

describe("MessageBody", () => {
  describe("the specification's examples", () => {
    it("framed", () => {
      const message = concat(examples.header, examples.framedBody, examples.footer)
      const header = framed(256)
      const layout = decode(header, message, examples.header.length)
      assert.deepStrictEqual(layout, {
        offset: examples.header.length,
        frameCount: 3,
        plaintextLength: 256 + 256 + 142,
        length: examples.framedBody.length
      })
      const frames = [...MessageBody.frames(header, message, layout)]
      assert.deepStrictEqual(
        frames.map(({ ciphertext, content, iv, sequenceNumber, tag }) => [
          content,
          sequenceNumber,
          toHex(iv),
          toHex(ciphertext.subarray(0, 4)),
          ciphertext.length,
          toHex(tag)
        ]),
        [
          ["frame", 1, "6bd3fe9cadbcb2135b89e8f1", "1f6471e0", 256, "04ee3cc5379732b5f56751fa8e5f26ad"],
          ["frame", 2, "f1140984ff25f943959be514", "216c7c6a", 256, "a61f0a3ba3e45a844d15149363eca38f"],
          ["finalFrame", 3, "35f74f1125410f01dd9e04bf", "f7a53d37", 142, "811234fd8d58968351f6f39a040b3e3b"]
        ]
      )
      assert.strictEqual(toHex(encodeFrames(frames)), toHex(examples.framedBody))
    })

    it("non-framed", () => {
      const layout = decode(nonFramed, examples.nonFramedBody)
      assert.deepStrictEqual(layout, { offset: 0, frameCount: 1, plaintextLength: 654, length: 12 + 8 + 654 + 16 })
      const frames = [...MessageBody.frames(nonFramed, examples.nonFramedBody, layout)]
      assert.strictEqual(frames.length, 1)
      assert.strictEqual(toHex(frames[0]!.tag), "65b2e94224beea6ea513f918ccec1de3")
      assert.strictEqual(toHex(encodeFrames(frames)), toHex(examples.nonFramedBody))
    })
  })

  describe("additional authenticated data", () => {
    const messageId = hex("b8929b01753d4a45c0217f39404f70ff")

    it("is message ID, content, sequence number and length", () => {
      const of = (content: MessageBody.BodyContent, name: string, sequenceNumber: number, length: number) =>
        assert.strictEqual(
          toHex(MessageBody.aad(messageId, content, sequenceNumber, length)),
          toHex(concat(
            messageId,
            Buffer.from(name, "latin1"),
            uint32(sequenceNumber),
            hex(length.toString(16).padStart(16, "0"))
          ))
        )
      of("frame", "AWSKMSEncryptionClient Frame", 1, 4096)
      of("finalFrame", "AWSKMSEncryptionClient Final Frame", 0xffff_ffff, 0)
      of("nonFramed", "AWSKMSEncryptionClient Single Block", 1, 2 ** 36 - 32)
    })

    it("takes version 2's longer message ID", () => {
      const long = new Uint8Array(32).fill(5)
      assert.strictEqual(
        toHex(MessageBody.aad(long, "frame", 2, 3)),
        "05".repeat(32) + Buffer.from("AWSKMSEncryptionClient Frame").toString("hex") + "000000020000000000000003"
      )
    })
  })

  it("pads the sequence number to an IV from the left", () => {
    assert.strictEqual(toHex(MessageBody.iv(suite, 1)), "000000000000000000000001")
    assert.strictEqual(toHex(MessageBody.iv(suite, 0xffff_ffff)), "0000000000000000ffffffff")
  })

  describe("layout", () => {
    const layout = (plaintextLength: number, frameLength: number) => {
      const { frameCount, length } = MessageBody.framedLayout(suite, plaintextLength, frameLength)
      return [frameCount, length]
    }

    it("ends in a full frame where the length is an exact multiple, and is never without a frame", () => {
      assert.deepStrictEqual(layout(0, 10), [1, 40])
      assert.deepStrictEqual(layout(1, 10), [1, 41])
      assert.deepStrictEqual(layout(9, 10), [1, 49])
      assert.deepStrictEqual(layout(10, 10), [1, 50])
      assert.deepStrictEqual(layout(11, 10), [2, 32 + 10 + 40 + 1])
      assert.deepStrictEqual(layout(20, 10), [2, 32 + 10 + 40 + 10])
      assert.deepStrictEqual(layout(21, 10), [3, 2 * 42 + 40 + 1])
    })

    it("counts exactly at the greatest number of frames", () => {
      assert.strictEqual(layout(MessageBody.maxFrames, 1)[0], MessageBody.maxFrames)
      assert.strictEqual(layout(MessageBody.maxFrames + 1, 1)[0], MessageBody.maxFrames + 1)
      assert.strictEqual(layout(MessageBody.maxFrames * 4096, 4096)[0], MessageBody.maxFrames)
      assert.strictEqual(layout(MessageBody.maxFrames * 4096 + 1, 4096)[0], MessageBody.maxFrames + 1)
    })
  })

  it("writes frames byte for byte", () => {
    const { jobs, message } = write(framed(4), hex("000102030405"), 3)
    assert.strictEqual(
      toHex(message),
      toHex(hex(`
        000000
        00000001 000000000000000000000001 fffefdfc 01010101010101010101010101010101
        ffffffff 00000002 000000000000000000000002 00000002 fbfa 02020202020202020202020202020202
      `))
    )
    assert.deepStrictEqual(jobs.map((job) => toHex(job.aad)), [
      toHex(MessageBody.aad(framed(4).messageId, "frame", 1, 4)),
      toHex(MessageBody.aad(framed(4).messageId, "finalFrame", 2, 2))
    ])
  })

  const sizes = Arbitrary.all({
    algorithmSuite: Arbitraries.algorithmSuite,
    frameLength: arbitraryInt(1, 20),
    plaintext: arbitraryBytes(0, 70)
  })

  it.prop("reads what it writes", [sizes], ([{ algorithmSuite, frameLength, plaintext }]) => {
    const header = framed(frameLength, algorithmSuite)
    const { jobs, layout, message } = write(header, plaintext, 5)
    const decoded = decode(header, concat(message, hex("0102")), 5)
    assert.deepStrictEqual(decoded, {
      offset: 5,
      frameCount: layout.frameCount,
      plaintextLength: plaintext.length,
      length: layout.length
    })
    const output = new Uint8Array(decoded.plaintextLength)
    const opened = Array.from(MessageBody.openJobs(header, message, decoded, output), (job) => {
      job.output.set(job.ciphertext.map((byte) => byte ^ 0xff))
      return { iv: toHex(job.iv), aad: toHex(job.aad), tag: toHex(job.tag) }
    })
    assert.strictEqual(toHex(output), toHex(plaintext))
    assert.deepStrictEqual(
      opened,
      jobs.map((job, i) => ({
        iv: toHex(MessageBody.iv(algorithmSuite, i + 1)),
        aad: toHex(job.aad),
        tag: toHex(new Uint8Array(16).fill(i + 1))
      }))
    )
    assert.strictEqual(toHex(encodeFrames(MessageBody.frames(header, message, decoded))), toHex(message.subarray(5)))
  }, { arbitrary: { seed: "body-round-trip", runs: 300 } })

  it.prop(
    "refuses every prefix, at a field that it has reached",
    [sizes],
    ([{ algorithmSuite, frameLength, plaintext }]) => {
      const header = framed(frameLength, algorithmSuite)
      const { message } = write(header, plaintext)
      for (let length = 0; length < message.length; length++) {
        const error = refusal(header, message.slice(0, length))
        assert.isTrue(error.offset >= 0 && error.offset <= length)
        assert.match(error.description, /^takes \d+ bytes, the message has \d+ left$/)
      }
    },
    { arbitrary: { seed: "body-prefix", runs: 30 } }
  )

  it.prop("with any byte changed refuses, or accepts what encodes to the same bytes", [
    Arbitrary.all({ sizes, mask: arbitraryInt(1, 255) })
  ], ([{ mask, sizes: { algorithmSuite, frameLength, plaintext } }]) => {
    const header = framed(frameLength, algorithmSuite)
    const { message } = write(header, plaintext)
    for (let index = 0; index < message.length; index++) {
      const changed = flip(message, index, mask)
      const result = MessageBody.decode(header, changed, 0)
      if (Result.isFailure(result)) {
        assert.instanceOf(result.failure, MalformedMessage)
        assert.isTrue(result.failure.offset >= 0 && result.failure.offset <= changed.length)
      } else {
        assert.strictEqual(
          toHex(encodeFrames(MessageBody.frames(header, changed, result.success))),
          toHex(changed.subarray(0, result.success.length))
        )
      }
    }
  }, { arbitrary: { seed: "body-tamper", runs: 40 } })

  it.prop("never throws, whatever the bytes", [
    Arbitrary.all({
      header: Arbitrary.schema(Schema.Boolean),
      bytes: arbitraryBytes(0, 80),
      frameLength: arbitraryInt(1, 8)
    })
  ], ([{ bytes, frameLength, header }]) => {
    const result = MessageBody.decode(header ? framed(frameLength) : nonFramed, bytes, 0)
    if (Result.isSuccess(result)) assert.isAtMost(result.success.length, bytes.length)
    else assert.instanceOf(result.failure, MalformedMessage)
  }, { arbitrary: { seed: "body-any", runs: 300 } })

  describe("framed data", () => {
    const header = framed(4)
    const frame = (sequenceNumber: number) => concat(uint32(sequenceNumber), new Uint8Array(12 + 4 + 16))
    const final = (sequenceNumber: number, length: number) =>
      concat(hex("ffffffff"), uint32(sequenceNumber), new Uint8Array(12), uint32(length), new Uint8Array(length + 16))

    it("may end in a full final frame or in an empty one", () => {
      assert.strictEqual(decode(header, final(1, 4)).plaintextLength, 4)
      assert.deepStrictEqual(decode(header, concat(frame(1), final(2, 0))), {
        offset: 0,
        frameCount: 2,
        plaintextLength: 4,
        length: 36 + 40
      })
    })

    it("ends with the first final frame", () => {
      assert.strictEqual(decode(header, concat(final(1, 0), final(2, 0))).length, 40)
    })

    it("must count from 1, one by one", () => {
      assertRefused(header, frame(0), "Sequence Number", 0, "must be 1, is 0")
      assertRefused(header, frame(2), "Sequence Number", 0, "must be 1, is 2")
      assertRefused(header, concat(frame(1), frame(1)), "Sequence Number", 36, "must be 2, is 1")
      assertRefused(header, concat(frame(1), frame(3)), "Sequence Number", 36, "must be 2, is 3")
      assertRefused(header, final(0, 0), "Sequence Number", 4, "must be 1, is 0")
      assertRefused(header, final(2, 0), "Sequence Number", 4, "must be 1, is 2")
      assertRefused(header, concat(frame(1), final(1, 0)), "Sequence Number", 40, "must be 2, is 1")
    })

    it("must have a final frame", () => {
      assertRefused(header, concat(frame(1), frame(2)), "Sequence Number", 72, "takes 4 bytes, the message has 0 left")
    })

    it("must not have a final frame that is longer than the frame length", () => {
      assertRefused(header, final(1, 5), "Encrypted Content Length", 20, "is 5, the frame length is 4")
      assertRefused(
        header,
        patch(final(1, 0), 20, [0xff, 0xff, 0xff, 0xff]),
        "Encrypted Content Length",
        20,
        "is 4294967295, the frame length is 4"
      )
    })

    it("of the greatest frame length is refused for want of bytes, without believing the length", () => {
      assertRefused(
        framed(0xffff_ffff),
        frame(1),
        "Encrypted Content",
        16,
        "takes 4294967295 bytes, the message has 20 left"
      )
    })
  })

  describe("non-framed data", () => {
    const body = (length: bigint, content: number) =>
      concat(new Uint8Array(12), hex(length.toString(16).padStart(16, "0")), new Uint8Array(content + 16))

    it("may be empty", () => {
      assert.deepStrictEqual(decode(nonFramed, body(0n, 0)), {
        offset: 0,
        frameCount: 1,
        plaintextLength: 0,
        length: 36
      })
    })

    it("has the sequence number 1 in its additional authenticated data", () => {
      const message = body(3n, 3)
      const [job] = MessageBody.openJobs(nonFramed, message, decode(nonFramed, message), new Uint8Array(3))
      assert.strictEqual(toHex(job!.aad), toHex(MessageBody.aad(nonFramed.messageId, "nonFramed", 1, 3)))
    })

    it("must not be longer than AES-GCM can encrypt", () => {
      const limit = 2n ** 36n - 32n
      assertRefused(
        nonFramed,
        body(limit, 5),
        "Encrypted Content",
        20,
        "takes 68719476704 bytes, the message has 21 left"
      )
      for (const length of [limit + 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
        assertRefused(
          nonFramed,
          body(length, 5),
          "Encrypted Content Length",
          12,
          `is ${length}, at most 68719476704 is allowed`
        )
      }
    })

    it("is refused at every prefix", () => {
      const message = body(5n, 5)
      for (let length = 0; length < message.length; length++) {
        const error = refusal(nonFramed, message.subarray(0, length))
        assert.isTrue(error.offset >= 0 && error.offset <= length)
      }
    })
  })
})
