import type * as Clock from "effect/Clock"

/** A moment on both clocks: wall time can be set back or forth, monotonic time can stand still while a machine sleeps. */
export interface Instant {
  readonly wallMillis: number
  readonly monotonicNanos: bigint
}

export const nowUnsafe = (clock: Clock.Clock): Instant => ({
  wallMillis: clock.currentTimeMillisUnsafe(),
  monotonicNanos: clock.monotonicTimeNanosUnsafe()
})

/** The larger of wall and monotonic time elapsed, so that neither clock alone can make a key younger than it is. */
export const elapsedMillis = (from: Instant, to: Instant): number =>
  Math.max(to.wallMillis - from.wallMillis, Number(to.monotonicNanos - from.monotonicNanos) / 1e6)
