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
import { AuthenticationFailed, type DecryptError } from "./EncryptionSdkError.ts"
import * as bytes from "./internal/bytes.ts"
import * as MessageBody from "./message/MessageBody.ts"
import * as MessageFooter from "./message/MessageFooter.ts"
import * as MessageHeader from "./message/MessageHeader.ts"
import { failDecrypt, orFailDecrypt } from "./RequestChecks.ts"

/** The header's own IV. Frames count from 1, so none has the same. */
const headerIv = /*#__PURE__*/ new Uint8Array(12)

/** A message of which all is there but its tags and its body. */
interface BegunMessage {
  readonly encryptionKey: AesKey
  readonly fields: MessageHeader.MessageHeaderBody
  readonly headerBody: Uint8Array
}

/**
 * Makes the header body of a new message, and derives the key that the message is encrypted with.
 *
 * Specification: client-apis/encrypt.md#construct-the-header
 */
const begin = Effect.fnUntraced(function*(
  primitives: Primitives["Service"],
  materials: CompleteEncryptionMaterials,
  frameLength: number
): Effect.fn.Return<BegunMessage> {
  const { algorithmSuite, encryptedDataKeys, encryptionContext, requiredEncryptionContextKeys } = materials
  const messageId = yield* primitives.randomBytes(algorithmSuite.messageIdLength)
  const { commitment, encryptionKey } = yield* primitives.deriveKeys(
    materials.plaintextDataKey,
    KeyDerivation.plan(algorithmSuite, messageId)
  )
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
const sealedHeader = (fields: MessageHeader.MessageHeaderBody, tag: Uint8Array): MessageHeader.MessageHeader => {
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
const footerOf = (algorithmSuite: AlgorithmSuite, signature: Uint8Array): Effect.Effect<Uint8Array> => {
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

/** A message that is being written. What `sealFrames` and `finish` answer is the message, in this order. */
export interface Sealing {
  readonly header: MessageHeader.MessageHeader
  /** The bytes of the header. */
  readonly headerBytes: Uint8Array
  /** Encrypts a run of frames. */
  readonly sealFrames: (frames: MessageBody.FramesToSeal) => Effect.Effect<Uint8Array>
  /** The bytes behind the final frame; empty where the suite does not sign. */
  readonly finish: Effect.Effect<Uint8Array>
}

/**
 * Begins a message whose plaintext arrives in parts. The materials' data key is not used any more once this has ended.
 *
 * Specification: client-apis/encrypt.md#construct-the-header
 */
export const sealParts = Effect.fnUntraced(function*(
  primitives: Primitives["Service"],
  materials: CompleteEncryptionMaterials,
  frameLength: number
): Effect.fn.Return<Sealing> {
  const { algorithmSuite, signingKey } = materials
  const { encryptionKey, fields, headerBody } = yield* begin(primitives, materials, frameLength)
  const headerBytes = new Uint8Array(headerBody.length + MessageHeader.authenticationLength(algorithmSuite))
  headerBytes.set(headerBody)
  const tag = headerBytes.subarray(headerBytes.length - algorithmSuite.tagLength)
  yield* primitives.seal(encryptionKey, [
    { iv: headerIv, aad: headerAad(headerBody, materials), plaintext: bytes.empty, output: tag }
  ])
  const signer = signingKey && (yield* primitives.signer(signingKey))
  signer?.update(headerBytes)
  return {
    header: sealedHeader(fields, tag),
    headerBytes,
    sealFrames: (frames) =>
      Effect.suspend(() => {
        let length = 0
        for (let index = 0; index < frames.count; index++) {
          const isFinal = frames.endsMessage && index === frames.count - 1
          length += MessageBody.encodedFrameLength(algorithmSuite, isFinal, frames.content(index).length)
        }
        const out = new Uint8Array(length)
        return Effect.map(primitives.seal(encryptionKey, MessageBody.sealFrames(fields, frames, out, 0)), () => {
          signer?.update(out)
          return out
        })
      }),
    finish: signer === undefined
      ? Effect.succeed(bytes.empty)
      : Effect.flatMap(signer.finish, (signature) => footerOf(algorithmSuite, signature))
  }
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
const unlock = Effect.fnUntraced(function*(
  primitives: Primitives["Service"],
  materials: CompleteDecryptionMaterials,
  message: Uint8Array,
  { header, headerBodyLength }: MessageHeader.DecodedHeader
): Effect.fn.Return<AesKey, DecryptError> {
  const { commitment, encryptionKey } = yield* primitives.deriveKeys(
    materials.plaintextDataKey,
    KeyDerivation.plan(header.algorithmSuite, header.messageId)
  )
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

/** A message that is being read, whose commitment and header have been verified. */
export interface Opening {
  /**
   * Takes the next frames, and the bytes that they were read from, in order. Answers their authentic plaintext, in an array
   * of its own.
   */
  readonly openFrames: (
    frames: ReadonlyArray<MessageBody.Frame>,
    encoded: ReadonlyArray<Uint8Array>
  ) => Effect.Effect<Uint8Array, DecryptError>
  /** Verifies the signature over the header and all frames so far, where the suite signs. */
  readonly finish: (signature: Uint8Array | undefined) => Effect.Effect<void, DecryptError>
}

/**
 * Begins to read a message that arrives in parts, of which `message` holds at least the header. The materials' data key is
 * not used any more once this has ended.
 *
 * Specification: client-apis/decrypt.md#verify-the-header
 */
export const openParts = Effect.fnUntraced(function*(
  primitives: Primitives["Service"],
  materials: CompleteDecryptionMaterials,
  message: Uint8Array,
  decoded: MessageHeader.DecodedHeader
): Effect.fn.Return<Opening, DecryptError> {
  const { header, length } = decoded
  const encryptionKey = yield* unlock(primitives, materials, message, decoded)
  const { verificationKey } = materials
  const verifier = verificationKey && (yield* primitives.verifier(verificationKey))
  verifier?.update(message.subarray(0, length))
  return {
    openFrames: (frames, encoded) =>
      Effect.suspend(() => {
        let length = 0
        for (const { ciphertext } of frames) length += ciphertext.length
        const plaintext = new Uint8Array(length)
        const opened = primitives.open(encryptionKey, MessageBody.openFrames(header, frames, plaintext))
        return Effect.map(
          Effect.onError(authentic("body", opened), () => Effect.sync(() => plaintext.fill(0))),
          () => {
            if (verifier !== undefined) { for (const part of encoded) verifier.update(part) }
            return plaintext
          }
        )
      }),
    finish: (signature) => {
      if (verifier !== undefined && signature !== undefined) {
        return Effect.flatMap(verifier.finish(signature), signatureVerdict)
      }
      return verifier === undefined && signature === undefined
        ? Effect.void
        : Effect.die(new Error("a signature and the key to verify it with go together"))
    }
  }
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

const signatureVerdict = (valid: boolean): Effect.Effect<void, DecryptError> =>
  valid ? Effect.void : failDecrypt(new AuthenticationFailed({ check: "signature" }))

/** A tag that is wrong says nothing but which one it is. That a runtime cannot do AES-192, for one, is no verdict. */
const authentic = (
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
const headerAad = (
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
