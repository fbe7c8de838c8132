/**
 * Measures the sides of one case alternately: tinybench times each for a short while, one after the other, round after
 * round, so that whatever else the machine does hits all of them. The answer is the median over the rounds.
 */
import { Bench } from "tinybench"

/** Does the work this many times, one after the other. */
export type Side = (times: number) => void | Promise<unknown>

export interface Sides<S> {
  readonly ours: S
  readonly floor?: S | undefined
  readonly peer?: S | undefined
}

/** Nanoseconds for the work done once. */
export type Times = { readonly [Name in keyof Required<Sides<unknown>>]: number | null }

export interface Mode {
  /** As much as is needed to see that everything works, for the tests. */
  readonly smoke: boolean
  readonly quick: boolean
  /** Whether processor time is measured, of all threads, instead of time. */
  readonly cpu: boolean
}

interface Budget {
  /** Milliseconds of processor time for each side before anything counts, so that the code is compiled. */
  readonly warmUp: number
  readonly rounds: number
  /** Milliseconds for each side in a round. One batch runs at least, so a slow side takes longer. */
  readonly round: number
  /** Milliseconds that a batch takes at least, where more than one call fits. */
  readonly batch: number
}

const budgetOf = ({ quick, smoke }: Mode): Budget =>
  smoke
    ? { warmUp: 0, rounds: 1, round: 0, batch: 0 }
    : quick
    ? { warmUp: 60, rounds: 5, round: 12, batch: 3 }
    : { warmUp: 300, rounds: 31, round: 40, batch: 4 }

/** Measures work that is short: as many calls as a batch takes are timed together. */
export const measure = async (sides: Sides<Side>, mode: Mode): Promise<Times> => {
  const budget = budgetOf(mode)
  const prepared: Array<Prepared> = []
  for (const [name, side] of given(sides)) {
    const times = await warmUp(side, budget)
    prepared.push({ name, times, run: () => side(times) })
  }
  return await inRounds(prepared, budget.rounds, budget.round, mode)
}

/** Work that is done once in a round, such as what needs an empty cache. */
export interface Whole {
  /** Is not measured. */
  readonly prepare?: () => Promise<void>
  readonly run: () => void | Promise<unknown>
}

/** Measures work that is done once in each round, after one round for the compiler. */
export const measureWhole = async (
  sides: Sides<Whole>,
  rounds: { readonly quick: number; readonly full: number },
  mode: Mode
): Promise<Times> => {
  const prepared = given(sides).map(([name, { prepare, run }]) => ({ name, times: 1, prepare, run }))
  if (!mode.smoke) await inRounds(prepared, 1, 0, mode)
  return await inRounds(prepared, mode.smoke ? 1 : mode.quick ? rounds.quick : rounds.full, 0, mode)
}

type Name = keyof Times

interface Prepared {
  readonly name: Name
  readonly times: number
  readonly prepare?: (() => Promise<void>) | undefined
  readonly run: () => void | Promise<unknown>
}

const given = <S>(sides: Sides<S>): ReadonlyArray<readonly [Name, S]> =>
  (["ours", "floor", "peer"] as const).flatMap((name) => {
    const side = sides[name]
    return side === undefined ? [] : [[name, side] as const]
  })

const inRounds = async (
  prepared: ReadonlyArray<Prepared>,
  rounds: number,
  time: number,
  { cpu }: Mode
): Promise<Times> => {
  const samples: Record<Name, Array<number>> = { ours: [], floor: [], peer: [] }
  for (let round = 0; round < rounds; round++) {
    const bench = new Bench({
      ...cpu && { now: processorTime },
      time,
      iterations: 1,
      warmup: false,
      retainSamples: true,
      throws: true
    })
    for (const { name, prepare, run } of prepared) {
      // Said, and not found out: to find out, tinybench would call it once more, and measure it while that call still runs.
      bench.add(name, run, { async: true, ...prepare !== undefined && { beforeEach: prepare } })
    }
    await bench.run()
    for (const { name, times } of prepared) {
      const { result } = bench.getTask(name)!
      if (result.state !== "completed") throw new Error(`${name}: ${result.state}`)
      // A round counts once: a side that got more samples in a disturbed one must not get more of the disturbance.
      samples[name].push(1e6 * median(result.latency.samples!) / times)
    }
  }
  const answer = (values: ReadonlyArray<number>) => values.length === 0 ? null : Math.round(median(values))
  return { ours: answer(samples.ours), floor: answer(samples.floor), peer: answer(samples.peer) }
}

/** In milliseconds; of a browser, where it cannot be known, the time. */
const processorTime = (): number => {
  if (typeof process === "undefined") return performance.now()
  const { system, user } = process.cpuUsage()
  return (system + user) / 1000
}

/** Runs a side until its code has been compiled. Answers how many calls make a batch. */
const warmUp = async (side: Side, { batch, warmUp }: Budget): Promise<number> => {
  let times = 1
  const end = processorTime() + warmUp
  for (;;) {
    const started = processorTime()
    await side(times)
    const now = processorTime()
    if (now - started < batch) times *= 2
    else if (now >= end) return times
  }
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
