import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { AlgorithmSuite, EncryptionContext, InvalidOption, TooManyEncryptedDataKeys } from "effect-encryption-sdk"
import { MalformedMessage, MessageHeader } from "effect-encryption-sdk/message"
import { arbitraryHeader } from "../support/arbitraryMessage.ts"
import { assertFails } from "../support/assertFails.ts"
import { concat, field, flip, hex, patch, toHex } from "../support/bytes.ts"
import * as examples from "../support/specificationExamples.ts"
import { unsigned } from "../support/suites.ts"

const decode = (bytes: Uint8Array, maxEncryptedDataKeys?: number) =>
  Result.getOrThrow(MessageHeader.decode(bytes, { maxEncryptedDataKeys }))

const refusal = (bytes: Uint8Array) => assertFails(MessageHeader.decode(bytes), MalformedMessage)

const assertRefused = (bytes: Uint8Array, field: string, offset: number, description: string) =>
  assertFails(MessageHeader.decode(bytes), MalformedMessage, { field, offset, description })

/** A version 2 header of suite 0x0478 with these bytes as its AAD and its encrypted data keys. */
const version2 = (aad: Uint8Array, encryptedDataKeys = hex("0001 0001 70 0001 69 0001 63")) =>
  concat(
    hex("02 0478"),
    new Uint8Array(32).fill(7),
    field(aad),
    encryptedDataKeys,
    hex("02 00001000"),
    new Uint8Array(32).fill(8),
    new Uint8Array(16).fill(9)
  )

/** A version 1 header of suite 0x0178, without a context. Offsets: AAD 20, keys 22, content type 33, reserved 34. */
const version1 = concat(
  hex("01 80 0178"),
  new Uint8Array(16).fill(7),
  hex("0000 0001 0001 70 0001 69 0001 63 02 00000000 0c 00001000"),
  new Uint8Array(12),
  new Uint8Array(16).fill(9)
)

describe("MessageHeader", () => {
  describe("the specification's example", () => {
    it("decodes", () => {
      const { header, headerBodyLength, length } = decode(concat(examples.header, examples.nonFramedBody))
      assert.strictEqual(length, examples.header.length)
      assert.strictEqual(headerBodyLength, examples.header.length - 28)
      assert.strictEqual(header.messageFormatVersion, 1)
      assert.strictEqual(
        header.algorithmSuite,
        AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384
      )
      assert.strictEqual(toHex(header.messageId), "b8929b01753d4a45c0217f39404f70ff")
      assert.deepStrictEqual({ ...header.encryptionContext }, {
        "0this": "is",
        "1an": "encryption",
        "2context": "example",
        "aws-crypto-public-key": "AsG8gG9InLPu16YKlqXTOD+nykG8YqHAhqecj8aXfD2e5B4gtVE73dZkyClA+rAMOQ=="
      })
      assert.deepStrictEqual(
        header.encryptedDataKeys.map(({ ciphertext, keyProviderId, keyProviderInfo }) => [
          keyProviderId,
          Buffer.from(keyProviderInfo).toString(),
          ciphertext.length,
          toHex(ciphertext.subarray(0, 8))
        ]),
        [
          [
            "aws-kms",
            "arn:aws:kms:us-west-2:111122223333:key/715c0818-5825-4245-a755-138a6d9a11e6",
            167,
            "010102007857a1c1"
          ],
          [
            "aws-kms",
            "arn:aws:kms:ca-central-1:111122223333:key/9b13ca4b-afcc-46a8-aa47-be3435b423ff",
            167,
            "0101020078fafffb"
          ]
        ]
      )
      assert.strictEqual(header.contentType, "nonFramed")
      assert.strictEqual(header.frameLength, 0)
      assert.strictEqual(header.suiteData.length, 0)
      assert.strictEqual(toHex(header.authentication.iv!), "734c1bbe032f702584cda9d0")
      assert.strictEqual(toHex(header.authentication.tag), "2c82bb234cbf4aab8f5c6002622e886c")
    })

    it("encodes to the same bytes", () => {
      assert.strictEqual(toHex(MessageHeader.encode(decode(examples.header).header)), toHex(examples.header))
    })

    it("is refused as published, where a value is not UTF-8", () => {
      assertRefused(examples.headerAsPublished, "Value", 42, "is not valid UTF-8")
    })
  })

  it("encodes version 2 field by field", () => {
    const encoded = MessageHeader.encode({
      messageFormatVersion: 2,
      algorithmSuite: unsigned,
      messageId: new Uint8Array(32).fill(0xaa),
      encryptionContext: { b: "2", a: "1" },
      encryptedDataKeys: [
        { keyProviderId: "id", keyProviderInfo: hex("01 02 03"), ciphertext: hex("ff") },
        { keyProviderId: "", keyProviderInfo: hex(""), ciphertext: hex("") }
      ],
      contentType: "framed",
      frameLength: 4096,
      suiteData: new Uint8Array(32).fill(0xbb),
      authentication: { iv: undefined, tag: new Uint8Array(16).fill(0xcc) }
    })
    assert.strictEqual(
      toHex(encoded),
      toHex(hex(`
        02 0478 ${"aa".repeat(32)}
        000e 0002 0001 61 0001 31 0001 62 0001 32
        0002 0002 6964 0003 010203 0001 ff 0000 0000 0000
        02 00001000 ${"bb".repeat(32)}
        ${"cc".repeat(16)}
      `))
    )
  })

  it.prop("decodes what it encodes", [arbitraryHeader], ([header]) => {
    const encoded = MessageHeader.encode(header)
    const decoded = decode(concat(encoded, hex("00 01 02")))
    assert.deepStrictEqual(
      { ...decoded.header, encryptionContext: { ...decoded.header.encryptionContext } },
      { ...header }
    )
    assert.strictEqual(decoded.length, encoded.length)
    assert.strictEqual(
      decoded.headerBodyLength,
      encoded.length - MessageHeader.authenticationLength(header.algorithmSuite)
    )
    assert.strictEqual(
      toHex(encoded.subarray(0, decoded.headerBodyLength)),
      toHex(MessageHeader.encodeBody(header))
    )
  }, { arbitrary: { seed: "header-round-trip", runs: 300 } })

  it.prop("refuses every prefix, at a field that it has reached", [arbitraryHeader], ([header]) => {
    const encoded = MessageHeader.encode(header)
    for (let length = 0; length < encoded.length; length++) {
      const error = refusal(encoded.slice(0, length))
      assert.isTrue(error.offset >= 0 && error.offset <= length, `offset ${error.offset} of ${length}`)
      assert.match(error.description, /^takes \d+ bytes, the message has \d+ left$/)
    }
  }, { arbitrary: { seed: "header-prefix", runs: 30 } })

  it.prop("with any byte changed refuses, or accepts what encodes to the same bytes", [arbitraryHeader], ([header]) => {
    const encoded = MessageHeader.encode(header)
    for (let index = 0; index < encoded.length; index++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const changed = flip(encoded, index, mask)
        const result = MessageHeader.decode(changed)
        if (Result.isFailure(result)) {
          const error = result.failure as MalformedMessage
          assert.instanceOf(error, MalformedMessage)
          assert.isTrue(error.offset >= 0 && error.offset <= changed.length)
          continue
        }
        const accepted = result.success
        const again = MessageHeader.encode(accepted.header)
        const consumed = changed.subarray(0, accepted.length)
        if (toHex(again) !== toHex(consumed)) {
          // Only the order of the context's pairs can be lost, since no other field has two encodings.
          assert.strictEqual(again.length, consumed.length)
          assert.isAbove(Object.keys(accepted.header.encryptionContext).length, 1)
          assert.deepStrictEqual(decode(again), accepted)
        }
      }
    }
  }, { arbitrary: { seed: "header-tamper", runs: 30 } })

  it("answers copies", () => {
    const message = new Uint8Array(version2(new Uint8Array(0)))
    const { header } = decode(message)
    const before = toHex(MessageHeader.encode(header))
    message.fill(0xff)
    assert.strictEqual(toHex(MessageHeader.encode(header)), before)
  })

  describe("encryption context", () => {
    const context = (...pairs: ReadonlyArray<readonly [string, string]>) =>
      version2(concat(
        Uint8Array.of(pairs.length >> 8, pairs.length & 0xff),
        ...pairs.flatMap(([key, value]) => [field(key), field(value)])
      ))

    it("accepts pairs in any order and keeps the bytes that are authenticated", () => {
      const message = context(["b", "1"], ["a", "2"])
      const { header, headerBodyLength } = decode(message)
      assert.deepStrictEqual({ ...header.encryptionContext }, { a: "2", b: "1" })
      const raw = message.subarray(0, headerBodyLength)
      assert.notStrictEqual(toHex(MessageHeader.encodeBody(header)), toHex(raw))
    })

    it("writes pairs in the order of UTF-8 bytes: U+FF21 before U+1F600", () => {
      const { header } = decode(context(["\u{1f600}", "2"], ["\u{ff21}", "1"]))
      assert.deepStrictEqual(["\u{ff21}", "\u{1f600}"].toSorted(), ["\u{1f600}", "\u{ff21}"], "JavaScript's own order")
      assert.strictEqual(
        toHex(MessageHeader.encodeBody(header)),
        toHex(context(["\u{ff21}", "1"], ["\u{1f600}", "2"]).subarray(0, -16))
      )
    })

    it("keeps __proto__ as a key like any other", () => {
      const { header } = decode(context(["__proto__", "x"], ["constructor", "y"]))
      assert.deepStrictEqual(Object.entries(header.encryptionContext), [["__proto__", "x"], ["constructor", "y"]])
      assert.strictEqual(Object.getPrototypeOf(header.encryptionContext), Object.prototype)
      assert.strictEqual(
        toHex(MessageHeader.encodeBody(header)),
        toHex(context(["__proto__", "x"], ["constructor", "y"]).subarray(0, -16))
      )
    })

    it("keeps empty keys, empty values and a byte order mark", () => {
      assert.deepStrictEqual({ ...decode(context(["\u{feff}a", "\u{feff}"])).header.encryptionContext }, {
        "\u{feff}a": "\u{feff}"
      })
      const { header } = decode(context(["", ""], ["\u{feff}", "\u{feff}"]))
      assert.deepStrictEqual({ ...header.encryptionContext }, { "": "", "\u{feff}": "\u{feff}" })
    })

    it("cannot be changed", () => {
      const { header } = decode(context(["a", "1"]))
      assert.isTrue(Object.isFrozen(header.encryptionContext))
    })

    it("refuses a key that is there twice", () => {
      assertRefused(context(["a", "1"], ["a", "1"]), "Key", 47, "is there twice")
      assertRefused(context(["toString", "1"], ["toString", "2"]), "Key", 54, "is there twice")
    })

    it("refuses invalid UTF-8", () => {
      const of = (aad: string) => version2(hex(aad))
      assertRefused(of("0001 0001 ff 0001 61"), "Key", 41, "is not valid UTF-8")
      assertRefused(of("0001 0001 61 0002 c080"), "Value", 44, "is not valid UTF-8")
      assertRefused(of("0001 0003 eda080 0000"), "Key", 41, "is not valid UTF-8")
    })

    it("accepts the empty context of old writers, a count of zero, keeps its bytes and writes none", () => {
      const message = version2(hex("0000"))
      const { header, headerBodyLength, length } = decode(message)
      assert.strictEqual(header.encryptionContext, EncryptionContext.empty)
      assert.strictEqual(length, message.length)
      assert.strictEqual(toHex(message.subarray(35, 39)), "00020000")
      assert.strictEqual(headerBodyLength, message.length - 16)
      assert.strictEqual(toHex(MessageHeader.encode(header)), toHex(version2(new Uint8Array(0))))
    })

    it("refuses lengths that do not add up", () => {
      const of = (aad: string) => version2(hex(aad))
      assertRefused(of("00"), "Key Value Pairs Length", 35, "must be 0 or at least 2, is 1")
      assertRefused(of("0000 00"), "Key Value Pair Count", 37, "must not be zero where there are bytes of pairs")
      assertRefused(
        of("0000 0001 61 0001 62"),
        "Key Value Pair Count",
        37,
        "must not be zero where there are bytes of pairs"
      )
      assertRefused(of("0001"), "Key Length", 39, "runs past the end of the key value pairs")
      assertRefused(of("0001 00"), "Key Length", 39, "runs past the end of the key value pairs")
      assertRefused(of("0001 0002 61"), "Key Length", 39, "runs past the end of the key value pairs")
      assertRefused(of("0001 0001 61"), "Value Length", 42, "runs past the end of the key value pairs")
      assertRefused(of("0001 0001 61 ffff 62"), "Value Length", 42, "runs past the end of the key value pairs")
      assertRefused(of("0002 0001 61 0001 62"), "Key Length", 45, "runs past the end of the key value pairs")
      assertRefused(of("0001 0001 61 0001 62 00"), "Key Value Pairs Length", 35, "is 9, the pairs take 8")
    })
  })

  describe("encrypted data keys", () => {
    it("refuses none", () => {
      assertRefused(version2(hex(""), hex("0000")), "Encrypted Data Key Count", 37, "must not be zero")
    })

    it("refuses a key provider ID that is not UTF-8", () => {
      assertRefused(
        version2(hex(""), hex("0001 0001 ff 0000 0000")),
        "Key Provider ID",
        41,
        "is not valid UTF-8"
      )
    })

    it("reads the most there can be, and refuses more than the maximum as soon as it knows the count", () => {
      const three = version2(hex(""), hex("0003 0000 0000 0000 0000 0000 0000 0000 0000 0000"))
      assert.strictEqual(decode(three).header.encryptedDataKeys.length, 3)
      assert.strictEqual(decode(three, 3).header.encryptedDataKeys.length, 3)
      // 39 bytes end with the count: nothing behind it is needed to refuse.
      for (const bytes of [three, three.subarray(0, 39)]) {
        const result = MessageHeader.decode(bytes, { maxEncryptedDataKeys: 2 })
        assertFails(result, TooManyEncryptedDataKeys, { count: 3, maximum: 2 })
      }
      const most = version2(hex(""), concat(hex("ffff"), new Uint8Array(6 * 0xffff)))
      assert.strictEqual(decode(most).header.encryptedDataKeys.length, 0xffff)
    })
  })

  it("options that do not exist, or are out of their bounds, are refused by name", () => {
    const message = version2(hex(""), hex("0001 0000 0000 0000"))
    const misspelt = { maxEncryptedDataKey: 1 } as object
    assertFails(MessageHeader.decode(message, misspelt), InvalidOption, {
      field: "maxEncryptedDataKey",
      description: "is no option of MessageHeader.decode: did you mean maxEncryptedDataKeys?"
    })
    for (const none of [null, "options"]) {
      assertFails(MessageHeader.decode(message, none as never), InvalidOption, { field: "options" })
    }
    for (const maxEncryptedDataKeys of [0, -1, 1.5, NaN, 65_536, "2" as unknown as number]) {
      assertFails(MessageHeader.decode(message, { maxEncryptedDataKeys }), InvalidOption, {
        field: "maxEncryptedDataKeys",
        description: "must be an integer from 1 to 65535, or left out"
      })
    }
  })

  describe("refuses", () => {
    it("an unknown version", () => {
      for (const version of [0, 3, 0x41, 0xff]) {
        assertRefused(patch(version1, 0, [version]), "Version", 0, `must be 1 or 2, is ${version}`)
      }
    })

    it("an unknown type", () => {
      assertRefused(patch(version1, 1, [0x81]), "Type", 1, "must be 128, is 129")
    })

    it("a suite that it does not know, or of the other version", () => {
      const suite = (message: Uint8Array, offset: number, id: number) => patch(message, offset, [id >> 8, id & 0xff])
      assertRefused(suite(version1, 2, 0), "Algorithm Suite ID", 2, "0x0000 is none of the known suites")
      assertRefused(suite(version1, 2, 0x0278), "Algorithm Suite ID", 2, "0x0278 is none of the known suites")
      assertRefused(suite(version1, 2, 0x0072), "Algorithm Suite ID", 2, "0x0072 is none of the known suites")
      assertRefused(
        suite(version1, 2, 0x0578),
        "Algorithm Suite ID",
        2,
        "0x0578 belongs to version 2, the message is of 1"
      )
      assertRefused(
        suite(version2(hex("")), 1, 0x0178),
        "Algorithm Suite ID",
        1,
        "0x0178 belongs to version 1, the message is of 2"
      )
    })

    it("an unknown content type", () => {
      for (const contentType of [0, 3]) {
        assertRefused(patch(version1, 33, [contentType]), "Content Type", 33, `must be 1 or 2, is ${contentType}`)
      }
    })

    it("reserved bytes that are not zero", () => {
      for (const offset of [34, 35, 36, 37]) {
        assertRefused(patch(version1, offset, [1]), "Reserved", 34, "must be zero")
      }
    })

    it("an IV length that is not the suite's", () => {
      for (const length of [0, 11, 13]) {
        assertRefused(patch(version1, 38, [length]), "IV Length", 38, `must be 12, is ${length}`)
      }
    })

    it("a frame length that the content type cannot have", () => {
      assertRefused(patch(version1, 39, [0, 0, 0, 0]), "Frame Length", 39, "must not be zero in framed data")
      assertRefused(patch(version1, 33, [1]), "Frame Length", 39, "must be zero in non-framed data, is 4096")
    })
  })

  it("reads the greatest frame length", () => {
    assert.strictEqual(
      decode(patch(version1, 39, [255, 255, 255, 255])).header.frameLength,
      MessageHeader.maxFrameLength
    )
  })

  it("reads a message that is a view of a larger buffer", () => {
    const padded = concat(hex("ffffff"), version1, hex("ffffff"))
    assert.deepStrictEqual(decode(padded.subarray(3, 3 + version1.length)), decode(version1))
  })
})
