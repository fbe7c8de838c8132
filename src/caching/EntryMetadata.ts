import type * as Duration from "effect/Duration"
import type { AlgorithmSuite } from "../model/AlgorithmSuite.ts"
import type { EncryptedDataKey } from "../model/EncryptedDataKey.ts"
import type { EncryptionContext } from "../model/EncryptionContext.ts"
import type { Usage } from "../model/Receipt.ts"

/** The public metadata of an entry. */
export interface EntryMetadata {
  /** The key under which the entry is stored: text without meaning, safe to print. */
  readonly key: string
  readonly operation: "encrypt" | "decrypt"
  readonly partitionId: string
  readonly algorithmSuite: AlgorithmSuite
  /** The context of the materials. Not secret, but kept out of metrics, spans and logs. */
  readonly encryptionContext: EncryptionContext
  /** For encryption all encrypted data keys, the generator's first; for decryption the one that was unwrapped. */
  readonly encryptedDataKeys: ReadonlyArray<EncryptedDataKey<ArrayBuffer>>
  /** The maximum age of the manager that made the entry. */
  readonly maxAge: Duration.Duration
}

/**
 * The reason for which an entry left its cache.
 *
 * - `capacity`: it was the least recently used one of a full cache.
 * - `age`, `messages`, `bytes`: it met, or a request would have exceeded, that threshold.
 * - `replaced`: another entry was put under its key.
 * - `deleted`: the cache's owner deleted it.
 * - `invalidated`: `invalidate` of a manager selected it.
 * - `revoked`: the key provider rejected the key that it stands on.
 * - `cleared`: everything was cleared.
 * - `scope`: the cache's scope closed.
 */
export type EvictionCause =
  | "capacity"
  | "age"
  | "messages"
  | "bytes"
  | "replaced"
  | "deleted"
  | "invalidated"
  | "revoked"
  | "cleared"
  | "scope"

/** The eviction of an entry: its cause, and the entry's age and usage. */
export interface EvictionEvent {
  readonly cause: EvictionCause
  readonly metadata: EntryMetadata
  readonly age: Duration.Duration
  readonly usage: Usage
}
