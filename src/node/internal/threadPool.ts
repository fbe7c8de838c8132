/**
 * Runs operations of about a millisecond: elliptic curves, in this thread or on the thread pool of libuv.
 */
import * as Effect from "effect/Effect"

/** An operation in both forms that node:crypto has for it. */
export interface Operation<A> {
  readonly inPlace: () => A
  readonly onPool: (done: (error: Error | null, value: A) => void) => void
}

/** A place where operations run. */
export interface Runner {
  /** Runs an operation. */
  readonly run: <A>(operation: Operation<A>) => Effect.Effect<A>
  /** Runs an operation over a message, which is taken as it is when the effect starts. */
  readonly over: <A>(message: Uint8Array, operation: (message: Uint8Array) => Operation<A>) => Effect.Effect<A>
}

/** Runs everything in this thread, in one step. */
export const synchronous: Runner = {
  run: ({ inPlace }) => Effect.sync(inPlace),
  over: (message, operation) => Effect.sync(() => operation(message).inPlace())
}

/** Longest message in bytes that may be hashed in this thread: above it, hashing takes longer than the way to the pool. */
const maxInPlace = 65_536

/** Operations that were started in this turn of the event loop, and those on the pool. */
let waiting = 0
let onPool = 0

const pool: Runner["run"] = (operation) =>
  Effect.callback((resume) => {
    operation.onPool((error, value) => {
      onPool--
      resume(error === null ? Effect.succeed(value) : Effect.die(error))
    })
    // Not before: an operation that throws is not on the pool. Its result never comes within this step.
    onPool++
  })

/** Waits for the end of this turn of the event loop. */
const turn: Effect.Effect<void> = /*#__PURE__*/ Effect.acquireUseRelease(
  /*#__PURE__*/ Effect.sync(() => void waiting++),
  () => Effect.yieldNow,
  () => Effect.sync(() => void waiting--)
)

/**
 * Runs operations on the thread pool, several beside each other: 200 signed messages in parallel take two thirds of the
 * time on two cores (`npm run bench -- signed`).
 *
 * An operation over a short message that comes alone in its turn of the event loop, while the pool is idle, runs in this
 * thread instead: the way to the pool and back adds a tenth to its time (`npm run bench -- messages --only 0x0578`).
 */
export const threadPool: Runner = {
  run: pool,
  over: (message, operation) =>
    Effect.suspend(() => {
      if (message.length > maxInPlace) return pool(operation(message))
      const copied = operation(new Uint8Array(message))
      return Effect.flatMap(
        turn,
        () => waiting === 0 && onPool === 0 ? Effect.sync(copied.inPlace) : pool(copied)
      )
    })
}
