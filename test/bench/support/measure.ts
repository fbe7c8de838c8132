/**
 * Measures sides of one case alternately: tinybench times each for a short while, one after the other, round after round,
 * so that whatever else the machine does hits all of them. The answer is the median of all samples of a side.
 */
import { Bench } from "tinybench"

/** Does the work this many times, one after the other. */
export type Side = (times: number) => void | Promise<unknown>

export interface Sides {
  readonly ours: Side
  readonly floor?: Side | undefined
  readonly peer?: Side | undefined
}

/** Nanoseconds for the work done once. */
export type Times = { readonly [Name in keyof Required<Sides>]: number | null }

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
    ? { warmUp: 200, rounds: 5, round: 12, batch: 3 }
    : { warmUp: 500, rounds: 31, round: 40, batch: 4 }

const names = ["ours", "floor", "peer"] as const

export const measure = async (sides: Sides, mode: Mode): Promise<Times> => {
  const budget = budgetOf(mode)
  const prepared: Array<{ name: typeof names[number]; side: Side; times: number; samples: Array<number> }> = []
  for (const name of names) {
    const side = sides[name]
    if (side !== undefined) prepared.push({ name, side, times: await warmUp(side, budget), samples: [] })
  }
  for (let round = 0; round < budget.rounds; round++) {
    const bench = new Bench({
      ...mode.cpu && { now: processorTime },
      time: budget.round,
      iterations: 1,
      warmup: false,
      retainSamples: true,
      throws: true
    })
    for (const { name, side, times } of prepared) bench.add(name, () => side(times))
    await bench.run()
    for (const { name, samples, times } of prepared) {
      const result = bench.getTask(name)!.result
      if (result.state !== "completed") throw new Error(`${name}: ${result.state}`)
      // Of a round, its median counts, so that a side with many samples in a disturbed round does not weigh more there.
      samples.push(1e6 * median(result.latency.samples!) / times)
    }
  }
  const find = (name: typeof names[number]) => {
    const found = prepared.find((side) => side.name === name)
    return found === undefined ? null : Math.round(median(found.samples))
  }
  return { ours: find("ours"), floor: find("floor"), peer: find("peer") }
}

/** In milliseconds. */
const processorTime = (): number => {
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
