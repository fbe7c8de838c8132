import { Arbitrary, Schema } from "effect"
import type { MessageHeader } from "effect-encryption-sdk/message"
import { Arbitraries } from "effect-encryption-sdk/testing"
import { arbitraryBytes, arbitraryInt } from "./arbitraryBytes.ts"

const sized = (length: number, source: Uint8Array) => Uint8Array.from({ length }, (_, i) => source[i % source.length]!)

/** Headers of all suites, framed and not, whose lengths are the suite's own. */
export const arbitraryHeader: Arbitrary.Arbitrary<MessageHeader.MessageHeader> = Arbitrary.map(
  Arbitrary.all({
    algorithmSuite: Arbitraries.algorithmSuite,
    random: arbitraryBytes(1, 32),
    encryptionContext: Arbitraries.encryptionContext(),
    encryptedDataKeys: Arbitrary.array(Arbitraries.encryptedDataKey, { minLength: 1, maxLength: 3 }),
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
