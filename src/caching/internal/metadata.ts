import type * as Duration from "effect/Duration"
import type { AlgorithmSuite } from "../../model/AlgorithmSuite.ts"
import * as EncryptedDataKey from "../../model/EncryptedDataKey.ts"
import type { EncryptionContext } from "../../model/EncryptionContext.ts"
import type { EntryMetadata } from "../EntryMetadata.ts"

/** The encrypted data keys of an entry, which are not handed out. */
export type OwnKeys = ReadonlyArray<EncryptedDataKey.EncryptedDataKey>

type Parts = Omit<EntryMetadata, "encryptedDataKeys"> & { readonly encryptedDataKeys: OwnKeys }

/** The metadata of an entry, which caches read and cannot change: the encrypted data keys that they get are copies. */
class Metadata implements EntryMetadata {
  readonly key: string
  readonly operation: EntryMetadata["operation"]
  readonly partitionId: string
  readonly algorithmSuite: AlgorithmSuite
  readonly encryptionContext: EncryptionContext
  readonly maxAge: Duration.Duration
  readonly #encryptedDataKeys: OwnKeys

  constructor(parts: Parts) {
    this.key = parts.key
    this.operation = parts.operation
    this.partitionId = parts.partitionId
    this.algorithmSuite = parts.algorithmSuite
    this.encryptionContext = parts.encryptionContext
    this.maxAge = parts.maxAge
    this.#encryptedDataKeys = parts.encryptedDataKeys
    Object.freeze(this)
  }

  get encryptedDataKeys(): EntryMetadata["encryptedDataKeys"] {
    return this.#encryptedDataKeys.map(EncryptedDataKey.copy)
  }

  static own(this: void, metadata: Partial<EntryMetadata>): OwnKeys | undefined {
    return #encryptedDataKeys in metadata ? metadata.#encryptedDataKeys : metadata.encryptedDataKeys
  }
}

/** The public metadata of an entry with these parts. */
export const metadataOf = (parts: Parts): EntryMetadata => new Metadata(parts)

/** The entry's own encrypted data keys, which are not to be handed out. */
export const ownEncryptedDataKeys = Metadata.own
