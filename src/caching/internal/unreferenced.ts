import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** A timer of Node and Bun is an object, one of Deno and of browsers is a number. */
type Timer = number | { readonly unref?: () => unknown }

declare const setTimeout: (call: () => void, millis: number) => Timer
declare const clearTimeout: (timer: Timer) => void
declare const Deno: { readonly unrefTimer?: (timer: number) => void } | undefined

/** The longest time of a timer. */
const maxMillis = 2 ** 31 - 1

/**
 * The clock, with sleeps that do not keep an otherwise finished process alive, where the runtime has such timers: for what is
 * done for the process alone, such as a sweep. A clock other than Effect's own is returned as it is.
 */
export const unreferenced = (clock: Clock.Clock): Clock.Clock =>
  clock === Context.get(Context.empty(), Clock.Clock)
    ? Object.assign(Object.create(clock) as Clock.Clock, {
      sleep: (duration: Duration.Duration) => sleep(Duration.toMillis(duration))
    })
    : clock

const sleep = (millis: number): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const left = millis - maxMillis
    const timer = setTimeout(() => resume(left > 0 ? sleep(left) : Effect.void), Math.min(millis, maxMillis))
    if (typeof timer !== "number") timer.unref?.()
    else if (typeof Deno !== "undefined") Deno.unrefTimer?.(timer)
    return Effect.sync(() => clearTimeout(timer))
  })
