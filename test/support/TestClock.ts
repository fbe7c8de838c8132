/**
 * Effect's test clock, for tests that run under either layer of `Primitives`: before and after it moves, operations that
 * have begun come to their end.
 */
import { Effect } from "effect"
import { TestClock as Clock } from "effect/testing"
import { idle } from "./TestPrimitives.ts"

const between = (move: Effect.Effect<void>): Effect.Effect<void> => Effect.andThen(Effect.andThen(idle, move), idle)

export const TestClock = {
  adjust: (duration: Parameters<typeof Clock.adjust>[0]) => between(Clock.adjust(duration)),
  setTime: (timestamp: number) => between(Clock.setTime(timestamp))
}
