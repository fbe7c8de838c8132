/**
 * Encryption and decryption of one message under checked materials. Not exported.
 *
 * Specification: client-apis/encrypt.md#construct-the-header and what follows it,
 * client-apis/decrypt.md#verify-the-header and what follows it
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type { AtOnce, MessageKey } from "../crypto/atOnce.ts"
import type { OpenJob, Primitives, SealJob } from "../crypto/Primitives.ts"
import type { PrimitivesError } from "../crypto/PrimitivesError.ts"
import { andThen, hasSucceeded, orElse } from "../internal/atOnce.ts"
import * as bytes from "../internal/bytes.ts"
import * as EncryptionContextCodec from "../message/EncryptionContextCodec.ts"
import * as KeySection from "../message/KeySection.ts"
import * as MessageBody from "../message/MessageBody.ts"
import * as MessageFooter from "../message/MessageFooter.ts"
import * as MessageHeader from "../message/MessageHeader.ts"
import { ivLength } from "../model/AesGcm.ts"
import type { AlgorithmSuite } from "../model/AlgorithmSuite.ts"
import * as EncryptedDataKey from "../model/EncryptedDataKey.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import { type DecryptError, failDecrypt } from "../model/errors/DecryptError.ts"
import { type EncryptError, failEncrypt } from "../model/errors/EncryptError.ts"
import { AuthenticationFailed } from "../model/errors/Reasons.ts"
import type { Client } from "./Client.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "./materials.ts"
import type { DecodedMessage } from "./request.ts"

/** The IV of the header. Frames count from 1, so none has the same. */
export const headerIv = /*#__PURE__*/ new Uint8Array(ivLength)

/** A message without its tags and its body. */
export interface BegunMessage {
  readonly encryptionKey: MessageKey
  readonly fields: MessageHeader.MessageHeaderBody
  /** Array that begins with the header body, behind which there is room for the rest. */
  readonly message: Uint8Array<ArrayBuffer>
  readonly headerBodyLength: number
}

/**
 * Derives the key that encrypts a new message, and writes the header body. `lengthOf`: length in bytes of the array that it is
 * written to, by the length of the header.
 *
 * Specification: client-apis/encrypt.md#construct-the-header
 */
export const beginMessage = (
  { atOnce, contexts, keySections }: Client,
  { dataKey, isShared, materials }: EncryptionMaterials,
  frameLength: number,
  lengthOf: (headerLength: number) => number
): Effect.Effect<BegunMessage, EncryptError> => {
  const { algorithmSuite, encryptedDataKeys, encryptionContext, requiredEncryptionContextKeys } = materials
  const isStored = requiredEncryptionContextKeys.length === 0
  const section = {
    encryptedDataKeys,
    encryptionContext: isStored
      ? encryptionContext
      : Object.freeze(EncryptionContext.omit(encryptionContext, requiredEncryptionContextKeys))
  }
  const keySection = isShared && isStored
    ? keySections.encode(section)
    : KeySection.encode(section, contexts.encode(section.encryptionContext))
  return andThen(atOnce.randomBytes(algorithmSuite.messageIdLength), (messageId) =>
    andThen(
      orElse(atOnce.deriveKeys(dataKey, algorithmSuite, messageId), failEncrypt),
      ({ commitment, encryptionKey }) => {
        const suiteData = commitment ?? bytes.empty
        // A message whose commitment or signature has not the suite's length would be unreadable.
        if (suiteData.length !== algorithmSuite.commitmentLength) {
          throw new Error("Primitives.deriveKeys: the commitment has not the suite's length")
        }
        const fields: MessageHeader.MessageHeaderBody = {
          algorithmSuite,
          messageId,
          encryptionContext: section.encryptionContext,
          // Copies, since the header is the caller's while the materials may be served again.
          encryptedDataKeys: encryptedDataKeys.map(EncryptedDataKey.copy),
          contentType: "framed",
          frameLength,
          suiteData
        }
        const headerBodyLength = MessageHeader.fixedLength(algorithmSuite) + keySection.length
        const message = new Uint8Array(lengthOf(headerBodyLength + MessageHeader.authenticationLength(algorithmSuite)))
        MessageHeader.writeBody(message, fields, keySection)
        return Effect.succeed({ encryptionKey, fields, message, headerBodyLength })
      }
    ))
}

/** A written header, with its tag. */
export const sealedHeader = (fields: MessageHeader.MessageHeaderBody, tag: Uint8Array): MessageHeader.MessageHeader => {
  const { algorithmSuite, contentType, encryptedDataKeys, encryptionContext, frameLength, messageId, suiteData } =
    fields
  const { ivLength, messageFormatVersion } = algorithmSuite
  return {
    messageFormatVersion,
    algorithmSuite,
    messageId,
    encryptionContext,
    encryptedDataKeys,
    contentType,
    frameLength,
    suiteData,
    authentication: {
      iv: messageFormatVersion === 1 ? new Uint8Array(ivLength) : undefined,
      tag: new Uint8Array(tag)
    }
  }
}

/** Encodes the footer of a signature, which must have the suite's length. */
export const encodeFooter = (algorithmSuite: AlgorithmSuite, signature: Uint8Array): Uint8Array<ArrayBuffer> => {
  const footer = MessageFooter.encode(signature)
  if (footer.length !== MessageFooter.length(algorithmSuite)) {
    throw new Error("Primitives: the signature has not the suite's length")
  }
  return footer
}

/** A whole message, and its header. */
export interface SealedMessage {
  readonly message: Uint8Array<ArrayBuffer>
  readonly header: MessageHeader.MessageHeader
}

/**
 * Writes a framed message into one array, whose length is known before the first byte is encrypted.
 *
 * Specification: client-apis/encrypt.md#construct-the-header
 */
export const seal = (
  client: Client,
  acquired: EncryptionMaterials,
  plaintext: Uint8Array,
  frameLength: number
): Effect.Effect<SealedMessage, EncryptError> => {
  const { materials } = acquired
  const { algorithmSuite } = materials
  const layout = MessageBody.framedLayout(algorithmSuite, plaintext.length, frameLength)
  const lengthOf = (headerLength: number) => headerLength + layout.length + MessageFooter.length(algorithmSuite)
  return andThen(beginMessage(client, acquired, frameLength, lengthOf), (begun) => {
    const { encryptionKey, fields, headerBodyLength, message } = begun
    const bodyOffset = headerBodyLength + MessageHeader.authenticationLength(algorithmSuite)
    const header = headerJob(begun, materials)
    const jobs = MessageBody.sealJobs(fields, layout, plaintext, message, bodyOffset, {
      before: header,
      isOneByOne: client.atOnce.isSynchronous
    })
    return andThen(
      client.atOnce.seal(encryptionKey, jobs),
      () =>
        andThen(
          sign(client, materials, message, bodyOffset + layout.length),
          () => Effect.succeed({ message, header: sealedHeader(fields, header.output) })
        )
    )
  })
}

/** The job of the header's tag, which lies behind the header body. */
export const headerJob = (
  { fields: { algorithmSuite }, headerBodyLength, message }: BegunMessage,
  materials: EncryptionMaterials["materials"]
): SealJob => {
  // In version 1 the IV stands before the tag; the array holds its zeroes already.
  const end = headerBodyLength + MessageHeader.authenticationLength(algorithmSuite)
  return {
    iv: headerIv,
    aad: headerAad(message.subarray(0, headerBodyLength), materials),
    plaintext: bytes.empty,
    output: message.subarray(end - algorithmSuite.tagLength, end)
  }
}

/** Writes the footer, where the suite signs. */
const sign = (
  { primitives }: Client,
  { algorithmSuite, signingKey }: EncryptionMaterials["materials"],
  message: Uint8Array,
  footerOffset: number
): Effect.Effect<void> =>
  signingKey === undefined
    ? Effect.void
    : Effect.map(
      primitives.sign(signingKey, message.subarray(0, footerOffset)),
      (signature) => message.set(encodeFooter(algorithmSuite, signature), footerOffset)
    )

/**
 * Verifies a message and returns its plaintext: commitment, header, body, signature, in that order. Nothing is returned
 * before all of them were right.
 *
 * Specification: client-apis/decrypt.md#verify-the-header
 */
export const open = (
  { atOnce, primitives }: Client,
  acquired: DecryptionMaterials,
  message: Uint8Array,
  decoded: DecodedMessage
): Effect.Effect<Uint8Array<ArrayBuffer>, DecryptError> =>
  andThen(deriveKey(atOnce, primitives, acquired, decoded.header), (key) => {
    const { header, length } = decoded
    const { materials } = acquired
    const headerJob = openHeaderJob(atOnce, materials, message, decoded)
    const layout = MessageBody.decode(header, message, length)
    if (Result.isFailure(layout)) return afterHeader(atOnce, key, headerJob, failDecrypt(layout.failure))
    const footerOffset = length + layout.success.length
    const footer = MessageFooter.decode(header.algorithmSuite, message, footerOffset)
    if (Result.isFailure(footer)) return afterHeader(atOnce, key, headerJob, failDecrypt(footer.failure))
    const signature = footer.success
    const plaintext = new Uint8Array(layout.success.plaintextLength)
    const jobs = MessageBody.openJobs(header, message, layout.success, plaintext, {
      before: headerJob,
      isOneByOne: atOnce.isSynchronous
    })
    const opened = orElse(atOnce.open(key, jobs), (error) =>
      // The header comes first, whichever tag was found to be wrong.
      afterHeader(atOnce, key, headerJob, failedTag("body", error)))
    const verified = signature === undefined
      ? opened
      : andThen(opened, () => verifySignature(primitives, materials, message.subarray(0, footerOffset), signature))
    return andThen(zeroedUnless(verified, plaintext), () => Effect.succeed(plaintext))
  })

/** Zeroes plaintext unless its verification succeeds: that of a message that is not authentic must not stay in memory. */
export const zeroedUnless = <E>(verified: Effect.Effect<void, E>, plaintext: Uint8Array): Effect.Effect<void, E> =>
  hasSucceeded(verified) ? verified : Effect.onExitPrimitive(verified, (exit) => {
    if (Exit.isFailure(exit)) plaintext.fill(0)
    return undefined
  })

/** Fails where the header is not authentic, and goes on otherwise. */
const afterHeader = <A>(
  atOnce: AtOnce,
  key: MessageKey,
  headerJob: OpenJob,
  next: Effect.Effect<A, DecryptError>
): Effect.Effect<A, DecryptError> => Effect.andThen(authentic("header", atOnce.open(key, [headerJob])), next)

/** Verifies commitment and header, and returns the key that the message was encrypted with. */
export const verifyHeader = (
  { atOnce, primitives }: Client,
  acquired: DecryptionMaterials,
  message: Uint8Array,
  decoded: DecodedMessage
): Effect.Effect<MessageKey, DecryptError> =>
  andThen(
    deriveKey(atOnce, primitives, acquired, decoded.header),
    (key) => afterHeader(atOnce, key, openHeaderJob(atOnce, acquired.materials, message, decoded), Effect.succeed(key))
  )

/** Derives the key of a message, and verifies the commitment to it. */
const deriveKey = (
  atOnce: AtOnce,
  { timingSafeEqual }: Primitives,
  { dataKey }: DecryptionMaterials,
  { algorithmSuite, messageId, suiteData }: MessageHeader.MessageHeader
): Effect.Effect<MessageKey, DecryptError> =>
  andThen(
    orElse(atOnce.deriveKeys(dataKey, algorithmSuite, messageId), failDecrypt),
    ({ commitment, encryptionKey }) =>
      timingSafeEqual(commitment ?? bytes.empty, suiteData)
        ? Effect.succeed(encryptionKey)
        : failDecrypt(new AuthenticationFailed({ check: "commitment" }))
  )

const openHeaderJob = (
  { isSynchronous }: AtOnce,
  materials: DecryptionMaterials["materials"],
  message: Uint8Array,
  { header: { authentication: { iv, tag } }, headerBody, length }: DecodedMessage
): OpenJob => ({
  iv: iv ?? headerIv,
  aad: headerAad(headerBody, materials),
  ciphertext: bytes.empty,
  // The message is a copy where anything is waited for. A view of it is nothing new to WebCrypto.
  tag: isSynchronous ? tag : message.subarray(length - tag.length, length),
  output: bytes.empty
})

const verifySignature = (
  primitives: Primitives,
  { verificationKey }: DecryptionMaterials["materials"],
  signed: Uint8Array,
  signature: Uint8Array
): Effect.Effect<void, DecryptError> =>
  verificationKey === undefined
    ? Effect.die(new Error("a message with a signature reached its verification without a key"))
    : Effect.flatMap(
      primitives.verify(verificationKey, signed, signature),
      signatureVerdict
    )

/** Fails unless a signature is valid. */
export const signatureVerdict = (valid: boolean): Effect.Effect<void, DecryptError> =>
  valid ? Effect.void : failDecrypt(new AuthenticationFailed({ check: "signature" }))

/** A wrong tag fails with the name of the check alone. Other failures, such as a runtime without AES-192, are defects. */
export const authentic = (
  check: "header" | "body",
  opened: Effect.Effect<void, PrimitivesError>
): Effect.Effect<void, DecryptError> => orElse(opened, (error) => failedTag(check, error))

const failedTag = (check: "header" | "body", error: PrimitivesError): Effect.Effect<never, DecryptError> =>
  error.reason === "Failed" ? failDecrypt(new AuthenticationFailed({ check })) : Effect.die(error)

/**
 * Additional authenticated data of the header: the header body as it stands in the message, followed by the required pairs
 * that are not stored.
 */
export const headerAad = (
  headerBody: Uint8Array,
  { encryptionContext, requiredEncryptionContextKeys }: {
    readonly encryptionContext: EncryptionContext.EncryptionContext
    readonly requiredEncryptionContextKeys: ReadonlyArray<string>
  }
): Uint8Array =>
  requiredEncryptionContextKeys.length === 0
    ? headerBody
    : bytes.concat([
      headerBody,
      EncryptionContextCodec.encode(EncryptionContext.pick(encryptionContext, requiredEncryptionContextKeys))
    ])
