/**
 * The message header, versions 1 and 2.
 *
 * Specification: data-format/message-header.md
 */
import * as Result from "effect/Result"
import * as AlgorithmSuite from "../model/AlgorithmSuite.ts"
import * as EncryptedDataKey from "../model/EncryptedDataKey.ts"
import type { EncryptionContext } from "../model/EncryptionContext.ts"
import { InvalidOption, type TooManyEncryptedDataKeys } from "../model/errors/Reasons.ts"
import * as bytes from "../internal/bytes.ts"
import { findUnknown, type NamesOf, optionNames } from "../internal/optionNames.ts"
import { checked, reject } from "../internal/rejection.ts"
import type { ContentType } from "./internal/frames.ts"
import type * as EncryptedDataKeyCodec from "./EncryptedDataKeyCodec.ts"
import * as KeySection from "./KeySection.ts"
import { ByteReader, decoding, rejectField } from "./internal/ByteReader.ts"
import { ByteWriter } from "./internal/ByteWriter.ts"
import type { MalformedMessage } from "../model/errors/MalformedMessage.ts"

export type { ContentType } from "./internal/frames.ts"

/**
 * The part of a header that is authenticated. The message format version follows from the suite.
 *
 * Specification: data-format/message-header.md#header-body
 */
export interface MessageHeaderBody<Memory extends ArrayBufferLike = ArrayBuffer> {
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite
  /** 16 random bytes in version 1, 32 in version 2. */
  readonly messageId: Uint8Array<Memory>
  /** The pairs that are stored in the message. */
  readonly encryptionContext: EncryptionContext
  readonly encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey<Memory>>
  readonly contentType: ContentType
  /** Bytes of plaintext in each frame but the last: 1 to 2^32 - 1. Zero where the body is not framed. */
  readonly frameLength: number
  /** In version 2 the commitment to the data key; empty in version 1. */
  readonly suiteData: Uint8Array<Memory>
}

/**
 * The tag over the header body. `iv` is stored in version 1 alone; in version 2 it is all zero.
 *
 * Specification: data-format/message-header.md#header-authentication
 */
export interface HeaderAuthentication<Memory extends ArrayBufferLike = ArrayBuffer> {
  readonly iv: Uint8Array<Memory> | undefined
  readonly tag: Uint8Array<Memory>
}

/** A whole header. Its bytes are in memory of their own, an `ArrayBuffer`; `encode` takes headers over any memory. */
export interface MessageHeader<Memory extends ArrayBufferLike = ArrayBuffer> extends MessageHeaderBody<Memory> {
  readonly messageFormatVersion: 1 | 2
  readonly authentication: HeaderAuthentication<Memory>
}

/** A header that was read, and how many bytes it takes at the start of the message. */
export interface DecodedHeader {
  readonly header: MessageHeader
  /** Length of the part that is authenticated. */
  readonly headerBodyLength: number
  /** Length of the whole, at which the message body begins. */
  readonly length: number
}

/** Options of `decode`. */
export interface DecodeOptions {
  /** The greatest number of encrypted data keys of a header, 1 to 65,535. Default: all that the format can carry. */
  readonly maxEncryptedDataKeys?: number | undefined
}

/** The greatest frame length that the format can carry. */
export const maxFrameLength = 0xffff_ffff

/** The frame length of a message for which none was given, in bytes. */
export const defaultFrameLength = 4096

const customerAuthenticatedEncryptedData = 0x80
const contentTypes: ReadonlyMap<number, ContentType> = /*#__PURE__*/ new Map<number, ContentType>([
  [1, "nonFramed"],
  [2, "framed"]
])

/**
 * Encodes a header body, over which the header's tag is computed. The context and the encrypted data keys must have been
 * validated: each field fits its length, and the whole context fits 65,535 bytes. `keySection` is the encoded section of both,
 * where the caller has it already.
 *
 * @internal
 */
export const encodeBody = (
  header: MessageHeaderBody<ArrayBufferLike>,
  keySection: Uint8Array = KeySection.encode(header)
): Uint8Array<ArrayBuffer> => {
  const out = new Uint8Array(fixedLength(header.algorithmSuite) + keySection.length)
  writeBody(out, header, keySection)
  return out
}

/**
 * Writes what `encodeBody` makes at the start of an array.
 *
 * @internal
 */
export const writeBody = (
  message: Uint8Array,
  header: MessageHeaderBody<ArrayBufferLike>,
  keySection: Uint8Array
): void => {
  const { algorithmSuite, contentType, frameLength, messageId, suiteData } = header
  const isVersion1 = algorithmSuite.messageFormatVersion === 1
  const out = new ByteWriter(message)
  out.uint8(algorithmSuite.messageFormatVersion)
  if (isVersion1) out.uint8(customerAuthenticatedEncryptedData)
  out.uint16(algorithmSuite.id)
  out.put(messageId)
  out.put(keySection)
  out.uint8(contentType === "framed" ? 2 : 1)
  if (isVersion1) {
    out.uint32(0)
    out.uint8(algorithmSuite.ivLength)
  }
  out.uint32(frameLength)
  out.put(suiteData)
}

/**
 * Offset at which the key section begins: behind version, type, suite and message ID.
 *
 * @internal
 */
export const keySectionOffset = (
  { messageFormatVersion, messageIdLength }: AlgorithmSuite.AlgorithmSuite
): number => (messageFormatVersion === 1 ? 4 : 3) + messageIdLength

/**
 * Length in bytes of the header body that `encodeBody` makes of a context of this encoded length.
 *
 * @internal
 */
export const bodyLength = (
  algorithmSuite: AlgorithmSuite.AlgorithmSuite,
  contextLength: number,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKeyCodec.Size>
): number => fixedLength(algorithmSuite) + KeySection.encodedLength(contextLength, encryptedDataKeys)

/**
 * Length in bytes of a header body without its key section.
 *
 * @internal
 */
export const fixedLength = (
  { commitmentLength, messageFormatVersion, messageIdLength }: AlgorithmSuite.AlgorithmSuite
): number => (messageFormatVersion === 1 ? 14 : 8) + messageIdLength + commitmentLength

/**
 * Length in bytes of IV and tag behind a header body: both in version 1, the tag alone in version 2.
 *
 * @internal
 */
export const authenticationLength = (algorithmSuite: AlgorithmSuite.AlgorithmSuite): number =>
  algorithmSuite.tagLength + (algorithmSuite.messageFormatVersion === 1 ? algorithmSuite.ivLength : 0)

/** IV and tag in version 1, the tag alone in version 2. */
const encodeAuthentication = ({ iv, tag }: HeaderAuthentication<ArrayBufferLike>): Uint8Array =>
  bytes.concat(iv === undefined ? [tag] : [iv, tag])

/**
 * The same header in arrays of its own.
 *
 * @internal
 */
export const copy = (header: MessageHeader): MessageHeader => ({
  ...header,
  messageId: new Uint8Array(header.messageId),
  encryptedDataKeys: header.encryptedDataKeys.map(EncryptedDataKey.copy),
  suiteData: new Uint8Array(header.suiteData),
  authentication: {
    iv: header.authentication.iv && new Uint8Array(header.authentication.iv),
    tag: new Uint8Array(header.authentication.tag)
  }
})

/** Encodes a whole header. */
export const encode = (header: MessageHeader<ArrayBufferLike>): Uint8Array<ArrayBuffer> =>
  bytes.concat([encodeBody(header), encodeAuthentication(header.authentication)])

/**
 * Reads the header at the start of a message. The results are copies, so that neither a later change of `message` nor
 * a kept header affects the other. A header with more encrypted data keys than `maxEncryptedDataKeys` is rejected as soon
 * as their count is read. Fails with `InvalidOption` where an option does not exist or is out of its bounds.
 *
 * **Gotchas**
 *
 * The pairs of the context are accepted in any order, since there are writers that do not sort them as the specification
 * says. What is authenticated are the bytes as they stand, `message.subarray(0, headerBodyLength)`, not a new encoding.
 *
 * Nothing here is authenticated yet.
 *
 * Specification: client-apis/decrypt.md#parse-the-header
 */
export const decode = (
  message: Uint8Array,
  options: DecodeOptions = {}
): Result.Result<DecodedHeader, MalformedMessage | TooManyEncryptedDataKeys | InvalidOption> =>
  Result.flatMap(
    checked(() => checkDecodeOptions(options)),
    (maximum) => decodeKnown(message, maximum, () => undefined)
  )

const decodeNames = /*#__PURE__*/ optionNames(
  "MessageHeader.decode",
  { maxEncryptedDataKeys: true } satisfies NamesOf<DecodeOptions>
)

/** Returns `maxEncryptedDataKeys`, which is read once. */
const checkDecodeOptions = (options: DecodeOptions): number | undefined => {
  if (typeof options !== "object" || options === null) {
    return reject(new InvalidOption({ field: "options", description: "must be an object" }))
  }
  const { maxEncryptedDataKeys: maximum } = options
  const unknown = findUnknown(options, decodeNames)
  if (unknown !== undefined) reject(new InvalidOption(unknown))
  if (maximum === undefined || (Number.isInteger(maximum) && maximum >= 1 && maximum <= EncryptedDataKey.maxCount)) {
    return maximum
  }
  const description = `must be an integer from 1 to ${EncryptedDataKey.maxCount}, or left out`
  return reject(new InvalidOption({ field: "maxEncryptedDataKeys", description }))
}

/**
 * `decode` with a memory: `find` returns the key section that begins at this offset of the message, where it is known.
 *
 * @internal
 */
export const decodeKnown = (
  message: Uint8Array,
  maxEncryptedDataKeys: number | undefined,
  find: (start: number) => KeySection.KnownSection | undefined
): Result.Result<DecodedHeader, MalformedMessage | TooManyEncryptedDataKeys> =>
  decoding<DecodedHeader, TooManyEncryptedDataKeys>(() =>
    read(new ByteReader(message, 0), (reader) => {
      const known = find(reader.offset)
      return known === undefined ? KeySection.read(reader, maxEncryptedDataKeys) : KeySection.readKnown(reader, known)
    })
  )

const read = (
  reader: ByteReader,
  readKeySection: (reader: ByteReader) => KeySection.KeySection<ArrayBuffer>
): DecodedHeader => {
  const version = reader.uint8("Version")
  if (version !== 1 && version !== 2) return rejectField("Version", 0, `must be 1 or 2, is ${version}`)
  if (version === 1) {
    const type = reader.uint8("Type")
    if (type !== customerAuthenticatedEncryptedData) rejectField("Type", 1, `must be 128, is ${type}`)
  }
  const algorithmSuite = readAlgorithmSuite(reader, version)
  const messageId = reader.copy("Message ID", algorithmSuite.messageIdLength)
  const { encryptedDataKeys, encryptionContext } = readKeySection(reader)
  const contentType = readContentType(reader)
  if (version === 1) {
    const offset = reader.offset
    if (reader.uint32("Reserved") !== 0) rejectField("Reserved", offset, "must be zero")
    const ivLength = reader.uint8("IV Length")
    if (ivLength !== algorithmSuite.ivLength) {
      rejectField("IV Length", offset + 4, `must be ${algorithmSuite.ivLength}, is ${ivLength}`)
    }
  }
  const frameLength = readFrameLength(reader, contentType)
  const suiteData = reader.copy("Algorithm Suite Data", algorithmSuite.commitmentLength)
  const headerBodyLength = reader.offset
  const iv = version === 1 ? reader.copy("IV", algorithmSuite.ivLength) : undefined
  const tag = reader.copy("Authentication Tag", algorithmSuite.tagLength)
  return {
    header: {
      messageFormatVersion: version,
      algorithmSuite,
      messageId,
      encryptionContext,
      encryptedDataKeys,
      contentType,
      frameLength,
      suiteData,
      authentication: { iv, tag }
    },
    headerBodyLength,
    length: reader.offset
  }
}

const readAlgorithmSuite = (reader: ByteReader, version: 1 | 2): AlgorithmSuite.AlgorithmSuite => {
  const { offset } = reader
  const id = reader.uint16("Algorithm Suite ID")
  const suite = AlgorithmSuite.fromId(id)
  if (suite === undefined) {
    return rejectField("Algorithm Suite ID", offset, `${AlgorithmSuite.formatId(id)} is none of the known suites`)
  }
  return suite.messageFormatVersion === version
    ? suite
    : rejectField(
      "Algorithm Suite ID",
      offset,
      `${AlgorithmSuite.formatId(id)} belongs to version ${suite.messageFormatVersion}, the message is of ${version}`
    )
}

const readContentType = (reader: ByteReader): ContentType => {
  const { offset } = reader
  const value = reader.uint8("Content Type")
  return contentTypes.get(value) ?? rejectField("Content Type", offset, `must be 1 or 2, is ${value}`)
}

const readFrameLength = (reader: ByteReader, contentType: ContentType): number => {
  const { offset } = reader
  const frameLength = reader.uint32("Frame Length")
  if (contentType === "framed" && frameLength === 0) {
    rejectField("Frame Length", offset, "must not be zero in framed data")
  }
  if (contentType === "nonFramed" && frameLength !== 0) {
    rejectField("Frame Length", offset, `must be zero in non-framed data, is ${frameLength}`)
  }
  return frameLength
}
