/** Lines of a report as tables. */
import Table from "cli-table3"
import { isReached, type Target, targetOf } from "../targets.ts"
import type { Line, Spread, Unit } from "./benchmark.ts"

/** A table of the first column's texts, with numbers in the others. A column with nothing in it is left out. */
const tableOf = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const columns = [...head.keys()].filter((index) => rows.some((row) => row[index] !== ""))
  const out = new Table({
    head: columns.map((index) => head[index]!),
    colAligns: columns.map((index) => index === 0 ? "left" : "right"),
    style: { head: [], border: [], compact: true }
  })
  out.push(...rows.map((row) => columns.map((index) => row[index]!)))
  return out.toString()
}

/** The lines of one group. */
export const table = (lines: ReadonlyArray<Line>): string =>
  tableOf(
    ["case", "ours", "floor", "peer", "ours/floor", "spread", "peer/ours", "spread", "target"],
    lines.map((line) => [
      line.case.replace(/^[a-z]+: /, ""),
      ...[line.ours, line.floor, line.peer].map((value) => value === null ? "" : format(value, line.unit)),
      ratio(line.oursOverFloor),
      spread(line.oursOverFloorSpread),
      ratio(line.peerOverOurs),
      spread(line.peerOverOursSpread),
      mark(line)
    ])
  )

/** Targets beside the lines that measure them. */
export const targetTable = (targets: ReadonlyArray<Target>, lines: ReadonlyArray<Line>): string =>
  tableOf(
    ["case", "ours/floor", "spread", "target", "reached"],
    targets.map((target) => {
      const line = lines.find((line) => targetOf(line) === target)
      const name = `${target.group}: ${target.case}`
      const limit = target.figure === "ours" ? `${plain(target.atMost)} B` : plain(target.atMost)
      if (line === undefined) return [name, "", "", limit, "not measured"]
      return [
        name,
        ...target.figure === "ours"
          ? [`${plain(line.ours)} B`, spread(line.oursSpread)]
          : [ratio(line.oursOverFloor), spread(line.oursOverFloorSpread)],
        limit,
        isReached(target, line) ? "yes" : "no"
      ]
    })
  )

const mark = (line: Line): string => {
  const target = targetOf(line)
  return target === undefined ? "" : `${plain(target.atMost)} ${isReached(target, line) ? "reached" : "MISSED"}`
}

const plain = (value: number): string => value.toLocaleString("en")
const ratio = (value: number | null): string => value === null ? "" : String(value)
const spread = (value: Spread | null): string => value === null ? "" : `${plain(value[0])} to ${plain(value[1])}`

const scales: Readonly<Record<Unit, ReadonlyArray<readonly [number, string]>>> = {
  ns: [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]],
  bytes: [[2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]],
  calls: [[1, "calls"]]
}

const format = (value: number, unit: Unit): string => {
  const [scale, name] = scales[unit].find(([scale]) => Math.abs(value) >= scale) ?? scales[unit].at(-1)!
  const scaled = value / scale
  return `${scaled >= 100 || unit === "calls" ? Math.round(scaled) : scaled.toPrecision(3)} ${name}`
}
