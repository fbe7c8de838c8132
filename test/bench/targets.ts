/** The figures that are to be reached, in one table. They are for reading: nothing fails where one is missed. */
import type { Line } from "./support/benchmark.ts"

export interface Target {
  readonly group: string
  /** Name of the benchmark that the case belongs to. */
  readonly benchmark: string
  readonly case: string
  /** The figure of the line. */
  readonly figure: "oursOverFloor" | "ours"
  readonly atMost: number
}

type Row = readonly [benchmark: string, name: string, atMost: number]

const small = "0x0478, small"
const signed = "0x0578, small"

/** At most so many times the floor. */
const ratios: Readonly<Record<string, ReadonlyArray<Row>>> = {
  messages: [
    [small, "encrypt 0x0478, 0 B in frames of 4 KiB", 1.3],
    [small, "decrypt 0x0478, 0 B in frames of 4 KiB", 1.4],
    [small, "encrypt 0x0478, 100 B in frames of 4 KiB", 1.3],
    [small, "decrypt 0x0478, 100 B in frames of 4 KiB", 1.4],
    [small, "encrypt 0x0478, 1 KiB in frames of 4 KiB", 1.3],
    [small, "decrypt 0x0478, 1 KiB in frames of 4 KiB", 1.4],
    [small, "encrypt 0x0478, 10 KiB in frames of 4 KiB", 1.3],
    [small, "decrypt 0x0478, 10 KiB in frames of 4 KiB", 1.4],
    [signed, "encrypt 0x0578, 0 B in frames of 4 KiB", 1.05],
    [signed, "decrypt 0x0578, 0 B in frames of 4 KiB", 1.08],
    [signed, "encrypt 0x0578, 100 B in frames of 4 KiB", 1.05],
    [signed, "decrypt 0x0578, 100 B in frames of 4 KiB", 1.08],
    [signed, "encrypt 0x0578, 1 KiB in frames of 4 KiB", 1.05],
    [signed, "decrypt 0x0578, 1 KiB in frames of 4 KiB", 1.08],
    [signed, "encrypt 0x0578, 10 KiB in frames of 4 KiB", 1.05],
    [signed, "decrypt 0x0578, 10 KiB in frames of 4 KiB", 1.08],
    ["0x0478, 1 MiB in frames of 4 KiB", "encrypt 0x0478, 1 MiB in frames of 4 KiB", 1.1],
    ["0x0478, 1 MiB in frames of 4 KiB", "decrypt 0x0478, 1 MiB in frames of 4 KiB", 1.15],
    ["0x0478, 10 MiB in frames of 1 MiB", "encrypt 0x0478, 10 MiB in frames of 1 MiB", 1.2],
    ["0x0478, 10 MiB in frames of 1 MiB", "decrypt 0x0478, 10 MiB in frames of 1 MiB", 1.2]
  ],
  edges: [
    ["each call by Effect.runPromise", "encrypt 0x0478, 1 KiB, each call by Effect.runPromise", 1.5],
    ["each call by Effect.runPromise", "decrypt 0x0478, 1 KiB, each call by Effect.runPromise", 1.6]
  ],
  stampede: [
    ["encrypt, 100 contexts", "encrypt, 100 contexts, warm", 1.5],
    ["decrypt, 100 contexts", "decrypt, 100 contexts, warm", 1.5]
  ],
  web: [["Chromium", "Chromium: decrypt 0x0478, 1 KiB", 1.6]]
}

/** At most so many bytes. */
const bytes: Readonly<Record<string, ReadonlyArray<Row>>> = {
  garbage: [
    ["encrypt", "encrypt 0x0478, 100 B", 8000],
    ["decrypt", "decrypt 0x0478, 100 B", 10_000]
  ]
}

const targetsOf = (
  figure: Target["figure"],
  rows: Readonly<Record<string, ReadonlyArray<Row>>>
): ReadonlyArray<Target> =>
  Object.entries(rows).flatMap(([group, rows]) =>
    rows.map(([benchmark, name, atMost]) => ({ group, benchmark, case: name, figure, atMost }))
  )

export const targets: ReadonlyArray<Target> = [...targetsOf("oursOverFloor", ratios), ...targetsOf("ours", bytes)]

/** The target of a line, whose case has its group before it. */
export const targetOf = (line: Line): Target | undefined =>
  targets.find((target) => line.case === `${target.group}: ${target.case}`)

export const isReached = (target: Target, line: Line): boolean => {
  const value = line[target.figure]
  return value !== null && value <= target.atMost
}
