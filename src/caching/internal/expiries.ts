import * as Duration from "effect/Duration"
import type { Entry } from "./entry.ts"
import type { Instant } from "./instant.ts"

/**
 * Entries in the order in which they expire, so that to look for expired ones costs nothing where there are none. Entries of one
 * maximum age expire in the order of their creation. Those that are not put in that order, as after a clock was set back,
 * are looked at one by one.
 */
export class Expiries {
  readonly #byAge = new Map<number, Set<Entry>>()
  readonly #latest = new Map<number, Instant>()
  readonly #unordered = new Set<Entry>()

  add(entry: Entry): void {
    const age = ageOf(entry)
    const queue = this.#byAge.get(age)
    const latest = this.#latest.get(age)
    if (queue === undefined) this.#byAge.set(age, new Set([entry]))
    else if (isBefore(entry.createdAt, latest!)) {
      this.#unordered.add(entry)
      return
    } else queue.add(entry)
    this.#latest.set(age, entry.createdAt)
  }

  delete(entry: Entry): void {
    if (this.#unordered.delete(entry)) return
    const age = ageOf(entry)
    const queue = this.#byAge.get(age)
    if (queue === undefined || !queue.delete(entry) || queue.size > 0) return
    this.#byAge.delete(age)
    this.#latest.delete(age)
  }

  /** Expired entries, `atMost` of them, the oldest of each maximum age first. */
  expired(now: Instant, atMost: number): ReadonlyArray<Entry> {
    const found: Array<Entry> = []
    for (const queue of this.#byAge.values()) {
      for (const entry of queue) {
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
