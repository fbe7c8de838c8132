/**
 * Encryption of a message whose plaintext arrives in parts, and decryption of one that arrives so. Apart from
 * `messageCipher`, so that a program without streams does not load it. Not exported.
 *
 * Specification: client-apis/encrypt.md#construct-the-header and what follows it,
 * client-apis/decrypt.md#verify-the-header and what follows it
 */
import * as Effect from "effect/Effect"
import type { Client } from "../client/Client.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "../client/materials.ts"
import type { DecryptError } from "../model/errors/DecryptError.ts"
import type { EncryptError } from "../model/errors/EncryptError.ts"
import type { DecodedMessage } from "../client/request.ts"
import { andThen } from "../internal/atOnce.ts"
import * as bytes from "../internal/bytes.ts"
import * as MessageBody from "../message/MessageBody.ts"
import * as MessageHeader from "../message/MessageHeader.ts"
import * as messageCipher from "../client/messageCipher.ts"
import { failDecrypt } from "../model/errors/DecryptError.ts"
import { failEncrypt } from "../model/errors/EncryptError.ts"

/** A message that is being written: `headerBytes`, the results of `sealFrames`, and that of `finish`, in this order. */
export interface Sealing {
  readonly header: MessageHeader.MessageHeader
  /** The bytes of the header. */
  readonly headerBytes: Uint8Array<ArrayBuffer>
  /** Encrypts a run of frames. */
  readonly sealFrames: (frames: MessageBody.FramesToSeal) => Effect.Effect<Uint8Array<ArrayBuffer>>
  /** The bytes behind the final frame; empty where the suite does not sign. */
  readonly finish: Effect.Effect<Uint8Array<ArrayBuffer>>
}

/**
 * Begins a message whose plaintext arrives in parts. The materials' data key is not used any more once this has ended.
 *
 * Specification: client-apis/encrypt.md#construct-the-header
 */
export const sealParts = Effect.fnUntraced(function*(
  client: Client,
  acquired: EncryptionMaterials,
  frameLength: number
): Effect.fn.Return<Sealing, EncryptError> {
  const { atOnce, primitives } = client
  const { algorithmSuite, signingKey } = acquired.materials
  const begun = yield* messageCipher.beginMessage(client, acquired, frameLength, (headerLength) => headerLength)
  const { encryptionKey, fields, message: headerBytes } = begun
  const headerJob = messageCipher.headerJob(begun, acquired.materials)
  yield* atOnce.seal(encryptionKey, [headerJob])
  const signer = signingKey && (yield* Effect.catch(primitives.signer(signingKey), failEncrypt))
  signer?.update(headerBytes)
  const options = { isOneByOne: atOnce.isSynchronous }
  return {
    // Later frames authenticate the message ID of `fields`.
    header: MessageHeader.copy(messageCipher.sealedHeader(fields, headerJob.output)),
    headerBytes,
    sealFrames: (frames) =>
      Effect.suspend(() => {
        let length = 0
        for (let index = 0; index < frames.count; index++) {
          const isFinal = frames.endsMessage && index === frames.count - 1
          length += MessageBody.encodedFrameLength(algorithmSuite, isFinal, frames.content(index).length)
        }
        const out = new Uint8Array(length)
        return andThen(atOnce.seal(encryptionKey, MessageBody.sealFrames(fields, frames, out, 0, options)), () => {
          signer?.update(out)
          return Effect.succeed(out)
        })
      }),
    finish: signer === undefined
      ? Effect.succeed(bytes.empty)
      : Effect.map(signer.finish, (signature) => messageCipher.encodeFooter(algorithmSuite, signature))
  }
})

/** A message that is being read, whose commitment and header have been verified. */
export interface Opening {
  /**
   * Takes the next frames, and the bytes that they were read from, in order. Returns their authentic plaintext, in an array
   * of its own.
   */
  readonly openFrames: (
    frames: ReadonlyArray<MessageBody.Frame>,
    encoded: ReadonlyArray<Uint8Array>
  ) => Effect.Effect<Uint8Array<ArrayBuffer>, DecryptError>
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
  client: Client,
  acquired: DecryptionMaterials,
  message: Uint8Array,
  decoded: DecodedMessage
): Effect.fn.Return<Opening, DecryptError> {
  const { atOnce, primitives } = client
  const { header, length } = decoded
  const encryptionKey = yield* messageCipher.verifyHeader(client, acquired, message, decoded)
  const { verificationKey } = acquired.materials
  const verifier = verificationKey && (yield* Effect.catch(primitives.verifier(verificationKey), failDecrypt))
  verifier?.update(message.subarray(0, length))
  const options = { isOneByOne: atOnce.isSynchronous }
  return {
    openFrames: (frames, encoded) =>
      Effect.suspend(() => {
        let length = 0
        for (const { ciphertext } of frames) length += ciphertext.length
        const plaintext = new Uint8Array(length)
        const opened = messageCipher.authentic(
          "body",
          atOnce.open(encryptionKey, MessageBody.openFrames(header, frames, plaintext, options))
        )
        return andThen(messageCipher.zeroedUnless(opened, plaintext), () => {
          if (verifier !== undefined) { for (const part of encoded) verifier.update(part) }
          return Effect.succeed(plaintext)
        })
      }),
    finish: (signature) => {
      if (verifier !== undefined && signature !== undefined) {
        return Effect.flatMap(verifier.finish(signature), messageCipher.signatureVerdict)
      }
      return verifier === undefined && signature === undefined
        ? Effect.void
        : Effect.die(new Error("a signature and the key to verify it with go together"))
    }
  }
})
