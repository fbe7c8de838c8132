/** What a benchmark is, and what it answers. */
import type { Mode, Times } from "./measure.ts"

/** Which unit the figures of a line are in. */
export type Unit = "ns" | "bytes" | "calls"

/** One line of the report. */
export interface Line {
  readonly case: string
  readonly unit: Unit
  readonly ours: number | null
  readonly floor: number | null
  readonly peer: number | null
  readonly oursOverFloor: number | null
  readonly peerOverOurs: number | null
}

/** Runs in a process of its own. */
export interface Benchmark {
  readonly name: string
  readonly run: (mode: Mode) => Promise<ReadonlyArray<Line>>
  /** What its process is started with. */
  readonly execArgv?: ReadonlyArray<string>
}

export const line = (name: string, unit: Unit, { floor = null, ours = null, peer = null }: Partial<Times>): Line => ({
  case: name,
  unit,
  ours,
  floor,
  peer,
  oursOverFloor: ratio(ours, floor),
  peerOverOurs: ratio(peer, ours)
})

const ratio = (a: number | null, b: number | null): number | null =>
  a === null || b === null || b === 0 ? null : Number((a / b).toPrecision(3))
