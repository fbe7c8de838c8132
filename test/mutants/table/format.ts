import type { Mutant } from "../Mutant.ts"
import { test } from "./places.ts"

const message = (name: string) => `src/message/${name}.ts`

const byHeader = test("MessageHeader", "MessageHeader > ", "message")
const byBody = test("MessageBody", "MessageBody > ", "message")
const byFooter = test("MessageFooter", "MessageFooter > ", "message")
const byLengths = test("lengths", "the length of a message > ", "stream")
const byKeySections = test("keySections", "the memory of key sections > ", "client")
const byOwnMemory = test("sharedMemory", "shared memory > ", "client")("results are in memory of their own")
const byContexts = test("contextMemo", "the memory of contexts > ", "client")

/** The message format: what is written, what is read, and what is refused. */
export const format: ReadonlyArray<Mutant> = [
  {
    name: "a context of no pairs may have bytes of pairs",
    file: message("EncryptionContextCodec"),
    find: "if (length === 2) return EncryptionContext.empty",
    replace: "if (length >= 2) return EncryptionContext.empty",
    killedBy: byHeader("encryption context > refuses lengths that do not add up")
  },
  {
    name: "a key of a context may be there twice",
    file: message("EncryptionContextCodec"),
    find: "if (entries.has(key))",
    replace: "if (Object.hasOwn(entries, key))",
    killedBy: byHeader("encryption context > refuses a key that is there twice")
  },
  {
    name: "pairs are written in the order of JavaScript",
    file: message("EncryptionContextCodec"),
    find: "const keys = Object.keys(context)\n",
    replace: "const keys = Object.keys(context).toSorted()\n",
    also: { find: "  pairs.sort((a, b) => bytes.compare(a.key, b.key))\n", replace: "" },
    killedBy: byHeader("encryption context > writes pairs in the order of UTF-8 bytes: U+FF21 before U+1F600")
  },
  {
    name: "bytes behind the pairs of a context are passed over",
    file: message("EncryptionContextCodec"),
    find: "if (pairs.offset !== end)",
    replace: "if (pairs.offset > end)",
    killedBy: byHeader("encryption context > refuses lengths that do not add up")
  },
  {
    name: "a pair of a context may run past the length of all",
    file: message("EncryptionContextCodec"),
    find: "end - pairs.offset < length",
    replace: "pairs.bytes.length - pairs.offset + 2 < length",
    also: {
      find: "new ByteReader(reader.bytes.subarray(0, end), lengthOffset + 2)",
      replace: "new ByteReader(reader.bytes, lengthOffset + 2)"
    },
    killedBy: byHeader("encryption context > refuses lengths that do not add up")
  },
  {
    name: "a context that was read can be changed",
    file: message("EncryptionContextCodec"),
    find: "return Object.freeze(Object.fromEntries(entries))",
    replace: "return Object.fromEntries(entries)",
    killedBy: byHeader("encryption context > cannot be changed")
  },
  {
    name: "encrypted data keys are counted after they were read",
    file: message("EncryptedDataKeyCodec"),
    find: "  if (maximum !== undefined && count > maximum) reject(new TooManyEncryptedDataKeys({ count, maximum }))\n",
    replace: "",
    also: {
      find: "  return encryptedDataKeys\n",
      replace:
        "  if (maximum !== undefined && count > maximum) reject(new TooManyEncryptedDataKeys({ count, maximum }))\n  return encryptedDataKeys\n"
    },
    killedBy: byHeader(
      "encrypted data keys > reads the most there can be, and refuses more than the maximum as soon as it knows the count"
    )
  },
  {
    name: "a header may have no encrypted data key",
    file: message("EncryptedDataKeyCodec"),
    find: "if (count === 0)",
    replace: "if (count < 0)",
    killedBy: byHeader("encrypted data keys > refuses none")
  },
  {
    name: "an encrypted data key that was read is a view of the message",
    file: message("EncryptedDataKeyCodec"),
    find: "reader.copy(\"Encrypted Data Key\"",
    replace: "(reader as ByteReader<ArrayBuffer>).take(\"Encrypted Data Key\"",
    killedBy: byHeader("answers copies")
  },
  {
    name: "key provider information that was read is in the caller's memory",
    file: message("EncryptedDataKeyCodec"),
    find: "reader.copy(\n    \"Key Provider Information\"",
    replace: "(reader as ByteReader<ArrayBuffer>).take(\n    \"Key Provider Information\"",
    killedBy: byOwnMemory
  },
  {
    name: "a tag that was read is in the caller's memory",
    file: message("MessageHeader"),
    find: "reader.copy(\"Authentication Tag\"",
    replace: "(reader as ByteReader<ArrayBuffer>).take(\"Authentication Tag\"",
    killedBy: byOwnMemory
  },
  {
    name: "a message ID that was read is a view of the message",
    file: message("MessageHeader"),
    find: "reader.copy(\"Message ID\"",
    replace: "(reader as ByteReader<ArrayBuffer>).take(\"Message ID\"",
    killedBy: byHeader("answers copies")
  },
  {
    name: "a commitment that was read is a view of the message",
    file: message("MessageHeader"),
    find: "reader.copy(\"Algorithm Suite Data\"",
    replace: "(reader as ByteReader<ArrayBuffer>).take(\"Algorithm Suite Data\"",
    killedBy: byHeader("answers copies")
  },
  {
    name: "an option of decode that does not exist is passed over",
    file: message("MessageHeader"),
    find: "if (unknown !== undefined) reject",
    replace: "if (unknown === undefined && maximum === 0) reject",
    also: { find: "new InvalidOption(unknown)", replace: "new InvalidOption({ field: \"\", description: \"\" })" },
    killedBy: byHeader("options that do not exist, or are out of their bounds, are refused by name")
  },
  {
    name: "a suite of version 2 in a message of version 1",
    file: message("MessageHeader"),
    find: "suite.messageFormatVersion === version",
    replace: "suite.messageFormatVersion >= version",
    killedBy: byHeader("refuses > a suite that it does not know, or of the other version")
  },
  {
    name: "reserved bytes of a header are passed over",
    file: message("MessageHeader"),
    find: "reader.uint32(\"Reserved\") !== 0",
    replace: "reader.uint32(\"Reserved\") > 0xff",
    killedBy: byHeader("refuses > reserved bytes that are not zero")
  },
  {
    name: "any IV length that is as long as the suite's",
    file: message("MessageHeader"),
    find: "ivLength !== algorithmSuite.ivLength",
    replace: "ivLength < algorithmSuite.ivLength",
    killedBy: byHeader("refuses > an IV length that is not the suite's")
  },
  {
    name: "non-framed data with a frame length",
    file: message("MessageHeader"),
    find: "contentType === \"nonFramed\" && frameLength !== 0",
    replace: "contentType === \"nonFramed\" && frameLength > 0xffff",
    killedBy: byHeader("refuses > a frame length that the content type cannot have")
  },
  {
    name: "a full last frame is followed by an empty one",
    file: message("MessageBody"),
    find: "Math.max(1, Math.ceil(plaintextLength / frameLength))",
    replace: "Math.floor(plaintextLength / frameLength) + 1",
    killedBy: byBody(
      "layout > ends in a full frame where the length is an exact multiple, and is never without a frame"
    )
  },
  {
    name: "a final frame is authenticated as any other",
    file: message("MessageBody"),
    find: "aad: aad(messageId, isFinal ? \"finalFrame\" : \"frame\", sequenceNumber",
    replace: "aad: aad(messageId, \"frame\", sequenceNumber",
    killedBy: byBody("writes frames byte for byte")
  },
  {
    name: "the IVs of each run of frames count from one",
    file: message("MessageBody"),
    find: "bytes.setUint32(message, position - sequenceNumberLength, sequenceNumber)",
    replace: "bytes.setUint32(message, position - sequenceNumberLength, index + 1)",
    killedBy: test("roundTrip", "a stream that is encrypted and decrypted again > ", "stream")(
      "has another IV for each of its frames, the frame's own number, in whatever batches they are written"
    )
  },
  {
    name: "frames may be left out",
    file: message("internal/frames"),
    find: "if (number !== sequenceNumber)",
    replace: "if (number < sequenceNumber)",
    killedBy: byBody("framed data > must count from 1, one by one")
  },
  {
    name: "a final frame may be a byte longer than the others",
    file: message("internal/frames"),
    find: "if (contentLength > frameLength)",
    replace: "if (contentLength > frameLength + 1)",
    killedBy: byBody("framed data > must not have a final frame that is longer than the frame length")
  },
  {
    name: "non-framed data of more than AES-GCM can encrypt",
    file: message("internal/frames"),
    find: "2 ** 36 - 32",
    replace: "2 ** 36",
    killedBy: byBody("non-framed data > must not be longer than AES-GCM can encrypt")
  },
  {
    name: "a content length of more than 32 bits is shifted",
    file: message("internal/bodyAad"),
    find: "Math.floor(contentLength / 2 ** 32)",
    replace: "contentLength >>> 32",
    killedBy: byBody("additional authenticated data > is message ID, content, sequence number and length")
  },
  {
    name: "bytes behind a signature are passed over",
    file: message("MessageFooter"),
    find: "if (trailing > 0)",
    replace: "if (trailing > 0 && signature === undefined)",
    killedBy: byFooter("refuses trailing bytes")
  },
  {
    name: "bytes behind an unsigned body are passed over",
    file: message("MessageFooter"),
    find: "if (trailing > 0)",
    replace: "if (trailing > 0 && signature !== undefined)",
    killedBy: byFooter("refuses trailing bytes")
  },
  {
    name: "a message whose memory is gone is a message that is too short",
    file: message("internal/ByteReader"),
    find: "      const gone = findGone(this.bytes)\n      if (gone !== undefined) rejectField(field, start, gone)\n",
    replace: "",
    also: { find: "copyRange, findGone, getUint32", replace: "copyRange, getUint32" },
    killedBy: test("goneMemory", "memory that was transferred > ", "client")("messages that codecs read")
  },
  {
    name: "a known section shows its own encrypted data keys",
    file: message("KeySection"),
    find: "encryptedDataKeys: encryptedDataKeys.map(EncryptedDataKey.copy) }",
    replace: "encryptedDataKeys: encryptedDataKeys as never }",
    also: { find: "import * as EncryptedDataKey from", replace: "import type * as EncryptedDataKey from" },
    killedBy: test("atOnce", "an operation at once > ", "client")("hands out nothing that the next message is made of")
  },
  {
    name: "encrypted data keys of a known section can be changed",
    file: message("KeySection"),
    find: "encryptedDataKeys.map((edk) => Object.freeze(edk))",
    replace: "encryptedDataKeys",
    killedBy: byKeySections("keeps bytes of its own: what becomes of the message does not change it")
  },
  {
    name: "the length of a public key in base64 without its padding",
    file: message("MessageLength"),
    find: "4 * Math.ceil(pointLengths[signature.curve] / 3)",
    replace: "Math.ceil(4 * pointLengths[signature.curve] / 3)",
    killedBy: byLengths("counts the public key that it will have, of either curve")
  },
  {
    name: "bytes of a context that can still change are remembered",
    file: message("contextEncoder"),
    find: "if (bytes.length <= maxLength && EncryptionContext.isValidated(context))",
    replace: "if (bytes.length <= maxLength)",
    also: { find: "import * as EncryptionContext from", replace: "import type * as EncryptionContext from" },
    killedBy: byContexts("keeps what it was given, whatever the caller's object becomes")
  },
  {
    name: "encoded contexts without bound",
    file: message("contextEncoder"),
    find: "Uint8Array>(capacity)",
    replace: "Uint8Array>(capacity * maxLength)",
    killedBy: byContexts("holds 256 contexts, and forgets the first of them for one more")
  }
]
