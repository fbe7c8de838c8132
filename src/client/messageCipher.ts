/**
 * Encryption and decryption of one message under checked materials. Not exported.
 *
 * Specification: client-apis/encrypt.md#construct-the-header and what follows it,
 * client-apis/decrypt.md#verify-the-header and what follows it
 */
import * as EncryptionContextCodec from "../message/EncryptionContextCodec.ts"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import { ivLength } from "../model/AesGcm.ts"
import type { AlgorithmSuite } from "../model/AlgorithmSuite.ts"
import * as KeyDerivation from "../crypto/KeyDerivation.ts"
import type { AesKey, OpenJob, Primitives } from "../crypto/Primitives.ts"
import type { PrimitivesError } from "../crypto/PrimitivesError.ts"
import type { CompleteDecryptionMaterials, CompleteEncryptionMaterials } from "../model/CryptographicMaterials.ts"
import * as EncryptedDataKey from "../model/EncryptedDataKey.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import type { DecryptError } from "../model/errors/DecryptError.ts"
import type { EncryptError } from "../model/errors/EncryptError.ts"
import { AuthenticationFailed } from "../model/errors/Reasons.ts"
import * as bytes from "../internal/bytes.ts"
import * as MessageBody from "../message/MessageBody.ts"
import * as MessageFooter from "../message/MessageFooter.ts"
import * as MessageHeader from "../message/MessageHeader.ts"
import { failDecrypt } from "../model/errors/DecryptError.ts"
import { failEncrypt } from "../model/errors/EncryptError.ts"
import type { Client } from "./Client.ts"

/** The IV of the header. Frames count from 1, so none has the same. */
export const headerIv = /*#__PURE__*/ new Uint8Array(ivLength)

/** A message without its tags and its body. */
export interface BegunMessage {
  readonly encryptionKey: AesKey
  readonly fields: MessageHeader.MessageHeaderBody
  readonly headerBody: Uint8Array
}

/**
 * Makes the header body of a new message, and derives the key that encrypts the message.
 *
 * Specification: client-apis/encrypt.md#construct-the-header
 */
export const beginMessage = (
  { contexts, primitives }: Client,
  materials: CompleteEncryptionMaterials,
  frameLength: number
): Effect.Effect<BegunMessage, EncryptError> => {
  const { algorithmSuite, encryptedDataKeys, encryptionContext, requiredEncryptionContextKeys } = materials
  return Effect.flatMap(primitives.randomBytes(algorithmSuite.messageIdLength), (messageId) =>
    Effect.map(
      Effect.catch(
        primitives.deriveKeys(materials.plaintextDataKey, KeyDerivation.parameters(algorithmSuite, messageId)),
        failEncrypt
      ),
      ({ commitment, encryptionKey }) => {
        const suiteData = commitment ?? bytes.empty
        // A message whose commitment or signature has not the suite's length would be unreadable.
        if (suiteData.length !== algorithmSuite.commitmentLength) {
          throw new Error("Primitives.deriveKeys: the commitment has not the suite's length")
        }
        const fields: MessageHeader.MessageHeaderBody = {
          algorithmSuite,
          messageId,
          encryptionContext: requiredEncryptionContextKeys.length === 0
            ? encryptionContext
            : EncryptionContext.omit(encryptionContext, requiredEncryptionContextKeys),
          // Copies, since the header is the caller's while the materials may be served again.
          encryptedDataKeys: encryptedDataKeys.map(EncryptedDataKey.copy),
          contentType: "framed",
          frameLength,
          suiteData
        }
        return {
          encryptionKey,
          fields,
          headerBody: MessageHeader.encodeBody(fields, contexts.encode(fields.encryptionContext))
        }
      }
    ))
}

/** A written header, with its tag. */
export const sealedHeader = (fields: MessageHeader.MessageHeaderBody, tag: Uint8Array): MessageHeader.MessageHeader => {
  const { ivLength, messageFormatVersion } = fields.algorithmSuite
  return {
    messageFormatVersion,
    ...fields,
    authentication: {
      iv: messageFormatVersion === 1 ? new Uint8Array(ivLength) : undefined,
      tag: new Uint8Array(tag)
    }
  }
}

/** Encodes the footer of a signature, which must have the suite's length. */
export const encodeFooter = (algorithmSuite: AlgorithmSuite, signature: Uint8Array): Uint8Array => {
  const footer = MessageFooter.encode(signature)
  if (footer.length !== MessageFooter.length(algorithmSuite)) {
    throw new Error("Primitives: the signature has not the suite's length")
  }
  return footer
}

/**
 * Writes a framed message into one array, whose length is known before the first byte is encrypted.
 *
 * Specification: client-apis/encrypt.md#construct-the-header
 */
export const seal = (
  client: Client,
  materials: CompleteEncryptionMaterials,
  plaintext: Uint8Array,
  frameLength: number
): Effect.Effect<{ readonly message: Uint8Array; readonly header: MessageHeader.MessageHeader }, EncryptError> =>
  Effect.flatMap(beginMessage(client, materials, frameLength), ({ encryptionKey, fields, headerBody }) => {
    const { primitives } = client
    const { algorithmSuite, signingKey } = materials
    const layout = MessageBody.framedLayout(algorithmSuite, plaintext.length, frameLength)
    const bodyOffset = headerBody.length + MessageHeader.authenticationLength(algorithmSuite)
    const footerOffset = bodyOffset + layout.length
    const message = new Uint8Array(footerOffset + MessageFooter.length(algorithmSuite))
    message.set(headerBody)
    // In version 1 the IV stands before the tag; the array holds its zeroes already.
    const tag = message.subarray(bodyOffset - algorithmSuite.tagLength, bodyOffset)
    const sealed = primitives.seal(
      encryptionKey,
      MessageBody.sealJobs(fields, layout, plaintext, message, bodyOffset, {
        iv: headerIv,
        aad: headerAad(headerBody, materials),
        plaintext: bytes.empty,
        output: tag
      })
    )
    const signed = signingKey === undefined
      ? sealed
      : Effect.flatMap(sealed, () =>
        Effect.map(
          primitives.sign(signingKey, message.subarray(0, footerOffset)),
          (signature) => message.set(encodeFooter(algorithmSuite, signature), footerOffset)
        ))
    return Effect.map(signed, () => ({ message, header: sealedHeader(fields, tag) }))
  })

/**
 * Verifies a message and returns its plaintext: commitment, header, body, signature, in that order. Nothing is returned
 * before all of them were right.
 *
 * Specification: client-apis/decrypt.md#verify-the-header
 */
export const open = (
  { primitives }: Client,
  materials: CompleteDecryptionMaterials,
  message: Uint8Array,
  decoded: MessageHeader.DecodedHeader
): Effect.Effect<Uint8Array, DecryptError> =>
  Effect.flatMap(verifyHeader(primitives, materials, message, decoded), (encryptionKey) => {
    const { header, length } = decoded
    const layout = MessageBody.decode(header, message, length)
    if (Result.isFailure(layout)) return failDecrypt(layout.failure)
    const footerOffset = length + layout.success.length
    const footer = MessageFooter.decode(header.algorithmSuite, message, footerOffset)
    if (Result.isFailure(footer)) return failDecrypt(footer.failure)
    const signature = footer.success
    const plaintext = new Uint8Array(layout.success.plaintextLength)
    const jobs = MessageBody.openJobs(header, message, layout.success, plaintext)
    const opened = authentic("body", primitives.open(encryptionKey, jobs))
    const verified = signature === undefined
      ? opened
      : Effect.flatMap(
        opened,
        () => verifySignature(primitives, materials, message.subarray(0, footerOffset), signature)
      )
    // Plaintext of a message that is not authentic must not stay in memory.
    return Effect.onExitPrimitive(Effect.as(verified, plaintext), (exit) => {
      if (Exit.isFailure(exit)) plaintext.fill(0)
      return undefined
    })
  })

/** Verifies commitment and header, and returns the key that the message was encrypted with. */
export const verifyHeader = (
  primitives: Primitives,
  materials: CompleteDecryptionMaterials,
  message: Uint8Array,
  { header, headerBodyLength }: MessageHeader.DecodedHeader
): Effect.Effect<AesKey, DecryptError> =>
  Effect.catch(
    Effect.flatMap(
      primitives.deriveKeys(
        materials.plaintextDataKey,
        KeyDerivation.parameters(header.algorithmSuite, header.messageId)
      ),
      ({ commitment, encryptionKey }): Effect.Effect<AesKey, DecryptError | PrimitivesError> => {
        if (!primitives.timingSafeEqual(commitment ?? bytes.empty, header.suiteData)) {
          return failDecrypt(new AuthenticationFailed({ check: "commitment" }))
        }
        const headerJob: OpenJob = {
          iv: header.authentication.iv ?? headerIv,
          aad: headerAad(message.subarray(0, headerBodyLength), materials),
          ciphertext: bytes.empty,
          tag: header.authentication.tag,
          output: bytes.empty
        }
        return Effect.as(primitives.open(encryptionKey, [headerJob]), encryptionKey)
      }
    ),
    (error) => {
      if (error._tag === "DecryptError") return Effect.fail(error)
      return error._tag === "NotLoaded" ? failDecrypt(error) : failedTag("header", error)
    }
  )

const verifySignature = (
  primitives: Primitives,
  { verificationKey }: CompleteDecryptionMaterials,
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
): Effect.Effect<void, DecryptError> => Effect.catch(opened, (error) => failedTag(check, error))

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
