import * as Effect from "effect/Effect"
import type { Run } from "./subtle.ts"

/** Maximum number of frames that are with WebCrypto at a time: enough to keep its threads busy, few enough to hold in memory. */
const maxInFlight = 16

/**
 * Runs jobs as they are read from the iterable, a bounded number at a time. Stops reading at the first job that fails,
 * throws or rejects, and settles only when no job is running any more: nothing is written to an output afterwards.
 *
 * Makes no promise of its own, and waits for that of each job by itself. `begin` returns undefined for a job that fails as it
 * is; `failure` is that of all jobs, where one fails or rejects with its error.
 */
export const runAll = <Job, Result, E>(
  jobs: Iterable<Job>,
  begin: (job: Job, run: Run) => Promise<Result> | undefined,
  end: (job: Job, result: Result, run: Run) => void,
  failure: (error?: unknown) => Effect.Effect<never, E>
): Effect.Effect<void, E> =>
  Effect.callback((resume) => {
    const run: Run = { interrupted: false }
    const iterator = jobs[Symbol.iterator]()
    let inFlight = 0
    let reading = true
    let failed: Effect.Effect<never, E> | undefined
    const fail = (why: Effect.Effect<never, E>) => {
      failed ??= why
      if (!reading) return
      reading = false
      stop(iterator)
    }
    const wait = (job: Job, running: Promise<Result>) => {
      running.then(
        (result) => {
          inFlight--
          pump(() => end(job, result, run))
        },
        (error: unknown) => {
          inFlight--
          pump(() => fail(failure(error)))
        }
      )
    }
    const pump = (take?: () => void) => {
      try {
        take?.()
        while (reading && inFlight < maxInFlight) {
          const step = iterator.next()
          if (step.done === true) {
            reading = false
            break
          }
          const running = begin(step.value, run)
          if (running === undefined) {
            fail(failure())
            break
          }
          inFlight++
          wait(step.value, running)
        }
      } catch (error) {
        fail(Effect.die(error))
      }
      if (!reading && inFlight === 0) resume(failed ?? Effect.void)
    }
    pump()
    return Effect.sync(() => {
      run.interrupted = true
      fail(Effect.interrupt)
    })
  })

/** Ends the reading, after a fault that counts more than one of this. */
const stop = (iterator: Iterator<unknown>): void => {
  try {
    iterator.return?.()
  } catch {
    // The first fault is the one that counts.
  }
}
