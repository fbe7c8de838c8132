/** Benchmarks, the results that they give, and the lines of the report. */
import type { Mode, Rounds } from "./measure.ts"

/** Which unit the figures of a line are in. */
export type Unit = "ns" | "bytes" | "calls"

/** One case as it was measured. */
export interface Result {
  readonly case: string
  readonly unit: Unit
  readonly rounds: Rounds
}

/** Runs in a process of its own. */
export interface Benchmark {
  readonly name: string
  readonly run: (mode: Mode) => Promise<ReadonlyArray<Result>>
  /** What its process is started with. */
  readonly execArgv?: ReadonlyArray<string>
  /** Number of processes, one after the other, whose rounds count together. Default: 1. */
  readonly processes?: number
}

/** Quartiles: half of the rounds lie between them. */
export type Spread = readonly [low: number, high: number]

/**
 * One line of the report: medians over the rounds. A ratio is the median of the ratios within each round, and not the ratio
 * of the medians. The spread of what was counted once is null.
 */
export interface Line {
  readonly case: string
  readonly unit: Unit
  readonly ours: number
  readonly oursSpread: Spread | null
  readonly floor: number | null
  readonly peer: number | null
  readonly oursOverFloor: number | null
  readonly oursOverFloorSpread: Spread | null
  readonly peerOverOurs: number | null
  readonly peerOverOursSpread: Spread | null
}

/** Is this case, whose name is without its group, to be measured? */
export const isWanted = ({ cases }: Mode, name: string): boolean => cases?.includes(name) ?? true

/** Values that are counted once, as one round. */
export const counted = (
  { floor, ours, peer }: { readonly ours: number; readonly floor?: number; readonly peer?: number }
): Rounds => ({
  alone: floor === undefined && peer === undefined ? [[ours]] : [],
  besideFloor: floor === undefined ? [] : [[ours, floor]],
  besidePeer: peer === undefined ? [] : [[ours, peer]]
})

/** Results of the same cases in several processes, their rounds together. */
export const pooled = (processes: ReadonlyArray<ReadonlyArray<Result>>): ReadonlyArray<Result> =>
  (processes[0] ?? []).map((result, index) => {
    const all = processes.map((results) => results[index]!.rounds)
    return {
      ...result,
      rounds: {
        alone: all.flatMap(({ alone }) => alone),
        besideFloor: all.flatMap(({ besideFloor }) => besideFloor),
        besidePeer: all.flatMap(({ besidePeer }) => besidePeer)
      }
    }
  })

export const line = ({ case: name, rounds: { alone, besideFloor, besidePeer }, unit }: Result): Line => {
  const ours = [besideFloor, besidePeer, alone].find(({ length }) => length > 0)!.map(([ours]) => ours)
  const overFloor = besideFloor.map(([ours, floor]) => ours / floor)
  const overOurs = besidePeer.map(([ours, peer]) => peer / ours)
  return {
    case: name,
    unit,
    ours: median(ours, Math.round)!,
    oursSpread: spread(ours, Math.round),
    floor: median(besideFloor.map(([, floor]) => floor), Math.round),
    peer: median(besidePeer.map(([, peer]) => peer), Math.round),
    oursOverFloor: median(overFloor, short),
    oursOverFloorSpread: spread(overFloor, short),
    peerOverOurs: median(overOurs, short),
    peerOverOursSpread: spread(overOurs, short)
  }
}

const short = (ratio: number): number => Number(ratio.toPrecision(3))

const median = (values: ReadonlyArray<number>, rounded: (value: number) => number): number | null =>
  values.length === 0 ? null : rounded(quantile(values, 0.5))

const spread = (values: ReadonlyArray<number>, rounded: (value: number) => number): Spread | null =>
  values.length < 2 ? null : [rounded(quantile(values, 0.25)), rounded(quantile(values, 0.75))]

/** The value below which this part of the values lies; between two values, in proportion. */
export const quantile = (values: ReadonlyArray<number>, part: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const at = part * (sorted.length - 1)
  const below = sorted[Math.floor(at)]!
  return below + (at % 1) * (sorted[Math.ceil(at)]! - below)
}
