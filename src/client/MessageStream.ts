/**
 * What goes into the client's operations on streams, and what comes out of them besides bytes.
 *
 * Specification: client-apis/streaming.md
 */
import type * as Effect from "effect/Effect"
import type { AlgorithmSuite } from "../model/AlgorithmSuite.ts"
import type { DecryptOptions, EncryptOptions } from "./ClientRequests.ts"
import type { EncryptionContext } from "../model/EncryptionContext.ts"
import type { MessageHeader } from "../message/MessageHeader.ts"
import type { Receipt } from "../model/Receipt.ts"

/** What is known of a message before its body: what the results of `encrypt` and `decrypt` hold besides bytes. */
export interface MessageMetadata {
  readonly header: MessageHeader
  /** The whole context: stored pairs, pairs that are authenticated without being stored, the public key of a suite that signs. */
  readonly encryptionContext: EncryptionContext
  readonly algorithmSuite: AlgorithmSuite
  /** What the materials manager did. */
  readonly receipt: Receipt
}

/** How far a stream has come. */
export interface Progress {
  /** Frames that were encrypted, or decrypted and found authentic. */
  readonly frames: number
  /** Their plaintext in bytes. */
  readonly bytes: number
}

/** What may be said of every stream. `E` and `R` are those of `onHeader`. */
export interface StreamOptions<E = never, R = never> {
  /**
   * Runs once, as soon as the header has been written, or read and authenticated, and before any byte comes out. Where it
   * fails, the stream fails.
   */
  readonly onHeader?: ((metadata: MessageMetadata) => Effect.Effect<unknown, E, R>) | undefined
  /** Runs after each batch of frames: at least one frame, about 256 KiB at most where frames are small. */
  readonly onProgress?: ((progress: Progress) => Effect.Effect<unknown>) | undefined
}

/**
 * Options of `encryptStream`. `plaintextLength` and `maxPlaintextLength` exclude each other. With neither, nobody can say
 * what to charge a cached data key: the request goes past the cache, and the receipt says `UnknownPlaintextLength`.
 */
export interface EncryptStreamOptions<E = never, R = never> extends EncryptOptions, StreamOptions<E, R> {
  /** Exactly so many bytes the plaintext has. A stream that turns out longer or shorter fails. */
  readonly plaintextLength?: number | undefined
  /**
   * So many bytes the plaintext has at most, which a cached data key is charged, whatever it turns out to be. A stream that
   * turns out longer fails.
   */
  readonly maxPlaintextLength?: number | undefined
}

/** Options of `decryptStream` and `decryptStreamUnverified`. */
export interface DecryptStreamOptions<E = never, R = never> extends DecryptOptions, StreamOptions<E, R> {
  /**
   * The most bytes of plaintext that are held back in memory until they have been verified: of a signed message all of it
   * (but in `decryptStreamUnverified`), of any message a frame, and a body without frames. What is longer fails. Default: 16 MiB.
   */
  readonly maxWithheldBytes?: number | undefined
  /**
   * Refuses messages that are signed, before any of their body is read. Default: false.
   *
   * Specification: client-apis/decrypt.md
   */
  readonly unsignedOnly?: boolean | undefined
}

/** Options of `decryptRange`. */
export interface DecryptRangeOptions<E = never, R = never>
  extends DecryptOptions, Omit<DecryptStreamOptions<E, R>, "unsignedOnly">
{}

/**
 * Plaintext of a message whose signature has not been verified yet. Its frames are authentic under the data key; whether
 * the holder of the signing key wrote them is only known once the stream has ended, and ended well.
 */
export interface UnverifiedPlaintext {
  readonly unverified: Uint8Array
}

/** The bytes of a message, of which any part can be read: a file, an object in a store that takes byte ranges. */
export interface RandomAccessSource<E = never, R = never> {
  /** How many bytes there are. */
  readonly length: number
  /** Exactly `length` bytes from `offset` on. Asked for parts that are there alone. */
  readonly read: (offset: number, length: number) => Effect.Effect<Uint8Array, E, R>
}

/** Which bytes of a plaintext: `length` of them, or all that follow where it is left out. */
export interface PlaintextRange {
  readonly offset: number
  readonly length?: number | undefined
}
