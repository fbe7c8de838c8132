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
import type { EncryptionContext } from "../../model/EncryptionContext.ts"
import type { Usage } from "../../model/Receipt.ts"
import { elapsedMillis, type Instant } from "../../internal/instant.ts"
import { type Limits, strictest } from "./limits.ts"
import { metadataOf, type OwnKeys } from "./metadata.ts"
import { step } from "./steps.ts"

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
  /** The limits of the manager, which hold whichever manager serves its entries. */
  readonly limits: Limits
  /** Called when an entry is evicted, before its listeners. */
  readonly onEvicted: (entry: Entry, event: EvictionEvent) => void
}

/** An entry as it is made. */
export interface Contents<M extends CompleteMaterials> {
  /** The key under which it is stored. */
  readonly key: string
  readonly operation: EntryMetadata["operation"]
  /** The context of the requests that it is for. */
  readonly requestedContext: EncryptionContext
  readonly materials: M
  readonly encryptedDataKeys: OwnKeys
  readonly usage: Usage
  readonly createdAt: Instant
  readonly refresh: RefreshPoint | undefined
}

type Listener = (event: EvictionEvent, entry: Entry) => void

let made = 0

/** The number of entries that were made in this thread so far. */
export const entriesMade = (): number => made

/**
 * The inside of a `CacheEntry`. Secrets are in private fields, so that no way of printing an entry shows them.
 *
 * There may be millions of entries. So the common part is in one object, and no entry has closures of its own; and the data
 * key is bytes, since a `Redacted` is in a `WeakMap` of all of them, which is the slower for each (bench group `memory`,
 * `npm run bench -- --only memory`).
 */
export class Entry<M extends CompleteMaterials = CompleteMaterials> {
  readonly metadata: EntryMetadata
  /** Its number among the entries of this thread, from 1: the order of creation, without a clock. */
  readonly number: number
  readonly requestedContext: EncryptionContext
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
  constructor(owner: Owner, contents: Contents<M>) {
    const { createdAt, encryptedDataKeys, key, materials, operation, refresh, requestedContext, usage } = contents
    const { maxAge, partitionId } = owner
    const { algorithmSuite, encryptionContext } = materials
    this.number = ++made
    this.#owner = owner
    this.metadata = metadataOf({
      key,
      operation,
      partitionId,
      algorithmSuite,
      encryptionContext,
      encryptedDataKeys,
      maxAge
    })
    this.requestedContext = requestedContext
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
    return this.ageMillis(now) >= this.#owner.limits.maxAgeMillis
  }

  isSpent(): boolean {
    return Ref.getUnsafe(this.usage).messages >= this.#owner.limits.maxMessagesEncrypted
  }

  /** These limits, together with those of the manager that made the entry. */
  limitsWith(limits: Limits): Limits {
    return limits === this.#owner.limits ? limits : strictest(limits, this.#owner.limits)
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
    // Managers and caches change with the entry, in one step; their listeners hear of it afterwards.
    step(() => {
      this.#owner.onEvicted(this, event)
      this.#listener?.(event, this)
    })
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
