import * as Effect from "effect/Effect"
import type { Run } from "./subtle.ts"

/** Maximum number of frames that are with WebCrypto at a time: enough to keep its threads busy, few enough to hold in memory. */
const maxInFlight = 16

/** The two ends of a job, and its failure. */
interface Work<Job, Result, E> {
  /** Undefined for a job that fails as it is. */
  readonly begin: (job: Job, run: Run) => Promise<Result> | undefined
  readonly end: (job: Job, result: Result, run: Run) => void
  /** The failure of all jobs where one was rejected with this error, or fails as it is. */
  readonly failure: (error?: unknown) => Effect.Effect<never, E>
}

/**
 * Runs jobs as they are read from the iterable, a bounded number at a time. Stops reading at the first job that fails,
 * throws or rejects, and settles only when no job is running any more: nothing is written to an output afterwards.
 *
 * Makes no promise of its own, and waits for that of each job by itself.
 */
export const runAll = <Job, Result, E>(
  jobs: Iterable<Job>,
  { begin, end, failure }: Work<Job, Result, E>
): Effect.Effect<void, E> =>
  Effect.callback((resume) => {
    const run: Run = { interrupted: false }
    const iterator = jobs[Symbol.iterator]()
    let inFlight = 0
    let reading = true
    let failed: Effect.Effect<never, E> | undefined
    const stop = () => {
      if (!reading) return
      reading = false
      iterator.return?.()
    }
    const fail = (why: Effect.Effect<never, E>) => {
      failed ??= why
      stop()
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
      stop()
    })
  })
