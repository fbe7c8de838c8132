import type { Fleet } from "./fleet/costs.ts"
import { hierarchical, localCaches, operations, routed, withoutCache } from "./fleet/costs.ts"

const steps: ReadonlyArray<readonly [name: string, calls: (fleet: Fleet) => number]> = [
  ["no cache", withoutCache],
  ["caching CMM", localCaches],
  ["and routed", routed],
  ["branch key/context", (fleet) => hierarchical(fleet, fleet.contexts)],
  ["100 branch keys", (fleet) => hierarchical(fleet, Math.min(100, fleet.contexts))],
  ["1 branch key", (fleet) => hierarchical(fleet, 1)]
]

const fleets = [1, 20, 200].flatMap((processes) =>
  [10, 1000, 10_000].map((contexts): Fleet => ({ processes, contexts, operationsPerSecond: 10, maxAge: 3600 }))
)

/** Three figures, such as 1.23 k. */
const short = (value: number): string => {
  const [unit, size] = value >= 1e6 ? [" M", 1e6] : value >= 1e3 ? [" k", 1e3] : ["  ", 1]
  return `${Number((value / size).toPrecision(3))}${unit}`
}

const table = (title: string, cell: (fleet: Fleet, calls: number) => string) => {
  const rows = [
    ["processes", "contexts", ...steps.map(([name]) => name)],
    ...fleets.map((fleet) => [
      fleet.processes.toLocaleString("en"),
      fleet.contexts.toLocaleString("en"),
      ...steps.map(([, calls]) => cell(fleet, calls(fleet)))
    ])
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  console.log(`${title}\n`)
  for (const row of rows) console.log(row.map((text, column) => text.padStart(widths[column]!)).join("  ").trimEnd())
  console.log("")
}

const percent = (share: number): string => share === 1 ? "100" : (100 * share).toPrecision(2)

table("Calls of KMS in a day", (_, calls) => short(calls))
// At 0.03 dollars for ten thousand.
table("Dollars for the calls of thirty days", (_, calls) => short(calls * 30 * 0.03 / 10_000))
table("Operations that wait for a call, in percent", (fleet, calls) => percent(calls / operations(fleet)))

// Calls of KMS in a day
//
// processes  contexts  no cache  caching CMM  and routed  branch key/context  100 branch keys  1 branch key
//         1        10     864 k       5.92 k      5.92 k               480              480            48
//         1     1,000     864 k        264 k       264 k              45.5 k           4.77 k          48
//         1    10,000     864 k        541 k       541 k               309 k           4.77 k          48
//        20        10    17.3 M       1.82 M         6 k              9.59 k           9.59 k         960
//        20     1,000    17.3 M       8.77 M       563 k               909 k           95.5 k         960
//        20    10,000    17.3 M       11.7 M      3.63 M              6.17 M           95.5 k         960
//       200        10     173 M       62.9 M         6 k              95.9 k           95.9 k         9.6 k
//       200     1,000     173 M       90.6 M       596 k              9.09 M            955 k         9.6 k
//       200    10,000     173 M        117 M      5.63 M              61.7 M            955 k         9.6 k
//
// Dollars for the calls of thirty days
//
// processes  contexts  no cache  caching CMM  and routed  branch key/context  100 branch keys  1 branch key
//         1        10    77.8        0.533       0.533              0.0432           0.0432       0.00432
//         1     1,000    77.8         23.7        23.7                4.09             0.43       0.00432
//         1    10,000    77.8         48.7        48.7                27.8             0.43       0.00432
//        20        10    1.56 k        164        0.54               0.864            0.864        0.0864
//        20     1,000    1.56 k        789        50.6                81.9             8.59        0.0864
//        20    10,000    1.56 k       1.05 k       327                 555             8.59        0.0864
//       200        10    15.6 k       5.66 k      0.54                8.64             8.64         0.864
//       200     1,000    15.6 k       8.15 k      53.6                 819             85.9         0.864
//       200    10,000    15.6 k       10.5 k       506                5.55 k           85.9         0.864
//
// Operations that wait for a call, in percent
//
// processes  contexts  no cache  caching CMM  and routed  branch key/context  100 branch keys  1 branch key
//         1        10       100         0.69        0.69               0.056            0.056        0.0056
//         1     1,000       100           31          31                 5.3             0.55        0.0056
//         1    10,000       100           63          63                  36             0.55        0.0056
//        20        10       100           11       0.035               0.056            0.056        0.0056
//        20     1,000       100           51         3.3                 5.3             0.55        0.0056
//        20    10,000       100           68          21                  36             0.55        0.0056
//       200        10       100           36      0.0035               0.056            0.056        0.0056
//       200     1,000       100           52        0.34                 5.3             0.55        0.0056
//       200    10,000       100           68         3.3                  36             0.55        0.0056
//
