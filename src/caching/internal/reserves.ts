/**
 * Data keys in reserve: entries beside that of a request's key, with which requests go on when it meets a limit. They are entries
 * of the cache as all others; here is only their number.
 */
import type * as Clock from "effect/Clock"
import { BoundedMap } from "../../internal/BoundedMap.ts"
import { elapsedMillis, type Instant, nowUnsafe } from "../../internal/instant.ts"

/** No other keys. */
export const noKeys: ReadonlyArray<string> = /*#__PURE__*/ Object.freeze([])

const mark = ".reserve-"

/** The key of a reserve, by its number from 1. */
export const reserveKey = (key: string, number: number): string => `${key}${mark}${number}`

/** The key that an entry under this key is for, itself or in reserve. */
export const baseOf = (key: string): string => key.split(mark, 1)[0]!

/** Number of keys whose reserves are remembered. */
const maxKnown = 10_000

interface Known {
  readonly count: number
  readonly since: Instant
}

/** The reserves of one manager, which are forgotten when all of them are past its maximum age. */
export class Reserves {
  readonly #known = new BoundedMap<string, Known>(maxKnown)
  readonly #clock: Clock.Clock
  readonly #maxAgeMillis: number

  constructor(clock: Clock.Clock, maxAgeMillis: number) {
    this.#clock = clock
    this.#maxAgeMillis = maxAgeMillis
  }

  /** Remembers that a key has a reserve of this number. */
  remember(key: string, number: number): void {
    this.#known.set(key, { count: Math.max(number, this.#countOf(key)), since: nowUnsafe(this.#clock) })
  }

  /** The keys of the reserves that there may be, the first one first. */
  keysOf(key: string): ReadonlyArray<string> {
    const length = this.#countOf(key)
    return length === 0 ? noKeys : Array.from({ length }, (_, index) => reserveKey(key, index + 1))
  }

  #countOf(key: string): number {
    const known = this.#known.get(key)
    if (known === undefined) return 0
    return elapsedMillis(known.since, nowUnsafe(this.#clock)) < this.#maxAgeMillis ? known.count : 0
  }
}
