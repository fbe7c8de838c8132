/** The order of fibers as a seed decides it, instead of first come, first served. */
import { Arbitrary, Effect, type Fiber, Scheduler } from "effect"
import { TestClock } from "effect/testing"
import { arbitraryInt } from "../../support/arbitraryBytes.ts"

export interface Interleaving {
  readonly seed: number
  /** A fiber yields after 2 to `operations` operations, at least 3: with 2 alone some would yield for ever. */
  readonly operations: number
}

export const arbitraryInterleaving: Arbitrary.Arbitrary<Interleaving> = Arbitrary.all({
  seed: arbitraryInt(0, 1_000_000),
  operations: arbitraryInt(3, 12)
})

/** Numbers from 0 to less than 1 (the generator mulberry32). */
const randomOf = (seed: number) => {
  let state = seed
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const make = ({ operations, seed }: Interleaving) => {
  const random = randomOf(seed)
  const tasks: Array<() => void> = []
  const idle: Array<() => void> = []
  let running = false

  const run = (): void => {
    // In slices, so that a program that never comes to rest does not keep its own time-out from firing.
    for (let i = 0; i < 10_000; i++) {
      if (tasks.length > 0) {
        const index = Math.floor(random() * tasks.length)
        const task = tasks[index]!
        tasks[index] = tasks[tasks.length - 1]!
        tasks.pop()
        task()
      } else {
        const resume = idle.shift()
        if (resume === undefined) {
          running = false
          return
        }
        resume()
      }
    }
    setImmediate(run)
  }

  const wake = (): void => {
    if (running) return
    running = true
    setImmediate(run)
  }

  let allowance = 2
  const scheduler: Scheduler.Scheduler = {
    executionMode: "async",
    shouldYield: (fiber: Fiber.Fiber<unknown, unknown>) => {
      if (fiber.currentOpCount < allowance) return false
      allowance = 2 + Math.floor(random() * (operations - 1))
      return true
    },
    makeDispatcher: () => ({
      scheduleTask: (task) => {
        tasks.push(task)
        wake()
      },
      flush: run
    })
  }

  /** Until nothing can run before the clock moves. */
  const settle = Effect.callback<void>((resume) => {
    idle.push(() => resume(Effect.void))
    wake()
  })
  return { scheduler, settle }
}

/** Runs an effect under this order, with a `TestClock` of its own. */
export const interleaved = <A, E, R>(
  interleaving: Interleaving,
  effect: (settle: Effect.Effect<void>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const { scheduler, settle } = make(interleaving)
    return effect(settle).pipe(
      Effect.provide(TestClock.layer()),
      Effect.provideService(Scheduler.Scheduler, scheduler)
    )
  })
