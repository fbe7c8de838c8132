import * as Duration from "effect/Duration"
import * as MutableRef from "effect/MutableRef"
import * as Ref from "effect/Ref"
import type { EntryMetadata, EvictionCause, EvictionEvent } from "../EntryMetadata.ts"
import {
  type CompleteDecryptionMaterials,
  type CompleteEncryptionMaterials,
  withParts
} from "../../model/CryptographicMaterials.ts"
import type { KeyHolder } from "../../materials/atOnce.ts"
import * as DataKey from "../../model/DataKey.ts"
import * as EncryptedDataKey from "../../model/EncryptedDataKey.ts"
import type { Usage } from "../../model/Receipt.ts"
import { elapsedMillis, type Instant } from "./instant.ts"

/** The materials of either operation. */
export type CompleteMaterials = CompleteEncryptionMaterials | CompleteDecryptionMaterials

/** The materials with a data key of their own, which one operation owns and zeroes. */
export const copyMaterials = <M extends CompleteMaterials>(materials: M): M =>
  ownParts(materials, DataKey.copy(materials.plaintextDataKey)) as M

/** The materials with this data key, and with arrays of their own. */
const ownParts = (materials: CompleteMaterials, plaintextDataKey: DataKey.DataKey): CompleteMaterials =>
  "encryptedDataKeys" in materials
    ? withParts(materials, {
      plaintextDataKey,
      encryptedDataKeys: Object.freeze(materials.encryptedDataKeys.map(EncryptedDataKey.copy))
    })
    : withParts(materials, {
      plaintextDataKey,
      unwrappedDataKey: EncryptedDataKey.copy(materials.unwrappedDataKey)
    })

/** The age and the usage at which an entry is worth refreshing. */
export interface RefreshPoint {
  readonly ageMillis: number
  readonly messages: number
  readonly bytes: bigint
}

/** The part that the entries of one manager have in common. */
export interface Owner {
  readonly partitionId: string
  readonly maxAge: Duration.Duration
  /** A data key that has served this many messages is spent. */
  readonly maxMessagesEncrypted: number
  /** Called when an entry is evicted, before its listeners. */
  readonly onEvicted: (entry: Entry, event: EvictionEvent) => void
}

/** The public metadata of an entry with these materials. */
export const metadataOf = (
  { maxAge, partitionId }: Owner,
  key: string,
  operation: EntryMetadata["operation"],
  { algorithmSuite, encryptionContext }: CompleteMaterials,
  encryptedDataKeys: EntryMetadata["encryptedDataKeys"]
): EntryMetadata => ({ key, operation, partitionId, algorithmSuite, encryptionContext, encryptedDataKeys, maxAge })

type Listener = (event: EvictionEvent, entry: Entry) => void

/**
 * The inside of a `CacheEntry`. Secrets are in private fields, so that no way of printing an entry shows them.
 *
 * There may be millions of entries. So the common part is in one object, and no entry has closures of its own; and the data
 * key is bytes, since a `Redacted` is in a `WeakMap` of all of them, which is the slower for each (bench group `memory`,
 * `npm run bench -- --only memory`).
 */
export class Entry<M extends CompleteMaterials = CompleteMaterials> {
  readonly metadata: EntryMetadata
  readonly usage: Ref.Ref<Usage>
  readonly createdAt: Instant
  /** The point past which a served request starts a refresh; undefined where there is no refreshing ahead. */
  readonly refresh: RefreshPoint | undefined
  /** Whether the cache has said that it stored the entry. */
  stored = false
  /** The eviction, once it happened. */
  eviction: EvictionEvent | undefined
  readonly #owner: Owner
  /** Without the data key, and with the mark of checked materials. */
  readonly #materials: M
  #dataKey: Uint8Array | undefined
  #listener: Listener | undefined

  /** Keeps the materials, with a copy of the data key. */
  constructor(
    owner: Owner,
    metadata: EntryMetadata,
    materials: M,
    usage: Usage,
    createdAt: Instant,
    refresh: RefreshPoint | undefined
  ) {
    this.#owner = owner
    this.metadata = metadata
    this.#materials = withParts<CompleteMaterials>(materials, { plaintextDataKey: undefined }) as M
    this.#dataKey = DataKey.value(DataKey.copy(materials.plaintextDataKey))
    this.usage = Ref.makeUnsafe(usage)
    this.createdAt = createdAt
    this.refresh = refresh
    this.eviction = undefined
  }

  get evicted(): boolean {
    return this.#dataKey === undefined
  }

  ageMillis(now: Instant): number {
    return elapsedMillis(this.createdAt, now)
  }

  isExpired(now: Instant): boolean {
    return this.ageMillis(now) >= Duration.toMillis(this.metadata.maxAge)
  }

  isSpent(): boolean {
    return Ref.getUnsafe(this.usage).messages >= this.#owner.maxMessagesEncrypted
  }

  isDueForRefresh(ageMillis: number): boolean {
    if (this.refresh === undefined) return false
    const { bytes, messages } = Ref.getUnsafe(this.usage)
    return ageMillis >= this.refresh.ageMillis || messages >= this.refresh.messages ||
      // A budget of 0 bytes is spent from the beginning: a renewed entry would have no more.
      (bytes > 0n && bytes >= this.refresh.bytes)
  }

  /** Sets the usage. A part of the one step of admission, in which no fiber can be run: so not `Ref.set`, which is an Effect. */
  charge(usage: Usage): void {
    MutableRef.set(this.usage.ref, usage)
  }

  /** The materials without their key, for the library's own hands: all requests share them. */
  get sharedMaterials(): M {
    return this.#materials
  }

  /** Copies the key to where one operation has it; not once evicted. */
  copyKey(holder: KeyHolder): void {
    if (this.#dataKey !== undefined) holder.dataKey = new Uint8Array(this.#dataKey)
  }

  /** The materials for one request, with a key and with encrypted data keys of its own. Undefined once evicted. */
  copyMaterials(): M | undefined {
    return this.#dataKey === undefined
      ? undefined
      : ownParts(this.#materials, DataKey.copyFrom(this.#dataKey)) as M
  }

  /** Adds a listener; they are called in this order. One that many entries share takes no memory for each. */
  onEvicted(listener: Listener): void {
    const before = this.#listener
    this.#listener = before === undefined ? listener : (event, entry) => {
      before(event, entry)
      listener(event, entry)
    }
  }

  /** Zeroes the entry's bytes and calls owner and listeners, the first time; later calls do nothing. */
  evict(cause: EvictionCause, now: Instant): boolean {
    if (!this.discard()) return false
    const event: EvictionEvent = {
      cause,
      metadata: this.metadata,
      age: Duration.millis(Math.max(0, this.ageMillis(now))),
      usage: Ref.getUnsafe(this.usage)
    }
    this.eviction = event
    this.#owner.onEvicted(this, event)
    this.#listener?.(event, this)
    return true
  }

  /** Zeroes the bytes of an entry that no cache holds: nothing is evicted, and no listener is called. */
  discard(): boolean {
    if (this.#dataKey === undefined) return false
    this.#dataKey.fill(0)
    this.#dataKey = undefined
    return true
  }

  toJSON(): unknown {
    const { algorithmSuite, operation } = this.metadata
    return { _id: "CacheEntry", operation, algorithmSuite: algorithmSuite.name, evicted: this.evicted }
  }

  toString(): string {
    return `CacheEntry(${this.metadata.operation}, ${this.metadata.algorithmSuite.name})`
  }
}
