/** Maximum number of frames that are with WebCrypto at a time: enough to keep its threads busy, few enough to hold in memory. */
const maxInFlight = 16

/**
 * Runs jobs as they are read from the iterable, a bounded number at a time. Resolves to whether all of them succeeded. Stops
 * reading at the first job that resolves to false, throws or rejects, and settles only when no job is running any more:
 * nothing is written to an output afterwards.
 */
export const runAll = <Job>(
  jobs: Iterable<Job>,
  run: (job: Job) => Promise<boolean>,
  signal: AbortSignal
): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const iterator = jobs[Symbol.iterator]()
    let inFlight = 0
    let reading = true
    let verdict = true
    let thrown: { readonly error: unknown } | undefined
    const settle = () => {
      if (reading || inFlight > 0) return
      if (thrown === undefined) resolve(verdict)
      else reject(thrown.error)
    }
    const stop = () => {
      if (!reading) return
      reading = false
      iterator.return?.()
    }
    const fail = (error: unknown) => {
      thrown ??= { error }
      stop()
    }
    const pump = () => {
      try {
        if (signal.aborted) stop()
        while (reading && inFlight < maxInFlight) {
          const step = iterator.next()
          if (step.done === true) {
            reading = false
            break
          }
          const running = run(step.value)
          inFlight++
          running.then(
            (succeeded) => {
              inFlight--
              if (!succeeded) {
                verdict = false
                stop()
              }
              pump()
            },
            (error: unknown) => {
              inFlight--
              fail(error)
              settle()
            }
          )
        }
      } catch (error) {
        fail(error)
      }
      settle()
    }
    pump()
  })
