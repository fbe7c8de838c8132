import { Arbitrary, Schema } from "effect"
import { AlgorithmSuite } from "effect-encryption-sdk"
import type { EncryptedDataKey } from "effect-encryption-sdk"
import type { MessageHeader } from "effect-encryption-sdk/message"
import { arbitraryBytes, arbitraryInt } from "./arbitraryBytes.ts"

export const arbitrarySuite = Arbitrary.schema(Schema.Literals(AlgorithmSuite.all.map((suite) => suite.id))).pipe(
  Arbitrary.map((id) => AlgorithmSuite.fromId(id)!)
)

/** Text of characters whose order in UTF-8 differs from that in UTF-16, and of those that break naive code. */
export const arbitraryText = (maxLength: number) =>
  Arbitrary.map(
    Arbitrary.array(
      Arbitrary.schema(
        Schema.Literals([
          "a",
          "B",
          "0",
          "z",
          "_",
          "é",
          "ß",
          "\u{ff21}",
          "\u{ffee}",
          "\u{1f600}",
          "\u{10ffff}",
          "\u{feff}",
          "\0"
        ])
      ),
      { maxLength }
    ),
    (characters) => characters.join("")
  )

export const arbitraryContext = (maxPairs: number) =>
  Arbitrary.map(
    Arbitrary.array(Arbitrary.all([arbitraryText(4), arbitraryText(6)]), { maxLength: maxPairs }),
    (pairs): Readonly<Record<string, string>> => Object.fromEntries(pairs)
  )

export const arbitraryEncryptedDataKey: Arbitrary.Arbitrary<EncryptedDataKey.EncryptedDataKey> = Arbitrary.all({
  keyProviderId: arbitraryText(5),
  keyProviderInfo: arbitraryBytes(0, 12),
  ciphertext: arbitraryBytes(0, 20)
})

const sized = (length: number, source: Uint8Array) => Uint8Array.from({ length }, (_, i) => source[i % source.length]!)

/** Headers of all suites, framed and not, whose lengths are the suite's own. */
export const arbitraryHeader: Arbitrary.Arbitrary<MessageHeader.MessageHeader> = Arbitrary.map(
  Arbitrary.all({
    algorithmSuite: arbitrarySuite,
    random: arbitraryBytes(1, 32),
    encryptionContext: arbitraryContext(4),
    encryptedDataKeys: Arbitrary.array(arbitraryEncryptedDataKey, { minLength: 1, maxLength: 3 }),
    framed: Arbitrary.schema(Schema.Boolean),
    frameLength: arbitraryInt(1, 0xffff_ffff)
  }),
  ({ algorithmSuite, encryptedDataKeys, encryptionContext, frameLength, framed, random }) => ({
    messageFormatVersion: algorithmSuite.messageFormatVersion,
    algorithmSuite,
    messageId: sized(algorithmSuite.messageIdLength, random),
    encryptionContext,
    encryptedDataKeys,
    contentType: framed ? "framed" : "nonFramed",
    frameLength: framed ? frameLength : 0,
    suiteData: sized(algorithmSuite.commitmentLength, random),
    authentication: {
      iv: algorithmSuite.messageFormatVersion === 1 ? sized(12, random) : undefined,
      tag: sized(16, random)
    }
  })
)
