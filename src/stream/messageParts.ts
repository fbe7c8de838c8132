/**
 * Encryption of a message whose plaintext arrives in parts, and decryption of one that arrives so. Apart from
 * `messageCipher`, so that a program without streams does not load it. Not exported.
 *
 * Specification: client-apis/encrypt.md#construct-the-header and what follows it,
 * client-apis/decrypt.md#verify-the-header and what follows it
 */
import * as Effect from "effect/Effect"
import type { Client } from "../client/Client.ts"
import type { CompleteDecryptionMaterials, CompleteEncryptionMaterials } from "../model/CryptographicMaterials.ts"
import type { DecryptError } from "../model/errors/DecryptError.ts"
import type { EncryptError } from "../model/errors/EncryptError.ts"
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
  client: Client,
  materials: CompleteEncryptionMaterials,
  frameLength: number
): Effect.fn.Return<Sealing, EncryptError> {
  const { primitives } = client
  const { algorithmSuite, signingKey } = materials
  const { encryptionKey, fields, headerBody } = yield* messageCipher.beginMessage(client, materials, frameLength)
  const headerBytes = new Uint8Array(headerBody.length + MessageHeader.authenticationLength(algorithmSuite))
  headerBytes.set(headerBody)
  const tag = headerBytes.subarray(headerBytes.length - algorithmSuite.tagLength)
  yield* primitives.seal(encryptionKey, [
    {
      iv: messageCipher.headerIv,
      aad: messageCipher.headerAad(headerBody, materials),
      plaintext: bytes.empty,
      output: tag
    }
  ])
  const signer = signingKey && (yield* Effect.catch(primitives.signer(signingKey), failEncrypt))
  signer?.update(headerBytes)
  return {
    header: messageCipher.sealedHeader(fields, tag),
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
  client: Client,
  materials: CompleteDecryptionMaterials,
  message: Uint8Array,
  decoded: MessageHeader.DecodedHeader
): Effect.fn.Return<Opening, DecryptError> {
  const { primitives } = client
  const { header, length } = decoded
  const encryptionKey = yield* messageCipher.verifyHeader(primitives, materials, message, decoded)
  const { verificationKey } = materials
  const verifier = verificationKey && (yield* Effect.catch(primitives.verifier(verificationKey), failDecrypt))
  verifier?.update(message.subarray(0, length))
  return {
    openFrames: (frames, encoded) =>
      Effect.suspend(() => {
        let length = 0
        for (const { ciphertext } of frames) length += ciphertext.length
        const plaintext = new Uint8Array(length)
        const opened = primitives.open(encryptionKey, MessageBody.openFrames(header, frames, plaintext))
        return Effect.map(
          Effect.onError(messageCipher.authentic("body", opened), () => Effect.sync(() => plaintext.fill(0))),
          () => {
            if (verifier !== undefined) { for (const part of encoded) verifier.update(part) }
            return plaintext
          }
        )
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
