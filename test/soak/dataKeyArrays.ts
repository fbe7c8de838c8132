/**
 * The very arrays of all data keys that come into being, whoever makes them. A data key is a `Redacted`, and Effect keeps what
 * is in one in a WeakMap, so that every array passes through the `set` of WeakMaps.
 */
import { Redacted } from "effect"
import { isZero } from "../support/bytes.ts"

/** Records from now on. `stop` ends that, and puts back what was there. */
export const record = () => {
  const alive = new Set<Uint8Array>()
  let recorded = 0
  const weakMaps: { set: (this: WeakMap<WeakKey, unknown>, key: WeakKey, value: unknown) => unknown } =
    WeakMap.prototype
  const { set } = weakMaps
  weakMaps.set = function(key, value) {
    if (value instanceof Uint8Array && Redacted.isRedacted(key) && key.label === "data-key") {
      alive.add(value)
      recorded++
    }
    return set.call(this, key, value)
  }
  return {
    /** Forgets the arrays that are zeroed by now, and answers how many are not. */
    alive: (): number => {
      for (const array of alive) if (isZero(array)) alive.delete(array)
      return alive.size
    },
    recorded: (): number => recorded,
    stop: (): void => {
      weakMaps.set = set
    }
  }
}
