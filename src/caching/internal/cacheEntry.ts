import * as Duration from "effect/Duration"
import * as Ref from "effect/Ref"
import type { EntryFacts, EvictionCause, EvictionEvent } from "../EntryFacts.ts"
import type { CompleteDecryptionMaterials, CompleteEncryptionMaterials } from "../../CryptographicMaterials.ts"
import * as DataKey from "../../DataKey.ts"
import type { Usage } from "../../Receipt.ts"
import { elapsedMillis, type Instant } from "./instant.ts"

export type Materials = CompleteEncryptionMaterials | CompleteDecryptionMaterials

/** The materials with a data key of their own, which one operation owns and zeroes. */
export const copyMaterials = <M extends Materials>(materials: M): M => ({
  ...materials,
  plaintextDataKey: DataKey.copy(materials.plaintextDataKey)
})

/** The age and the usage at which an entry is worth refreshing. */
export interface RefreshPoint {
  readonly ageMillis: number
  readonly messages: number
  readonly bytes: bigint
}

/** What `CacheEntry` hides. The materials are a private field, so that no way of printing an entry shows them. */
export class Entry<M extends Materials = Materials> {
  readonly facts: EntryFacts
  readonly usage: Ref.Ref<Usage>
  readonly createdAt: Instant
  readonly maxMessagesEncrypted: number
  /** Past which point a served request starts a refresh; undefined where there is no refreshing ahead. */
  readonly refresh: RefreshPoint | undefined
  evicted = false
  #materials: M | undefined
  readonly #listeners: Array<(event: EvictionEvent) => void> = []

  /** Takes over the materials, data key included. */
  constructor(
    facts: EntryFacts,
    materials: M,
    usage: Usage,
    createdAt: Instant,
    maxMessagesEncrypted: number,
    refresh: RefreshPoint | undefined
  ) {
    this.facts = facts
    this.#materials = materials
    this.usage = Ref.makeUnsafe(usage)
    this.createdAt = createdAt
    this.maxMessagesEncrypted = maxMessagesEncrypted
    this.refresh = refresh
  }

  ageMillis(now: Instant): number {
    return elapsedMillis(this.createdAt, now)
  }

  isExpired(now: Instant): boolean {
    return this.ageMillis(now) >= Duration.toMillis(this.facts.maxAge)
  }

  isSpent(): boolean {
    return Ref.getUnsafe(this.usage).messages >= this.maxMessagesEncrypted
  }

  isDueForRefresh(ageMillis: number): boolean {
    if (this.refresh === undefined) return false
    const { bytes, messages } = Ref.getUnsafe(this.usage)
    return ageMillis >= this.refresh.ageMillis || messages >= this.refresh.messages ||
      // A budget of 0 bytes is spent from the beginning: a renewed entry would have no more.
      (bytes > 0n && bytes >= this.refresh.bytes)
  }

  /** Undefined once evicted. */
  copyMaterials(): M | undefined {
    return this.#materials === undefined ? undefined : copyMaterials(this.#materials)
  }

  onEvicted(listener: (event: EvictionEvent) => void): void {
    this.#listeners.push(listener)
  }

  /** Zeroes the entry's bytes and tells the listeners, the first time; later calls do nothing. */
  evict(cause: EvictionCause, now: Instant): boolean {
    if (!this.discard()) return false
    const event: EvictionEvent = {
      cause,
      facts: this.facts,
      age: Duration.millis(Math.max(0, this.ageMillis(now))),
      usage: Ref.getUnsafe(this.usage)
    }
    for (const listener of this.#listeners) listener(event)
    return true
  }

  /** Zeroes the bytes of an entry that no cache holds: nothing is evicted, and nobody is told. */
  discard(): boolean {
    if (this.#materials === undefined) return false
    this.evicted = true
    DataKey.zero(this.#materials.plaintextDataKey)
    this.#materials = undefined
    return true
  }

  toJSON(): unknown {
    const { algorithmSuite, operation } = this.facts
    return { _id: "CacheEntry", operation, algorithmSuite: algorithmSuite.name, evicted: this.evicted }
  }

  toString(): string {
    return `CacheEntry(${this.facts.operation}, ${this.facts.algorithmSuite.name})`
  }
}
