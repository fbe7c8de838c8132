/** Lines of a report as a table. */
import Table from "cli-table3"
import type { Line, Unit } from "./benchmark.ts"

export const table = (lines: ReadonlyArray<Line>): string => {
  const out = new Table({
    head: ["case", "ours", "floor", "peer", "ours/floor", "peer/ours"],
    colAligns: ["left", "right", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true }
  })
  for (const line of lines) {
    out.push([
      line.case.replace(/^[a-z]+: /, ""),
      ...[line.ours, line.floor, line.peer].map((value) => value === null ? "" : format(value, line.unit)),
      ...[line.oursOverFloor, line.peerOverOurs].map((value) => value === null ? "" : String(value))
    ])
  }
  return out.toString()
}

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
