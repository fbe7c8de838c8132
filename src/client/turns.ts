import * as Effect from "effect/Effect"

/**
 * The work of a client that other fibers wait for. A message at once is one operation of its fiber, however long it is, and Effect
 * lets others have their turn by the number of operations alone.
 */
export interface Turns {
  /** Begins an operation, after the turn of others where that is due. */
  readonly begin: <A, E, R>(operation: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Counts an operation that ended, over a message of this length in bytes. */
  readonly count: (length: number) => void
}

/** Bytes of a turn: some two milliseconds of encryption. */
const turnLength = 2 ** 21

/** The cost of a message besides its bytes, in bytes: what is encrypted in the time that it takes. */
const messageCost = 2 ** 15

export const make = (): Turns => {
  let worked = 0
  return {
    begin: (operation) => {
      if (worked < turnLength) return operation
      worked = 0
      return Effect.andThen(Effect.yieldNow, operation)
    },
    count: (length) => {
      worked += length + messageCost
    }
  }
}
