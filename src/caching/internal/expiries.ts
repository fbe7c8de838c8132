import * as Duration from "effect/Duration"
import type { Entry } from "./entry.ts"
import type { Instant } from "../../internal/instant.ts"

/** Entries of one maximum age, and the time of creation of the last that was put there. */
interface Queue {
  readonly entries: Set<Entry>
  latest: Instant
}

/**
 * Entries in the order in which they expire, so that to look for expired ones costs nothing where there are none. Entries of one
 * maximum age expire in the order of their creation. Those that are not put in that order, as after a clock was set back,
 * are looked at one by one.
 */
export class Expiries {
  readonly #byAge = new Map<number, Queue>()
  readonly #unordered = new Set<Entry>()

  add(entry: Entry): void {
    const age = ageOf(entry)
    const queue = this.#byAge.get(age)
    if (queue === undefined) {
      this.#byAge.set(age, { entries: new Set([entry]), latest: entry.createdAt })
    } else if (isBefore(entry.createdAt, queue.latest)) {
      this.#unordered.add(entry)
    } else {
      queue.entries.add(entry)
      queue.latest = entry.createdAt
    }
  }

  delete(entry: Entry): void {
    if (this.#unordered.delete(entry)) return
    const age = ageOf(entry)
    const entries = this.#byAge.get(age)?.entries
    if (entries?.delete(entry) === true && entries.size === 0) this.#byAge.delete(age)
  }

  /** Expired entries, `atMost` of them, the oldest of each maximum age first. */
  expired(now: Instant, atMost: number): ReadonlyArray<Entry> {
    const found: Array<Entry> = []
    for (const { entries } of this.#byAge.values()) {
      for (const entry of entries) {
        if (found.length === atMost || !entry.isExpired(now)) break
        found.push(entry)
      }
    }
    for (const entry of this.#unordered) {
      if (found.length === atMost) break
      if (entry.isExpired(now)) found.push(entry)
    }
    return found
  }
}

const ageOf = ({ metadata: { maxAge } }: Entry): number => Duration.toMillis(maxAge)

/** By either clock. */
const isBefore = (a: Instant, b: Instant): boolean => a.wallMillis < b.wallMillis || a.monotonicNanos < b.monotonicNanos
