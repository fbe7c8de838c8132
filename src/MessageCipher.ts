/**
 * Encrypts one message under materials, and decrypts one: what remains of the client's two operations once the materials
 * are there and have been checked. Not exported.
 *
 * Specification: client-apis/encrypt.md#construct-the-header and what follows it,
 * client-apis/decrypt.md#verify-the-header and what follows it
 */
import * as Effect from "effect/Effect"
import type { AlgorithmSuite } from "./AlgorithmSuite.ts"
import * as KeyDerivation from "./crypto/KeyDerivation.ts"
import type { AesKey, OpenJob, Primitives, SealJob } from "./crypto/Primitives.ts"
import type { PrimitivesError } from "./crypto/PrimitivesError.ts"
import type { CompleteDecryptionMaterials, CompleteEncryptionMaterials } from "./CryptographicMaterials.ts"
import * as EncryptedDataKey from "./EncryptedDataKey.ts"
import * as EncryptionContext from "./EncryptionContext.ts"
import { AuthenticationFailed, type DecryptError, type EncryptError } from "./EncryptionSdkError.ts"
import * as bytes from "./internal/bytes.ts"
import * as MessageBody from "./message/MessageBody.ts"
import * as MessageFooter from "./message/MessageFooter.ts"
import * as MessageHeader from "./message/MessageHeader.ts"
import { failDecrypt, loadedToDecrypt, loadedToEncrypt, orFailDecrypt } from "./RequestChecks.ts"

/** The header's own IV. Frames count from 1, so none has the same. */
export const headerIv = /*#__PURE__*/ new Uint8Array(12)

/** A message of which all is there but its tags and its body. */
export interface BegunMessage {
  readonly encryptionKey: AesKey
  readonly fields: MessageHeader.MessageHeaderBody
  readonly headerBody: Uint8Array
}

/**
 * Makes the header body of a new message, and derives the key that the message is encrypted with.
 *
 * Specification: client-apis/encrypt.md#construct-the-header
 */
export const begin = Effect.fnUntraced(function*(
  primitives: Primitives["Service"],
  materials: CompleteEncryptionMaterials,
  frameLength: number
): Effect.fn.Return<BegunMessage, EncryptError> {
  const { algorithmSuite, encryptedDataKeys, encryptionContext, requiredEncryptionContextKeys } = materials
  const messageId = yield* primitives.randomBytes(algorithmSuite.messageIdLength)
  const { commitment, encryptionKey } = yield* loadedToEncrypt(primitives.deriveKeys(
    materials.plaintextDataKey,
    KeyDerivation.plan(algorithmSuite, messageId)
  ))
  const suiteData = commitment ?? bytes.empty
  // Nobody could read a message whose commitment or signature has another length than its suite says.
  if (suiteData.length !== algorithmSuite.commitmentLength) {
    return yield* Effect.die(new Error("Primitives.deriveKeys: the commitment has not the suite's length"))
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
  return { encryptionKey, fields, headerBody: MessageHeader.encodeBody(fields) }
})

/** The header that was written, with its tag. */
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

/** The signature as a footer, which has the length that was reckoned with. */
export const footerOf = (algorithmSuite: AlgorithmSuite, signature: Uint8Array): Effect.Effect<Uint8Array> => {
  const footer = MessageFooter.encode(signature)
  return footer.length === MessageFooter.length(algorithmSuite)
    ? Effect.succeed(footer)
    : Effect.die(new Error("Primitives: the signature has not the suite's length"))
}

/**
 * Writes a framed message into one array, whose length is known before the first byte is encrypted.
 *
 * Specification: client-apis/encrypt.md#construct-the-header
 */
export const seal = Effect.fnUntraced(function*(
  primitives: Primitives["Service"],
  materials: CompleteEncryptionMaterials,
  plaintext: Uint8Array,
  frameLength: number
) {
  const { algorithmSuite } = materials
  const { encryptionKey, fields, headerBody } = yield* begin(primitives, materials, frameLength)
  const layout = MessageBody.framedLayout(algorithmSuite, plaintext.length, frameLength)
  const bodyOffset = headerBody.length + MessageHeader.authenticationLength(algorithmSuite)
  const footerOffset = bodyOffset + layout.length
  const message = new Uint8Array(footerOffset + MessageFooter.length(algorithmSuite))
  message.set(headerBody)
  // In version 1 the IV stands before the tag; the array holds its zeroes already.
  const tag = message.subarray(bodyOffset - algorithmSuite.tagLength, bodyOffset)
  yield* primitives.seal(
    encryptionKey,
    sealJobs(
      { iv: headerIv, aad: headerAad(headerBody, materials), plaintext: bytes.empty, output: tag },
      MessageBody.sealJobs(fields, layout, plaintext, message, bodyOffset)
    )
  )
  if (materials.signingKey !== undefined) {
    const signature = yield* primitives.sign(materials.signingKey, message.subarray(0, footerOffset))
    message.set(yield* footerOf(algorithmSuite, signature), footerOffset)
  }
  return { message, header: sealedHeader(fields, tag) }
})

/** One iteration over all of a message's jobs, so that sealing it is one step. */
function* sealJobs(header: SealJob, frames: Iterable<SealJob>): Generator<SealJob> {
  yield header
  yield* frames
}

/**
 * Verifies a message and answers its plaintext: commitment, header, body, signature, in that order. Nothing is answered
 * before all of them were right.
 *
 * Specification: client-apis/decrypt.md#verify-the-header
 */
export const open = Effect.fnUntraced(function*(
  primitives: Primitives["Service"],
  materials: CompleteDecryptionMaterials,
  message: Uint8Array,
  decoded: MessageHeader.DecodedHeader
) {
  const { header, length } = decoded
  const encryptionKey = yield* unlock(primitives, materials, message, decoded)
  const layout = yield* orFailDecrypt(MessageBody.decode(header, message, length))
  const footerOffset = length + layout.length
  const signature = yield* orFailDecrypt(MessageFooter.decode(header.algorithmSuite, message, footerOffset))
  const plaintext = new Uint8Array(layout.plaintextLength)
  const verified = Effect.flatMap(
    authentic("body", primitives.open(encryptionKey, MessageBody.openJobs(header, message, layout, plaintext))),
    () =>
      signature === undefined
        ? Effect.void
        : verifySignature(primitives, materials, message.subarray(0, footerOffset), signature)
  )
  // What was decrypted already of a message that is not authentic is nobody's.
  yield* Effect.onError(verified, () => Effect.sync(() => plaintext.fill(0)))
  return plaintext
})

/** Verifies commitment and header, and answers the key that the message was encrypted with. */
export const unlock = Effect.fnUntraced(function*(
  primitives: Primitives["Service"],
  materials: CompleteDecryptionMaterials,
  message: Uint8Array,
  { header, headerBodyLength }: MessageHeader.DecodedHeader
): Effect.fn.Return<AesKey, DecryptError> {
  const { commitment, encryptionKey } = yield* loadedToDecrypt(primitives.deriveKeys(
    materials.plaintextDataKey,
    KeyDerivation.plan(header.algorithmSuite, header.messageId)
  ))
  if (!primitives.timingSafeEqual(commitment ?? bytes.empty, header.suiteData)) {
    return yield* failDecrypt(new AuthenticationFailed({ check: "commitment" }))
  }
  const headerJob: OpenJob = {
    iv: header.authentication.iv ?? headerIv,
    aad: headerAad(message.subarray(0, headerBodyLength), materials),
    ciphertext: bytes.empty,
    tag: header.authentication.tag,
    output: new Uint8Array(0)
  }
  yield* authentic("header", primitives.open(encryptionKey, [headerJob]))
  return encryptionKey
})

const verifySignature = (
  primitives: Primitives["Service"],
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

export const signatureVerdict = (valid: boolean): Effect.Effect<void, DecryptError> =>
  valid ? Effect.void : failDecrypt(new AuthenticationFailed({ check: "signature" }))

/** A tag that is wrong says nothing but which one it is. That a runtime cannot do AES-192, for one, is no verdict. */
export const authentic = (
  check: "header" | "body",
  opened: Effect.Effect<void, PrimitivesError>
): Effect.Effect<void, DecryptError> =>
  Effect.catchTag(
    opened,
    "PrimitivesError",
    (error) => error.reason === "Failed" ? failDecrypt(new AuthenticationFailed({ check })) : Effect.die(error)
  )

/**
 * What the header's tag is computed over: the header body as it stands in the message, and behind it the pairs that are
 * authenticated without being stored.
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
      EncryptionContext.serialize(EncryptionContext.pick(encryptionContext, requiredEncryptionContextKeys))
    ])
