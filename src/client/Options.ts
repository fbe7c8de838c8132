/**
 * Options and results of the client's operations. The client's own module exports them.
 *
 * Specification: client-apis/encrypt.md, client-apis/decrypt.md, client-apis/streaming.md
 */
import type * as Effect from "effect/Effect"
import type { CryptographicMaterialsManager } from "../materials/CryptographicMaterialsManager.ts"
import type { MessageHeader } from "../message/MessageHeader.ts"
import type { AlgorithmSuite } from "../model/AlgorithmSuite.ts"
import type { EncryptionContext } from "../model/EncryptionContext.ts"
import type { Receipt } from "../model/Receipt.ts"

/** Options of one encryption. */
export interface EncryptOptions {
  /**
   * Non-secret pairs that are bound to the message and stored in it. Keys that begin with `aws-crypto-` are reserved.
   * Default: none.
   */
  readonly encryptionContext?: EncryptionContext | undefined
  /** Default: the manager's choice, which is `0x0578` where the commitment policy requires commitment, else `0x0378`. */
  readonly algorithmSuite?: AlgorithmSuite | undefined
  /** Bytes of plaintext in each frame, 1 to 2^32 - 1. Default: 4096. */
  readonly frameLength?: number | undefined
  /** Materials manager of this operation. Default: the client's own. */
  readonly materialsManager?: CryptographicMaterialsManager | undefined
}

/** Options of one decryption. */
export interface DecryptOptions {
  /**
   * Pairs that must be in the message's context, with these values. Pairs that the message does not store must be those
   * that it was encrypted with. Default: none.
   */
  readonly expectedEncryptionContext?: EncryptionContext | undefined
  /** Materials manager of this operation. Default: the client's own. */
  readonly materialsManager?: CryptographicMaterialsManager | undefined
}

/** Metadata of a message, known before its body: results of all operations hold it, and hooks of streams receive it. */
export interface MessageMetadata {
  readonly header: MessageHeader
  /**
   * The whole authenticated context: stored pairs, required pairs that are not stored, and the public key of a suite that
   * signs.
   */
  readonly encryptionContext: EncryptionContext
  readonly algorithmSuite: AlgorithmSuite
  /** The materials manager's account of the request. */
  readonly receipt: Receipt
}

/**
 * An encrypted data key of a message, by its place and its wrapping key: texts for programs and logs, as the rows of errors have
 * them. Its bytes are those of `header.encryptedDataKeys[index]`.
 */
export interface KeyReference {
  /** Position in the message header, from zero. */
  readonly index: number
  /** The kind of keyring: `aws-kms`, or a raw keyring's namespace. */
  readonly keyProviderId: string
  /** The wrapping key: a key ARN, or a key name (of raw AES followed by `…`). */
  readonly keyProviderInfo: string
}

/** The encrypted data key that opened a message. */
export interface UnwrappedDataKey extends Omit<KeyReference, "index"> {
  /** Position in the message header, from zero; undefined where a manager of the user's own unwrapped one of no message. */
  readonly index: number | undefined
}

/** Metadata of a message that is encrypted. */
export interface EncryptMetadata extends MessageMetadata {
  /** The keys that wrapped its data key: any one of them opens the message. */
  readonly wrappingKeys: ReadonlyArray<KeyReference>
}

/** Metadata of a message that is decrypted. */
export interface DecryptMetadata extends MessageMetadata {
  /** The encrypted data key that was unwrapped, by a key provider or, for a cached data key, when that was fetched. */
  readonly unwrappedDataKey: UnwrappedDataKey
}

/**
 * An encrypted message and its metadata.
 *
 * Specification: client-apis/encrypt.md#output
 */
export interface EncryptResult extends EncryptMetadata {
  readonly message: Uint8Array<ArrayBuffer>
}

/**
 * An authentic plaintext and the metadata of its message.
 *
 * Specification: client-apis/decrypt.md#output
 */
export interface DecryptResult extends DecryptMetadata {
  readonly plaintext: Uint8Array<ArrayBuffer>
}

/** A header that was read without keys. Nothing of it is authenticated. */
export interface InspectedHeader extends MessageHeader {
  readonly authenticated: false
}

/** Progress of a stream. */
export interface Progress {
  /** Number of frames that were encrypted, or decrypted and found authentic. */
  readonly frames: number
  /** Length in bytes of their plaintext. */
  readonly bytes: number
}

/** Options of every stream. `E` and `R` are those of `onHeader`, which receives `Metadata`. */
export interface StreamOptions<E = never, R = never, Metadata extends MessageMetadata = MessageMetadata> {
  /**
   * Hook that runs once, after the header was written, or read and authenticated, and before the first byte of output. The
   * stream fails where the hook fails.
   */
  readonly onHeader?: ((metadata: Metadata) => Effect.Effect<unknown, E, R>) | undefined
  /** Hook that runs after each batch of frames: at least one frame, and about 256 KiB at most where frames are small. */
  readonly onProgress?: ((progress: Progress) => Effect.Effect<unknown>) | undefined
}

/**
 * Options of `encryptStream`. `plaintextLength` and `maxPlaintextLength` exclude each other. With neither, the charge of a
 * cached data key is unknown: the request bypasses the cache, and the receipt says `UnknownPlaintextLength`.
 */
export interface EncryptStreamOptions<E = never, R = never>
  extends EncryptOptions, StreamOptions<E, R, EncryptMetadata>
{
  /** Exact plaintext length in bytes. A longer or shorter plaintext fails the stream. */
  readonly plaintextLength?: number | undefined
  /** Upper bound in bytes; a cached data key is charged this much. A longer plaintext fails the stream. */
  readonly maxPlaintextLength?: number | undefined
}

/** Options of `decryptStream` and `decryptStreamUnverified`. */
export interface DecryptStreamOptions<E = never, R = never>
  extends DecryptOptions, StreamOptions<E, R, DecryptMetadata>
{
  /**
   * Greatest number of plaintext bytes that are withheld in memory until they have been verified: all of a signed message
   * (except in `decryptStreamUnverified`), one frame of any message, and a whole body without frames. Longer ones fail.
   * Default: 16 MiB.
   */
  readonly maxWithheldBytes?: number | undefined
  /**
   * Whether signed messages are rejected, before any of their body is read. Default: false.
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
 * Plaintext of a message whose signature has not been verified yet. Its frames are authentic under the data key. Only the
 * successful end of the stream proves that the holder of the signing key wrote them.
 */
export interface UnverifiedPlaintext {
  readonly unverified: Uint8Array<ArrayBuffer>
}

/** Random access to the bytes of a message: a file, or an object in a store that takes byte ranges. */
export interface RandomAccessSource<E = never, R = never> {
  /** Length in bytes. */
  readonly length: number
  /** Reads exactly `length` bytes from `offset` on. Both are within the source. */
  readonly read: (offset: number, length: number) => Effect.Effect<Uint8Array, E, R>
}

/** Range of a plaintext in bytes. Without a length it goes to the end. */
export interface PlaintextRange {
  readonly offset: number
  readonly length?: number | undefined
}
