/**
 * Options and results of rotation: `rewrap`, `rewrapStream` and `isCurrent`. The client's own module exports them.
 */
import type { CryptographicMaterialsManager } from "../materials/CryptographicMaterialsManager.ts"
import type { Keyring } from "../materials/Keyring.ts"
import type { AlgorithmSuite } from "../model/AlgorithmSuite.ts"
import type { CommitmentPolicy } from "../model/CommitmentPolicy.ts"
import type { EncryptionContext } from "../model/EncryptionContext.ts"
import type { Receipt } from "../model/Receipt.ts"
import type { DecryptMetadata, EncryptMetadata, StreamOptions } from "./Options.ts"

/** Options of `rewrap`. */
export interface RewrapOptions {
  /**
   * Pairs that must be in the old message's context, with these values. Pairs that the old message does not store must be those
   * that it was encrypted with; the new one does not store them either. Default: none.
   */
  readonly expectedEncryptionContext?: EncryptionContext | undefined
  /** Materials manager of the new message. Default: the client's own. */
  readonly materialsManager?: CryptographicMaterialsManager | undefined
  /** Materials manager that decrypts the old message. Default: that of the new message. */
  readonly sourceMaterialsManager?: CryptographicMaterialsManager | undefined
  /** Suite of the new message. Default: the manager's choice, and that of a body that is kept. */
  readonly algorithmSuite?: AlgorithmSuite | undefined
  /** Bytes of plaintext in each frame, 1 to 2^32 - 1. Default: those of the old message; 4096 where its body is not framed. */
  readonly frameLength?: number | undefined
  /**
   * Keeps the body, byte for byte, and wraps the old data key under this keyring. A message that is signed, or of another suite
   * than `algorithmSuite`, is encrypted again all the same. Default: every message is.
   *
   * **Gotchas**
   *
   * A body of format version 2 (`0x0478`) is kept at a price: its header's tag is computed under a key and an IV that were used
   * before. A reader of both messages, without any key, can change plaintexts of that data key, and they stay authentic. Keep
   * bodies only where old messages, backups included, are in no hands that could write new ones. See the guide on rotation.
   */
  readonly keepBody?: KeepBodyOptions | undefined
}

/** Options of a body that is kept. */
export interface KeepBodyOptions {
  /**
   * Wraps the data key of the old message; no materials manager takes part, and no cache of data keys to encrypt with. A
   * multi-keyring here has children alone, since a generator would make a data key.
   */
  readonly keyring: Keyring
}

/** Metadata of a new message, and of the old one. */
export interface RewrapMetadata extends EncryptMetadata {
  /**
   * `Reencrypted`: data key, message ID, header and body are new. `Kept`: the body is the old one, byte for byte, as are suite,
   * message ID and context; encrypted data keys and the header's tag are new.
   */
  readonly body: "Reencrypted" | "Kept"
  /** The old message, which was decrypted and found authentic: of a stream, so far. */
  readonly source: DecryptMetadata
}

/** A new message, and the metadata of both. */
export interface RewrapResult extends RewrapMetadata {
  readonly message: Uint8Array<ArrayBuffer>
}

/** Options of `rewrapStream`. `plaintextLength` and `maxPlaintextLength` are those of `encryptStream`. */
export interface RewrapStreamOptions<E = never, R = never> extends RewrapOptions, StreamOptions<E, R, RewrapMetadata> {
  /** Exact plaintext length in bytes. A longer or shorter plaintext fails the stream. Not used where the body is kept. */
  readonly plaintextLength?: number | undefined
  /** Upper bound in bytes; a cached data key is charged this much. Not used where the body is kept. */
  readonly maxPlaintextLength?: number | undefined
  /**
   * Greatest number of plaintext bytes of the old message that are withheld in memory, as in `decryptStream`. Default: 16 MiB.
   */
  readonly maxWithheldBytes?: number | undefined
}

/** A wrapping key by what encrypted data keys say of it, as texts. */
export interface WrappingKey {
  /** The kind of keyring: `aws-kms`, or a raw keyring's namespace. */
  readonly keyProviderId: string
  /** The wrapping key: a key ARN, a key name (of raw AES followed by `…`), or a branch key id. */
  readonly keyProviderInfo: string
  /** Version of the branch key: of hierarchical keyrings. */
  readonly branchKeyVersion?: string | undefined
}

/** Options of `isCurrent`. */
export interface IsCurrentOptions {
  /**
   * Pairs that the message does not store: the request has them and the stored ones. Default: none.
   */
  readonly expectedEncryptionContext?: EncryptionContext | undefined
  /** Materials manager that would encrypt now. Default: the client's own. */
  readonly materialsManager?: CryptographicMaterialsManager | undefined
  /** The suite that would be used now. Default: the manager's choice. */
  readonly algorithmSuite?: AlgorithmSuite | undefined
  /**
   * The keys that would wrap now. Then no manager is called, and the default suite is that of the commitment policy. `wrappingKeys`
   * of a result of `encrypt` is such a list. A key without `branchKeyVersion` stands for all its versions.
   */
  readonly wrappingKeys?: ReadonlyArray<WrappingKey> | undefined
}

/**
 * Reason for which a message is not current.
 *
 * - `CommitmentPolicy`: the client's policy allows no new message of this suite.
 * - `AlgorithmSuite`: it would be of another suite now.
 * - `WrappingKeys`: other keys would wrap its data key now. `missing` would be among them, `unexpected` would not.
 */
export type NotCurrentReason =
  | { readonly _tag: "CommitmentPolicy"; readonly commitmentPolicy: CommitmentPolicy; readonly actual: AlgorithmSuite }
  | { readonly _tag: "AlgorithmSuite"; readonly actual: AlgorithmSuite; readonly expected: AlgorithmSuite }
  | {
    readonly _tag: "WrappingKeys"
    readonly missing: ReadonlyArray<WrappingKey>
    readonly unexpected: ReadonlyArray<WrappingKey>
  }

/** The state of a message by its header, which is not authenticated. */
export interface IsCurrentResult {
  /** Whether there are no reasons. */
  readonly isCurrent: boolean
  readonly reasons: ReadonlyArray<NotCurrentReason>
  /** The manager's account of the request; undefined where `wrappingKeys` were given. */
  readonly receipt: Receipt | undefined
}
