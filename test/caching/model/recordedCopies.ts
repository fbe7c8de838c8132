/**
 * Every copy of a data key that the library makes, for tests that mock `src/model/DataKey.ts` with `recording`. Imports nothing
 * of the library, which would wait for that mock.
 */
import { Effect } from "effect"
import type { DataKey } from "effect-encryption-sdk"

const copies: Array<Uint8Array> = []

export const recording = (original: typeof DataKey): typeof DataKey => ({
  ...original,
  copy: (key) => {
    const copy = original.copy(key)
    copies.push(original.value(copy))
    return copy
  },
  copyFrom: (key) => {
    const copy = original.copyFrom(key)
    copies.push(original.value(copy))
    return copy
  }
})

/** The copies that were made so far. */
export const copiesMade = (): ReadonlyArray<Uint8Array> => copies

export const forgetCopies = Effect.sync(() => {
  copies.length = 0
})

/** Promise 14: once all scopes are closed, no copy that was ever made is left. */
export const checkCopies = Effect.sync(() => {
  if (!copies.every((copy) => copy.every((byte) => byte === 0))) throw new Error("a copy of a data key is left")
})
