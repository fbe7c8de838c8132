/**
 * A plaintext data key: secret bytes that print as `<redacted:data-key>` and are zeroed when they are released.
 *
 * Specification: framework/structures.md#plaintext-data-key
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { makeBrand } from "../internal/brand.ts"
import * as bytes from "../internal/bytes.ts"

/** The plaintext bytes of a data key, over the memory that it was made of. */
export type DataKey<Memory extends ArrayBufferLike = ArrayBufferLike> = Redacted.Redacted<Uint8Array<Memory>>

/**
 * Takes over the bytes, without copying them.
 *
 * **Gotchas**
 *
 * The caller gives the array away: it is zeroed when the key is released.
 */
export const make = <Memory extends ArrayBufferLike>(key: Uint8Array<Memory>): DataKey<Memory> =>
  Redacted.make(key, { label: "data-key" })

/** The key's own bytes, not a copy. Throws after `zero`, so that no operation can use a released key by mistake. */
export const value = <Memory extends ArrayBufferLike>(key: DataKey<Memory>): Uint8Array<Memory> => Redacted.value(key)

/**
 * Whether a value is a data key that was not released.
 *
 * @internal
 */
export const isDataKey = (value: unknown): value is DataKey => {
  if (!Redacted.isRedacted(value)) return false
  const key = Result.try(() => Redacted.value(value))
  return Result.isSuccess(key) && bytes.isBytes(key.success)
}

/** A key of its own with the same bytes, which lives and is zeroed apart from this one. */
export const copy = (key: DataKey): DataKey<ArrayBuffer> => copyFrom(Redacted.value(key))

/**
 * A key of its own with a copy of the bytes.
 *
 * @internal
 */
export const copyFrom = (key: Uint8Array): DataKey<ArrayBuffer> =>
  // Not `slice`: that of a Buffer returns a view of the same memory.
  make(new Uint8Array(key))

/** The mark of keys that were zeroed. */
const released = /*#__PURE__*/ makeBrand()

/** Zeroes the key's bytes and makes every later use of it throw. Zeroing twice, or what was wiped, does nothing. */
export const zero = (key: DataKey): void => {
  if (released.has(key)) return
  released.mark(key)
  const held = Result.try(() => Redacted.value(key))
  if (Result.isFailure(held)) return
  // Bytes whose memory is gone cannot be written.
  if (bytes.findGone(held.success) === undefined) held.success.fill(0)
  Redacted.wipeUnsafe(key)
}

/** Whether every byte is zero: such a key was never random, or has been released already, and is rejected everywhere. */
export const isAllZero = (key: DataKey): boolean => bytes.isAllZero(Redacted.value(key))

/** Zeroes the key when the scope closes. */
export const zeroWithScope = (key: DataKey): Effect.Effect<DataKey, never, Scope.Scope> =>
  Effect.as(Effect.addFinalizer(() => Effect.sync(() => zero(key))), key)

/**
 * Runs an effect that returns a key, and zeroes that key when the scope closes; no interruption can fall between the two.
 * The effect itself can be interrupted.
 */
export const acquire = <E, R>(effect: Effect.Effect<DataKey, E, R>): Effect.Effect<DataKey, E, R | Scope.Scope> =>
  // The fiber yields to no other between the result and the registration of its finalizer.
  Effect.acquireRelease(effect, (key) => Effect.sync(() => zero(key)), { interruptible: true }).pipe(
    Effect.provideService(References.PreventSchedulerYield, true)
  )
