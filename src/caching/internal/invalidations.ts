import type { EntryMetadata, EvictionCause } from "../EntryMetadata.ts"
import { entriesMade, type Entry } from "./entry.ts"
import type { Instant } from "../../internal/instant.ts"

/** The metadata of an entry, or of a flight, whose encrypted data keys are not known yet. */
export type PartialMetadata = Pick<EntryMetadata, "encryptionContext"> & Partial<EntryMetadata>

interface Invalidation {
  readonly fits: (metadata: PartialMetadata) => boolean
  readonly cause: EvictionCause
  /** The number of entries that were made before. */
  readonly made: number
  readonly at: Instant
}

/** The invalidations that are told apart. Of more than that, the oldest become one of everything before. */
const maxKnown = 1000

/**
 * The invalidations of a manager that may matter still: a cache that failed, hung or lied may hold what they evicted. After the
 * manager's maximum age nothing that is older is served anyhow.
 */
export class Invalidations {
  readonly #maxAgeNanos: bigint
  /** The oldest first. */
  readonly #known: Array<Invalidation> = []
  #added = 0
  /** Number of those that had been added when an entry was last compared with all of them. */
  readonly #compared = new WeakMap<Entry, number>()

  constructor(maxAgeMillis: number) {
    this.#maxAgeNanos = BigInt(Math.ceil(maxAgeMillis)) * 1_000_000n
  }

  /** Rejects, from now on, the entries that were made so far and fit. */
  add(fits: Invalidation["fits"], cause: EvictionCause, at: Instant): void {
    this.#forget(at)
    this.#known.push({ fits, cause, made: entriesMade(), at })
    this.#added++
    const [, second] = this.#known
    if (this.#known.length > maxKnown && second !== undefined) this.#known.splice(0, 2, { ...second, fits: () => true })
  }

  /** The cause for which an entry is rejected; undefined for one that may be served. */
  rejection(entry: Entry, now: Instant): EvictionCause | undefined {
    if (this.#known.length === 0 || this.#compared.get(entry) === this.#added) return undefined
    this.#forget(now)
    const invalidation = this.#known.find(({ fits, made }) => entry.number <= made && fits(entry.metadata))
    if (invalidation === undefined) this.#compared.set(entry, this.#added)
    return invalidation?.cause
  }

  /** By monotonic time alone, which no clock that was set can shorten. */
  #forget({ monotonicNanos: now }: Instant): void {
    while (this.#known.length > 0 && now - this.#known[0]!.at.monotonicNanos >= this.#maxAgeNanos) this.#known.shift()
  }
}
