/**
 * A progress bar. On a terminal one line is redrawn, at most every 50 milliseconds, and the cursor is hidden meanwhile;
 * elsewhere a line is written for each tenth of the work.
 */
import { Clock, Effect } from "effect"

/** Stream that the bar is drawn on, such as `process.stderr`. */
export interface Output {
  readonly isTTY?: boolean
  readonly write: (text: string) => unknown
}

const width = 30
const redrawEvery = 50
const hideCursor = "\x1b[?25l"
const showCursor = "\x1b[?25h"
const clearLine = "\r\x1b[2K"

/**
 * Runs work of `total` steps, which runs `step` after each of them. However the work ends, the last state stays on the
 * screen and the cursor comes back.
 */
export const withProgress = <A, E, R>(
  label: string,
  total: number,
  output: Output,
  work: (step: Effect.Effect<void>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Clock.clockWith((clock) => {
    let done = 0
    let drawnAt = Number.NEGATIVE_INFINITY
    const count = () => `${label} ${done}/${total}`
    const draw = () => {
      const filled = Math.floor(width * done / total)
      output.write(`${clearLine}${"█".repeat(filled)}${"░".repeat(width - filled)} ${count()}`)
    }
    const step = Effect.sync(() => {
      const tenths = Math.floor(10 * done++ / total)
      if (output.isTTY !== true) {
        if (Math.floor(10 * done / total) > tenths) output.write(`${count()}\n`)
        return
      }
      const now = clock.currentTimeMillisUnsafe()
      if (now - drawnAt < redrawEvery) return
      drawnAt = now
      draw()
    })
    if (output.isTTY !== true) return work(step)
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        output.write(hideCursor)
        draw()
      }),
      () => work(step),
      () =>
        Effect.sync(() => {
          draw()
          output.write(`\n${showCursor}`)
        })
    )
  })
